// The kernels of a shared object, as its generated list gives them.
#pragma once

#include "codegen/cuda/host/Run.h"

namespace ingot::gpu::host {

struct KernelEntry {
  const char *name;
  KernelFn entry;
  const unsigned *maxThreads, *takesMaps;
};

extern const KernelEntry kKernels[];
extern const unsigned kKernelCount;

} // namespace ingot::gpu::host
