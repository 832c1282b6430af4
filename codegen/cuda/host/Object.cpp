// The C entries of a shared object of kernels: see Launch.h.
#include "codegen/cuda/host/Object.h"

#include <cstdio>
#include <vector>

namespace {

using namespace ingot::gpu;
using namespace ingot::gpu::host;

std::string launchByName(const char *name, const uint64_t *slots, uint32_t slotCount,
                         const Launch &launch) {
  for (unsigned i = 0; i < kKernelCount; ++i) {
    const KernelEntry &kernel = kKernels[i];
    if (std::strcmp(kernel.name, name) != 0)
      continue;
    if (slotCount > ingot::abi::kMaxSlots)
      return "a kernel has at most " + std::to_string(ingot::abi::kMaxSlots) + " slots, not " +
             std::to_string(slotCount);
    if (launch.threads > *kernel.maxThreads)
      return "its launch bound is " + std::to_string(*kernel.maxThreads) + " threads, not " +
             std::to_string(launch.threads);
    KernelArgs args = {};
    std::copy(slots, slots + slotCount, args.slot);
    return run(kernel.entry, args, launch);
  }
  return "there is no kernel of this name";
}

} // namespace

extern "C" __attribute__((visibility("default"))) const KernelInfo *
ingot_host_kernels(size_t *count) {
  static const std::vector<KernelInfo> list = [] {
    std::vector<KernelInfo> infos;
    for (unsigned i = 0; i < kKernelCount; ++i)
      infos.push_back({kKernels[i].name, *kKernels[i].maxThreads, *kKernels[i].takesMaps});
    return infos;
  }();
  *count = list.size();
  return list.data();
}

extern "C" __attribute__((visibility("default"))) int
ingot_host_launch(const char *name, const uint64_t *slots, uint32_t slotCount, const Launch *launch,
                  char *error, size_t errorBytes) {
  const std::string text = launchByName(name, slots, slotCount, *launch);
  if (text.empty())
    return 0;
  std::snprintf(error, errorBytes, "%s: %s", name, text.c_str());
  return 1;
}
