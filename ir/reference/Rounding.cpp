#include "ir/reference/Ops.h"

#include <algorithm>

namespace ingot::reference {

Rows evalRound(const Rows &input, RowKind kind) {
  Rows result = Rows::ofFloats(input.rows, input.columns, kind);
  for (size_t i = 0; i < result.floats.size(); ++i)
    result.floats[i] = kind == RowKind::F16 ? numerics::fromF16(numerics::toF16(input.floats[i]))
                                            : numerics::fromBf16(numerics::toBf16(input.floats[i]));
  return result;
}

/// One scale per row: that of the largest magnitude.
static Rows quantizeByRow(const Rows &input, RowKind kind) {
  Rows result = Rows::ofFloats(input.rows, input.columns, kind);
  const bool e4m3 = kind == RowKind::E4m3Row;
  for (int64_t r = 0; r < input.rows; ++r) {
    uint32_t largest = 0;
    for (int64_t c = 0; c < input.columns; ++c)
      largest = std::max(largest, numerics::magnitudeBits(input.row(r)[c]));
    const numerics::RowScale scale = numerics::rowScale(
        numerics::floatOf(largest), e4m3 ? numerics::kE4m3Limit : numerics::kInt8Limit);
    result.rowScales.push_back(scale.scale);
    for (int64_t c = 0; c < input.columns; ++c) {
      const float x = input.row(r)[c];
      result.row(r)[c] = e4m3 ? numerics::fromE4m3(numerics::toE4m3(x * scale.inverse))
                              : static_cast<float>(numerics::roundToInt8(x, scale.inverse));
    }
  }
  return result;
}

Rows evalQuantize(const Rows &input, RowKind kind) {
  if (kind == RowKind::Int8Row || kind == RowKind::E4m3Row)
    return quantizeByRow(input, kind);
  constexpr int64_t kGroup = numerics::kActGroup;
  Rows result;
  result.kind = kind;
  result.rows = input.rows;
  result.columns = input.columns;
  const int64_t groups = result.groups();
  result.int8.resize(size_t(input.rows * groups * kGroup));
  result.meta.resize(size_t(input.rows * groups));
  for (int64_t r = 0; r < input.rows; ++r)
    for (int64_t g = 0; g < groups; ++g) {
      float padded[kGroup] = {}; // the last group of a row may be short
      const int64_t first = g * kGroup;
      std::copy_n(input.row(r) + first, std::min(kGroup, input.columns - first), padded);
      int8_t *q = &result.int8[(r * groups + g) * kGroup];
      result.meta[r * groups + g] = kind == RowKind::Int8Pow2
                                        ? numerics::quantizeActGroup(padded, q)
                                        : numerics::quantizeActGroupF32(padded, q);
    }
  return result;
}

} // namespace ingot::reference
