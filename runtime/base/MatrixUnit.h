// The arithmetic of NVIDIA's matrix units (mma.sync, wgmma, tcgen05) as measured and published in
// arXiv 2511.10909 and 2512.07004; the same bits as the hardware for every tile shape.
//
// One step takes an accumulator c (float32) and up to `products` products a[k] * b[k]:
//   1. Every factor is significand * 2^exponent with 1 <= significand < 2; below the smallest
//      normal number of its format the exponent is the smallest one and the significand is less
//      than 1. A product keeps 1 <= significand < 4: it is not normalised before alignment.
//   2. All terms, c included, are shifted right to the largest exponent and cut toward zero to
//      `fraction` bits behind the point. A product that is zero takes no part.
//   3. The terms are added exactly, so their order is nothing.
//   4. The sum is cut toward zero to `result` fraction bits (float32: 23) with gradual underflow;
//      from 2^128 it is infinite. A sum of zero is +0.
// NaN, 0 * infinity and infinity - infinity give 0x7fffffff; otherwise an infinite term gives
// itself. Longer dot products are chains of such steps, ascending in k.
//
// Free of libraries; integers only, so that the result does not depend on the rounding mode or on
// the flushing of denormals (kernels run with both set).
#pragma once

#include <cstdint>
#include <cstring>

