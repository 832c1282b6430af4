// The door of code generation: fused regions in, code images out.
#pragma once

#include "codegen/cuda/CudaKernel.h"
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
  uint32_t maxTokens = 0; ///< of the largest step that launches it
};

/// Code for one level of a target. cpu: an import-free shared object that exports every kernel.
/// cuda: a bundle of modules (runtime/artifact/ModuleBundle.h) for one architecture.
struct CompiledImage {
  std::string level;
  std::vector<std::string> features; ///< names of runtime/base/CpuFeatures.h that must be present
  std::vector<uint8_t> bytes;
};

/// What compiling one kernel for one GPU architecture gave.
struct KernelReport {
  std::string kernel, level;
  uint32_t registers = 0, stackBytes = 0, spillBytes = 0; ///< per thread
  uint32_t losses = 0; ///< what the assembler says costs speed, such as wgmma in series
  uint32_t staticSharedBytes = 0, dynamicSharedBytes = 0; ///< per block
  uint64_t codeBytes = 0;
  double seconds = 0;
  bool cached = false;
};

struct CompiledKernels {
  std::vector<CompiledImage> images; ///< ascending level
  /// Per request: cpu, per worker, the most any level needs; cuda, of the launch.
  std::vector<uint64_t> scratchBytes;
  std::vector<cuda::LaunchShape> shapes; ///< cuda: per request
  /// cuda: per request, the variants of the architectures compiled for; their texts are gone.
  std::vector<std::vector<cuda::KernelVariant>> variants;
  /// cuda: per request, the first one that compiles to the same code; the images have only those.
  std::vector<uint32_t> sharedWith;
  std::vector<KernelReport> reports; ///< cuda: images outside, kernels inside
};

/// Compiles every request for every level named (empty = all of target "cpu"). The bytes do not
/// depend on `threads`. `progress` gets the fraction done; it may be empty.
Result<CompiledKernels> compileCpuKernels(std::span<const KernelRequest> requests,
                                          std::span<const std::string> levels, unsigned threads,
                                          const std::function<void(double)> &progress);

struct CudaOptions {
  std::vector<std::string> architectures; ///< codegen/cuda/CompileKernels.h; empty = the usual ones
  unsigned threads = 1;
  bool cache = true; ///< keep compiled kernels for the next run
};

/// The same for target "cuda". Needs NVRTC unless "host" is the only architecture.
Result<CompiledKernels> compileCudaKernels(std::span<const KernelRequest> requests,
                                           const CudaOptions &options,
                                           const std::function<void(double)> &progress);

} // namespace ingot
