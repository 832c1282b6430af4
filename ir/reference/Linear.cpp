// Rule M: one chain per output. Loops walk K outside and the outputs N inside; each output still
// sees its own elements of K one after the other.
#include "ir/reference/MatrixLinear.h"
#include "ir/reference/Ops.h"

#include <algorithm>

namespace ingot::reference {
namespace {

/// F = fma(a, w[n], F) for every output n.
void step(float a, const float *w, float *out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out[i] = std::fmaf(a, w[i], out[i]);
}

/// bf16 rows and weights: per pair of k the odd element first. K counts as padded with zeros to 32.
void pairChain(const float *a, const Weight &weight, float *out) {
  const int64_t k = weight.columns, n = weight.rows;
  const std::vector<float> zeros(n, 0.0f);
  for (int64_t i = 0; i < (k + 31) / 32 * 32; i += 2)
    for (int64_t element : {i + 1, i}) {
      const bool real = element < k;
      step(real ? a[element] : 0.0f, real ? &weight.floats[element * n] : zeros.data(), out, n);
    }
}

/// Anything else in float32: ascending k.
void plainChain(const Rows &input, const Weight &weight, Rows &result) {
  std::vector<float> w(weight.rows); // exact values of one k
  for (int64_t k = 0; k < weight.columns; ++k) {
    for (int64_t n = 0; n < weight.rows; ++n)
      w[n] = weight.valueAt(n, k);
    for (int64_t r = 0; r < input.rows; ++r)
      step(input.row(r)[k], w.data(), result.row(r), weight.rows);
  }
}

/// int8 rows, integer weights: exact dot products per block of 32, then one FMA with the scales.
void integerChain(const Rows &input, int64_t row, const Weight &weight, float *out) {
  const int64_t n = weight.rows, groups = input.groups();
  const bool pow2 = input.kind == RowKind::Int8Pow2;
  std::vector<int32_t> dot(n);
  for (int64_t block = 0; block < groups; ++block) {
    const int64_t first = block * numerics::kActGroup;
    const int8_t *a = &input.int8[(row * groups + block) * numerics::kActGroup];
    std::fill(dot.begin(), dot.end(), 0);
    for (int64_t k = first; k < std::min(first + numerics::kActGroup, weight.columns); ++k)
      for (int64_t i = 0; i < n; ++i)
        dot[i] += static_cast<int32_t>(a[k - first]) * weight.ints[k * n + i];
    const int32_t exponent = input.meta[row * groups + block].exponent;
    const float *scale = &weight.scales[weight.groupOf(first) * n];
    const float rowScale = numerics::floatOf(static_cast<uint32_t>(exponent));
    for (int64_t i = 0; i < n; ++i)
      out[i] = pow2 ? std::fmaf(numerics::scaleByExponent(dot[i], exponent), scale[i], out[i])
                    : std::fmaf(static_cast<float>(dot[i]), scale[i] * rowScale, out[i]);
  }
  if (pow2)
    for (int64_t i = 0; i < n; ++i)
      out[i] *= 0x1p-40f; // undoes kScaleBias
}

} // namespace

static_assert(numerics::kScaleBias == 40);

Rows evalLinear(const Rows &input, const Weight &weight, const LinearOrder &order) {
  Rows result = Rows::ofFloats(input.rows, weight.rows);
  if (order.kind == LinearOrder::Kind::Mma) {
    matrixLinear(input, weight, order, result);
    return result;
  }
  if (!input.isQuantized() && !(input.kind == RowKind::Bf16 && weight.kind == WeightKind::Bf16)) {
    plainChain(input, weight, result);
    return result;
  }
  for (int64_t r = 0; r < input.rows; ++r) {
    if (input.isQuantized())
      integerChain(input, r, weight, result.row(r));
    else
      pairChain(input.row(r), weight, result.row(r));
  }
  return result;
}

} // namespace ingot::reference
