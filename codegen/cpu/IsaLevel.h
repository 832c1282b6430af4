// How code generation sees the levels of target "cpu" (runtime/base/CpuFeatures.h). All levels give
// the same bits over the same packed weights; they differ in the primitives that compute a block
// (Primitives.h) and in tile heights.
#pragma once

#include "runtime/base/CpuFeatures.h"

#include <string_view>

namespace ingot::cpu {

struct IsaInfo {
  CpuLevel level;
  std::string_view targetCpu;      ///< LLVM target-cpu
  std::string_view targetFeatures; ///< LLVM target-features beyond it
  bool avx512;                     ///< 32 registers of 512 bits and vpdpbusd; else 16 of 256
  bool bf16;                       ///< vdpbf16ps
};

const IsaInfo &isaInfo(CpuLevel level);

} // namespace ingot::cpu
