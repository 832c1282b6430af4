#include "ir/quant/WeightQuantizer.h"

#include "runtime/base/Numerics.h"
#include "runtime/base/Random.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <immintrin.h>

using namespace ingot;

namespace {

/// Values of roughly normal shape: sums of four uniform numbers.
std::vector<float> randomRows(int64_t count, uint64_t seed) {
  std::vector<float> values(count);
  const uint64_t key = randomKey(seed, 0);
  for (int64_t i = 0; i < count; ++i) {
    float sum = -2.0f;
    for (uint64_t j = 0; j < 4; ++j)
      sum += unitFloat(randomBits(key, 4 * uint64_t(i) + j));
    values[i] = 0.05f * sum;
  }
  return values;
}

double squaredError(const std::vector<float> &weights, const QuantizedRows &q, int64_t columns,
                    const QuantizeSpec &spec) {
  const int64_t groups = scaleGroups(spec, columns);
  const int64_t width = spec.group ? spec.group : columns;
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t row = int64_t(i) / columns, column = int64_t(i) % columns;
    const double scale = numerics::fromF16(q.scales[row * groups + column / width]);
    const double d = weights[i] - q.values[i] * scale;
    sum += d * d;
  }
  return sum;
}

} // namespace

TEST_CASE("values on the grid come back exactly") {
  const QuantizeSpec spec{4, 32, false};
  std::vector<float> weights(64);
  for (int i = 0; i < 64; ++i)
    weights[i] = 0.25f * static_cast<float>(i % 15 - 7) * (i < 32 ? 1.0f : 2.0f);
  const QuantizedRows q = quantizeRows(weights, 1, 64, spec);
  REQUIRE(q.scales.size() == 2);
  CHECK(numerics::fromF16(q.scales[0]) == 0.25f);
  CHECK(numerics::fromF16(q.scales[1]) == 0.5f);
  for (int i = 0; i < 64; ++i)
    CHECK(q.values[i] == i % 15 - 7);
}

TEST_CASE("ties go to even and values are rounded by the exact scale") {
  const QuantizeSpec spec{8, 32, false};
  std::vector<float> weights(32, 0.0f);
  weights[0] = -127.0f;
  weights[1] = 2.5f;
  weights[2] = 3.5f;
  weights[3] = -2.5f;
  QuantizedRows q = quantizeRows(weights, 1, 32, spec);
  CHECK(q.values[0] == -127);
  CHECK(q.values[1] == 2);
  CHECK(q.values[2] == 4);
  CHECK(q.values[3] == -2);

  // 7.003 / 7 is not an f16: 1 is stored, and 0.5002 stays below half of the exact scale.
  std::vector<float> off(32, 0.0f);
  off[0] = 7.003f;
  off[1] = 0.5002f;
  q = quantizeRows(off, 1, 32, {4, 32, false});
  CHECK(numerics::fromF16(q.scales[0]) == 1.0f);
  CHECK(q.values[0] == 7);
  CHECK(q.values[1] == 0);

  // A denormal scale is off by much: 2^-24 is stored for 1.4 * 2^-24, and decides.
  std::vector<float> tiny(32, 0.0f);
  tiny[0] = 7 * 1.4f * 0x1p-24f;
  tiny[1] = 0.6f * 0x1p-24f;
  q = quantizeRows(tiny, 1, 32, {4, 32, false});
  CHECK(numerics::fromF16(q.scales[0]) == 0x1p-24f);
  CHECK(q.values[0] == 7);
  CHECK(q.values[1] == 1);
}

TEST_CASE("the last group may be short and per channel means one scale per row") {
  const std::vector<float> weights = randomRows(3 * 80, 1);
  CHECK(scaleGroups({4, 32, false}, 80) == 3);
  CHECK(scaleGroups({4, 0, false}, 80) == 1);
  for (int64_t group : {32, 64, 0}) {
    const QuantizeSpec spec{8, group, false};
    const QuantizedRows q = quantizeRows(weights, 3, 80, spec);
    const int64_t groups = scaleGroups(spec, 80), width = group ? group : 80;
    REQUIRE(q.scales.size() == size_t(3 * groups));
    for (int64_t row = 0; row < 3; ++row)
      for (int64_t g = 0; g < groups; ++g) {
        float largest = 0;
        for (int64_t c = g * width; c < std::min<int64_t>(80, (g + 1) * width); ++c)
          largest = std::max(largest, std::fabs(weights[row * 80 + c]));
        CHECK(q.scales[row * groups + g] == numerics::toF16(largest / 127.0f));
      }
  }
}

