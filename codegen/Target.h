// The door of code generation: fused regions in, code images out.
#pragma once

#include "ir/IngotDialect.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace ingot {

/// One kernel to compile: an exported name and a region that it implements
/// (passes/plan/BuildPlan.h).
struct KernelRequest {
  std::string name;
  FusedOp fused;
};

/// Code for one instruction-set level: an import-free shared object that exports every kernel.
struct CompiledImage {
  std::string level;
  std::vector<std::string> features; ///< names of runtime/base/CpuFeatures.h that must be present
  std::vector<uint8_t> bytes;
};

struct CompiledKernels {
  std::vector<CompiledImage> images;  ///< ascending level
  std::vector<uint64_t> scratchBytes; ///< per request: per worker, the most any level needs
};

/// Compiles every request for every level named (empty = all of target "cpu"). The bytes do not
/// depend on `threads`. `progress` gets the fraction done; it may be empty.
Result<CompiledKernels> compileCpuKernels(std::span<const KernelRequest> requests,
                                          std::span<const std::string> levels, unsigned threads,
                                          const std::function<void(double)> &progress);

} // namespace ingot
