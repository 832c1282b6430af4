#include "ir/quant/WeightQuantizer.h"

#include "runtime/base/Mxcsr.h"
#include "runtime/base/Numerics.h"

#include <algorithm>
#include <emmintrin.h>

namespace ingot {
namespace {

/// Sums run over this many fixed lanes: the same bits with every width of vector.
constexpr int64_t kLanes = 16, kQuads = 4;

/// Ranges tried by the clipping search, as shares of the largest magnitude, largest first.
constexpr float kShrink[] = {1.0f,  0.97f, 0.94f, 0.91f, 0.88f, 0.85f,
                             0.82f, 0.79f, 0.76f, 0.73f, 0.7f};

/// 1.5 * 2^23: adding it rounds |x| < 2^22 to an integer, nearest even, in the low bits.
constexpr float kRoundMagic = 12582912.0f;

/// Magnitudes compare like their bits, and whole numbers may be reduced in any order: vectors.
float largestMagnitude(const float *w, int64_t n) {
  int32_t largest = 0;
  for (int64_t i = 0; i < n; ++i)
    largest = std::max(largest, static_cast<int32_t>(numerics::bitsOf(w[i]) & 0x7fffffffu));
  return numerics::floatOf(static_cast<uint32_t>(largest));
}

/// What rounding to levels takes, four times each.
struct Rounding {
  Rounding(float scale, float levels)
      : scale(_mm_set1_ps(scale)), low(_mm_set1_ps(-levels)), high(_mm_set1_ps(levels)) {}
  /// clamp(rint(w / scale), -levels, levels) for a positive scale.
  __m128 operator()(__m128 w) const {
    const __m128 magic = _mm_set1_ps(kRoundMagic);
    const __m128 x = _mm_min_ps(high, _mm_max_ps(low, _mm_div_ps(w, scale)));
    return _mm_sub_ps(_mm_add_ps(x, magic), magic);
  }
  __m128 scale, low, high;
};

/// Rounds 16 numbers to integers.
void quantizeLanes(const float *w, const Rounding &round, int8_t *values) {
  __m128i words[kQuads];
  for (int64_t j = 0; j < kQuads; ++j)
    words[j] = _mm_cvttps_epi32(round(_mm_loadu_ps(w + 4 * j)));
  const __m128i low = _mm_packs_epi32(words[0], words[1]);
  const __m128i high = _mm_packs_epi32(words[2], words[3]);
  _mm_storeu_si128(reinterpret_cast<__m128i *>(values), _mm_packs_epi16(low, high));
}

/// Sum over the group of (w - q * scale)^2, in fixed lanes.
float squaredError(const float *w, int64_t n, float scale, float levels) {
  const Rounding round(scale, levels);
  __m128 sums[kQuads] = {};
  for (int64_t i = 0; i < n; i += kLanes) {
    float rest[kLanes] = {}; // zeros behind the group add nothing
    const bool isWhole = n - i >= kLanes;
    if (!isWhole)
      std::copy(w + i, w + n, rest);
    for (int64_t j = 0; j < kQuads; ++j) {
      const __m128 x = _mm_loadu_ps((isWhole ? w + i : rest) + 4 * j);
      const __m128 d = _mm_sub_ps(x, _mm_mul_ps(round(x), round.scale));
      sums[j] = _mm_add_ps(sums[j], _mm_mul_ps(d, d));
    }
  }
  float lanes[kLanes];
  for (int64_t j = 0; j < kQuads; ++j)
    _mm_storeu_ps(lanes + 4 * j, sums[j]);
  return numerics::halvingTree(lanes, kLanes);
}

/// The group's scale, before it is rounded to f16.
float chooseScale(const float *w, int64_t n, float levels, bool clipSearch) {
  const float largest = largestMagnitude(w, n);
  if (!clipSearch)
    return largest / levels;
  float best = largest / levels, bestError = -1.0f;
  for (float shrink : kShrink) {
    const float scale = largest * shrink / levels;
    if (numerics::fromF16(numerics::toF16(scale)) == 0.0f)
      break;
    const float error = squaredError(w, n, scale, levels);
    if (bestError < 0.0f || error < bestError) {
      best = scale;
      bestError = error;
    }
  }
  return best;
}

/// The scale is rounded up, so that nothing is beyond the largest number; a floating-point number
/// is as precise with one scale as with another. Scales beyond f16 cut the largest values.
void quantizeGroupE4m3(const float *w, int64_t n, int8_t *values, uint16_t *scaleBits) {
  const float exact = largestMagnitude(w, n) / numerics::kE4m3Limit;
  *scaleBits = numerics::toF16(exact);
  if (numerics::fromF16(*scaleBits) < exact && *scaleBits < 0x7bffu)
    ++*scaleBits;
  const float scale = numerics::fromF16(*scaleBits);
  for (int64_t i = 0; i < n; ++i)
    values[i] = static_cast<int8_t>(scale == 0.0f ? uint8_t(0) : numerics::toE4m3(w[i] / scale));
}

/// Values are rounded by the exact scale, so that they are those of round to nearest: rounding the
/// stored scale moves a weight by 2^-11 of itself at most, another step would move it by 1/7.
void quantizeGroup(const float *w, int64_t n, const QuantizeSpec &spec, int8_t *values,
                   uint16_t *scaleBits) {
  if (spec.e4m3)
    return quantizeGroupE4m3(w, n, values, scaleBits);
  const float levels = spec.bits == 4 ? 7.0f : 127.0f;
  const float exact = chooseScale(w, n, levels, spec.clipSearch);
  *scaleBits = numerics::toF16(exact);
  const float stored = numerics::fromF16(*scaleBits);
  // Denormal and saturated scales are far from the exact one: there the stored one decides.
  const float scale = std::fabs(stored - exact) <= exact * 0x1p-11f ? exact : stored;
  if (scale == 0.0f) {
    std::fill(values, values + n, int8_t(0));
    return;
  }
  const Rounding round(scale, levels);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    quantizeLanes(w + i, round, values + i);
  if (i < n) {
    float rest[kLanes] = {};
    int8_t rounded[kLanes];
    std::copy(w + i, w + n, rest);
    quantizeLanes(rest, round, rounded);
    std::copy_n(rounded, n - i, values + i);
  }
}

} // namespace

int64_t scaleGroups(const QuantizeSpec &spec, int64_t columns) {
  return spec.group == 0 ? 1 : (columns + spec.group - 1) / spec.group;
}

void quantizeRows(const float *weights, int64_t rows, int64_t columns, const QuantizeSpec &spec,
                  int8_t *values, uint16_t *scales) {
  const MxcsrGuard guard; // the caller's rounding mode must not reach the bits
  const int64_t groups = scaleGroups(spec, columns);
  const int64_t width = spec.group == 0 ? columns : spec.group;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t first = row * columns + g * width;
      quantizeGroup(weights + first, std::min(width, columns - g * width), spec, values + first,
                    scales + row * groups + g);
    }
}

QuantizedRows quantizeRows(const std::vector<float> &weights, int64_t rows, int64_t columns,
                           const QuantizeSpec &spec) {
  assert(weights.size() == size_t(rows * columns) && "one value per element");
  QuantizedRows result;
  result.values.resize(weights.size());
  result.scales.resize(size_t(rows * scaleGroups(spec, columns)));
  quantizeRows(weights.data(), rows, columns, spec, result.values.data(), result.scales.data());
  return result;
}

} // namespace ingot
