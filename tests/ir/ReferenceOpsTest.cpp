// The evaluations against the same mathematics in double precision, and the promises about bits.
#include "ir/reference/Ops.h"

#include "runtime/base/Mxcsr.h"
#include "runtime/base/Random.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace ingot;
using namespace ingot::reference;

namespace {

Rows randomRows(int64_t rows, int64_t columns, uint64_t seed, float reach = 1.0f) {
  Rows result = Rows::ofFloats(rows, columns);
  const uint64_t key = randomKey(seed, 0);
  for (size_t i = 0; i < result.floats.size(); ++i)
    result.floats[i] = reach * (2.0f * unitFloat(randomBits(key, i)) - 1.0f);
  return result;
}

Weight randomWeight(int64_t rows, int64_t columns, uint64_t seed, WeightKind kind) {
  Weight weight;
  weight.kind = kind;
  weight.rows = rows;
  weight.columns = columns;
  const Rows values = randomRows(columns, rows, seed);
  if (kind != WeightKind::Int) {
    weight.floats = kind == WeightKind::Bf16 ? evalRound(values).floats : values.floats;
    return weight;
  }
  weight.group = 32;
  for (float value : values.floats)
    weight.ints.push_back(static_cast<int8_t>(value * 7.0f));
  weight.scales = randomRows((columns + 31) / 32, rows, seed + 1).floats;
  return weight;
}

/// sum over k of row * weight in double precision, and of the magnitudes.
std::pair<double, double> product(const Rows &rows, int64_t r, const Weight &weight, int64_t n) {
  double sum = 0, size = 0;
  for (int64_t k = 0; k < rows.columns; ++k) {
    const double term = static_cast<double>(rows.valueAt(r, k)) * weight.valueAt(n, k);
    sum += term;
    size += std::fabs(term);
  }
  return {sum, size};
}

/// A cache of one head with `positions` random entries in group 0, layer 0, sequence 0.
KvState randomCache(const KvGeometry &kv, int64_t positions) {
  KvState state;
  Batch batch;
  batch.append(0, 0, std::vector<uint32_t>(positions, 0), true);
  evalKvAppend(state, kv, randomRows(positions, kv.heads * kv.keyDim, 11),
               randomRows(positions, kv.heads * kv.valueDim, 12), batch);
  return state;
}

/// Softmax attention in double precision over positions [begin, end).
std::vector<double> attendInDouble(const float *query, const KvRun &run, const KvGeometry &kv,
                                   int64_t head, int64_t begin, int64_t end, double scale) {
  std::vector<double> scores, result(kv.valueDim, 0.0);
  double largest = -1e300, sum = 0;
  for (int64_t j = begin; j < end; ++j) {
    double score = 0;
    for (int64_t d = 0; d < kv.keyDim; ++d)
      score += static_cast<double>(query[d]) *
               numerics::fromBf16(run.keys[j * run.keyWidth + head * kv.keyDim + d]);
    scores.push_back(score * scale);
    largest = std::max(largest, scores.back());
  }
  for (int64_t j = begin; j < end; ++j) {
    const double p = std::exp(scores[j - begin] - largest);
    sum += p;
    for (int64_t d = 0; d < kv.valueDim; ++d)
      result[d] += p * numerics::fromBf16(run.values[j * run.valueWidth + head * kv.valueDim + d]);
  }
  for (double &value : result)
    value /= sum;
  return result;
}

/// One token that sees positions [begin, end) of sequence 0.
Batch oneToken(uint32_t begin, uint32_t end) {
  Batch batch;
  batch.append(0, end - 1, std::vector<uint32_t>{0}, true);
  batch.visibleBegin[0] = begin;
  batch.visibleEnd[0] = end;
  return batch;
}

} // namespace

