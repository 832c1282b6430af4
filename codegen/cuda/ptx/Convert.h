// Conversions and packed arithmetic under NVRTC. PTX ISA: cvt, fma.{f16x2, bf16x2}, lop3, prmt.
// A pair holds its first element in the lower half.
#pragma once

namespace ingot::gpu {

/// Nearest even as numerics::toBf16, denormals to zero; NaN gives 0x7fff.
__forceinline__ u32 packBf16(float lo, float hi) {
  u32 pair;
  asm("{.reg .f32 a, b; mul.ftz.f32 a, %1, 0f3F800000; mul.ftz.f32 b, %2, 0f3F800000;\n"
      " cvt.rn.bf16x2.f32 %0, b, a;}"
      : "=r"(pair)
      : "f"(lo), "f"(hi));
  return pair;
}
__forceinline__ float lowBf16(u32 pair) { return __uint_as_float(pair << 16); }
__forceinline__ float highBf16(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }

/// Nearest even, beyond the range the largest finite number, as numerics::toF16; NaN gives 0x7fff.
__forceinline__ u32 packF16(float lo, float hi) {
  u32 pair;
  asm("cvt.rn.satfinite.f16x2.f32 %0, %2, %1;" : "=r"(pair) : "f"(lo), "f"(hi));
  return pair;
}
__forceinline__ float lowF16(u32 pair) {
  float v;
  asm("{.reg .b16 lo, hi; mov.b32 {lo, hi}, %1; cvt.f32.f16 %0, lo;}" : "=f"(v) : "r"(pair));
  return v;
}
__forceinline__ float highF16(u32 pair) {
  float v;
  asm("{.reg .b16 lo, hi; mov.b32 {lo, hi}, %1; cvt.f32.f16 %0, hi;}" : "=f"(v) : "r"(pair));
  return v;
}

/// a * b + c of both elements, each rounded once to nearest even; denormals are kept.
__forceinline__ u32 fmaBf16x2(u32 a, u32 b, u32 c) {
  u32 d;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}
__forceinline__ u32 fmaF16x2(u32 a, u32 b, u32 c) {
  u32 d;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}
/// a - b of both elements (as a fused multiply-add: sm_80 has no bf16 subtraction).
__forceinline__ u32 subBf16x2(u32 a, u32 b) { return fmaBf16x2(b, 0xbf80bf80u, a); }
__forceinline__ u32 subF16x2(u32 a, u32 b) { return fmaF16x2(b, 0xbc00bc00u, a); }

#if __CUDA_ARCH__ >= 890
/// Nearest even to e4m3, beyond the range +-448; NaN gives 0x7f.
__forceinline__ u16 packE4m3(float lo, float hi) {
  u16 pair;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %2, %1;" : "=h"(pair) : "f"(lo), "f"(hi));
  return pair;
}
/// Two e4m3 as two fp16, exact.
__forceinline__ u32 e4m3ToF16x2(u16 pair) {
  u32 halves;
  asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(halves) : "h"(pair));
  return halves;
}
#endif

/// Nearest even to a signed 8-bit integer, saturating; NaN gives 0.
__forceinline__ i32 roundToS8(float value) {
  i32 v;
  asm("cvt.rni.sat.s8.f32 %0, %1;" : "=r"(v) : "f"(value));
  return v;
}

/// Byte i of the result is byte (selector nibble i) of {a: 0..3, b: 4..7}; nibbles below 8.
__forceinline__ u32 permuteBytes(u32 a, u32 b, u32 selector) { return __byte_perm(a, b, selector); }

/// Bitwise function of three words: kTable is the function of (0xf0, 0xcc, 0xaa).
template <u32 kTable>
__forceinline__ u32 logic3(u32 a, u32 b, u32 c) {
  u32 d;
  asm("lop3.b32 %0, %1, %2, %3, %4;" : "=r"(d) : "r"(a), "r"(b), "r"(c), "n"(kTable));
  return d;
}

} // namespace ingot::gpu
