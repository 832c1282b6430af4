#include "ir/reference/Ops.h"

#include "runtime/base/Format.h"

namespace ingot::reference {

Result<Rows> evalEmbed(const Batch &batch, const Weight &table) {
  Rows result = Rows::ofFloats(batch.tokens(), table.columns);
  for (int64_t t = 0; t < batch.tokens(); ++t) {
    const uint32_t id = batch.tokenIds[t];
    if (id >= table.rows)
      return Status(ErrorClass::Data, "token-range",
                    format("token %u at row %lld, the embedding table has %lld rows", id,
                           static_cast<long long>(t), static_cast<long long>(table.rows)));
    for (int64_t c = 0; c < table.columns; ++c)
      result.row(t)[c] = table.valueAt(id, c);
  }
  return result;
}

Rows evalRopeAngles(const Batch &batch, std::span<const float> invFreq, float attentionFactor) {
  const int64_t half = static_cast<int64_t>(invFreq.size());
  Rows result = Rows::ofFloats(batch.tokens(), 2 * half);
  for (int64_t t = 0; t < batch.tokens(); ++t)
    for (int64_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(batch.ropePositions[t]) * invFreq[i];
      const numerics::SinCos point = numerics::sinCos(angle);
      result.row(t)[i] = point.cos * attentionFactor;
      result.row(t)[half + i] = point.sin * attentionFactor;
    }
  return result;
}

} // namespace ingot::reference
