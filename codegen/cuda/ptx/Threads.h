// Threads, barriers, shuffles and atomics under NVRTC. Included by codegen/cuda/kernels/Device.cuh.
// PTX ISA: "Parallel Synchronization and Communication Instructions".
#pragma once

/// A function that stays one: its registers are not those of its caller.
#define INGOT_APART __noinline__

/// A kernel of at most `threads` threads per block; its body follows and reads `args`.
#define INGOT_KERNEL(name, threads)                                                                \
  extern "C" __global__ void __launch_bounds__(threads)                                            \
      name(const __grid_constant__ ingot::gpu::KernelArgs args)

/// The same where few blocks run at a time: registers are not saved to have more of them.
#define INGOT_KERNEL_OF_FEW(name, threads)                                                         \
  extern "C" __global__ void __launch_bounds__(threads, 1)                                         \
      name(const __grid_constant__ ingot::gpu::KernelArgs args)

/// The same with tensor maps, `maps`, behind the slots (LaunchShape::maps of CudaKernel.h). One
/// block per multiprocessor: that fixes the registers at the start, which setmaxnreg needs.
#define INGOT_KERNEL_WITH_MAPS(name, threads)                                                      \
  extern "C" __global__ void __launch_bounds__(threads, 1)                                         \
      name(const __grid_constant__ ingot::gpu::KernelArgs args,                                    \
           const __grid_constant__ ingot::gpu::TensorMaps maps)

/// `type name[count]` in shared memory, 16-byte aligned, uninitialized.
#define INGOT_SHARED(type, name, count) __shared__ __align__(16) type name[count]

#define INGOT_UNROLL _Pragma("unroll")
/// Before a loop over many elements: a few loads at a time.
#define INGOT_UNROLL_4 _Pragma("unroll 4")
/// Before a loop whose body is kept once.
#define INGOT_LOOP _Pragma("unroll 1")

namespace ingot::gpu {

using ::float2;
using ::float4;
using ::uint2;
using ::uint4;

extern __shared__ __align__(1024) unsigned char dynamicSharedMemory[];

/// Dynamic shared memory of the block, aligned to 1024 bytes, uninitialized.
__forceinline__ u8 *dynamicShared() { return dynamicSharedMemory; }

/// Address of a shared-memory object inside the shared window, as instructions take it.
__forceinline__ u32 sharedAddress(const void *object) {
  return static_cast<u32>(__cvta_generic_to_shared(object));
}

__forceinline__ u32 threadIndex() { return threadIdx.x; }
__forceinline__ u32 blockIndex() { return blockIdx.x; }
__forceinline__ u32 blockIndexY() { return blockIdx.y; }
__forceinline__ u32 gridSize() { return gridDim.x; }
__forceinline__ u32 gridSizeY() { return gridDim.y; }
__forceinline__ u32 blockThreads() { return blockDim.x; }
__forceinline__ u32 laneId() { return threadIdx.x % kWarp; }
__forceinline__ u32 warpId() { return threadIdx.x / kWarp; }

/// All threads of the block.
__forceinline__ void syncThreads() { __syncthreads(); }
/// All lanes of the warp.
__forceinline__ void syncWarp() { __syncwarp(); }
/// `threads` threads (whole warps) at barrier `id` of 1..15.
__forceinline__ void syncNamed(u32 id, u32 threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
/// Counts this warp at barrier `id` without waiting.
__forceinline__ void arriveNamed(u32 id, u32 threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// Shuffles move 32-bit values; all 32 lanes take part.
template <typename T>
__forceinline__ T shuffleXor(T value, u32 mask) {
  static_assert(sizeof(T) == 4);
  return __shfl_xor_sync(0xffffffffu, value, static_cast<int>(mask));
}
/// The value of lane `lane` (modulo 32).
template <typename T>
__forceinline__ T shuffle(T value, u32 lane) {
  static_assert(sizeof(T) == 4);
  return __shfl_sync(0xffffffffu, value, static_cast<int>(lane));
}
/// The value of the lane `distance` above; the own value where there is none.
template <typename T>
__forceinline__ T shuffleDown(T value, u32 distance) {
  static_assert(sizeof(T) == 4);
  return __shfl_down_sync(0xffffffffu, value, distance);
}
/// Bit i: the predicate of lane i.
__forceinline__ u32 ballot(bool predicate) { return __ballot_sync(0xffffffffu, predicate); }

/// Waits until the launches this one depends on have finished and their writes are visible; nothing
/// they write is touched before. Without dependent launches (below sm_90): nothing. Of every launch
/// some thread calls it, or launches behind it could start too early; only those over returned rows
/// leave without where there are none (passes/plan/ScheduleBuilder.cpp, checkRowSpaces).
__forceinline__ void waitForPrior() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
/// Lets the launches that depend on this one start (they still wait for its end).
__forceinline__ void allowNext() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/// Makes this thread's writes visible to the whole device before its later ones.
__forceinline__ void threadFence() { __threadfence(); }

// Integer atomics on global or shared memory; each returns the old value.
__forceinline__ u32 atomicAdd(u32 *at, u32 value) { return ::atomicAdd(at, value); }
__forceinline__ u32 atomicMax(u32 *at, u32 value) { return ::atomicMax(at, value); }
__forceinline__ u32 atomicExchange(u32 *at, u32 value) { return ::atomicExch(at, value); }
__forceinline__ u64 atomicMax(u64 *at, u64 value) {
  return ::atomicMax(reinterpret_cast<unsigned long long *>(at), value);
}

} // namespace ingot::gpu
