// How a kernel is launched on the host, in plain C layout: the border between a shared object of
// host-built kernels (codegen/cuda/HostCompiler.h) and whoever loads it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ingot::gpu::host {

/// Which thread runs next, and when asynchronous work completes: wrong kernels give different
/// results under different orders. Correct ones give the same bits under all.
///   Forward   round robin from thread 0; asynchronous work completes as late as it may
///   Reverse   the last thread first, each as far as it gets; matrix work early, copies backwards
///   Random    any ready thread, completion at any moment, drawn from the seed
enum class Order : uint32_t { Forward, Reverse, Random };
inline constexpr Order kOrders[] = {Order::Forward, Order::Reverse, Order::Random};

/// One launch. Blocks run in ascending, descending or random order.
struct Launch {
  uint32_t gridX = 1, gridY = 1;
  uint32_t threads = 32;    ///< per block: a multiple of 32, at most 1024
  uint32_t sharedBytes = 0; ///< dynamic shared memory
  Order order = Order::Forward;
  uint32_t architecture = 90; ///< 80, 86, 89, 90, 100 or 120: which matrix unit
  uint64_t seed = 1;          ///< of Order::Random
  uint32_t workers = 1;       ///< OS threads that run blocks, each one at a time
  const void *maps = nullptr; ///< gpu::TensorMaps, of a kernel that takes some
};

/// A kernel of a shared object.
struct KernelInfo {
  const char *name;
  uint32_t maxThreads; ///< the launch bound of INGOT_KERNEL
  uint32_t takesMaps;  ///< 1: made by INGOT_KERNEL_WITH_MAPS
};

/// `ingot_host_kernels`: the kernels of the object, `*count` of them.
using KernelListFn = const KernelInfo *(*)(size_t *count);
/// `ingot_host_launch`: runs kernel `name` with `slotCount` slots. 0, or 1 with the reason in
/// `error` (at most `errorBytes` with the final zero).
using LaunchFn = int (*)(const char *name, const uint64_t *slots, uint32_t slotCount,
                         const Launch *launch, char *error, size_t errorBytes);

inline constexpr char kKernelListSymbol[] = "ingot_host_kernels";
inline constexpr char kLaunchSymbol[] = "ingot_host_launch";

} // namespace ingot::gpu::host
