// The matrix unit's order of a linear against its definition, element by element.
#include "ir/reference/Ops.h"

#include "runtime/base/Mxcsr.h"
#include "runtime/base/Random.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace ingot;
using namespace ingot::reference;

namespace {

Rows bf16Rows(int64_t rows, int64_t columns, uint64_t seed) {
  Rows result = Rows::ofFloats(rows, columns);
  const uint64_t key = randomKey(seed, 0);
  for (size_t i = 0; i < result.floats.size(); ++i) {
    const int exponent = static_cast<int>(randomBits(key, 2 * i) % 24) - 12;
    result.floats[i] = std::ldexp(2.0f * unitFloat(randomBits(key, 2 * i + 1)) - 1.0f, exponent);
  }
  return evalRound(result);
}

Weight weightOf(int64_t rows, int64_t columns, WeightKind kind, int64_t group) {
  Weight weight;
  weight.kind = kind;
  weight.rows = rows;
  weight.columns = columns;
  weight.group = group;
  const Rows values = bf16Rows(columns, rows, 7);
  if (kind == WeightKind::Bf16) {
    weight.floats = values.floats;
    return weight;
  }
  for (size_t i = 0; i < values.floats.size(); ++i)
    weight.ints.push_back(static_cast<int8_t>(randomBits(9, i) % 256));
  const int64_t groups = group == 0 ? 1 : (columns + group - 1) / group;
  for (int64_t i = 0; i < groups * rows; ++i)
    weight.scales.push_back(
        numerics::fromF16(numerics::toF16(0.01f * unitFloat(randomBits(5, i)))));
  return weight;
}

uint16_t bitsOf(float value) { return static_cast<uint16_t>(numerics::bitsOf(value) >> 16); }

/// One output as CONTRIBUTING describes it.
float define(const Rows &input, int64_t r, const Weight &weight, int64_t n,
             const LinearOrder &order) {
  const int64_t padded = (input.columns + 63) / 64 * 64;
  std::vector<uint16_t> a(padded, 0), b(padded, 0);
  for (int64_t k = 0; k < input.columns; ++k) {
    a[k] = bitsOf(input.row(r)[k]);
    const int64_t at = k * weight.rows + n;
    b[k] = bitsOf(weight.kind == WeightKind::Int ? static_cast<float>(weight.ints[at])
                                                 : weight.floats[at]);
  }
  const auto chain = [&](int64_t begin, int64_t end) {
    return matrix::chain(0.0f, &a[begin], &b[begin], end - begin, matrix::Format::Bf16, order.unit);
  };
  const int64_t span = order.span ? order.span : padded;
  float total = 0;
  for (int64_t begin = 0; begin < padded; begin += span) {
    const int64_t end = std::min(begin + span, padded);
    float sum = 0;
    if (weight.kind == WeightKind::Int) {
      const int64_t group = weight.group ? weight.group : padded;
      for (int64_t k = begin; k < end; k += group) {
        const float scale =
            k < weight.columns ? weight.scales[weight.groupOf(k) * weight.rows + n] : 0.0f;
        sum = std::fmaf(chain(k, std::min(k + group, end)), scale, sum);
      }
    } else {
      sum = chain(begin, end);
    }
    total = begin == 0 ? sum : total + sum;
  }
  return total;
}

bool sameBits(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0; }

const struct {
  int64_t rows, columns, outputs;
  WeightKind kind;
  int64_t group, span;
} kCases[] = {{1, 1, 1, WeightKind::Bf16, 0, 0},     {3, 70, 9, WeightKind::Bf16, 0, 0},
              {2, 200, 17, WeightKind::Bf16, 0, 64}, {5, 320, 8, WeightKind::Bf16, 0, 128},
              {2, 96, 9, WeightKind::Int, 32, 0},    {3, 300, 5, WeightKind::Int, 64, 128},
              {2, 130, 8, WeightKind::Int, 0, 0},    {1, 100, 3, WeightKind::Int, 96, 0}};

} // namespace

TEST_CASE("a linear on the matrix unit is its definition to the last bit") {
  const MxcsrGuard arithmetic;
  for (const auto &c : kCases)
    for (matrix::MatrixUnit unit : {matrix::kAmpere, matrix::kHopper}) {
      INFO(c.rows << "x" << c.columns << " to " << c.outputs << " group " << c.group << " span "
                  << c.span << " products " << unit.products);
      const LinearOrder order{LinearOrder::Kind::Mma, 16, c.span, unit};
      const Rows input = bf16Rows(c.rows, c.columns, 1);
      const Weight weight = weightOf(c.outputs, c.columns, c.kind, c.group);
      const Rows result = evalLinear(input, weight, order);
      for (int64_t r = 0; r < c.rows; ++r)
        for (int64_t n = 0; n < c.outputs; ++n) {
          REQUIRE(sameBits(result.row(r)[n], define(input, r, weight, n, order)));
          double exact = 0, size = 0;
          for (int64_t k = 0; k < c.columns; ++k) {
            exact += static_cast<double>(input.row(r)[k]) * weight.valueAt(n, k);
            size += std::fabs(static_cast<double>(input.row(r)[k]) * weight.valueAt(n, k));
          }
          REQUIRE(std::fabs(result.row(r)[n] - exact) <= 1e-5 * size + 1e-30);
        }
    }
}