TEST_CASE("errors stay within half a step") {
  for (int bits : {4, 8}) {
    const QuantizeSpec spec{bits, 32, false};
    const std::vector<float> weights = randomRows(4 * 96, 7);
    const QuantizedRows q = quantizeRows(weights, 4, 96, spec);
    for (size_t i = 0; i < weights.size(); ++i) {
      const float scale = numerics::fromF16(q.scales[i / 32]);
      // The f16 scale is off by at most 2^-11: the outermost value by that share of `levels` steps.
      CHECK(std::fabs(weights[i] - q.values[i] * scale) <=
            0.501f * scale + std::fabs(weights[i]) * 0x1p-11f);
    }
  }
}

TEST_CASE("zeros, denormals and huge values give finite scales") {
  std::vector<float> weights(96, 0.0f);
  std::fill(weights.begin() + 32, weights.begin() + 64, 1e-30f);
  std::fill(weights.begin() + 64, weights.end(), 3e38f);
  const QuantizedRows q = quantizeRows(weights, 1, 96, {4, 32, false});
  for (int i = 0; i < 64; ++i)
    CHECK(q.values[i] == 0);
  CHECK(q.scales[0] == 0);
  CHECK(q.scales[1] == 0);
  CHECK(numerics::fromF16(q.scales[2]) == 65504.0f);
  CHECK(q.values[95] == 7);
}

TEST_CASE("the clipping search never has a larger error and finds a smaller one") {
  for (int bits : {4, 8}) {
    const std::vector<float> weights = randomRows(64 * 128, 3);
    const QuantizeSpec plain{bits, 128, false}, clipped{bits, 128, true};
    for (int64_t row = 0; row < 64; ++row) {
      const std::vector<float> one(weights.begin() + row * 128, weights.begin() + (row + 1) * 128);
      const double before = squaredError(one, quantizeRows(one, 1, 128, plain), 128, plain);
      const double after = squaredError(one, quantizeRows(one, 1, 128, clipped), 128, clipped);
      CHECK(after <= before * 1.00001);
    }
    if (bits == 4) {
      const double before =
          squaredError(weights, quantizeRows(weights, 64, 128, plain), 128, plain);
      const double after =
          squaredError(weights, quantizeRows(weights, 64, 128, clipped), 128, clipped);
      CHECK(after < 0.95 * before);
    }
  }
}

TEST_CASE("neither the split of rows nor the caller's rounding mode changes a bit") {
  const std::vector<float> weights = randomRows(9 * 100, 5);
  for (bool clip : {false, true}) {
    const QuantizeSpec spec{4, 64, clip};
    const QuantizedRows whole = quantizeRows(weights, 9, 100, spec);
    QuantizedRows parts;
    parts.values.resize(900);
    parts.scales.resize(18);
    const uint32_t saved = _mm_getcsr();
    _mm_setcsr(saved | 0x6000u); // round toward zero
    quantizeRows(weights.data(), 4, 100, spec, parts.values.data(), parts.scales.data());
    quantizeRows(weights.data() + 400, 5, 100, spec, parts.values.data() + 400,
                 parts.scales.data() + 8);
    _mm_setcsr(saved);
    CHECK(parts.values == whole.values);
    CHECK(parts.scales == whole.scales);
  }
}

TEST_CASE("e4m3 takes the nearest number of the scaled weight and never saturates") {
  for (const float size : {1.0f, 1e-4f, 3e-3f, 2000.0f}) {
    std::vector<float> weights = randomRows(3 * 300, 11);
    for (float &w : weights)
      w *= size;
    for (const int64_t group : {0, 128}) {
      QuantizeSpec spec{8, group, false};
      spec.e4m3 = true;
      const QuantizedRows q = quantizeRows(weights, 3, 300, spec);
      const int64_t groups = scaleGroups(spec, 300), width = group ? group : 300;
      REQUIRE(q.scales.size() == static_cast<size_t>(3 * groups));
      for (int64_t i = 0; i < 900; ++i) {
        const float scale = numerics::fromF16(q.scales[i / 300 * groups + i % 300 / width]);
        const double exact = static_cast<double>(weights[i] / scale);
        REQUIRE(std::fabs(exact) <= 448.0);
        const double got = numerics::fromE4m3(static_cast<uint8_t>(q.values[i]));
        for (int bits = 0; bits < 256; ++bits) // nothing is nearer
          if ((bits & 0x7f) != 0x7f)
            REQUIRE(std::fabs(got - exact) <=
                    std::fabs(numerics::fromE4m3(static_cast<uint8_t>(bits)) - exact));
      }
    }
  }
}
