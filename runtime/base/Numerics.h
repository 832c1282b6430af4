// The arithmetic of Ingot, once, in scalar form. Kernels emit the same steps in vector form, the
// reference evaluator and the sampler call these functions; both give the same bits.
//
// Rules (see CONTRIBUTING.md, "Numerics"): float32, round to nearest even, denormals flushed on
// input and output (FTZ + DAZ), every fused multiply-add explicit, no contraction, no
// reassociation.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace ingot::numerics {

inline uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// ---- bfloat16 and float16 storage -------------------------------------------------------------

inline float fromBf16(uint16_t half) { return floatOf(static_cast<uint32_t>(half) << 16); }

/// Nearest even; denormal results are flushed to signed zero; NaN stays NaN (quiet).
inline uint16_t toBf16(float value) {
  const uint32_t bits = bitsOf(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return static_cast<uint16_t>((bits >> 16) | 0x40u);
  if (magnitude < 0x00800000u)
    return static_cast<uint16_t>((bits >> 16) & 0x8000u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// IEEE binary16 to float32, exact, denormals included (as `vcvtph2ps`, which ignores DAZ).
inline float fromF16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t fraction = half & 0x3ffu;
  if (exponent == 0x1fu)
    return floatOf(sign | 0x7f800000u | (fraction << 13));
  if (exponent != 0)
    return floatOf(sign | ((exponent + 112u) << 23) | (fraction << 13));
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return floatOf(sign | bitsOf(magnitude));
}

/// float32 to IEEE binary16, nearest even, saturating to the largest finite value.
inline uint16_t toF16(float value) {
  const uint32_t bits = bitsOf(value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u)
    return static_cast<uint16_t>(sign | 0x7bffu);
  if (magnitude < 0x38800000u) { // below the smallest normal: a multiple of 2^-24
    const float scaled = floatOf(magnitude) * 0x1p24f;
    return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyintf(scaled)));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

/// float8 e4m3 to float32, exact. It has no infinity; its NaN is magnitude 0x7f.
inline float fromE4m3(uint8_t byte) {
  const uint32_t sign = static_cast<uint32_t>(byte & 0x80u) << 24;
  const uint32_t magnitude = byte & 0x7fu;
  if (magnitude == 0x7fu)
    return floatOf(sign | 0x7fc00000u);
  if (magnitude < 8)
    return floatOf(sign | bitsOf(static_cast<float>(magnitude) * 0x1p-9f));
  return floatOf(sign | ((magnitude << 20) + (120u << 23)));
}

/// float32 to float8 e4m3, nearest even, saturating to 448; NaN gives 0x7f.
inline uint8_t toE4m3(float value) {
  const uint32_t bits = bitsOf(value);
  const uint32_t sign = bits >> 24 & 0x80u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return 0x7f;
  if (magnitude >= 0x43e80000u) // 464, half way from 448 to what is NaN
    return static_cast<uint8_t>(sign | 0x7eu);
  if (magnitude < 0x3c800000u) // below the smallest normal: a multiple of 2^-9
    return static_cast<uint8_t>(
        sign | static_cast<uint32_t>(std::nearbyintf(floatOf(magnitude) * 0x1p9f)));
  const uint32_t rounded = magnitude + 0x7ffffu + (magnitude >> 20 & 1u);
  return static_cast<uint8_t>(sign | ((rounded - (120u << 23)) >> 20));
}

// ---- Rule E: elementary functions as FMA polynomials ------------------------------------------

/// Constants of exp: argument clamped to [kExpMin, kExpMax]; n = rint(x * log2 e);
/// r = x - n ln 2 in two parts; p(r) by Horner; result = p * 2^n by adding n to the exponent field.
/// exp(0) == 1 exactly. Relative error below 3e-7 on the whole range.
inline constexpr float kExpMin = -87.0f;
inline constexpr float kExpMax = 88.0f;
inline constexpr float kLog2E = 1.44269504f;
inline constexpr float kLn2High = 0.693145752f;
inline constexpr float kLn2Low = 1.42860677e-6f;
inline constexpr float kExpPoly[5] = {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                                      1.6666665459e-1f, 5.0000001201e-1f};

inline float exp(float x) {
  x = x < kExpMin ? kExpMin : x; // NaN passes both comparisons and stays NaN in r
  x = x > kExpMax ? kExpMax : x;
  const float n = std::nearbyintf(x * kLog2E);
  float r = std::fmaf(-n, kLn2High, x);
  r = std::fmaf(-n, kLn2Low, r);
  float p = kExpPoly[0];
  for (int i = 1; i < 5; ++i)
    p = std::fmaf(p, r, kExpPoly[i]);
  p = std::fmaf(p, r * r, r + 1.0f);
  if (std::isnan(n))
    return n;
  return floatOf(bitsOf(p) + (static_cast<uint32_t>(static_cast<int32_t>(n)) << 23));
}

/// x / (1 + exp(-x)) with one exact division.
inline float silu(float x) { return x / (1.0f + exp(-x)); }

/// Constants of tanh: below kTanhSmall x + x z P(z) with z = x^2, above by exp(-2 |x|).
inline constexpr float kTanhSmall = 0.625f;
inline constexpr float kTanhPoly[5] = {-5.7170365562e-3f, 2.0650578999e-2f, -5.3743495260e-2f,
                                       1.3331491248e-1f, -3.3333283924e-1f};

/// Hyperbolic tangent, odd; relative error below 3e-7. One exact division.
inline float tanh(float x) {
  const float magnitude = std::fabs(x), z = x * x;
  float p = kTanhPoly[0];
  for (int i = 1; i < 5; ++i)
    p = std::fmaf(p, z, kTanhPoly[i]);
  const float small = std::fmaf(x * z, p, x);
  const float e = exp(-2.0f * magnitude);
  const float large = (1.0f - e) / (1.0f + e);
  if (magnitude < kTanhSmall)
    return small;
  return floatOf(bitsOf(large) | (bitsOf(x) & 0x80000000u));
}

/// Constants of sin and cos: n = rint(x * 2/pi); r = x - n pi/2 in three parts by FMA (exact for
/// |x| below 2^17); minimax polynomials on [-pi/4, pi/4]. Absolute error below 2e-7.
inline constexpr float kTwoOverPi = 0.636619772f;
inline constexpr float kPiOver2[3] = {1.57079637f, -4.37113883e-8f, -1.71512489e-15f};
inline constexpr float kSinPoly[3] = {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f};
inline constexpr float kCosPoly[3] = {2.443315711809948e-5f, -1.388731625493765e-3f,
                                      4.166664568298827e-2f};

struct SinCos {
  float sin;
  float cos;
};

inline SinCos sinCos(float x) {
  const float n = std::nearbyintf(x * kTwoOverPi);
  float r = std::fmaf(-n, kPiOver2[0], x);
  r = std::fmaf(-n, kPiOver2[1], r);
  r = std::fmaf(-n, kPiOver2[2], r);
  const float z = r * r;
  float s = std::fmaf(std::fmaf(kSinPoly[0], z, kSinPoly[1]), z, kSinPoly[2]);
  s = std::fmaf(s * z, r, r);
  float c = std::fmaf(std::fmaf(kCosPoly[0], z, kCosPoly[1]), z, kCosPoly[2]);
  c = std::fmaf(c, z * z, std::fmaf(-0.5f, z, 1.0f));
  const uint32_t quadrant = static_cast<uint32_t>(static_cast<int32_t>(n)) & 3u;
  const float sine = (quadrant & 1u) ? c : s;
  const float cosine = (quadrant & 1u) ? s : c;
  // sin is negative in quadrants 2 and 3, cos in 1 and 2.
  return {floatOf(bitsOf(sine) ^ ((quadrant & 2u) << 30)),
          floatOf(bitsOf(cosine) ^ (((quadrant + 1u) & 2u) << 30))};
}

// ---- Rule R: row reductions over 64 logical lanes, then the halving tree ------------------------

inline constexpr int kReduceLanes = 64;

/// Halving tree: lane i += lane i + width/2, down to one. `lanes` is overwritten. width: power of
/// two.
inline float halvingTree(float *lanes, int width) {
  for (int half = width / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i)
      lanes[i] += lanes[i + half];
  return lanes[0];
}

/// Sum of squares of x[0..n): element i goes to lane i mod 64 by FMA, in ascending i.
inline float sumSquares(const float *x, int64_t n) {
  float lanes[kReduceLanes] = {};
  for (int64_t i = 0; i < n; ++i)
    lanes[i % kReduceLanes] = std::fmaf(x[i], x[i], lanes[i % kReduceLanes]);
  return halvingTree(lanes, kReduceLanes);
}

/// y[i] = (x[i] * r) * gamma[i] with r = 1 / sqrt(sumSquares(x) / n + eps), exact sqrt and
/// division.
inline float rmsScale(const float *x, int64_t n, float eps) {
  return 1.0f / std::sqrt(sumSquares(x, n) / static_cast<float>(n) + eps);
}

/// Layer norm: the mean is the sum over the same lanes divided by n; y[i] = fma((x[i] - mean) * r,
/// gamma[i], beta[i]) with r = 1 / sqrt(sumSquares(x - mean) / n + eps).
struct LayerScale {
  float mean, scale;
};
inline LayerScale layerScale(const float *x, int64_t n, float eps) {
  float lanes[kReduceLanes] = {}, squares[kReduceLanes] = {};
  for (int64_t i = 0; i < n; ++i)
    lanes[i % kReduceLanes] = lanes[i % kReduceLanes] + x[i];
  const float mean = halvingTree(lanes, kReduceLanes) / static_cast<float>(n);
  for (int64_t i = 0; i < n; ++i)
    squares[i % kReduceLanes] = std::fmaf(x[i] - mean, x[i] - mean, squares[i % kReduceLanes]);
  return {mean, 1.0f / std::sqrt(halvingTree(squares, kReduceLanes) / static_cast<float>(n) + eps)};
}
inline float layerNormed(float x, const LayerScale &row, float gamma, float beta) {
  return std::fmaf((x - row.mean) * row.scale, gamma, beta);
}

// ---- 8-bit activations with one float32 scale per row
// --------------------------------------------

inline constexpr float kInt8Limit = 127.0f, kE4m3Limit = 448.0f;

/// scale = amax / limit, and limit / amax, with which a row is multiplied before it is rounded;
/// rows below 2^-60 are zero. A row that is not finite gets a scale that is not, and so does its
/// output.
struct RowScale {
  float scale, inverse;
};
inline RowScale rowScale(float amax, float limit) {
  const bool zero = amax < 0x1p-60f;
  return {zero ? 0.0f : amax / limit, zero ? 0.0f : limit / amax};
}
/// Magnitude as an integer that orders numbers, NaN above all: its maximum over a row has no order.
inline uint32_t magnitudeBits(float x) { return bitsOf(x) & 0x7fffffffu; }
/// rint(x * inverse) of a row; NaN gives 0.
inline int8_t roundToInt8(float x, float inverse) {
  const float rounded = std::nearbyintf(x * inverse);
  return rounded == rounded ? static_cast<int8_t>(static_cast<int32_t>(rounded)) : int8_t(0);
}

// ---- int8 activations with a power-of-two scale per group of 32 ---------------------------------

/// Bias added to the stored exponent so that the integer add on a float's exponent field cannot
/// wrap; undone by one multiplication with 2^-kScaleBias after the last group.
inline constexpr int kScaleBias = 40;
inline constexpr int kActGroup = 32;

/// Metadata of one group of 32 quantized activations, 8 bytes, as kernels read it.
struct ActGroupMeta {
  int32_t exponent;   ///< (e + kScaleBias) << 23 with scale 2^e; 0 for a group of zeros
  int32_t correction; ///< -8 * sum of the 32 int8 values (unsigned nibbles carry an offset of 8)
};

/// Exponent e of the scale 2^e for a group whose largest magnitude is `amax`: the smallest e >=
/// -kScaleBias with amax / 2^e <= 127; groups of zeros and denormals give -kScaleBias.
inline int actExponent(float amax) {
  const uint32_t bits = bitsOf(amax) & 0x7fffffffu;
  if (bits < 0x00800000u)
    return -kScaleBias;
  const int e = static_cast<int>(bits >> 23) - 127 - 6 + ((bits & 0x7fffffu) > 0x7e0000u ? 1 : 0);
  return e < -kScaleBias ? -kScaleBias : e;
}

/// What a group is multiplied with before rounding, and what its metadata says of the scale.
struct ActGroupScale {
  int32_t exponent; ///< ActGroupMeta::exponent
  float inverse;
};

/// Scale of a group with the largest magnitude `amax`: q = rint(x * 2^-e), ties to even.
inline ActGroupScale actGroupScale(float amax) {
  const int e = actExponent(amax);
  return {(e + kScaleBias) << 23, floatOf(static_cast<uint32_t>(127 - e) << 23)};
}

/// The same with a float32 scale (`!ingot.qact<f32>`): scale = amax / 127, q = rint(x * (127 /
/// amax)), groups below 2^-60 are zero. `exponent` holds the bits of the scale; the matmul then
/// accumulates F = fma(f32(dot), weightScale * scale, F) and has no bias to undo.
inline ActGroupScale actGroupScaleF32(float amax) {
  const bool zero = amax < 0x1p-60f;
  const float scale = zero ? 0.0f : amax / 127.0f;
  return {static_cast<int32_t>(bitsOf(scale)), zero ? 0.0f : 127.0f / amax};
}

/// Largest magnitude of a group.
inline float actGroupMax(const float *x) {
  float amax = 0.0f;
  for (int i = 0; i < kActGroup; ++i)
    amax = std::fabs(x[i]) > amax ? std::fabs(x[i]) : amax;
  return amax;
}

inline ActGroupMeta roundActGroup(const float *x, const ActGroupScale &scale, int8_t *q) {
  int32_t sum = 0;
  for (int i = 0; i < kActGroup; ++i) {
    q[i] = static_cast<int8_t>(static_cast<int32_t>(std::nearbyintf(x[i] * scale.inverse)));
    sum += q[i];
  }
  return {scale.exponent, -8 * sum};
}

inline ActGroupMeta quantizeActGroup(const float *x, int8_t *q) {
  return roundActGroup(x, actGroupScale(actGroupMax(x)), q);
}
inline ActGroupMeta quantizeActGroupF32(const float *x, int8_t *q) {
  return roundActGroup(x, actGroupScaleF32(actGroupMax(x)), q);
}

/// Bits of 1.5 * 2^23: integers of less than 2^22 added to these bits are added to the value.
inline constexpr int32_t kIntegerBits = 0x4b400000;

/// dot * 2^(e + bias), exact, for |dot| < 2^22: the dot product is counted in the mantissa of a
/// float of that unit, as the kernels do.
inline float scaleByExponent(int32_t dot, int32_t exponent) {
  const uint32_t start = static_cast<uint32_t>(kIntegerBits) + static_cast<uint32_t>(exponent);
  return floatOf(start + static_cast<uint32_t>(dot)) - floatOf(start);
}

// ---- rotary embedding ---------------------------------------------------------------------------

/// Angles of (position, pair i): sinCos(f32(position) * invFreq[i]), each times the attention
/// factor. Rotates the pair (lo, hi) = (x[i], x[i + D/2]): one product, one FMA per output.
inline float rotateLow(float lo, float hi, float cosine, float sine) {
  return std::fmaf(-hi, sine, lo * cosine);
}
inline float rotateHigh(float lo, float hi, float cosine, float sine) {
  return std::fmaf(lo, sine, hi * cosine);
}

// ---- Rule K: what the cache keeps of a key or value --------------------------------------------
//
//   bf16  toBf16(x)
//   fp16  toF16(x)
//   fp8   toE4m3(x): no scale. A scale would have to be known before the first token; keys of
//         models with normed queries and keys, and of those trained for such a cache, fit.
//   int8  rint(x * 127 / amax) with amax the largest magnitude of the row of one head and position;
//         the scale amax / 127 (float32) is stored with the row. A row below 2^-60 is zero; one
//         with an infinity or NaN has that as its scale, over zeros.
//
// Attention takes them as Rule A says, with
//   fp16, fp8  on a matrix unit its factors are fp16: queries and p are rounded by toF16
//   int8       the integers are exact in bfloat16 and float32; s_p = chain * keyScale_p * scale,
//              and V is multiplied with p_j * valueScale_j (the row sum takes p_j alone)

struct KvRowScale {
  float scale;   ///< of the stored integers
  float inverse; ///< what a number is multiplied with before rounding
};
/// `amax`: bits of the largest magnitude, so that NaN is above infinity.
inline KvRowScale kvRowScale(uint32_t amax) {
  const float largest = floatOf(amax);
  if (amax >= 0x7f800000u)
    return {largest, 0.0f};
  if (largest < 0x1p-60f)
    return {0.0f, 0.0f};
  return {largest / 127.0f, 127.0f / largest};
}
/// The stored integer; `inverse` 0 stores 0 whatever x is.
inline int32_t kvInteger(float x, float inverse) {
  if (inverse == 0.0f)
    return 0;
  return static_cast<int32_t>(std::nearbyintf(x * inverse));
}

// ---- Rule A: attention of one query row and head over its visible positions --------------------
//
//   score  s_p = chain(q, k_p) * scale; the chain over head_dim is that of a bf16 matmul: per pair
//          of d ascending F = fma(q[2i+1], k[2i+1], F), F = fma(q[2i], k[2i], F), F starts at +0.
//          With a softcap c: s_p = c * tanh(s_p * (1 / c)), 1 / c rounded once (softcapped below).
//          With a window w a token sees the last w of the positions that it saw without.
//   tile   64 positions from absolute 0. Over the visible s_p of the tile:
//            m' = max(m, max s_p)             alpha = exp(m - m')
//            p_j = exp(s_j - m'), exactly +0 where position j is not visible
//            l  = fma(l, alpha, halvingTree(p_0..p_63))
//            acc_d = acc_d * alpha, then acc_d = fma(p_j, v_jd, acc_d) for j ascending
//          A tile without a visible position changes nothing and may be skipped; so may a p_j of
//          zero (it can only change the sign of a zero). V of invisible positions is never used.
//   segment 256 positions from absolute 0, each from the state (m, l, acc) = (kScoreStart, 0, 0).
//   fold   segments ascending into (M, L, A), which starts at the same state, or at (sink, 1, 0)
//          for a head with a sink:
//            M' = max(M, m)   a = exp(M - M')   b = exp(m - M')
//            L = fma(L, a, l * b)   A_d = fma(A_d, a, acc_d * b)
//   output A_d * (1 / L) + 0.0: one exact division, a product, and a sum that makes -0 into +0.

inline constexpr int kAttentionTile = 64;
inline constexpr int kAttentionSegment = 256;
/// First maximum: finite, so that exp(m - m') is never NaN, and below every score of a real model.
inline constexpr float kScoreStart = -1e30f;

/// `inverse`: 1 / cap, rounded once.
inline float softcapped(float score, float cap, float inverse) {
  return cap * tanh(score * inverse);
}

} // namespace ingot::numerics
