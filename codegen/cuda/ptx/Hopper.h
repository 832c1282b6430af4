// Barriers in shared memory, bulk copies and warpgroup matrix instructions under NVRTC: sm_90a.
// PTX ISA: "mbarrier", "cp.async.bulk", "Asynchronous Warpgroup Level Matrix Instructions",
// "setmaxnreg".
#pragma once

namespace ingot::gpu {

/// An mbarrier. One phase ends when `count` arrivals and all expected bytes have come; phases have
/// parity 0, 1, 0, ...
struct SharedBarrier {
  u64 state;

  /// By one thread; then fenceBarrierInit() by it and syncThreads().
  __forceinline__ void init(u32 count) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(sharedAddress(this)), "r"(count)
                 : "memory");
  }
  __forceinline__ void arrive() {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(sharedAddress(this)) : "memory");
  }
  /// Arrives and lets the phase wait for `bytes` more.
  __forceinline__ void arriveExpect(u32 bytes) {
    asm volatile(
        "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(sharedAddress(this)),
        "r"(bytes)
        : "memory");
  }
  __forceinline__ bool tryWait(u32 parity) {
    u32 done;
    asm volatile("{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
                 " selp.u32 %0, 1, 0, p;}"
                 : "=r"(done)
                 : "r"(sharedAddress(this)), "r"(parity)
                 : "memory");
    return done != 0;
  }
  /// Until the phase of this parity has ended.
  __forceinline__ void wait(u32 parity) {
    while (!tryWait(parity)) {
    }
  }
};

/// Makes initialized barriers known to asynchronous copies.
__forceinline__ void fenceBarrierInit() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
/// Lets asynchronous copies and wgmma see this thread's writes to shared memory.
__forceinline__ void fenceAsyncShared() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// `bytes` (a multiple of 16, both addresses too) to shared memory, counted by `barrier`.
__forceinline__ void copyBulk(void *shared, const void *global, u32 bytes, SharedBarrier &barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
               "[%0], [%1], %2, [%3];" ::"r"(sharedAddress(shared)),
               "l"(global), "r"(bytes), "r"(sharedAddress(&barrier))
               : "memory");
}

/// Once per block before a tensor map in global memory is used.
__forceinline__ void fenceTensorMap(const TensorMap *map) {
  asm volatile("fence.proxy.tensormap::generic.acquire.gpu [%0], 128;" ::"l"(map) : "memory");
}

/// Brings a tensor map near; a hint.
__forceinline__ void prefetchTensorMap(const TensorMap &map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

/// The box of `map` at element (x, y), x along the rows, to shared memory; zeros outside of the
/// tensor. All bytes of the box count at `barrier`.
__forceinline__ void copyTensor2d(void *shared, const TensorMap *map, i32 x, i32 y,
                                  SharedBarrier &barrier) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
               "[%0], [%1, {%2, %3}], [%4];" ::"r"(sharedAddress(shared)),
               "l"(map), "r"(x), "r"(y), "r"(sharedAddress(&barrier))
               : "memory");
}

/// Descriptor of an operand of wgmma in shared memory: rows of 128 bytes (64 elements of K),
/// 128-byte swizzle, groups of 8 rows 1024 bytes apart; `operand` is a multiple of 1024 plus 32
/// bytes per step of 16 along K.
__forceinline__ u64 swizzledOperand(const void *operand) {
  const u64 start = (sharedAddress(operand) & 0x3ffff) >> 4;
  return start | u64(1) << 16 | u64(1024 >> 4) << 32 | u64(1) << 62;
}

/// Orders register accesses before the wgmma that follow; first of every group.
__forceinline__ void wgmmaFence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__forceinline__ void wgmmaCommit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Until at most the N youngest groups are under way; accumulators are not touched before.
template <int N>
__forceinline__ void wgmmaWait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

/// Keeps the compiler from moving uses of accumulators across: before wgmmaFence, after wgmmaWait.
template <int N>
__forceinline__ void wgmmaHold(float (&d)[N]) {
  _Pragma("unroll") for (int i = 0; i < N; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

/// Registers per thread of the warps of this warpgroup from here on: a multiple of 8, 24..256.
template <int N>
__forceinline__ void releaseRegisters() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}
template <int N>
__forceinline__ void claimRegisters() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}

// Names and constraints of accumulators: %0 .. %(n - 1) and "+f"(d[0]) ...
#define INGOT_TEN(t)                                                                               \
  "%" t "0,%" t "1,%" t "2,%" t "3,%" t "4,%" t "5,%" t "6,%" t "7,%" t "8,%" t "9"
#define INGOT_NAMES_4 "%0,%1,%2,%3"
#define INGOT_NAMES_8 INGOT_NAMES_4 ",%4,%5,%6,%7"
#define INGOT_NAMES_16 INGOT_TEN("") ",%10,%11,%12,%13,%14,%15"
#define INGOT_NAMES_32 INGOT_TEN("") "," INGOT_TEN("1") "," INGOT_TEN("2") ",%30,%31"
#define INGOT_NAMES_64                                                                             \
  INGOT_TEN("")                                                                                    \
  "," INGOT_TEN("1") "," INGOT_TEN("2") "," INGOT_TEN("3") "," INGOT_TEN("4") "," INGOT_TEN(       \
      "5") ",%60,%61,%62,%63"
