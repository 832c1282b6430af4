// Threads, barriers, shuffles and atomics on the host; the contract is that of ptx/Threads.h.
#pragma once

#include "codegen/cuda/host/Engine.h"

#define __global__
#define __grid_constant__
#define __launch_bounds__(...)
#define __forceinline__ inline
#define INGOT_APART inline

/// Beside the kernel, for the list of kernels: its launch bound and whether it takes tensor maps.
#define INGOT_KERNEL_ENTRY(name, threads, takesMaps)                                               \
  extern "C" {                                                                                     \
  extern const unsigned name##_threads, name##_maps;                                               \
  const unsigned name##_threads = threads, name##_maps = takesMaps;                                \
  }                                                                                                \
  extern "C" void name(const ingot::gpu::KernelArgs args)

#define INGOT_KERNEL(name, threads) INGOT_KERNEL_ENTRY(name, threads, 0)
#define INGOT_KERNEL_OF_FEW(name, threads) INGOT_KERNEL_ENTRY(name, threads, 0)

#define INGOT_KERNEL_WITH_MAPS(name, threads)                                                      \
  static void name##_body(const ingot::gpu::KernelArgs &args, const ingot::gpu::TensorMaps &maps); \
  INGOT_KERNEL_ENTRY(name, threads, 1) { name##_body(args, ingot::gpu::host::tensorMaps()); }      \
  static void name##_body(const ingot::gpu::KernelArgs &args, const ingot::gpu::TensorMaps &maps)

#define INGOT_SHARED(type, name, count)                                                            \
  static char name##Tag;                                                                           \
  type(&name)[count] = *static_cast<type(*)[count]>(                                               \
      ingot::gpu::host::staticShared(&name##Tag, sizeof(type) * (count), #name))

#define INGOT_UNROLL
#define INGOT_UNROLL_4
#define INGOT_LOOP

namespace ingot::gpu {

struct alignas(8) uint2 {
  u32 x, y;
};
struct alignas(16) uint4 {
  u32 x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

using host::Where;

inline u8 *dynamicShared() { return host::currentThread->dynamicShared; }
inline u32 sharedAddress(const void *object, Where where = Where::current()) {
  return host::sharedOffset(object, 1, 1, "sharedAddress", where);
}

inline u32 threadIndex() { return host::currentThread->threadIndex; }
inline u32 blockIndex() { return host::currentThread->blockX; }
inline u32 blockIndexY() { return host::currentThread->blockY; }
inline u32 gridSize() { return host::currentThread->gridX; }
inline u32 gridSizeY() { return host::currentThread->gridY; }
inline u32 blockThreads() { return host::currentThread->blockThreads; }
inline u32 laneId() { return threadIndex() % kWarp; }
inline u32 warpId() { return threadIndex() / kWarp; }

inline void syncThreads(Where where = Where::current()) { host::blockBarrier(where); }
inline void syncWarp(Where where = Where::current()) {
  host::warpCollective([](void *const(&)[32]) {}, nullptr, "syncWarp", where);
}
inline void syncNamed(u32 id, u32 threads, Where where = Where::current()) {
  host::namedBarrier(id, threads, true, where);
}
inline void arriveNamed(u32 id, u32 threads, Where where = Where::current()) {
  host::namedBarrier(id, threads, false, where);
}

namespace host {

/// What a lane brings to a shuffle: its value and whose value it wants.
struct ShuffleLane {
  u32 value, source, result;
};
inline void shuffleLanes(void *const (&lanes)[32]) {
  for (void *lane : lanes) {
    auto *own = static_cast<ShuffleLane *>(lane);
    own->result = static_cast<const ShuffleLane *>(lanes[own->source])->value;
  }
}
template <typename T>
inline T shuffleFrom(T value, u32 source, const char *what, Where where) {
  static_assert(sizeof(T) == 4);
  ShuffleLane lane = {0, source, 0};
  std::memcpy(&lane.value, &value, 4);
  warpCollective(shuffleLanes, &lane, what, where);
  std::memcpy(&value, &lane.result, 4);
  return value;
}

} // namespace host

template <typename T>
inline T shuffleXor(T value, u32 mask, Where where = Where::current()) {
  return host::shuffleFrom(value, (laneId() ^ mask) % kWarp, "shuffleXor", where);
}
template <typename T>
inline T shuffle(T value, u32 lane, Where where = Where::current()) {
  return host::shuffleFrom(value, lane % kWarp, "shuffle", where);
}
template <typename T>
inline T shuffleDown(T value, u32 distance, Where where = Where::current()) {
  const u32 source = laneId() + distance;
  return host::shuffleFrom(value, source < kWarp ? source : laneId(), "shuffleDown", where);
}

inline u32 ballot(bool predicate, Where where = Where::current()) {
  struct Lane {
    bool predicate;
    u32 result;
  } lane = {predicate, 0};
  host::warpCollective(
      [](void *const(&lanes)[32]) {
        u32 bits = 0;
        for (int i = 0; i < kWarp; ++i)
          bits |= static_cast<u32>(static_cast<const Lane *>(lanes[i])->predicate) << i;
        for (void *each : lanes)
          static_cast<Lane *>(each)->result = bits;
      },
      &lane, "ballot", where);
  return lane.result;
}

inline void waitForPrior() { host::waitForPriorLaunches(); }
inline void allowNext() {}
inline void threadFence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

inline u32 atomicAdd(u32 *at, u32 value) { return __atomic_fetch_add(at, value, __ATOMIC_RELAXED); }
inline u32 atomicExchange(u32 *at, u32 value) {
  return __atomic_exchange_n(at, value, __ATOMIC_RELAXED);
}
template <typename T>
inline T atomicMaxOf(T *at, T value) {
  T old = __atomic_load_n(at, __ATOMIC_RELAXED);
  while (old < value &&
         !__atomic_compare_exchange_n(at, &old, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}
inline u32 atomicMax(u32 *at, u32 value) { return atomicMaxOf(at, value); }
inline u64 atomicMax(u64 *at, u64 value) { return atomicMaxOf(at, value); }

} // namespace ingot::gpu
