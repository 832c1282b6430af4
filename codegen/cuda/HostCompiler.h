// CUDA kernels to a shared object for this machine: the kernels' own source under the machine's C++
// compiler, with the host half of their helper functions (codegen/cuda/host). The object is
// complete in itself; its C entries are described in codegen/cuda/host/Launch.h:
//   ingot_host_kernels   lists its kernels
//   ingot_host_launch    runs one, thread by thread, and says what is wrong with it
//
// Sources must define their kernel by INGOT_KERNEL(name, threads).
#pragma once

#include "codegen/cuda/CudaKernel.h"
#include "codegen/cuda/KernelCache.h"

#include <span>

namespace ingot::cuda {

struct HostCompileOptions {
  unsigned processes = 1; ///< compilers at once
  bool sanitize = false;  ///< AddressSanitizer and UndefinedBehaviorSanitizer; the loading program
                          ///< must have them, too
  const KernelCache *cache = nullptr; ///< of what executes the kernels, which all objects share
};

/// Compiles the kernels, several in a translation unit, into one shared object. Equal input gives
/// equal bytes. Uses $INGOT_CXX, else c++ of the PATH: id "host-compiler-missing" when there is
/// none, "host-compile-failed" with the kernel's name and the first messages.
Result<std::vector<uint8_t>> compileForHost(std::span<const KernelSource> sources,
                                            const HostCompileOptions &options);

/// All that an object depends on beside the sources: compiler, version, flags. Empty without one.
std::string hostCompilerIdentity();

} // namespace ingot::cuda
