// CUDA sources to images: every kernel for every architecture, in parallel, through the cache.
#pragma once

#include "codegen/cuda/CudaKernel.h"
#include "codegen/cuda/KernelCache.h"
#include "codegen/cuda/Nvrtc.h"

#include <functional>
#include <span>

namespace ingot::cuda {

/// The architectures of `--target cuda` when none is named: one per generation, and PTX for those
/// to come.
std::vector<std::string> defaultArchitectures();

/// A cubin "sm_XY[a]", PTX "compute_XY", or "host": shared objects for this machine that execute
/// the kernels thread by thread (codegen/cuda/host); "host_90a": those of sm_90a. Id
/// "cuda-architecture" lists the known ones.
Status checkArchitecture(std::string_view architecture);

/// Whether this machine can compile for the architectures: NVRTC, the C++ compiler for "host".
/// Cheap; for before the work. Ids "nvrtc-missing", "host-compiler-missing".
Status checkToolchain(std::span<const std::string> architectures);

/// What compiling one kernel for one architecture took and gave.
struct KernelCode {
  std::string kernel;
  KernelResources resources; ///< zero for PTX and host
  uint64_t bytes = 0;
  double seconds = 0; ///< 0 when it came from the cache
  bool cached = false;
};

struct CudaImage {
  std::string architecture;
  /// runtime/artifact/ModuleBundle.h: a module per kernel; host: one with all of them.
  std::vector<uint8_t> bundle;
  std::vector<KernelCode> kernels; ///< one per module, in the order of the sources
};

struct CompileKernelsOptions {
  std::vector<std::string> architectures;
  unsigned threads = 1;
  const KernelCache *cache = nullptr; ///< may be null
};

/// One image per architecture, in their order. The bytes do not depend on threads or cache.
/// `progress` gets the fraction done; it may be empty. The first failure in the order of
/// architectures and sources is returned, with the kernel's name.
Result<std::vector<CudaImage>> compileKernels(std::span<const KernelSource> sources,
                                              const CompileKernelsOptions &options,
                                              const std::function<void(double)> &progress);

} // namespace ingot::cuda
