// mma.sync under NVRTC. PTX ISA: "Warp Level Matrix Multiply-Accumulate Instructions".
// Fragments of m16n8k16 (16-bit elements) in lane 4g + t:
//   a[0] = A[g][2t, 2t+1]   a[1] = A[g+8][2t, 2t+1]   a[2] = A[g][2t+8, 2t+9]   a[3] = A[g+8][...]
//   b0 = B[2t, 2t+1][g]     b1 = B[2t+8, 2t+9][g]
//   d[0] = D[g][2t]  d[1] = D[g][2t+1]  d[2] = D[g+8][2t]  d[3] = D[g+8][2t+1]
// m16n8k32 (8-bit elements): the same with four elements 4t..4t+3 and 4t+16..4t+19 per register.
#pragma once

namespace ingot::gpu {

#define INGOT_MMA(name, accumulator, constraint, instruction)                                      \
  __forceinline__ void name(accumulator(&d)[4], const u32(&a)[4], u32 b0, u32 b1) {                \
    asm volatile(instruction " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"    \
                 : "+" constraint(d[0]), "+" constraint(d[1]), "+" constraint(d[2]),               \
                   "+" constraint(d[3])                                                            \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                  \
  }

/// d += A B, m16n8k16; arithmetic: runtime/base/MatrixUnit.h.
INGOT_MMA(mmaBf16, float, "f", "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32")
INGOT_MMA(mmaF16, float, "f", "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32")
/// m16n8k32 of signed bytes, exact (modulo 2^32).
INGOT_MMA(mmaS8, i32, "r", "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32")
/// m16n8k32 of e4m3; sm_89 and up.
INGOT_MMA(mmaE4m3, float, "f", "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32")

#undef INGOT_MMA

} // namespace ingot::gpu
