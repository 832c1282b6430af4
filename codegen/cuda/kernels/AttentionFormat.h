// How attention reads the formats of the cache (numerics' Rule K): what stands in the tiles of
// shared memory becomes factors of the matrix unit in registers, exactly.
//
//   bf16        as it is
//   fp16        as it is; queries and p become fp16
//   fp8 (e4m3)  fp16 holds it exactly; queries and p become fp16
//   int8        bfloat16 holds it exactly; the scales of positions meet scores and p
//
// A pair is two factors, the first in the lower half. Rows of bytes: the columns of a key stand in
// the order of abi::KvRowsLayout::keyByte, those of a value in their own.
#pragma once

#include "codegen/cuda/kernels/Device.cuh"
#include "runtime/artifact/KernelAbi.h"

namespace ingot::gpu {

/// Two int8 at bits 0..7 and 16..23 (others are ignored) as two bfloat16. Bits 0..6 are put into
/// the fraction of 128.0; the sign chooses whether 128 or 256 is taken away.
inline u32 int8Pair(u32 bits) {
  const u32 low = logic3<0xea>(bits, 0x007f007fu, 0x43004300u);    // (bits & low seven) | 128.0
  const u32 offset = logic3<0x6a>(bits, 0x00800080u, 0xc300c300u); // (bits & sign) ^ -128.0
  return fmaBf16x2(low, 0x3f803f80u, offset);
}

/// Two e4m3 at bits 0..7 and 16..23 (others are zero) as two fp16 without the instruction: their
/// exponent and fraction in the places of fp16's make a number 2^-8 times as large.
inline u32 e4m3PairByBits(u32 bits) {
  const u32 magnitude = bits & 0x007f007fu;
  const u32 nan = (magnitude + 0x00010001u) & 0x00800080u; // 480, were it a number
  const u32 scaled = magnitude << 7 | (bits & 0x00800080u) << 8;
  return fmaF16x2(scaled, 0x5c005c00u, 0x80008000u) | nan << 6;
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 890
inline u32 e4m3Low(u32 bytes) { return e4m3PairByBits(permuteBytes(bytes, 0, 0x4140)); }
inline u32 e4m3High(u32 bytes) { return e4m3PairByBits(permuteBytes(bytes, 0, 0x4342)); }
#else
inline u32 e4m3Low(u32 bytes) { return e4m3ToF16x2(static_cast<u16>(bytes)); }
inline u32 e4m3High(u32 bytes) { return e4m3ToF16x2(static_cast<u16>(bytes >> 16)); }
#endif

template <abi::KvFormat kFormat>
struct CacheFormat {
  static constexpr bool kBytes = kFormat == abi::KvFormat::E4m3 || kFormat == abi::KvFormat::Int8;
  static constexpr bool kScaled = kFormat == abi::KvFormat::Int8;
  static constexpr bool kF16 = kFormat == abi::KvFormat::F16 || kFormat == abi::KvFormat::E4m3;

  static void multiply(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    if constexpr (kF16)
      mmaF16(d, a, b0, b1);
    else
      mmaBf16(d, a, b0, b1);
  }
  static u32 pack(float low, float high) {
    if constexpr (kF16)
      return packF16(low, high);
    else
      return packBf16(low, high);
  }
  /// Two bfloat16 of a query.
  static u32 query(u32 pair) {
    if constexpr (kF16)
      return packF16(lowBf16(pair), highBf16(pair));
    else
      return pair;
  }
  /// Four bytes of a key: columns 2t, 2t + 1 and 2t + 8, 2t + 9.
  static void keyPairs(u32 bytes, u32 &first, u32 &second) {
    if constexpr (kFormat == abi::KvFormat::E4m3) {
      first = e4m3Low(bytes), second = e4m3High(bytes);
    } else {
      first = int8Pair(permuteBytes(bytes, 0, 0x4140));
      second = int8Pair(permuteBytes(bytes, 0, 0x4342));
    }
  }
  /// Bytes {column a, column b} of two positions, position by position: both positions of each.
  static void valuePairs(u32 bytes, u32 &a, u32 &b) {
    if constexpr (kFormat == abi::KvFormat::E4m3) {
      const u32 columns = permuteBytes(bytes, 0, 0x3120);
      a = e4m3Low(columns), b = e4m3High(columns);
    } else {
      a = int8Pair(bytes), b = int8Pair(bytes >> 8);
    }
  }
};

/// Scales of a tile's positions; only in formats that have them.
template <bool kScaled>
struct TileScales {
  float keys[64], values[64];
};
template <>
struct TileScales<false> {};

} // namespace ingot::gpu
