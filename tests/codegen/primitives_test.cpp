// Vector forms of Numerics.h: every level gives the bits of the scalar functions.
#include "codegen/cpu/Primitives.h"
#include "tests/codegen/support/KernelHarness.h"

#include "runtime/base/Numerics.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <functional>
#include <random>

using namespace ingot;
using namespace ingot::test;
using numerics::bitsOf;
using numerics::floatOf;

namespace {

constexpr int64_t kCount = 1 << 14; ///< values per test, a multiple of 64

/// Bit patterns of all kinds, and values where models live.
std::vector<float> interestingFloats(bool withNan) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0.0f, 8.0f);
  std::vector<float> values = {0.0f,   -0.0f,   1.0f,   -1.0f,    87.0f,     -87.0f, 88.0f, -88.0f,
                               1e-38f, -1e-38f, 1e-40f, INFINITY, -INFINITY, 3e38f,  0.5f,  -0.5f};
  while (int64_t(values.size()) < kCount) {
    const float value = random() % 2 ? floatOf(uint32_t(random())) : normal(random);
    if (withNan || !std::isnan(value))
      values.push_back(value);
  }
  return values;
}

using VectorBody = std::function<cpu::Val(cpu::KernelBuilder &, cpu::Val)>;

/// A kernel that maps args[1] to args[2], 16 floats per turn of [begin, end).
EmitFn mapKernel(const VectorBody &body) {
  return [body](cpu::KernelBuilder &b, std::string_view name) -> uint64_t {
    b.kernel(name, [&](cpu::Val args, cpu::Val begin, cpu::Val end, cpu::Val) {
      const cpu::Val from = b.load(cpu::kPtr, args, 8), to = b.load(cpu::kPtr, args, 16);
      b.loop(begin, end, 1, [&](cpu::Val i) {
        b.store(body(b, b.load(cpu::kF32x16, from + i * 64)), to + i * 64);
      });
    });
    return 0;
  };
}

void checkMap(const VectorBody &body, const std::function<uint32_t(float)> &scalar,
              const std::vector<float> &inputs) {
  Buffer from(kCount * 4), to(kCount * 4);
  std::copy(inputs.begin(), inputs.end(), from.as<float>());
  for (CpuLevel level : runnableLevels()) {
    INFO(levelName(level));
    LoadedKernel(level, mapKernel(body)).run({0, from.slot(), to.slot()}, 0, kCount / 16);
    KernelMxcsr mxcsr;
    int64_t wrong = 0;
    for (int64_t i = 0; i < kCount; ++i)
      wrong += to.as<uint32_t>()[i] != scalar(inputs[i]);
    CHECK(wrong == 0);
  }
}

} // namespace

TEST_CASE("exp and silu have the bits of the scalar functions") {
  const std::vector<float> inputs = interestingFloats(false);
  checkMap([](auto &b, cpu::Val x) { return cpu::exp(b, x); },
           [](float x) { return bitsOf(numerics::exp(x)); }, inputs);
  checkMap([](auto &b, cpu::Val x) { return cpu::silu(b, x); },
           [](float x) { return bitsOf(numerics::silu(x)); }, inputs);
}

TEST_CASE("sine and cosine have the bits of the scalar function") {
  std::mt19937 random(5);
  std::vector<float> inputs(kCount);
  for (float &x : inputs)
    x = float(random() % 131072) * (random() % 2 ? 1.0f : 0.0123f);
  checkMap([](auto &b, cpu::Val x) { return cpu::sinCos(b, x).sin; },
           [](float x) { return bitsOf(numerics::sinCos(x).sin); }, inputs);
  checkMap([](auto &b, cpu::Val x) { return cpu::sinCos(b, x).cos; },
           [](float x) { return bitsOf(numerics::sinCos(x).cos); }, inputs);
}

TEST_CASE("rounding to bf16 has the bits of the scalar function, NaN and denormals too") {
  checkMap([](auto &b, cpu::Val x) { return bitcast(cpu::toBf16(b, x), cpu::kF32x16); },
           [](float x) { return uint32_t(numerics::toBf16(x)); }, interestingFloats(true));
}