#define INGOT_NAMES_48                                                                             \
  INGOT_NAMES_32 ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47"
#define INGOT_NAMES_96                                                                             \
  INGOT_TEN("")                                                                                    \
  "," INGOT_TEN("1") "," INGOT_TEN("2") "," INGOT_TEN("3") "," INGOT_TEN("4") "," INGOT_TEN(       \
      "5") "," INGOT_TEN("6") "," INGOT_TEN("7") "," INGOT_TEN("8") ",%90,%91,%92,%93,%94,%95"
#define INGOT_NAMES_128                                                                                         \
  INGOT_TEN("")                                                                                                 \
  "," INGOT_TEN("1") "," INGOT_TEN("2") "," INGOT_TEN("3") "," INGOT_TEN("4") "," INGOT_TEN("5") "," INGOT_TEN( \
      "6") "," INGOT_TEN("7") "," INGOT_TEN("8") "," INGOT_TEN("9") "," INGOT_TEN("10") "," INGOT_TEN("11") ",%120,%121,%122,%123,%124,%125,%126,%127"
#define INGOT_INOUT_4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define INGOT_INOUT_8(i) INGOT_INOUT_4(i), INGOT_INOUT_4(i + 4)
#define INGOT_INOUT_16(i) INGOT_INOUT_8(i), INGOT_INOUT_8(i + 8)
#define INGOT_INOUT_32(i) INGOT_INOUT_16(i), INGOT_INOUT_16(i + 16)
#define INGOT_INOUT_48(i) INGOT_INOUT_32(i), INGOT_INOUT_16(i + 32)
#define INGOT_INOUT_64(i) INGOT_INOUT_32(i), INGOT_INOUT_32(i + 32)
#define INGOT_INOUT_96(i) INGOT_INOUT_64(i), INGOT_INOUT_32(i + 64)
#define INGOT_INOUT_128(i) INGOT_INOUT_64(i), INGOT_INOUT_64(i + 64)

// m64nNk16 with `count` = N / 2 accumulators; p0.. are the names of what follows them.
#define INGOT_WGMMA_OF(function, types, n, count, p0, p1, p2, p3, p4, p5)                          \
  __forceinline__ void function(float (&d)[count], u64 a, u64 b, bool accumulate) {                \
    asm volatile("{.reg .pred p; setp.ne.b32 p, " p2 ", 0;\n"                                      \
                 " wgmma.mma_async.sync.aligned.m64n" #n "k16.f32." types " {" INGOT_NAMES_##count \
                 "}, " p0 ", " p1 ", p, 1, 1, 0, 0;}"                                              \
                 : INGOT_INOUT_##count(0)                                                          \
                 : "l"(a), "l"(b), "r"(static_cast<u32>(accumulate)));                             \
  }                                                                                                \
  __forceinline__ void function(float (&d)[count], const u32(&a)[4], u64 b, bool accumulate) {     \
    asm volatile("{.reg .pred p; setp.ne.b32 p, " p5 ", 0;\n"                                      \
                 " wgmma.mma_async.sync.aligned.m64n" #n "k16.f32." types " {" INGOT_NAMES_##count \
                 "}, {" p0 ", " p1 ", " p2 ", " p3 "}, " p4 ", p, 1, 1, 0;}"                       \
                 : INGOT_INOUT_##count(0)                                                          \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b),                             \
                   "r"(static_cast<u32>(accumulate)));                                             \
  }
#define INGOT_WGMMA(n, count, ...)                                                                 \
  INGOT_WGMMA_OF(wgmmaBf16, "bf16.bf16", n, count, __VA_ARGS__)                                    \
  INGOT_WGMMA_OF(wgmmaF16, "f16.f16", n, count, __VA_ARGS__)

/// wgmmaBf16(d, a, b, accumulate), wgmmaF16: d (+)= A B of a warpgroup, m64 n k16 with n = 2 *
/// (registers of d). A: descriptor, or fragments of m16n8k16 in registers (warp w of the group has
/// rows 16w..16w+15). B: descriptor of n rows. d[4j + i]: fragment i of columns 8j..8j+7.
INGOT_WGMMA(8, 4, "%4", "%5", "%6", "%7", "%8", "%9")
INGOT_WGMMA(16, 8, "%8", "%9", "%10", "%11", "%12", "%13")
INGOT_WGMMA(32, 16, "%16", "%17", "%18", "%19", "%20", "%21")
INGOT_WGMMA(64, 32, "%32", "%33", "%34", "%35", "%36", "%37")
INGOT_WGMMA(96, 48, "%48", "%49", "%50", "%51", "%52", "%53")
INGOT_WGMMA(128, 64, "%64", "%65", "%66", "%67", "%68", "%69")
INGOT_WGMMA(192, 96, "%96", "%97", "%98", "%99", "%100", "%101")
INGOT_WGMMA(256, 128, "%128", "%129", "%130", "%131", "%132", "%133")

#undef INGOT_WGMMA
#undef INGOT_WGMMA_OF

} // namespace ingot::gpu