TEST_CASE("every kind of linear is near the product in double precision") {
  const MxcsrGuard arithmetic;
  for (int64_t columns : {1, 31, 32, 33, 100}) {
    const Rows input = randomRows(3, columns, 1);
    const struct {
      Rows rows;
      WeightKind weight;
    } cases[] = {{input, WeightKind::F32},
                 {evalRound(input), WeightKind::Bf16},
                 {evalRound(input), WeightKind::F32},
                 {input, WeightKind::Int},
                 {evalQuantize(input, RowKind::Int8Pow2), WeightKind::Int},
                 {evalQuantize(input, RowKind::Int8F32), WeightKind::Int}};
    for (const auto &[rows, kind] : cases) {
      const Weight weight = randomWeight(5, columns, 2, kind);
      const Rows result = evalLinear(rows, weight);
      for (int64_t r = 0; r < 3; ++r)
        for (int64_t n = 0; n < 5; ++n) {
          const auto [sum, size] = product(rows, r, weight, n);
          CHECK(std::fabs(result.row(r)[n] - sum) <= 1e-6 * size + 1e-9);
        }
    }
  }
}

TEST_CASE("a row of a linear does not depend on the other rows") {
  const MxcsrGuard arithmetic;
  const Rows input = evalQuantize(randomRows(4, 70, 3), RowKind::Int8Pow2);
  const Weight weight = randomWeight(9, 70, 4, WeightKind::Int);
  const Rows all = evalLinear(input, weight);
  const Rows source = randomRows(4, 70, 3);
  for (int64_t r = 0; r < 4; ++r) {
    Rows one = Rows::ofFloats(1, 70);
    std::copy_n(source.row(r), 70, one.row(0));
    const Rows alone = evalLinear(evalQuantize(one, RowKind::Int8Pow2), weight);
    CHECK(std::equal(alone.floats.begin(), alone.floats.end(), all.row(r)));
  }
}

TEST_CASE("rms_norm is near the definition in double precision") {
  const MxcsrGuard arithmetic;
  const Rows input = randomRows(2, 150, 5, 10.0f);
  const Weight gamma = randomWeight(150, 1, 6, WeightKind::F32);
  const Rows result = evalRmsNorm(input, gamma, 1e-5f, 0);
  for (int64_t r = 0; r < 2; ++r) {
    double squares = 0;
    for (int64_t c = 0; c < 150; ++c)
      squares += static_cast<double>(input.row(r)[c]) * input.row(r)[c];
    for (int64_t c = 0; c < 150; ++c) {
      const double expected =
          input.row(r)[c] / std::sqrt(squares / 150 + 1e-5) * gamma.valueAt(c, 0);
      CHECK(std::fabs(result.row(r)[c] - expected) <= 3e-7 * std::fabs(expected));
    }
  }
}

TEST_CASE("layer_norm is near the definition in double precision") {
  const MxcsrGuard arithmetic;
  const Rows input = randomRows(2, 150, 5, 10.0f);
  const Weight gamma = randomWeight(150, 1, 6, WeightKind::F32);
  const Weight beta = randomWeight(150, 1, 7, WeightKind::F32);
  const Rows result = evalLayerNorm(input, gamma, beta, 1e-5f);
  for (int64_t r = 0; r < 2; ++r) {
    double mean = 0, variance = 0;
    for (int64_t c = 0; c < 150; ++c)
      mean += static_cast<double>(input.row(r)[c]) / 150;
    for (int64_t c = 0; c < 150; ++c)
      variance += (input.row(r)[c] - mean) * (input.row(r)[c] - mean) / 150;
    for (int64_t c = 0; c < 150; ++c) {
      const double normed = (input.row(r)[c] - mean) / std::sqrt(variance + 1e-5);
      const double expected = normed * gamma.valueAt(c, 0) + beta.valueAt(c, 0);
      CHECK(std::fabs(result.row(r)[c] - expected) <= 1e-6 * (1 + std::fabs(expected)));
    }
  }
}

