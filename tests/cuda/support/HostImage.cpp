#include "tests/cuda/support/HostImage.h"

#include "codegen/cuda/HostCompiler.h"
#include "tests/cuda/support/GpuImage.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ingot::test {

using gpu::host::Launch;
using gpu::host::Order;

Result<std::unique_ptr<HostImage>> HostImage::load(std::span<const uint8_t> object) {
  std::unique_ptr<HostImage> image(new HostImage);
  // The file stays open as long as the library: the loader knows libraries by their path.
  image->file_ = ::memfd_create("ingot-host-kernels", MFD_CLOEXEC);
  size_t written = 0;
  while (image->file_ >= 0 && written < object.size()) {
    const ssize_t n = ::write(image->file_, object.data() + written, object.size() - written);
    if (n <= 0)
      break;
    written += static_cast<size_t>(n);
  }
  if (written < object.size())
    return Status(ErrorClass::Os, "host-image-memory", "cannot hold the object in memory");
  const std::string path = "/proc/self/fd/" + std::to_string(image->file_);
  image->library_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!image->library_)
    return Status(ErrorClass::Data, "host-image-load", ::dlerror());
  const auto find = [&](const char *symbol) { return ::dlsym(image->library_, symbol); };
  image->list_ = reinterpret_cast<gpu::host::KernelListFn>(find(gpu::host::kKernelListSymbol));
  image->launch_ = reinterpret_cast<gpu::host::LaunchFn>(find(gpu::host::kLaunchSymbol));
  if (!image->list_ || !image->launch_)
    return Status(ErrorClass::Data, "host-image-entries", "the object has no kernel entries");
  return image;
}

Result<std::unique_ptr<HostImage>> HostImage::build(std::span<const cuda::KernelSource> sources) {
  if (gpuWanted()) {
    std::unique_ptr<HostImage> image(new HostImage);
    INGOT_ASSIGN(image->gpu_, GpuImage::build(sources));
    return image;
  }
  cuda::HostCompileOptions options;
  options.processes = 2;
#ifdef __SANITIZE_ADDRESS__
  options.sanitize = true;
#endif
  const cuda::KernelCache cache = cuda::KernelCache::standard();
  options.cache = &cache;
  INGOT_ASSIGN(const std::vector<uint8_t> object, cuda::compileForHost(sources, options));
  return load(object);
}

HostImage::~HostImage() {
  // The file is not closed: a library that stays loaded (unique symbols of the C++ library) would
  // be found under the same path again.
  if (library_)
    ::dlclose(library_);
}

std::vector<std::string> HostImage::kernels() const {
  size_t count = 0;
  const gpu::host::KernelInfo *list = list_(&count);
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i)
    names.emplace_back(list[i].name);
  return names;
}

std::vector<uint32_t> HostImage::unitsHere(std::span<const uint32_t> architectures) {
  std::vector<uint32_t> here;
  for (const uint32_t architecture : architectures)
    if (!gpuWanted() || architecture == GpuImage::matrixUnit())
      here.push_back(architecture);
  return here;
}

std::string HostImage::launch(const std::string &kernel, std::span<const uint64_t> slots,
                              const Launch &launch) const {
  if (gpu_)
    return gpu_->launch(kernel, slots, launch);
  char error[4096];
  const int failed = launch_(kernel.c_str(), slots.data(), static_cast<uint32_t>(slots.size()),
                             &launch, error, sizeof error);
  return failed ? error : "";
}

std::string HostImage::runAllOrders(const std::string &kernel, std::span<const uint64_t> slots,
                                    Launch request, const std::function<void()> &prepare,
                                    const std::function<std::vector<uint8_t>()> &result) const {
  static constexpr const char *kNames[] = {"forward", "reverse", "random"};
  std::vector<uint8_t> first;
  for (const Order order : gpu::host::kOrders) {
    const std::string name = kNames[static_cast<int>(order)];
    request.order = order;
    prepare();
    if (std::string error = launch(kernel, slots, request); !error.empty())
      return name + " order: " + error;
    std::vector<uint8_t> bytes = result();
    if (order == Order::Forward)
      first = std::move(bytes);
    else if (bytes != first)
      return name + " order gives other bytes than forward order: a barrier or wait is missing";
  }
  return {};
}

} // namespace ingot::test
