// The code of one image of a GPU target: several modules (cubins, or shared objects of a host that
// stands in for a GPU), one after the other, each with the kernels it defines.
//
//   u32 magic "IGMB", u32 modules, then per module { u64 offset, u64 bytes, u32 kernels }, then per
//   module its kernel names, each ended by a zero byte; offsets count from the first byte of the
//   bundle, are multiples of 64, ascending, and follow each other with zero padding only.
// All integers little endian.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot {

/// One module of a bundle; the views refer into the bundle's bytes.
struct CodeModule {
  std::span<const uint8_t> bytes;
  std::vector<std::string_view> kernels; ///< not empty; unique over the whole bundle
};

/// Reads and checks a bundle. Id "code-bundle" with what is wrong and where.
Result<std::vector<CodeModule>> readModuleBundle(std::span<const uint8_t> bytes);

/// The canonical bytes of a bundle.
std::vector<uint8_t> writeModuleBundle(std::span<const CodeModule> modules);

} // namespace ingot
