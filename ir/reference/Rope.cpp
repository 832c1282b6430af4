#include "ir/reference/Ops.h"

namespace ingot::reference {

Rows evalRope(const Rows &input, const Rows &angles, int64_t headDim) {
  const int64_t half = headDim / 2;
  Rows result = Rows::ofFloats(input.rows, input.columns);
  for (int64_t r = 0; r < input.rows; ++r)
    for (int64_t first = 0; first < input.columns; first += headDim)
      for (int64_t i = 0; i < half; ++i) {
        const float lo = input.row(r)[first + i], hi = input.row(r)[first + half + i];
        const float cosine = angles.row(r)[i], sine = angles.row(r)[half + i];
        result.row(r)[first + i] = numerics::rotateLow(lo, hi, cosine, sine);
        result.row(r)[first + half + i] = numerics::rotateHigh(lo, hi, cosine, sine);
      }
  return result;
}

} // namespace ingot::reference
