#include "runtime/base/Numerics.h"
#include "runtime/base/Mxcsr.h"
#include "runtime/base/Random.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

using namespace ingot;
using namespace ingot::numerics;

TEST_CASE("every bf16 reads back as itself, denormals as zero") {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = fromBf16(half);
    if (std::isnan(value))
      REQUIRE(std::isnan(fromBf16(toBf16(value))));
    else if ((bits & 0x7f80u) == 0)
      REQUIRE(toBf16(value) == (bits & 0x8000u));
    else
      REQUIRE(toBf16(value) == half);
  }
}

TEST_CASE("bf16 rounds to nearest even") {
  CHECK(toBf16(floatOf(0x3f808000)) == 0x3f80);
  CHECK(toBf16(floatOf(0x3f818000)) == 0x3f82);
  CHECK(toBf16(floatOf(0x3f808001)) == 0x3f81);
}

TEST_CASE("every finite f16 reads back as itself, larger values saturate") {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    if ((bits & 0x7c00u) != 0x7c00u)
      REQUIRE(toF16(fromF16(half)) == half);
  }
  CHECK(fromF16(toF16(1e9f)) == 65504.0f);
  CHECK(fromF16(toF16(-65520.0f)) == -65504.0f);
}

TEST_CASE("every e4m3 reads back as itself") {
  for (uint32_t bits = 0; bits < 256; ++bits) {
    const auto byte = static_cast<uint8_t>(bits);
    if ((bits & 0x7f) != 0x7f)
      REQUIRE(toE4m3(fromE4m3(byte)) == byte);
    else
      REQUIRE(std::isnan(fromE4m3(byte)));
  }
  CHECK(fromE4m3(0x01) == 0x1p-9f);
  CHECK(fromE4m3(0x7e) == 448.0f);
}

TEST_CASE("e4m3 rounds to the nearest, ties to even, and saturates") {
  for (uint32_t bits = 0; bits < 0x7e; ++bits) { // neighbours, and what lies between them
    const float low = fromE4m3(static_cast<uint8_t>(bits));
    const float high = fromE4m3(static_cast<uint8_t>(bits + 1));
    const float middle = (low + high) / 2; // exact
    for (const float sign : {1.0f, -1.0f}) {
      const auto expect = [&](float x, uint32_t magnitude) {
        REQUIRE(toE4m3(sign * x) == (magnitude | (sign < 0 ? 0x80u : 0u)));
      };
      expect(middle, bits % 2 ? bits + 1 : bits);
      expect(std::nextafter(middle, 0.0f), bits);
      expect(std::nextafter(middle, 1000.0f), bits + 1);
    }
  }
  CHECK(toE4m3(464.0f) == 0x7e);
  CHECK(toE4m3(1e30f) == 0x7e);
  CHECK(toE4m3(-std::numeric_limits<float>::infinity()) == 0xfe);
  CHECK(toE4m3(std::numeric_limits<float>::quiet_NaN()) == 0x7f);
}

TEST_CASE("a row's scale takes its largest magnitude to the limit; what is not finite shows") {
  const RowScale plain = rowScale(3.0f, kInt8Limit);
  CHECK(roundToInt8(3.0f, plain.inverse) == 127);
  CHECK(roundToInt8(-3.0f, plain.inverse) == -127);
  CHECK(rowScale(0.0f, kInt8Limit).scale == 0.0f);
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(rowScale(infinity, kE4m3Limit).scale == infinity);
  CHECK(std::isnan(rowScale(std::nanf(""), kE4m3Limit).scale));
  CHECK(magnitudeBits(std::nanf("")) > magnitudeBits(-infinity));
  CHECK(roundToInt8(std::nanf(""), 1.0f) == 0);
}

TEST_CASE("exp is exact at zero and within its stated error") {
  CHECK(numerics::exp(0.0f) == 1.0f);
  double worst = 0;
  for (int i = -80000; i <= 80000; ++i) {
    const float x = static_cast<float>(i) * 0.001f;
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::fabs(numerics::exp(x) - exact) / exact);
  }
  CHECK(worst < 3e-7);
}

