// Running a kernel on the host from C++.
#pragma once

#include "codegen/cuda/kernels/Device.cuh"

#include <span>
#include <string>

namespace ingot::gpu::host {

using KernelFn = void (*)(KernelArgs args);

/// Memory that an earlier launch of the same graph writes: it holds NaN until the block's first
/// waitForPrior(), so that reading it too early shows.
struct PriorWrite {
  void *address;
  size_t bytes;
};

/// Runs `kernel` and returns an empty string, or what went wrong and where.
std::string run(KernelFn kernel, const KernelArgs &args, const Launch &launch,
                std::span<const PriorWrite> prior = {});

} // namespace ingot::gpu::host
