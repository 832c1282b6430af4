// The rules of runtime/base/MatrixUnit.h on cases where each shows, and all of them against a
// second model that is written without bit tricks.
#include "runtime/base/MatrixUnit.h"
#include "runtime/base/Numerics.h"
#include "runtime/base/Random.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

using namespace ingot;
using matrix::Format;
using matrix::MatrixUnit;

namespace {

uint16_t bf16(double value) {
  const uint16_t bits = numerics::toBf16(static_cast<float>(value));
  REQUIRE(static_cast<double>(numerics::fromBf16(bits)) == value); // the cases are exact
  return bits;
}

/// One step over bf16 factors: pairs (a, b).
float bf16Step(float c, const std::vector<std::pair<double, double>> &pairs, MatrixUnit unit) {
  std::vector<uint16_t> a, b;
  for (const auto &[x, y] : pairs) {
    a.push_back(bf16(x));
    b.push_back(bf16(y));
  }
  return matrix::step(c, a.data(), b.data(), static_cast<int>(pairs.size()), Format::Bf16, unit);
}

double power(int exponent) { return std::ldexp(1.0, exponent); }

/// value = significand * 2^exponent as the papers describe a factor.
struct Parts {
  double significand = 0;
  int exponent = 0;
};
Parts partsOf(double value, int smallest) {
  if (value == 0)
    return {0, -126};
  int exponent;
  double significand = 2 * std::frexp(value, &exponent);
  exponent -= 1;
  for (; exponent < smallest; ++exponent)
    significand /= 2;
  return {significand, exponent};
}
double valueOf(uint16_t bits, Format format) {
  const auto layout = matrix::formatBits(format);
  const int field = bits >> layout.fraction & ((1 << layout.exponent) - 1);
  const double fraction = std::ldexp(bits & ((1 << layout.fraction) - 1), -layout.fraction);
  const double magnitude =
      std::ldexp(field ? 1 + fraction : fraction, (field ? field : 1) - layout.bias);
  return bits >> (layout.fraction + layout.exponent) & 1 ? -magnitude : magnitude;
}

/// One step of finite terms in doubles: every number below has less than 53 bits.
float modelStep(float c, const uint16_t *a, const uint16_t *b, int n, Format format,
                MatrixUnit unit) {
  const int smallest = 1 - matrix::formatBits(format).bias;
  std::vector<Parts> terms = {partsOf(c, -126)};
  for (int k = 0; k < n; ++k) {
    const Parts x = partsOf(valueOf(a[k], format), smallest);
    const Parts y = partsOf(valueOf(b[k], format), smallest);
    if (x.significand != 0 && y.significand != 0)
      terms.push_back({x.significand * y.significand, x.exponent + y.exponent});
  }
  int largest = -1000;
  for (const Parts &term : terms)
    largest = std::max(largest, term.exponent);
  double sum = 0;
  for (const Parts &term : terms)
    sum += std::trunc(std::ldexp(term.significand, term.exponent - largest + unit.fraction));
  const double value = std::ldexp(sum, largest - unit.fraction);
  if (value == 0)
    return 0.0f;
  const Parts result = partsOf(value, -126);
  return static_cast<float>(std::ldexp(std::trunc(std::ldexp(result.significand, unit.result)),
                                       result.exponent - unit.result));
}

/// Random bits that are a finite number; `spread`: of exponents around that of 1.
uint16_t randomFactor(uint64_t random, Format format, int spread) {
  const auto layout = matrix::formatBits(format);
  const auto sign = static_cast<uint16_t>((random & 1) << (layout.exponent + layout.fraction));
  const auto fraction = static_cast<uint16_t>(random >> 8 & ((1u << layout.fraction) - 1));
  const int most = (1 << layout.exponent) - 2;
  const int field =
      std::clamp(layout.bias + static_cast<int>(random >> 32) % (2 * spread + 1) - spread, 0, most);
  return static_cast<uint16_t>(sign | field << layout.fraction | fraction);
}

struct UnitCase {
  MatrixUnit unit;
  Format format;
};
constexpr UnitCase kCases[] = {
    {matrix::kAmpere, Format::Bf16},      {matrix::kHopper, Format::Bf16},
    {matrix::kAmpere, Format::F16},       {matrix::kHopper, Format::F16},
    {matrix::kAdaFp8, Format::E4m3},      {matrix::kHopperFp8, Format::E4m3},
    {matrix::kBlackwellFp8, Format::E4m3}};

} // namespace