TEST_CASE("infinities and NaN reach the sums of their own row and output only") {
  const MxcsrGuard arithmetic;
  const LinearOrder order{LinearOrder::Kind::Mma, 16, 64, matrix::kHopper};
  Rows input = bf16Rows(3, 130, 1);
  Weight weight = weightOf(10, 130, WeightKind::Bf16, 0);
  const Rows plain = evalLinear(input, weight, order);
  input.row(1)[100] = std::numeric_limits<float>::quiet_NaN();
  weight.floats[40 * weight.rows + 3] = std::numeric_limits<float>::infinity();
  const Rows result = evalLinear(input, weight, order);
  for (int64_t r = 0; r < 3; ++r)
    for (int64_t n = 0; n < 10; ++n) {
      if (r == 1)
        CHECK(std::isnan(result.row(r)[n]));
      else if (n == 3)
        CHECK(std::isinf(result.row(r)[n]));
      else
        CHECK(sameBits(result.row(r)[n], plain.row(r)[n]));
    }
}

TEST_CASE("slices and units are different arithmetic") {
  const MxcsrGuard arithmetic;
  const Rows input = bf16Rows(4, 512, 1);
  const Weight weight = weightOf(16, 512, WeightKind::Bf16, 0);
  const auto run = [&](int64_t span, matrix::MatrixUnit unit) {
    return evalLinear(input, weight, {LinearOrder::Kind::Mma, 16, span, unit}).floats;
  };
  CHECK(run(0, matrix::kHopper) != run(128, matrix::kHopper));
  CHECK(run(0, matrix::kHopper) != run(0, matrix::kAmpere));
  CHECK(run(0, matrix::kHopper) == run(512, matrix::kHopper));
}

namespace {

/// Rows and weights of the same 8 bits; NaN-free.
Weight byteWeight(int64_t rows, int64_t columns, bool e4m3, int64_t group) {
  Weight weight = weightOf(rows, columns, WeightKind::Int, group);
  if (!e4m3)
    return weight;
  weight.kind = WeightKind::E4m3;
  for (const int8_t bits : weight.ints)
    weight.floats.push_back(
        numerics::fromE4m3(static_cast<uint8_t>((bits & 0x7f) == 0x7f ? 0x70 : bits)));
  weight.ints.clear();
  return weight;
}

/// One output: chains of a group, a slice and, for e4m3, 128 elements.
float defineBytes(const Rows &input, int64_t r, const Weight &weight, int64_t n,
                  const LinearOrder &order) {
  const bool e4m3 = weight.kind == WeightKind::E4m3;
  const int64_t padded = (input.columns + 63) / 64 * 64, span = order.span ? order.span : padded;
  const int64_t group = weight.group ? weight.group : padded;
  const int64_t length = e4m3 ? std::min<int64_t>(group, 128) : group;
  std::vector<uint16_t> a(padded, 0), b(padded, 0);
  for (int64_t k = 0; k < input.columns; ++k)
    if (e4m3) {
      a[k] = numerics::toE4m3(input.row(r)[k]);
      b[k] = numerics::toE4m3(weight.floats[k * weight.rows + n]);
    }
  float total = 0;
  for (int64_t begin = 0; begin < padded; begin += span) {
    const int64_t end = std::min(begin + span, padded);
    float sum = 0;
    for (int64_t k = begin; k < end; k += length) {
      const int64_t stop = std::min(k + length, end);
      int64_t integer = 0;
      for (int64_t i = k; i < std::min(stop, input.columns) && !e4m3; ++i)
        integer += static_cast<int64_t>(input.row(r)[i]) * weight.ints[i * weight.rows + n];
      const float chain =
          e4m3 ? matrix::chain(0.0f, &a[k], &b[k], stop - k, matrix::Format::E4m3, order.fp8Unit)
               : static_cast<float>(integer);
      const float scale =
          k < weight.columns ? weight.scales[weight.groupOf(k) * weight.rows + n] : 0.0f;
      sum = std::fmaf(chain, scale, sum);
    }
    total = begin == 0 ? sum : total + sum;
  }
  return total * input.rowScales[r];
}

} // namespace

TEST_CASE("rows of 8 bits: integers are exact, e4m3 leaves the unit every 128 elements") {
  const MxcsrGuard arithmetic;
  const struct {
    int64_t columns, group, span;
  } cases[] = {{1, 0, 0}, {70, 0, 0}, {600, 0, 256}, {520, 128, 0}, {512, 256, 256}};
  for (const auto &c : cases)
    for (const bool e4m3 : {false, true})
      for (const uint32_t architecture : {89u, 90u, 120u}) {
        INFO(c.columns << " group " << c.group << " span " << c.span << " e4m3 " << e4m3);
        LinearOrder order{LinearOrder::Kind::Mma, 32, c.span};
        order.fp8Unit = matrix::fp8UnitOf(architecture);
        const Rows input =
            evalQuantize(bf16Rows(3, c.columns, 1), e4m3 ? RowKind::E4m3Row : RowKind::Int8Row);
        const Weight weight = byteWeight(9, c.columns, e4m3, c.group);
        const Rows result = evalLinear(input, weight, order);
        for (int64_t r = 0; r < 3; ++r)
          for (int64_t n = 0; n < 9; ++n)
            REQUIRE(sameBits(result.row(r)[n], defineBytes(input, r, weight, n, order)));
      }
}
