// A shared object of host-built kernels (codegen/cuda/HostCompiler.h) in this process.
//
// A kernel's test is: sources from the emitter -> HostImage::build -> runAllOrders on its own
// buffers -> comparison with the reference. Addresses of host memory are the slots. The same tests
// run on a GPU: GpuImage.h.
#pragma once

#include "codegen/cuda/CudaKernel.h"
#include "codegen/cuda/host/Launch.h"
#include "runtime/base/Status.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ingot::test {

class GpuImage;

class HostImage {
public:
  /// Loads an object from its bytes.
  static Result<std::unique_ptr<HostImage>> load(std::span<const uint8_t> object);
  /// Compiles the kernels (with the sanitizers of this program) and loads them.
  static Result<std::unique_ptr<HostImage>> build(std::span<const cuda::KernelSource> sources);
  ~HostImage();
  HostImage(const HostImage &) = delete;
  HostImage &operator=(const HostImage &) = delete;

  std::vector<std::string> kernels() const;

  /// Runs a kernel once; empty, or what is wrong with it.
  std::string launch(const std::string &kernel, std::span<const uint64_t> slots,
                     const gpu::host::Launch &launch) const;

  /// Runs it in all orders. Before each run `prepare` puts the buffers into their first state;
  /// after it `result` gives the bytes to compare. Says which order fails or gives other bytes than
  /// the first one; empty when all is well.
  std::string runAllOrders(const std::string &kernel, std::span<const uint64_t> slots,
                           gpu::host::Launch launch, const std::function<void()> &prepare,
                           const std::function<std::vector<uint8_t>()> &result) const;

  /// Those of `architectures` whose matrix unit the kernels run on: all of them on the host.
  static std::vector<uint32_t> unitsHere(std::span<const uint32_t> architectures);

private:
  HostImage() = default;
  std::unique_ptr<GpuImage> gpu_; ///< in place of the rest
  int file_ = -1;
  void *library_ = nullptr;
  gpu::host::KernelListFn list_ = nullptr;
  gpu::host::LaunchFn launch_ = nullptr;
};

} // namespace ingot::test