TEST_CASE("terms are cut to the unit's fraction bits before they are added") {
  // 2^-25 beside 1: a bit of sm_90, none of sm_80; four of them are one unit of the result.
  const std::pair<double, double> tiny = {power(-12), power(-13)};
  CHECK(bf16Step(1, {tiny, tiny, tiny, tiny}, matrix::kAmpere) == 1.0f);
  CHECK(bf16Step(1, {tiny, tiny, tiny, tiny}, matrix::kHopper) == 1.0f + 0x1p-23f);
  const std::pair<double, double> small = {power(-12), power(-12)};
  CHECK(bf16Step(1, {small, small}, matrix::kAmpere) == 1.0f + 0x1p-23f);
}

TEST_CASE("sums are cut toward zero") {
  const std::pair<double, double> small = {power(-12), power(-12)}; // half a unit of 1
  CHECK(bf16Step(1, {small}, matrix::kHopper) == 1.0f);
  CHECK(bf16Step(-1, {{-power(-12), power(-12)}}, matrix::kHopper) == -1.0f);
  // 1 - 2^-25 lies between 1 - 2^-24 and 1.
  CHECK(bf16Step(1, {{-power(-12), power(-13)}}, matrix::kHopper) == 1.0f - 0x1p-24f);
  // Alone, a negative term is cut toward zero, not downward: on sm_80 nothing of it stays.
  CHECK(bf16Step(1, {{-power(-12), power(-13)}}, matrix::kAmpere) == 1.0f);
}

TEST_CASE("products are not normalised before alignment") {
  // 1.5 * 1.5 = 2.25 keeps exponent 0, so 2^-24 still has a place on sm_80.
  const std::pair<double, double> small = {power(-12), power(-12)};
  CHECK(bf16Step(0, {{1.5, 1.5}, small, small, small, small}, matrix::kAmpere) == 2.25f + 0x1p-22f);
  // The same value as one significand has exponent 1, and 2^-24 is cut.
  CHECK(bf16Step(0, {{2.25, 1}, small, small, small, small}, matrix::kAmpere) == 2.25f);
}

TEST_CASE("a chain steps by the unit's number of products") {
  std::vector<uint16_t> a(16, bf16(1)), b(16, bf16(1));
  a[0] = bf16(power(24));
  a[8] = bf16(-power(24));
  // sm_80: 2^24 + 7 is cut to 2^24 + 6 after eight products; sm_90 adds all at once.
  CHECK(matrix::chain(0, a.data(), b.data(), 16, Format::Bf16, matrix::kAmpere) == 13.0f);
  CHECK(matrix::chain(0, a.data(), b.data(), 16, Format::Bf16, matrix::kHopper) == 14.0f);
}

TEST_CASE("zeros, underflow and overflow") {
  CHECK(numerics::bitsOf(bf16Step(-0.0f, {{-0.0, 1}}, matrix::kHopper)) == 0);
  CHECK(numerics::bitsOf(bf16Step(0, {{1, 1}, {-1, 1}}, matrix::kHopper)) == 0);
  // A zero beside a huge factor does not decide the alignment.
  CHECK(bf16Step(0x1p-100f, {{0, power(127)}}, matrix::kHopper) == 0x1p-100f);
  // Denormal numbers are read and written whatever the mode of the thread.
  CHECK(numerics::bitsOf(bf16Step(numerics::floatOf(1), {{0, 1}}, matrix::kHopper)) == 1);
  const uint16_t smallest = 1, one = bf16(1); // 2^-133
  CHECK(numerics::bitsOf(matrix::step(0, &smallest, &one, 1, Format::Bf16, matrix::kHopper)) ==
        1u << 16);
  CHECK(bf16Step(0, {{power(127), 1}, {power(127), 1}}, matrix::kHopper) == INFINITY);
  CHECK(bf16Step(0, {{power(127), 1.5}, {power(125), 1}}, matrix::kHopper) ==
        0x1p127f + 0x1p127f * 0.75f);
  CHECK(bf16Step(0, {{power(127), -2}}, matrix::kHopper) == -INFINITY);
}