namespace ingot::matrix {

/// What one instruction does with its terms.
struct MatrixUnit {
  int products;    ///< per step
  int fraction;    ///< bits behind the point after alignment
  int result = 23; ///< fraction bits of the result
};

/// bf16 and fp16 on sm_80, sm_86, sm_89.
inline constexpr MatrixUnit kAmpere = {8, 24};
/// bf16 and fp16 on sm_90, sm_100, sm_120.
inline constexpr MatrixUnit kHopper = {16, 25};
/// fp8: mma.sync of sm_89; wgmma of sm_90; mma.sync of sm_120.
inline constexpr MatrixUnit kAdaFp8 = {16, 13, 13};
inline constexpr MatrixUnit kHopperFp8 = {32, 13, 13};
inline constexpr MatrixUnit kBlackwellFp8 = {32, 25};

/// fp8 by mma.sync of an architecture (89, 90, ...). Nothing is published for sm_90 and sm_100:
/// there mma.sync is taken to multiply as fp16.
constexpr MatrixUnit fp8UnitOf(uint32_t architecture) {
  return architecture < 90 ? kAdaFp8 : architecture < 120 ? kHopper : kBlackwellFp8;
}

/// Storage of a factor. E4m3 has no infinity; its NaN is magnitude 0x7f.
enum class Format : uint8_t { Bf16, F16, E4m3 };

/// Bits of exponent, bits of fraction and exponent bias of a format.
struct FormatBits {
  int exponent, fraction, bias;
};
constexpr FormatBits formatBits(Format format) {
  switch (format) {
  case Format::Bf16:
    return {8, 7, 127};
  case Format::F16:
    return {5, 10, 15};
  case Format::E4m3:
    break;
  }
  return {4, 3, 7};
}

/// Fraction bits of a decoded significand: those of the widest format.
inline constexpr int kFactorBits = 10;
/// Exponent of a factor that is zero: below every other, also after addition of another factor's.
inline constexpr int32_t kZeroExponent = -1024;

/// significand * 2^(exponent - kFactorBits); the significand carries the sign.
struct Factor {
  int32_t significand, exponent;
};

/// Of a finite factor.
constexpr Factor decodeFactor(uint16_t bits, Format format) {
  const FormatBits layout = formatBits(format);
  const int32_t fraction = bits & ((1 << layout.fraction) - 1);
  const int32_t field = (bits >> layout.fraction) & ((1 << layout.exponent) - 1);
  const int32_t negative = (bits >> (layout.fraction + layout.exponent)) & 1;
  const int32_t normal = field != 0;
  const int32_t magnitude = (fraction | (normal << layout.fraction))
                            << (kFactorBits - layout.fraction);
  const int32_t exponent = field + 1 - normal - layout.bias;
  return {negative ? -magnitude : magnitude, magnitude == 0 ? kZeroExponent : exponent};
}

enum class Kind : uint8_t { Finite, Infinite, Nan };

constexpr Kind kindOf(uint16_t bits, Format format) {
  const FormatBits layout = formatBits(format);
  const int magnitude = bits & ((1 << (layout.exponent + layout.fraction)) - 1);
  if (format == Format::E4m3)
    return magnitude == 0x7f ? Kind::Nan : Kind::Finite;
  const int infinity = ((1 << layout.exponent) - 1) << layout.fraction;
  return magnitude < infinity ? Kind::Finite : magnitude == infinity ? Kind::Infinite : Kind::Nan;
}

inline uint32_t floatBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline float bitsFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline constexpr uint32_t kInfinityBits = 0x7f800000u;
inline constexpr uint32_t kNanBits = 0x7fffffffu;

/// Exponent of an accumulator: that of its float32, of zero the smallest.
constexpr int32_t accumulatorExponent(uint32_t bits) {
  const auto field = static_cast<int32_t>((bits >> 23) & 0xffu);
  return (field == 0 ? 1 : field) - 127;
}
/// Magnitude of an accumulator's significand, 23 fraction bits.
constexpr int32_t accumulatorMagnitude(uint32_t bits) {
  const auto hidden = static_cast<uint32_t>((bits & kInfinityBits) != 0) << 23;
  return static_cast<int32_t>((bits & 0x7fffffu) | hidden);
}

/// `magnitude` with `have` fraction bits, cut to `want` after a shift right by `distance`.
constexpr int32_t alignMagnitude(int32_t magnitude, int have, int want, int32_t distance) {
  const int left = want > have ? want - have : 0;
  const int32_t right = distance + (want < have ? have - want : 0);
  return (magnitude << left) >> (right < 31 ? right : 31);
}

/// Step 4: sum * 2^(exponent - fraction), cut toward zero.
inline float roundSum(int64_t sum, int32_t exponent, MatrixUnit unit) {
  if (sum == 0)
    return 0.0f;
  const uint32_t sign = sum < 0 ? 0x80000000u : 0u;
  const uint64_t magnitude = sum < 0 ? -static_cast<uint64_t>(sum) : static_cast<uint64_t>(sum);
  const int top = 63 - __builtin_clzll(magnitude);
  const int32_t high = exponent - unit.fraction + top; // exponent of the leading bit
  // Of the leading bit and what follows, `result` bits stay, fewer below the normal numbers.
  const int32_t lost = high < -126 ? -126 - high : 0;
  const int32_t drop = top - unit.result + lost;
  if (drop >= 64)
    return bitsFloat(sign);
  const uint64_t kept = drop > 0 ? magnitude >> drop << drop : magnitude;
  if (high > 127)
    return bitsFloat(sign | kInfinityBits);
  const int32_t toFloat = top - 23 + lost;
  const auto significand = static_cast<uint32_t>(toFloat > 0 ? kept >> toFloat : kept << -toFloat);
  // The hidden bit of a normal number adds one to the exponent field.
  const auto field = static_cast<uint32_t>(lost > 0 ? 0 : high + 126);
  return bitsFloat(sign | ((field << 23) + significand));
}

/// The outcome when an infinity or a NaN is among the terms; false when all are finite.
inline bool specialSum(float c, const uint16_t *a, const uint16_t *b, int n, Format format,
                       float &out) {
  const uint32_t cMagnitude = floatBits(c) & 0x7fffffffu;
  bool nan = cMagnitude > kInfinityBits;
  bool plus = cMagnitude == kInfinityBits && floatBits(c) == cMagnitude;
  bool minus = cMagnitude == kInfinityBits && !plus;
  const FormatBits layout = formatBits(format);
  for (int k = 0; k < n; ++k) {
    const Kind left = kindOf(a[k], format), right = kindOf(b[k], format);
    if (left == Kind::Finite && right == Kind::Finite)
      continue;
    const int magnitude = (1 << (layout.exponent + layout.fraction)) - 1;
    const bool zero = (a[k] & magnitude) == 0 || (b[k] & magnitude) == 0;
    const bool negative = ((a[k] ^ b[k]) & (magnitude + 1)) != 0;
    nan |= left == Kind::Nan || right == Kind::Nan || zero;
    (negative ? minus : plus) = true;
  }
  if (!nan && !plus && !minus)
    return false;
  out = bitsFloat(nan || (plus && minus) ? kNanBits
                  : plus                 ? kInfinityBits
                                         : kInfinityBits | 0x80000000u);
  return true;
}

/// One step over n <= unit.products products.
inline float step(float c, const uint16_t *a, const uint16_t *b, int n, Format format,
                  MatrixUnit unit) {
  float special;
  if (specialSum(c, a, b, n, format, special))
    return special;
  const uint32_t bits = floatBits(c);
  int32_t largest = accumulatorExponent(bits);
  for (int k = 0; k < n; ++k) {
    const int32_t e = decodeFactor(a[k], format).exponent + decodeFactor(b[k], format).exponent;
    largest = e > largest ? e : largest;
  }
  const int32_t start = alignMagnitude(accumulatorMagnitude(bits), 23, unit.fraction,
                                       largest - accumulatorExponent(bits));
  int64_t sum = bits >> 31 ? -start : start;
  for (int k = 0; k < n; ++k) {
    const Factor x = decodeFactor(a[k], format), y = decodeFactor(b[k], format);
    const int32_t product = x.significand * y.significand;
    const int32_t cut = alignMagnitude(product < 0 ? -product : product, 2 * kFactorBits,
                                       unit.fraction, largest - x.exponent - y.exponent);
    sum += product < 0 ? -cut : cut;
  }
  return roundSum(sum, largest, unit);
}

/// c + a[0] * b[0] + ... + a[k-1] * b[k-1] as a chain of steps.
inline float chain(float c, const uint16_t *a, const uint16_t *b, int64_t k, Format format,
                   MatrixUnit unit) {
  for (int64_t at = 0; at < k; at += unit.products) {
    const int64_t left = k - at;
    c = step(c, a + at, b + at, static_cast<int>(left < unit.products ? left : unit.products),
             format, unit);
  }
  return c;
}

// ---- A whole tile: 16 rows, 8 columns, K = kDepth (16, or 32 of fp8) ----------------------------
// Columns are the vector lanes: plain loops of 8 that a compiler turns into vectors (AVX2 pays).

inline constexpr int kTileRows = 16;
inline constexpr int kTileColumns = 8;

/// Decoded factors of one operand in the order of use: [k][column] or [row][k].
template <int kOuter, int kInner>
struct Factors {
  alignas(32) int32_t significand[kOuter][kInner];
  alignas(32) int32_t exponent[kOuter][kInner];
};

/// Step 4 of eight columns. Doubles hold the sums exactly (fewer than 40 bits) and the scaling by a
/// power of two is exact; what leaves the normal numbers of float32 goes the long way.
inline void roundSums(uint32_t (&c)[kTileColumns], const double (&sum)[kTileColumns],
                      const int32_t (&largest)[kTileColumns], MatrixUnit unit) {
  constexpr uint64_t kSmallest = uint64_t(1023 - 126) << 52, kBeyond = uint64_t(1023 + 128) << 52;
  const uint64_t kept = ~uint64_t(0) << (52 - unit.result);
  uint64_t scale[kTileColumns], bits[kTileColumns];
  double scaled[kTileColumns], power[kTileColumns];
  float rounded[kTileColumns];
  uint64_t outside = 0;
  for (int n = 0; n < kTileColumns; ++n)
    scale[n] = static_cast<uint64_t>(largest[n] - unit.fraction + 1023) << 52;
  std::memcpy(power, scale, sizeof power);
  for (int n = 0; n < kTileColumns; ++n)
    scaled[n] = sum[n] * power[n];
  std::memcpy(bits, scaled, sizeof bits);
  for (int n = 0; n < kTileColumns; ++n) {
    const uint64_t magnitude = bits[n] & (~uint64_t(0) >> 1);
    // Bit 63 of a difference that wraps: below the smallest normal number, or not below 2^128.
    outside |= (magnitude - kSmallest) | (kBeyond - 1 - magnitude);
    bits[n] &= kept;
  }
  std::memcpy(scaled, bits, sizeof scaled);
  for (int n = 0; n < kTileColumns; ++n)
    rounded[n] = static_cast<float>(scaled[n]);
  std::memcpy(c, rounded, sizeof rounded);
  if (outside >> 63)
    for (int n = 0; n < kTileColumns; ++n)
      c[n] = floatBits(roundSum(static_cast<int64_t>(sum[n]), largest[n], unit));
}

/// Sums of one step of one row: eight columns, products k0 .. k0 + products. Partial sums of eight
/// products fit 32 bits (8 * 4 * 2^25 < 2^31).
template <int kDepth>
inline void stepRow(uint32_t (&c)[kTileColumns], const int32_t *significandA,
                    const int32_t *exponentA, const Factors<kDepth, kTileColumns> &b, int k0,
                    MatrixUnit unit) {
  constexpr int kBitsOfProduct = 2 * kFactorBits;
  const int left = unit.fraction > kBitsOfProduct ? unit.fraction - kBitsOfProduct : 0;
  const int right = unit.fraction < kBitsOfProduct ? kBitsOfProduct - unit.fraction : 0;
  const int end = k0 + unit.products < kDepth ? k0 + unit.products : kDepth;
  alignas(32) int32_t largest[kTileColumns];
  alignas(32) int32_t partial[kTileColumns];
  double sum[kTileColumns];
  for (int n = 0; n < kTileColumns; ++n)
    largest[n] = accumulatorExponent(c[n]);
  for (int k = k0; k < end; ++k)
    for (int n = 0; n < kTileColumns; ++n) {
      const int32_t e = exponentA[k] + b.exponent[k][n];
      largest[n] = e > largest[n] ? e : largest[n];
    }
  for (int n = 0; n < kTileColumns; ++n) {
    const int32_t start = alignMagnitude(accumulatorMagnitude(c[n]), 23, unit.fraction,
                                         largest[n] - accumulatorExponent(c[n]));
    const int32_t sign = static_cast<int32_t>(c[n]) >> 31;
    partial[n] = (start ^ sign) - sign;
  }
  for (int n = 0; n < kTileColumns; ++n)
    sum[n] = partial[n];
  for (int k = k0; k < end; k += 8) {
    for (int n = 0; n < kTileColumns; ++n)
      partial[n] = 0;
    for (int i = k; i < (k + 8 < end ? k + 8 : end); ++i)
      for (int n = 0; n < kTileColumns; ++n) {
        const int32_t product = significandA[i] * b.significand[i][n];
        const int32_t sign = product >> 31;
        const int32_t distance = largest[n] - (exponentA[i] + b.exponent[i][n]) + right;
        const int32_t cut = (((product ^ sign) - sign) << left) >> (distance < 31 ? distance : 31);
        partial[n] += (cut ^ sign) - sign;
      }
    for (int n = 0; n < kTileColumns; ++n)
      sum[n] += partial[n];
  }
  roundSums(c, sum, largest, unit);
}

/// One row of a tile, from k = 0; `special`: an operand of the tile is infinite or NaN.
template <int kDepth, Format kFormat>
inline void chainRow(float (&d)[kTileColumns], const uint16_t (&a)[kDepth],
                     const uint16_t (&b)[kTileColumns][kDepth], const int32_t *significandA,
                     const int32_t *exponentA, const Factors<kDepth, kTileColumns> &right,
                     bool special, MatrixUnit unit) {
  uint32_t c[kTileColumns];
  std::memcpy(c, d, sizeof c);
  for (int k0 = 0; k0 < kDepth; k0 += unit.products) {
    uint32_t highest = special ? kInfinityBits : 0;
    for (int n = 0; n < kTileColumns; ++n) {
      const uint32_t field = c[n] & kInfinityBits;
      highest = field > highest ? field : highest;
    }
    if (highest < kInfinityBits) {
      stepRow<kDepth>(c, significandA, exponentA, right, k0, unit);
      continue;
    }
    const int count = kDepth - k0 < unit.products ? kDepth - k0 : unit.products;
    for (int n = 0; n < kTileColumns; ++n)
      c[n] = floatBits(step(bitsFloat(c[n]), &a[k0], &b[n][k0], count, kFormat, unit));
  }
  std::memcpy(d, c, sizeof c);
}

template <int kDepth, Format kFormat>
inline void multiplyTileOf(float (&d)[kTileRows][kTileColumns],
                           const uint16_t (&a)[kTileRows][kDepth],
                           const uint16_t (&b)[kTileColumns][kDepth], MatrixUnit unit) {
  int32_t special = 0;
  Factors<kTileRows, kDepth> left;
  Factors<kDepth, kTileColumns> right;
  int32_t significand[kDepth], exponent[kDepth];
  const auto decode = [&](const uint16_t (&from)[kDepth], int32_t *to, int32_t *toExponent) {
    for (int k = 0; k < kDepth; ++k) {
      const Factor factor = decodeFactor(from[k], kFormat);
      to[k] = factor.significand;
      toExponent[k] = factor.exponent;
    }
    for (int k = 0; k < kDepth; ++k)
      special |= kindOf(from[k], kFormat) != Kind::Finite;
  };
  for (int m = 0; m < kTileRows; ++m)
    decode(a[m], left.significand[m], left.exponent[m]);
  for (int n = 0; n < kTileColumns; ++n) {
    decode(b[n], significand, exponent);
    for (int k = 0; k < kDepth; ++k) {
      right.significand[k][n] = significand[k];
      right.exponent[k][n] = exponent[k];
    }
  }
  for (int m = 0; m < kTileRows; ++m)
    chainRow<kDepth, kFormat>(d[m], a[m], b, left.significand[m], left.exponent[m], right,
                              special != 0, unit);
}

/// d[m][n] = chain(d[m][n], a[m], b[n]).
template <int kDepth>
inline void
multiplyTile(float (&d)[kTileRows][kTileColumns], const uint16_t (&a)[kTileRows][kDepth],
             const uint16_t (&b)[kTileColumns][kDepth], Format format, MatrixUnit unit) {
  switch (format) {
  case Format::Bf16:
    return multiplyTileOf<kDepth, Format::Bf16>(d, a, b, unit);
  case Format::F16:
    return multiplyTileOf<kDepth, Format::F16>(d, a, b, unit);
  case Format::E4m3:
    return multiplyTileOf<kDepth, Format::E4m3>(d, a, b, unit);
  }
}

} // namespace ingot::matrix
