#include "ir/reference/Ops.h"

namespace ingot::reference {

Rows evalRmsNorm(const Rows &input, const Weight &gamma, float eps, int64_t headDim) {
  const int64_t width = headDim ? headDim : input.columns; // columns normed together
  Rows result = Rows::ofFloats(input.rows, input.columns);
  for (int64_t r = 0; r < input.rows; ++r)
    for (int64_t first = 0; first < input.columns; first += width) {
      const float *x = input.row(r) + first;
      const float scale = numerics::rmsScale(x, width, eps);
      for (int64_t c = 0; c < width; ++c)
        result.row(r)[first + c] = (x[c] * scale) * gamma.valueAt(c, 0);
    }
  return result;
}

Rows evalLayerNorm(const Rows &input, const Weight &gamma, const Weight &beta, float eps) {
  Rows result = Rows::ofFloats(input.rows, input.columns);
  for (int64_t r = 0; r < input.rows; ++r) {
    const numerics::LayerScale scale = numerics::layerScale(input.row(r), input.columns, eps);
    for (int64_t c = 0; c < input.columns; ++c)
      result.row(r)[c] =
          numerics::layerNormed(input.row(r)[c], scale, gamma.valueAt(c, 0), beta.valueAt(c, 0));
  }
  return result;
}

} // namespace ingot::reference