TEST_CASE("infinities and NaN") {
  const uint16_t infinity = 0x7f80, minus = 0xff80, nan = 0x7fc1, zero = 0, one = bf16(1);
  const auto bitsOfStep = [](float c, uint16_t a, uint16_t b) {
    return numerics::bitsOf(matrix::step(c, &a, &b, 1, Format::Bf16, matrix::kHopper));
  };
  CHECK(bitsOfStep(1, infinity, one) == 0x7f800000u);
  CHECK(bitsOfStep(1, minus, one) == 0xff800000u);
  CHECK(bitsOfStep(1, minus, minus) == 0x7f800000u);
  CHECK(bitsOfStep(1, infinity, zero) == 0x7fffffffu);
  CHECK(bitsOfStep(1, nan, one) == 0x7fffffffu);
  CHECK(bitsOfStep(-INFINITY, infinity, one) == 0x7fffffffu);
  CHECK(bitsOfStep(-INFINITY, one, one) == 0xff800000u);
  CHECK(bitsOfStep(NAN, one, one) == 0x7fffffffu);
  // e4m3 has a NaN of either sign and no infinity: 0x7e is 448.
  const uint16_t most = 0x7e, e4m3One = 0x38;
  CHECK(matrix::step(0, &most, &e4m3One, 1, Format::E4m3, matrix::kHopperFp8) == 448.0f);
  const uint16_t e4m3Nan = 0xff;
  CHECK(numerics::bitsOf(matrix::step(0, &e4m3Nan, &e4m3One, 1, Format::E4m3,
                                      matrix::kHopperFp8)) == 0x7fffffffu);
}

TEST_CASE("fp8 sums keep thirteen bits where the instruction does") {
  const uint16_t one = 0x38, small = 0x01, half = 0x30;       // 1, 2^-9, 1/2
  const uint16_t a[] = {one, small}, quarter[] = {one, 0x18}; // 2^-9 * 2^-4 = 2^-13
  CHECK(matrix::step(0, a, quarter, 2, Format::E4m3, matrix::kHopperFp8) == 1.0f + 0x1p-13f);
  const uint16_t eighth[] = {one, 0x10}; // 2^-14
  CHECK(matrix::step(0, a, eighth, 2, Format::E4m3, matrix::kHopperFp8) == 1.0f);
  CHECK(matrix::step(0, a, eighth, 2, Format::E4m3, matrix::kBlackwellFp8) == 1.0f + 0x1p-14f);
  CHECK(matrix::step(0, &half, &half, 1, Format::E4m3, matrix::kAdaFp8) == 0.25f);
}

TEST_CASE("steps of random terms are those of the model, in any order") {
  uint64_t counter = 0;
  const auto random = [&] { return randomBits(7, counter++); };
  for (const UnitCase &each : kCases)
    for (int round = 0; round < 3000; ++round) {
      const int spread = round % 3 == 0 ? 4 : round % 3 == 1 ? 14 : 120;
      uint16_t a[32], b[32];
      const int n = 1 + static_cast<int>(random() % each.unit.products);
      for (int k = 0; k < n; ++k) {
        a[k] = randomFactor(random(), each.format, spread);
        b[k] = randomFactor(random(), each.format, spread);
      }
      float c = numerics::fromBf16(randomFactor(random(), Format::Bf16, spread));
      c *= 1.0f + unitFloat(random());
      const float got = matrix::step(c, a, b, n, each.format, each.unit);
      REQUIRE(numerics::bitsOf(got) ==
              numerics::bitsOf(modelStep(c, a, b, n, each.format, each.unit)));
      for (int k = n - 1; k > 0; --k) {
        const int other = static_cast<int>(random() % (k + 1));
        std::swap(a[k], a[other]);
        std::swap(b[k], b[other]);
      }
      REQUIRE(numerics::bitsOf(matrix::step(c, b, a, n, each.format, each.unit)) ==
              numerics::bitsOf(got));
    }
}

TEST_CASE("tiles are chains, special values included") {
  uint64_t counter = 0;
  const auto random = [&] { return randomBits(8, counter++); };
  for (const UnitCase &each : kCases)
    for (int round = 0; round < 60; ++round) {
      const int spread = round % 2 ? 4 : 100;
      uint16_t a[16][32], b[8][32];
      float d[16][8], start[16][8];
      for (auto &row : a)
        for (uint16_t &x : row)
          x = randomFactor(random(), each.format, spread);
      for (auto &row : b)
        for (uint16_t &x : row)
          x = randomFactor(random(), each.format, spread);
      for (auto &row : start)
        for (float &x : row)
          x = numerics::floatOf(static_cast<uint32_t>(random()));
      if (round % 5 == 0)
        a[3][7] = 0x7f80; // infinite, NaN or plain, by the format
      std::copy(&start[0][0], &start[0][0] + 128, &d[0][0]);
      matrix::multiplyTile<32>(d, a, b, each.format, each.unit);
      for (int m = 0; m < 16; ++m)
        for (int n = 0; n < 8; ++n)
          REQUIRE(
              numerics::bitsOf(d[m][n]) ==
              numerics::bitsOf(matrix::chain(start[m][n], a[m], b[n], 32, each.format, each.unit)));
    }
}
