#include "ir/reference/Ops.h"

namespace ingot::reference {

Rows evalAdd(const Rows &lhs, const Rows &rhs) {
  Rows result = Rows::ofFloats(lhs.rows, lhs.columns);
  for (size_t i = 0; i < result.floats.size(); ++i)
    result.floats[i] = lhs.floats[i] + rhs.floats[i];
  return result;
}

Rows evalMul(const Rows &lhs, const Rows &rhs) {
  Rows result = Rows::ofFloats(lhs.rows, lhs.columns);
  for (size_t i = 0; i < result.floats.size(); ++i)
    result.floats[i] = lhs.floats[i] * rhs.floats[i];
  return result;
}

Rows evalAddBias(const Rows &input, const Weight &bias) {
  Rows result = Rows::ofFloats(input.rows, input.columns);
  for (int64_t r = 0; r < input.rows; ++r)
    for (int64_t c = 0; c < input.columns; ++c)
      result.row(r)[c] = input.row(r)[c] + bias.valueAt(c, 0);
  return result;
}

Rows evalSilu(const Rows &input) {
  Rows result = Rows::ofFloats(input.rows, input.columns);
  for (size_t i = 0; i < result.floats.size(); ++i)
    result.floats[i] = numerics::silu(input.floats[i]);
  return result;
}

std::vector<Rows> evalSplit(const Rows &input, std::span<const int64_t> widths,
                            int64_t interleave) {
  std::vector<Rows> results;
  int64_t first = 0; // first column of this result; interleaved: of its first run
  for (int64_t width : widths) {
    Rows part = Rows::ofFloats(input.rows, width);
    for (int64_t r = 0; r < input.rows; ++r)
      for (int64_t c = 0; c < width; ++c) {
        const int64_t from = interleave ? c / interleave * 2 * interleave + c % interleave : c;
        part.row(r)[c] = input.row(r)[first + from];
      }
    first += interleave ? interleave : width;
    results.push_back(std::move(part));
  }
  return results;
}

} // namespace ingot::reference
