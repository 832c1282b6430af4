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
  const AttentionSpec &spec;
  int64_t queryHead, head; ///< head: of the cache
  int64_t visibleBegin, visibleEnd;

  float score(int64_t position) const;
  float chain(int64_t position) const;
  float unitChain(int64_t position) const;
  uint16_t factor(float value) const;
  matrix::Format factorFormat() const;
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

/// Factors of the unit: fp16 where bfloat16 does not hold what the cache does.
matrix::Format Attend::factorFormat() const {
  const bool wide = kv.format == abi::KvFormat::F16 || kv.format == abi::KvFormat::E4m3;
  return wide ? matrix::Format::F16 : matrix::Format::Bf16;
}

uint16_t Attend::factor(float value) const {
  return factorFormat() == matrix::Format::F16 ? numerics::toF16(value) : numerics::toBf16(value);
}

float Attend::unitChain(int64_t position) const {
  const int64_t key = position * run.keyWidth + head * kv.keyDim;
  float sum = 0.0f;
  for (int64_t d = 0; d < kv.keyDim; d += kUnitDepth) {
    uint16_t q[kUnitDepth] = {}, k[kUnitDepth] = {};
    for (int64_t i = 0; i < std::min(kUnitDepth, kv.keyDim - d); ++i) {
      q[i] = factor(query[d + i]);
      k[i] = factor(run.keyAt(key + d + i));
    }
    sum = matrix::chain(sum, q, k, kUnitDepth, factorFormat(), *spec.unit);
  }
  return sum;
}

/// `p`: of the tile, each already times the scale of its value.
void Attend::addUnitValues(int64_t first, const float *p, Softmax &state) const {
  uint16_t rounded[kAttentionTile];
  for (int64_t j = 0; j < kAttentionTile; ++j)
    rounded[j] = factor(p[j]);
  for (int64_t d = 0; d < kv.valueDim; ++d) {
    uint16_t v[kAttentionTile] = {}; // what is not visible counts as zero
    for (int64_t j = std::max(first, visibleBegin);
         j < std::min(first + kAttentionTile, visibleEnd); ++j)
      v[j - first] = factor(run.valueAt(j * run.valueWidth + head * kv.valueDim + d));
    for (int64_t j = 0; j < kAttentionTile; j += kUnitDepth)
      state.values[d] = matrix::chain(state.values[d], rounded + j, v + j, kUnitDepth,
                                      factorFormat(), *spec.unit);
  }
}

float Attend::chain(int64_t position) const {
  if (spec.unit)
    return unitChain(position);
  const int64_t key = position * run.keyWidth + head * kv.keyDim;
  float sum = 0.0f;
  for (int64_t d = 0; d < kv.keyDim; d += 2) {
    const int64_t first = pairs ? d + 1 : d, second = pairs ? d : d + 1;
    sum = std::fmaf(query[first], run.keyAt(key + first), sum);
    sum = std::fmaf(query[second], run.keyAt(key + second), sum);
  }
  return sum;
}

float Attend::score(int64_t position) const {
  float score = chain(position);
  if (kv.format == abi::KvFormat::Int8) // others have no product
    score = score * run.keyScale(position, head);
  score = score * spec.scale;
  return spec.softcap > 0 ? numerics::softcapped(score, spec.softcap, 1.0f / spec.softcap) : score;
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
  float weights[kAttentionTile] = {};
  for (int64_t j = begin; j < end; ++j) {
    weights[j - first] = p[j - first];
    if (kv.format == abi::KvFormat::Int8)
      weights[j - first] = p[j - first] * run.valueScale(j, head);
  }
  if (spec.unit)
    addUnitValues(first, weights, state);
  else
    addValues(first, begin, end, weights, state);
  state.maximum = maximum;
  const float sum = spec.unit ? quadSum(p) : numerics::halvingTree(p, kAttentionTile);
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
  if (!spec.sinks.empty()) {
    total.maximum = spec.sinks[queryHead];
    total.sum = 1.0f;
  }
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
                                const Batch &batch, const AttentionSpec &spec) {
  Rows result = Rows::ofFloats(query.rows, spec.heads * kv.valueDim);
  for (int64_t t = 0; t < query.rows; ++t) {
    const KvRun &run = state.run(kv.group, kv.layer, batch.tokenSequence[t]);
    int64_t begin = batch.visibleBegin[t];
    const int64_t end = batch.visibleEnd[t];
    if (begin >= end || end > run.positions())
      return Status(ErrorClass::Data, "visible-range",
                    format("row %lld sees positions %lld to %lld of a cache with %lld",
                           static_cast<long long>(t), static_cast<long long>(begin),
                           static_cast<long long>(end), static_cast<long long>(run.positions())));
    if (spec.window > 0)
      begin = std::max(begin, end - spec.window);
    for (int64_t h = 0; h < spec.heads; ++h) {
      const Attend attend{query.row(t) + h * kv.keyDim,
                          query.kind == RowKind::Bf16,
                          run,
                          kv,
                          spec,
                          h,
                          h / (spec.heads / kv.heads),
                          begin,
                          end};
      attend.row(result.row(t) + h * kv.valueDim);
    }
  }
  return result;
}

} // namespace ingot::reference
