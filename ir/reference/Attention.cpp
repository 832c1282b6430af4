// Rule A (runtime/base/Numerics.h), one query row and head at a time; with a matrix unit its form
// for tensor cores: both products are chains of the unit, p is rounded to bfloat16 for the second,
// and the row sum has the order in which a quad of lanes holds a tile.
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
  const matrix::MatrixUnit *unit; ///< null: chains of FMAs

  float score(int64_t position) const;
  float unitScore(int64_t position) const;
  void addValues(int64_t first, int64_t begin, int64_t end, const float *p, Softmax &state) const;
  void addUnitValues(int64_t first, const float *p, Softmax &state) const;
  void tile(int64_t first, Softmax &state) const;
  Softmax segment(int64_t first) const;
  void row(float *out) const;
};

/// Positions or columns of one instruction of the matrix unit.
constexpr int64_t kUnitDepth = 16;

/// Sum of the p of a tile: lane t of a quad holds positions 8j + 2t and 8j + 2t + 1.
float quadSum(const float *p) {
  float lanes[4] = {};
  for (int64_t j = 0; j < kAttentionTile; ++j)
    lanes[j % 8 / 2] += p[j];
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

float Attend::unitScore(int64_t position) const {
  const int64_t key = position * run.keyWidth + head * kv.keyDim;
  float chain = 0.0f;
  for (int64_t d = 0; d < kv.keyDim; d += kUnitDepth) {
    uint16_t q[kUnitDepth] = {}, k[kUnitDepth] = {};
    for (int64_t i = 0; i < std::min(kUnitDepth, kv.keyDim - d); ++i) {
      q[i] = numerics::toBf16(query[d + i]);
      k[i] = run.keys[key + d + i];
    }
    chain = matrix::chain(chain, q, k, kUnitDepth, matrix::Format::Bf16, *unit);
  }
  return chain * scale;
}

void Attend::addUnitValues(int64_t first, const float *p, Softmax &state) const {
  uint16_t rounded[kAttentionTile];
  for (int64_t j = 0; j < kAttentionTile; ++j)
    rounded[j] = numerics::toBf16(p[j]);
  for (int64_t d = 0; d < kv.valueDim; ++d) {
    uint16_t v[kAttentionTile] = {}; // what is not visible counts as zero
    for (int64_t j = std::max(first, visibleBegin);
         j < std::min(first + kAttentionTile, visibleEnd); ++j)
      v[j - first] = run.values[j * run.valueWidth + head * kv.valueDim + d];
    for (int64_t j = 0; j < kAttentionTile; j += kUnitDepth)
      state.values[d] = matrix::chain(state.values[d], rounded + j, v + j, kUnitDepth,
                                      matrix::Format::Bf16, *unit);
  }
}

float Attend::score(int64_t position) const {
  if (unit)
    return unitScore(position);
  const int64_t key = position * run.keyWidth + head * kv.keyDim;
  float chain = 0.0f;
  for (int64_t d = 0; d < kv.keyDim; d += 2) {
    const int64_t first = pairs ? d + 1 : d, second = pairs ? d : d + 1;
    chain = std::fmaf(query[first], run.keyAt(key + first), chain);
    chain = std::fmaf(query[second], run.keyAt(key + second), chain);
  }
  return chain * scale;
}

/// Positions [begin, end) of the tile at `first`.
void Attend::addValues(int64_t first, int64_t begin, int64_t end, const float *p,
                       Softmax &state) const {
  for (int64_t j = begin; j < end; ++j)
    for (int64_t d = 0; d < kv.valueDim; ++d) {
      const float v = run.valueAt(j * run.valueWidth + head * kv.valueDim + d);
      state.values[d] = std::fmaf(p[j - first], v, state.values[d]);
    }
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
  if (unit)
    addUnitValues(first, p, state);
  else
    addValues(first, begin, end, p, state);
  state.maximum = maximum;
  const float sum = unit ? quadSum(p) : numerics::halvingTree(p, kAttentionTile);
  state.sum = std::fmaf(state.sum, alpha, sum);
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
                                const Batch &batch, int64_t heads, float scale,
                                const matrix::MatrixUnit *unit) {
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
                          end,
                          unit};
      attend.row(result.row(t) + h * kv.valueDim);
    }
  }
  return result;
}

} // namespace ingot::reference
