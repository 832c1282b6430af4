// The header of a safetensors file: 8 bytes of length, a JSON table of tensors, then their bytes.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot {

/// A row of the table. Offsets count bytes from the start of the data area.
struct SafetensorsEntry {
  std::string name;
  std::string type;           ///< as written: "F32", "BF16", "I64", ...
  std::vector<int64_t> shape; ///< empty for a scalar
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct SafetensorsHeader {
  uint64_t dataOffset = 0;               ///< bytes from the start of the file to the data area
  std::vector<SafetensorsEntry> tensors; ///< ascending offsets, without gap or overlap
};

/// Longest header that is read, bytes.
inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;

/// Reads the header of the whole file `bytes` and proves that its tensors tile the data area
/// exactly. `where` names the file in errors, whose ids are "safetensors-truncated", "-header",
/// "-entry",
/// "-dtype", "-shape", "-offsets", "-overlap", "-gap" and those of parseJson.
Result<SafetensorsHeader> parseSafetensorsHeader(std::span<const uint8_t> bytes,
                                                 std::string_view where);

} // namespace ingot
