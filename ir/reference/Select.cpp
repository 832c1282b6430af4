#include "ir/reference/Ops.h"

#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot::reference {
namespace {

/// Columns per argmax partial.
constexpr int64_t kRun = 32;

/// First of the largest columns in [begin, end).
int64_t largestColumn(const float *x, int64_t begin, int64_t end) {
  int64_t best = begin;
  for (int64_t c = begin + 1; c < end; ++c)
    if (x[c] > x[best])
      best = c;
  return best;
}

} // namespace

Result<Rows> evalSelectRows(const Rows &input, const Batch &batch) {
  Rows result = Rows::ofFloats(static_cast<int64_t>(batch.returnRows.size()), input.columns);
  for (int64_t r = 0; r < result.rows; ++r) {
    const uint32_t from = batch.returnRows[r];
    if (from >= input.rows)
      return Status(ErrorClass::Data, "return-range",
                    format("returned row %u of a step with %lld tokens", from,
                           static_cast<long long>(input.rows)));
    std::copy_n(input.row(from), input.columns, result.row(r));
  }
  return result;
}

Rows evalArgmax(const Rows &input) {
  Rows result = Rows::ofInts(input.rows, 1);
  for (int64_t r = 0; r < input.rows; ++r)
    result.ints[r] = largestColumn(input.row(r), 0, input.columns);
  return result;
}

Rows evalArgmaxPartial(const Rows &input) {
  const int64_t runs = (input.columns + kRun - 1) / kRun;
  Rows result = Rows::ofInts(input.rows, runs);
  for (int64_t r = 0; r < input.rows; ++r)
    for (int64_t i = 0; i < runs; ++i) {
      const float *x = input.row(r);
      const int64_t best = largestColumn(x, i * kRun, std::min((i + 1) * kRun, input.columns));
      result.ints[r * runs + i] = best << 32 | numerics::bitsOf(x[best]);
    }
  return result;
}

Rows evalArgmaxFold(const Rows &partials) {
  Rows result = Rows::ofInts(partials.rows, 1);
  for (int64_t r = 0; r < partials.rows; ++r) {
    const int64_t *row = &partials.ints[r * partials.columns];
    auto value = [](int64_t packed) { return numerics::floatOf(static_cast<uint32_t>(packed)); };
    int64_t best = row[0];
    for (int64_t i = 1; i < partials.columns; ++i)
      if (value(row[i]) > value(best))
        best = row[i];
    result.ints[r] = best >> 32;
  }
  return result;
}

} // namespace ingot::reference