TEST_CASE("a turn by the angles keeps lengths") {
  const MxcsrGuard arithmetic;
  Batch batch;
  batch.append(0, 1000, std::vector<uint32_t>(3, 0), true);
  const std::vector<float> frequencies{1.0f, 0.3f, 0.01f};
  const Rows angles = evalRopeAngles(batch, frequencies, 1.0f);
  const Rows input = randomRows(3, 12, 7);
  const Rows result = evalRope(input, angles, 6);
  for (int64_t t = 0; t < 3; ++t)
    for (int64_t head = 0; head < 2; ++head)
      for (int64_t i = 0; i < 3; ++i) {
        const double angle = (1000.0 + static_cast<double>(t)) * frequencies[i];
        const double lo = input.row(t)[6 * head + i], hi = input.row(t)[6 * head + 3 + i];
        // float32 angles near 1000 are off by up to 3e-5.
        CHECK(result.row(t)[6 * head + i] ==
              Approx(lo * std::cos(angle) - hi * std::sin(angle)).margin(1e-4));
        CHECK(result.row(t)[6 * head + 3 + i] ==
              Approx(lo * std::sin(angle) + hi * std::cos(angle)).margin(1e-4));
      }
}

TEST_CASE("attention is near softmax in double precision, whatever the visible range") {
  const MxcsrGuard arithmetic;
  const KvGeometry kv{0, 0, 2, 8, 6};
  KvState state = randomCache(kv, 700);
  const Rows query = randomRows(1, 4 * 8, 13, 4.0f);
  const std::pair<uint32_t, uint32_t> ranges[] = {{0, 1},     {0, 64},    {0, 65},    {0, 256},
                                                  {0, 257},   {0, 700},   {100, 101}, {63, 65},
                                                  {250, 600}, {512, 700}, {699, 700}};
  for (const auto &[begin, end] : ranges)
    for (const Rows &q : {query, evalRound(query)}) {
      const auto result =
          evalPagedAttention(q, state, kv, oneToken(begin, end), {.heads = 4, .scale = 0.5f});
      REQUIRE(result);
      for (int64_t h = 0; h < 4; ++h) {
        const std::vector<double> expected =
            attendInDouble(q.row(0) + h * 8, state.run(0, 0, 0), kv, h / 2, begin, end, 0.5);
        for (int64_t d = 0; d < 6; ++d)
          CHECK(std::fabs(result->row(0)[h * 6 + d] - expected[d]) < 1e-6);
      }
    }
}

TEST_CASE("what lies outside the visible range is never used") {
  const MxcsrGuard arithmetic;
  const KvGeometry kv{0, 0, 1, 4, 4};
  KvState clean = randomCache(kv, 300), stale = randomCache(kv, 300);
  KvRun &run = stale.run(0, 0, 0);
  for (int64_t j = 0; j < 300; ++j)
    if (j < 70 || j >= 290)
      for (int64_t d = 0; d < 4; ++d)
        run.keys[j * 4 + d] = run.values[j * 4 + d] = 0x7fc0; // NaN
  const Rows query = evalRound(randomRows(1, 4, 14));
  const auto expected = evalPagedAttention(query, clean, kv, oneToken(70, 290), {});
  const auto result = evalPagedAttention(query, stale, kv, oneToken(70, 290), {});
  REQUIRE(expected);
  REQUIRE(result);
  CHECK(result->floats == expected->floats);
}

TEST_CASE("attention refuses ranges that the cache does not have") {
  const KvGeometry kv{0, 0, 1, 4, 4};
  KvState state = randomCache(kv, 5);
  const Rows query = randomRows(1, 4, 15);
  CHECK(evalPagedAttention(query, state, kv, oneToken(0, 6), {}).status().id() == "visible-range");
  CHECK(evalPagedAttention(query, state, kv, oneToken(3, 3), {}).status().id() == "visible-range");
}

TEST_CASE("argmax in one step and in two agree") {
  Rows input = randomRows(20, 333, 16);
  for (int64_t r = 0; r < 20; ++r)
    for (int64_t c = 0; c < 333; ++c) // few distinct values, so that ties are common
      input.row(r)[c] = std::nearbyint(input.row(r)[c] * 4.0f);
  CHECK(evalArgmaxFold(evalArgmaxPartial(input)).ints == evalArgmax(input).ints);
}
