// The arithmetic of instructions: matrix units and conversions.
#include "codegen/cuda/host/State.h"
#include "runtime/base/MatrixUnit.h"

#include <cmath>

namespace ingot::gpu::host {

namespace {

using matrix::Format;
using matrix::MatrixUnit;

MatrixUnit halfUnit() { return architecture() < 90 ? matrix::kAmpere : matrix::kHopper; }

/// The tile that 32 lanes hold: a[row][k] and b[column][k] as the fragments say.
template <int kDepth, typename Element>
void gatherOperands(void *const (&lanes)[32], Element (&a)[16][kDepth], Element (&b)[8][kDepth]) {
  constexpr int kPer = 4 / sizeof(Element); // elements of a register
  for (int lane = 0; lane < kWarp; ++lane) {
    const auto &own = *static_cast<const MmaLane *>(lanes[lane]);
    const int g = lane / 4, k = lane % 4 * kPer;
    std::memcpy(&a[g][k], &own.a[0], 4);
    std::memcpy(&a[g + 8][k], &own.a[1], 4);
    std::memcpy(&a[g][k + kDepth / 2], &own.a[2], 4);
    std::memcpy(&a[g + 8][k + kDepth / 2], &own.a[3], 4);
    std::memcpy(&b[g][k], &own.b0, 4);
    std::memcpy(&b[g][k + kDepth / 2], &own.b1, 4);
  }
}

/// Between the accumulators of the lanes and d[row][column].
template <bool kLoad, typename T>
void moveAccumulators(void *const (&lanes)[32], T (&d)[16][8]) {
  for (int lane = 0; lane < kWarp; ++lane) {
    auto *own = static_cast<T *>(static_cast<const MmaLane *>(lanes[lane])->d);
    for (int i = 0; i < 4; ++i) {
      T &tile = d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
      (kLoad ? tile : own[i]) = kLoad ? own[i] : tile;
    }
  }
}

void mmaHalf(void *const (&lanes)[32], Format format) {
  u16 a[16][16], b[8][16];
  float d[16][8];
  gatherOperands(lanes, a, b);
  moveAccumulators<true>(lanes, d);
  matrix::multiplyTile<16>(d, a, b, format, halfUnit());
  moveAccumulators<false>(lanes, d);
}

} // namespace

void mmaBf16Warp(void *const (&lanes)[32]) { mmaHalf(lanes, Format::Bf16); }
void mmaF16Warp(void *const (&lanes)[32]) { mmaHalf(lanes, Format::F16); }

void multiplyHopperTile(float (&d)[16][8], const u16 (&a)[16][16], const u16 (&b)[8][16],
                        bool half) {
  matrix::multiplyTile<16>(d, a, b, half ? Format::F16 : Format::Bf16, matrix::kHopper);
}

void mmaE4m3Warp(void *const (&lanes)[32]) {
  u8 narrowA[16][32], narrowB[8][32];
  u16 a[16][32], b[8][32];
  float d[16][8];
  gatherOperands(lanes, narrowA, narrowB);
  for (int k = 0; k < 32; ++k) {
    for (int m = 0; m < 16; ++m)
      a[m][k] = narrowA[m][k];
    for (int n = 0; n < 8; ++n)
      b[n][k] = narrowB[n][k];
  }
  moveAccumulators<true>(lanes, d);
  matrix::multiplyTile<32>(d, a, b, Format::E4m3, matrix::fp8UnitOf(architecture()));
  moveAccumulators<false>(lanes, d);
}

void mmaS8Warp(void *const (&lanes)[32]) {
  int8_t a[16][32], b[8][32];
  i32 d[16][8];
  gatherOperands(lanes, a, b);
  moveAccumulators<true>(lanes, d);
  for (int m = 0; m < 16; ++m)
    for (int n = 0; n < 8; ++n) {
      i32 sum = 0; // |sum| <= 32 * 2^14
      for (int k = 0; k < 32; ++k)
        sum += a[m][k] * b[n][k];
      d[m][n] = static_cast<i32>(static_cast<u32>(d[m][n]) + static_cast<u32>(sum));
    }
  moveAccumulators<false>(lanes, d);
}

u16 roundToHalf(double value, int exponentBits, int fractionBits) {
  const auto sign = static_cast<u16>(std::signbit(value) ? 0x8000u : 0u);
  const auto infinity = static_cast<u16>(((1u << exponentBits) - 1) << fractionBits);
  if (value != value)
    return 0x7fff;
  const double magnitude = std::fabs(value);
  if (magnitude == 0)
    return sign;
  const int bias = (1 << (exponentBits - 1)) - 1;
  int exponent;
  std::frexp(magnitude, &exponent); // magnitude = m 2^exponent, 1/2 <= m < 1
  const int unit = (exponent - 1 < 1 - bias ? 1 - bias : exponent - 1) - fractionBits;
  const double scaled = std::nearbyint(std::ldexp(magnitude, -unit));
  const double rounded = std::ldexp(scaled, unit);
  if (rounded >= std::ldexp(1.0, bias + 1))
    return sign | infinity;
  // With the unit of the smallest numbers the count of units is the encoding; above, each further
  // power of two adds one to the exponent field.
  const int steps = unit - (1 - bias - fractionBits);
  return static_cast<u16>(sign |
                          (static_cast<u32>(scaled) + (static_cast<u32>(steps) << fractionBits)));
}

u16 fmaHalf(u16 a, u16 b, u16 c, int exponentBits) {
  const int fractionBits = 15 - exponentBits;
  const int bias = (1 << (exponentBits - 1)) - 1;
  const auto decode = [&](u16 bits) -> double {
    const int field = bits >> fractionBits & ((1 << exponentBits) - 1);
    const int fraction = bits & ((1 << fractionBits) - 1);
    double magnitude;
    if (field == (1 << exponentBits) - 1)
      magnitude = fraction ? __builtin_nan("") : __builtin_inf();
    else
      magnitude = std::ldexp(field ? fraction + (1 << fractionBits) : fraction,
                             (field ? field : 1) - bias - fractionBits);
    return bits & 0x8000 ? -magnitude : magnitude;
  };
  // The product is exact in double; the sum is rounded to odd, which a second rounding to fewer
  // bits does not notice.
  const double product = decode(a) * decode(b), addend = decode(c);
  double sum = product + addend;
  if (std::isfinite(sum)) {
    const double part = sum - product;
    const double error = (product - (sum - part)) + (addend - part);
    u64 bits;
    std::memcpy(&bits, &sum, 8);
    if (error != 0 && (bits & 1) == 0) {
      bits += (error > 0) == (sum > 0) ? 1 : -1;
      std::memcpy(&sum, &bits, 8);
    }
  }
  return roundToHalf(sum, exponentBits, fractionBits);
}

u8 e4m3Bits(float value) {
  const u32 bits = numerics::bitsOf(value);
  const u32 sign = bits >> 24 & 0x80u;
  if (value != value)
    return 0x7f;
  const double magnitude = std::fabs(static_cast<double>(value));
  if (magnitude >= 464) // half way from 448 to the next, were there one; ties to even go up
    return static_cast<u8>(sign | 0x7e);
  int exponent;
  std::frexp(magnitude, &exponent);
  const int unit = (magnitude == 0 || exponent - 1 < -6 ? -6 : exponent - 1) - 3;
  const auto scaled = static_cast<u32>(std::nearbyint(std::ldexp(magnitude, -unit)));
  const u32 encoded = scaled + (static_cast<u32>(unit + 9) << 3);
  return static_cast<u8>(sign | (encoded > 0x7e ? 0x7e : encoded));
}

u16 e4m3ToF16(u8 bits) {
  if ((bits & 0x7f) == 0x7f)
    return 0x7fff;
  const int field = bits >> 3 & 15, fraction = bits & 7;
  const double magnitude = std::ldexp(field ? fraction + 8 : fraction, (field ? field : 1) - 10);
  return roundToHalf(bits & 0x80 ? -magnitude : magnitude, 5, 10);
}

} // namespace ingot::gpu::host