TEST_CASE("the halving tree adds in the order of the rule") {
  const std::vector<float> inputs = interestingFloats(false);
  std::vector<float> values(kCount);
  for (int64_t i = 0; i < kCount; ++i)
    values[i] = std::fabs(inputs[i]) < 1e30f ? inputs[i] : 1.0f;
  Buffer from(kCount * 4), to(kCount * 4);
  std::copy(values.begin(), values.end(), from.as<float>());
  const EmitFn emit = [](cpu::KernelBuilder &b, std::string_view name) -> uint64_t {
    b.kernel(name, [&](cpu::Val args, cpu::Val begin, cpu::Val end, cpu::Val) {
      const cpu::Val in = b.load(cpu::kPtr, args, 8), out = b.load(cpu::kPtr, args, 16);
      b.loop(begin, end, 1, [&](cpu::Val i) {
        cpu::Vals parts;
        for (int64_t part = 0; part < 4; ++part)
          parts.push_back(b.load(cpu::kF32x16, in + i * 256, part * 64));
        b.store(cpu::halvingTree(b, parts), out + i * 4);
      });
    });
    return 0;
  };
  for (CpuLevel level : runnableLevels()) {
    LoadedKernel(level, emit).run({0, from.slot(), to.slot()}, 0, kCount / 64);
    KernelMxcsr mxcsr;
    int64_t wrong = 0;
    for (int64_t i = 0; i < kCount / 64; ++i) {
      float lanes[64];
      std::copy_n(values.data() + i * 64, 64, lanes);
      wrong += bitsOf(to.as<float>()[i]) != bitsOf(numerics::halvingTree(lanes, 64));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("quantized groups have the bytes of the scalar functions") {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> values(kCount);
  for (int64_t i = 0; i < kCount; ++i)
    values[i] = i / 32 % 9 == 8 ? 0.0f : normal(random) * std::ldexp(1.0f, int(i / 32 % 120) - 60);
  for (int64_t i = 0; i < kCount; i += 7) // ties and exact powers of two
    values[i] = std::ldexp(float(int(random() % 255) - 127) * 0.5f, int(i / 32 % 60) - 30);
  Buffer from(kCount * 4), bytes(kCount), meta(kCount / 32 * 8);
  std::copy(values.begin(), values.end(), from.as<float>());
  for (bool floatScale : {false, true}) {
    const EmitFn emit = [&](cpu::KernelBuilder &b, std::string_view name) -> uint64_t {
      b.kernel(name, [&](cpu::Val args, cpu::Val begin, cpu::Val end, cpu::Val) {
        b.loop(begin, end, 1, [&](cpu::Val i) {
          const cpu::Val in = b.load(cpu::kPtr, args, 8) + i * 128;
          cpu::quantizeGroup(b, b.load(cpu::kF32x16, in), b.load(cpu::kF32x16, in, 64), floatScale,
                             b.load(cpu::kPtr, args, 16) + i * 32,
                             b.load(cpu::kPtr, args, 24) + i * 8);
        });
      });
      return 0;
    };
    for (CpuLevel level : runnableLevels()) {
      INFO(levelName(level) << (floatScale ? ", float scales" : ", powers of two"));
      LoadedKernel(level, emit).run({0, from.slot(), bytes.slot(), meta.slot()}, 0, kCount / 32);
      KernelMxcsr mxcsr;
      int64_t wrong = 0;
      for (int64_t i = 0; i < kCount / 32; ++i) {
        int8_t q[32];
        const numerics::ActGroupMeta want =
            floatScale ? numerics::quantizeActGroupF32(values.data() + i * 32, q)
                       : numerics::quantizeActGroup(values.data() + i * 32, q);
        const auto &got = meta.as<numerics::ActGroupMeta>()[i];
        wrong += !std::equal(q, q + 32, bytes.as<int8_t>() + i * 32) ||
                 got.exponent != want.exponent || got.correction != want.correction;
      }
      CHECK(wrong == 0);
    }
  }
}
