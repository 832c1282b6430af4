#include "ir/reference/Ops.h"

#include <algorithm>

namespace ingot::reference {

Rows evalRound(const Rows &input) {
  Rows result = Rows::ofFloats(input.rows, input.columns, RowKind::Bf16);
  for (size_t i = 0; i < result.floats.size(); ++i)
    result.floats[i] = numerics::fromBf16(numerics::toBf16(input.floats[i]));
  return result;
}

Rows evalQuantize(const Rows &input, RowKind kind) {
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