TEST_CASE("sine and cosine stay within their stated error") {
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    const float x = static_cast<float>(i) * 0.6553f;
    const SinCos both = sinCos(x);
    worst = std::max({worst, std::fabs(both.sin - std::sin(static_cast<double>(x))),
                      std::fabs(both.cos - std::cos(static_cast<double>(x)))});
  }
  CHECK(worst < 2e-7);
}

TEST_CASE("quantized activations use the smallest exponent that fits") {
  const uint64_t key = randomKey(1, 1);
  for (int trial = 0; trial < 2000; ++trial) {
    float x[kActGroup];
    const float scale = std::ldexp(1.0f, trial % 60 - 30);
    float amax = 0;
    for (int i = 0; i < kActGroup; ++i) {
      x[i] = (unitFloat(randomBits(key, static_cast<uint64_t>(trial * 32 + i))) - 0.5f) * scale;
      amax = std::max(amax, std::fabs(x[i]));
    }
    int8_t q[kActGroup];
    const ActGroupMeta meta = quantizeActGroup(x, q);
    const int e = (meta.exponent >> 23) - kScaleBias;
    int sum = 0;
    for (int i = 0; i < kActGroup; ++i) {
      sum += q[i];
      REQUIRE(std::fabs(std::ldexp(static_cast<float>(q[i]), e) - x[i]) <= std::ldexp(0.5f, e));
    }
    REQUIRE(meta.correction == -8 * sum);
    if (e > -kScaleBias)
      REQUIRE(std::ldexp(amax, 1 - e) > 127.0f); // e - 1 would not fit
  }
}

TEST_CASE("the halving tree folds the upper half onto the lower") {
  float lanes[8] = {1e8f, 1, -1e8f, 2, 3, 4, 5, 6};
  const float l0 = 1e8f + 3.0f, l1 = 1.0f + 4.0f, l2 = -1e8f + 5.0f, l3 = 2.0f + 6.0f;
  CHECK(halvingTree(lanes, 8) == (l0 + l2) + (l1 + l3));
}

TEST_CASE("the kernel mode flushes denormals and is undone afterwards") {
  volatile float tiny = std::numeric_limits<float>::min();
  const unsigned before = _mm_getcsr();
  {
    const MxcsrGuard guard;
    CHECK(_mm_getcsr() == kKernelMxcsr);
    CHECK(tiny * 0.5f == 0.0f);
  }
  CHECK(_mm_getcsr() == before);
  CHECK(tiny * 0.5f != 0.0f);
}

TEST_CASE("tanh is odd, accurate and keeps NaN") {
  for (int i = -4000; i <= 4000; ++i) {
    const float x = static_cast<float>(i) / 256.0f;
    const double want = std::tanh(static_cast<double>(x));
    CHECK(std::fabs(numerics::tanh(x) - want) <= 3e-7 * std::fabs(want));
    CHECK(numerics::tanh(-x) == -numerics::tanh(x));
  }
  CHECK(numerics::tanh(1e30f) == 1.0f);
  CHECK(std::isnan(numerics::tanh(std::nanf(""))));
}

TEST_CASE("integers of the cache: 127 steps, zeros and what is not finite") {
  const numerics::KvRowScale scale = numerics::kvRowScale(numerics::bitsOf(3.0f));
  CHECK(numerics::kvInteger(-3.0f, scale.inverse) == -127);
  CHECK(numerics::kvInteger(1.0f, scale.inverse) == 42);
  CHECK(numerics::kvRowScale(0).scale == 0.0f);
  CHECK(std::isinf(numerics::kvRowScale(0x7f800000u).scale));
  CHECK(numerics::kvInteger(std::nanf(""), numerics::kvRowScale(0x7fc00000u).inverse) == 0);
}
