// The tests of kernels on a real GPU: with INGOT_TEST_GPU=N in the environment HostImage compiles
// its kernels by NVRTC for device N and launches them there. The tests stay as they are: their
// memory is the GPU's, too (GpuMemory.cpp), and what lies on their stacks is copied.
#pragma once

#include "codegen/cuda/CudaKernel.h"
#include "codegen/cuda/host/Launch.h"
#include "runtime/base/Status.h"

#include <memory>
#include <span>
#include <string>

namespace ingot::test {

/// Whether the tests are to run on a GPU.
bool gpuWanted();

/// Managed memory of the driver, reachable under one address from both sides; null when there is no
/// GPU, which ends the program with the reason.
void *allocateManaged(size_t bytes);

class GpuImage {
public:
  static Result<std::unique_ptr<GpuImage>> build(std::span<const cuda::KernelSource> sources);
  ~GpuImage();
  GpuImage(const GpuImage &) = delete;
  GpuImage &operator=(const GpuImage &) = delete;

  /// Runs a kernel once and waits; empty, or what the driver says.
  std::string launch(const std::string &kernel, std::span<const uint64_t> slots,
                     const gpu::host::Launch &launch) const;
  /// Of the device's matrix unit: 80, 89 or 90 (which stands for all that are newer).
  static uint32_t matrixUnit();

private:
  struct Modules;
  explicit GpuImage(std::unique_ptr<Modules> modules);
  std::unique_ptr<Modules> modules_;
};

} // namespace ingot::test
