// Conversions and packed arithmetic on the host, bit for bit as ptx/Convert.h describes them.
#pragma once

namespace ingot::gpu {

namespace host {

inline u32 bf16Bits(float value) { return value != value ? 0x7fffu : numerics::toBf16(value); }
inline u32 f16Bits(float value) { return value != value ? 0x7fffu : numerics::toF16(value); }

/// Nearest even of an exact value to a format of 16 bits (gradual underflow, overflow to infinity).
u16 roundToHalf(double value, int exponentBits, int fractionBits);
/// a * b + c with one rounding; exponentBits 8 (bf16) or 5 (fp16).
u16 fmaHalf(u16 a, u16 b, u16 c, int exponentBits);
u8 e4m3Bits(float value);
u16 e4m3ToF16(u8 bits);

inline u32 fmaPair(u32 a, u32 b, u32 c, int exponentBits) {
  const auto half = [&](int shift) -> u32 {
    return fmaHalf(static_cast<u16>(a >> shift), static_cast<u16>(b >> shift),
                   static_cast<u16>(c >> shift), exponentBits);
  };
  return half(0) | half(16) << 16;
}

} // namespace host

inline u32 packBf16(float lo, float hi) { return host::bf16Bits(lo) | host::bf16Bits(hi) << 16; }
inline float lowBf16(u32 pair) { return numerics::floatOf(pair << 16); }
inline float highBf16(u32 pair) { return numerics::floatOf(pair & 0xffff0000u); }

inline u32 packF16(float lo, float hi) { return host::f16Bits(lo) | host::f16Bits(hi) << 16; }
inline float lowF16(u32 pair) { return numerics::fromF16(static_cast<u16>(pair)); }
inline float highF16(u32 pair) { return numerics::fromF16(static_cast<u16>(pair >> 16)); }

inline u32 fmaBf16x2(u32 a, u32 b, u32 c) { return host::fmaPair(a, b, c, 8); }
inline u32 fmaF16x2(u32 a, u32 b, u32 c) { return host::fmaPair(a, b, c, 5); }
inline u32 subBf16x2(u32 a, u32 b) { return fmaBf16x2(b, 0xbf80bf80u, a); }
inline u32 subF16x2(u32 a, u32 b) { return fmaF16x2(b, 0xbc00bc00u, a); }

inline u16 packE4m3(float lo, float hi) {
  return static_cast<u16>(host::e4m3Bits(lo) | host::e4m3Bits(hi) << 8);
}
inline u32 e4m3ToF16x2(u16 pair) {
  return host::e4m3ToF16(static_cast<u8>(pair)) |
         static_cast<u32>(host::e4m3ToF16(static_cast<u8>(pair >> 8))) << 16;
}

inline i32 roundToS8(float value) {
  if (value != value)
    return 0;
  const float rounded = std::nearbyintf(value);
  return rounded < -128.0f ? -128 : rounded > 127.0f ? 127 : static_cast<i32>(rounded);
}

inline u32 permuteBytes(u32 a, u32 b, u32 selector) {
  const u64 bytes = static_cast<u64>(b) << 32 | a;
  u32 out = 0;
  for (int i = 0; i < 4; ++i)
    out |= static_cast<u32>(bytes >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
  return out;
}

template <u32 kTable>
inline u32 logic3(u32 a, u32 b, u32 c) {
  u32 out = 0;
  for (u32 i = 0; i < 8; ++i)
    if (kTable >> i & 1)
      out |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  return out;
}

} // namespace ingot::gpu
