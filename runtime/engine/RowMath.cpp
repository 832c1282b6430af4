#include "runtime/engine/RowMath.h"

#include "runtime/base/Numerics.h"
#include "runtime/base/Sampling.h"

#include <algorithm>
#include <immintrin.h>
#include <limits>

namespace ingot {
namespace {

/// Eight lanes of numerics::exp for arguments that are not NaN: the same steps, hence the same
/// bits. Every processor that runs an artifact has AVX2 and FMA (level x86-64-v3).
__attribute__((target("avx2,fma"))) __m256 exp8(__m256 x) {
  namespace nm = numerics;
  x = _mm256_max_ps(x, _mm256_set1_ps(nm::kExpMin));
  x = _mm256_min_ps(x, _mm256_set1_ps(nm::kExpMax));
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(nm::kLog2E)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(nm::kLn2High), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(nm::kLn2Low), r);
  __m256 p = _mm256_set1_ps(nm::kExpPoly[0]);
  for (int i = 1; i < 5; ++i)
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(nm::kExpPoly[i]));
  p = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), _mm256_add_ps(r, _mm256_set1_ps(1.0f)));
  const __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), exponent));
}

/// The first multiple of 8 entries; returns how many were done.
__attribute__((target("avx2,fma"))) size_t rowExp8(std::span<const float> row, float max,
                                                   float temperature, float *weights) {
  const __m256 shift = _mm256_set1_ps(max), divisor = _mm256_set1_ps(temperature);
  const __m256 masked = _mm256_set1_ps(-std::numeric_limits<float>::infinity());
  size_t i = 0;
  for (; i + 8 <= row.size(); i += 8) {
    const __m256 x = _mm256_loadu_ps(row.data() + i);
    const __m256 e = exp8(_mm256_div_ps(_mm256_sub_ps(x, shift), divisor));
    const __m256 isMasked = _mm256_cmp_ps(x, masked, _CMP_EQ_OQ);
    _mm256_storeu_ps(weights + i, _mm256_andnot_ps(isMasked, e));
  }
  return i;
}

} // namespace

RowMax rowMax(std::span<const float> row) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  RowMax best{-kInfinity, 0, false};
  bool usable = true;
  for (size_t i = 0; i < row.size(); ++i) {
    usable &= row[i] < kInfinity; // false for NaN, too
    if (row[i] > best.value)
      best = {row[i], static_cast<uint32_t>(i), false};
  }
  best.finite = usable && best.value > -kInfinity;
  return best;
}

void rowExp(std::span<const float> row, float max, float temperature, float *weights) {
  for (size_t i = rowExp8(row, max, temperature, weights); i < row.size(); ++i)
    weights[i] = sampling::weightOf(row[i], max, temperature);
}

float rowSum(std::span<const float> weights, std::vector<float> &blockSums) {
  blockSums.clear();
  float total = 0.0f;
  for (size_t begin = 0; begin < weights.size(); begin += kSumBlock) {
    const size_t end = std::min(weights.size(), begin + kSumBlock);
    float sum = 0.0f;
    for (size_t i = begin; i < end; ++i)
      sum += weights[i];
    blockSums.push_back(sum);
    total += sum;
  }
  return total;
}

} // namespace ingot
