// Rule A (runtime/base/Numerics.h), one query row and head at a time.
#include "ir/reference/Ops.h"

#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot::reference {
namespace {

using numerics::kAttentionSegment;
using numerics::kAttentionTile;

/// Softmax state: maximum, sum, weighted values.
struct Softmax {
  explicit Softmax(int64_t width) : values(width, 0.0f) {}
  float maximum = numerics::kScoreStart;
  float sum = 0.0f;
  std::vector<float> values;
};

/// One query row and head over the cache of its sequence.
struct Attend {
  const float *query; ///< [keyDim]
  bool pairs;         ///< bf16 query: pair chain, else ascending
  const KvRun &run;
  const KvGeometry &kv;
  int64_t head; ///< KV head
  float scale;
  int64_t visibleBegin, visibleEnd;

  float score(int64_t position) const;
  void tile(int64_t first, Softmax &state) const;
  Softmax segment(int64_t first) const;
  void row(float *out) const;
};

float Attend::score(int64_t position) const {
  const int64_t key = position * run.keyWidth + head * kv.keyDim;
  float chain = 0.0f;
  for (int64_t d = 0; d < kv.keyDim; d += 2) {
    const int64_t first = pairs ? d + 1 : d, second = pairs ? d : d + 1;
    chain = std::fmaf(query[first], run.keyAt(key + first), chain);
    chain = std::fmaf(query[second], run.keyAt(key + second), chain);
  }
  return chain * scale;
}

void Attend::tile(int64_t first, Softmax &state) const {
  const int64_t begin = std::max(first, visibleBegin);
  const int64_t end = std::min(first + kAttentionTile, visibleEnd);
  if (begin >= end)
    return;
  float p[kAttentionTile] = {};
  float maximum = state.maximum;
  for (int64_t j = begin; j < end; ++j) {
    p[j - first] = score(j);
    maximum = p[j - first] > maximum ? p[j - first] : maximum;
  }
  const float alpha = numerics::exp(state.maximum - maximum);
  for (int64_t j = begin; j < end; ++j)
    p[j - first] = numerics::exp(p[j - first] - maximum);
  for (float &value : state.values)
    value *= alpha;
  for (int64_t j = begin; j < end; ++j)
    for (int64_t d = 0; d < kv.valueDim; ++d) {
      const float v = run.valueAt(j * run.valueWidth + head * kv.valueDim + d);
      state.values[d] = std::fmaf(p[j - first], v, state.values[d]);
    }
  state.maximum = maximum;
  state.sum = std::fmaf(state.sum, alpha, numerics::halvingTree(p, kAttentionTile));
}

Softmax Attend::segment(int64_t first) const {
  Softmax state(kv.valueDim);
  for (int64_t t = first; t < first + kAttentionSegment; t += kAttentionTile)
    tile(t, state);
  return state;
}

void Attend::row(float *out) const {
  Softmax total(kv.valueDim);
  for (int64_t first = visibleBegin / kAttentionSegment * kAttentionSegment; first < visibleEnd;
       first += kAttentionSegment) {
    const Softmax part = segment(first);
    const float maximum = part.maximum > total.maximum ? part.maximum : total.maximum;
    const float a = numerics::exp(total.maximum - maximum);
    const float b = numerics::exp(part.maximum - maximum);
    total.sum = std::fmaf(total.sum, a, part.sum * b);
    for (int64_t d = 0; d < kv.valueDim; ++d)
      total.values[d] = std::fmaf(total.values[d], a, part.values[d] * b);
    total.maximum = maximum;
  }
  const float inverse = 1.0f / total.sum;
  for (int64_t d = 0; d < kv.valueDim; ++d)
    out[d] = total.values[d] * inverse + 0.0f;
}

} // namespace

Result<Rows> evalPagedAttention(const Rows &query, KvState &state, const KvGeometry &kv,
                                const Batch &batch, int64_t heads, float scale) {
  Rows result = Rows::ofFloats(query.rows, heads * kv.valueDim);
  for (int64_t t = 0; t < query.rows; ++t) {
    const KvRun &run = state.run(kv.group, kv.layer, batch.tokenSequence[t]);
    const int64_t begin = batch.visibleBegin[t], end = batch.visibleEnd[t];
    if (begin >= end || end > run.positions())
      return Status(ErrorClass::Data, "visible-range",
                    format("row %lld sees positions %lld to %lld of a cache with %lld",
                           static_cast<long long>(t), static_cast<long long>(begin),
                           static_cast<long long>(end), static_cast<long long>(run.positions())));
    for (int64_t h = 0; h < heads; ++h) {
      const Attend attend{query.row(t) + h * kv.keyDim,
                          query.kind == RowKind::Bf16,
                          run,
                          kv,
                          h / (heads / kv.heads),
                          scale,
                          begin,
                          end};
      attend.row(result.row(t) + h * kv.valueDim);
    }
  }
  return result;
}

} // namespace ingot::reference
