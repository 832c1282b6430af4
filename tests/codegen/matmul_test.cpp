// Rule M: every level, tile height and variant gives the bits of the scalar rule.
#include "codegen/cpu/kernels/EmitMatmul.h"
#include "tests/codegen/support/MatmulCase.h"

#include "runtime/base/Numerics.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::test;

namespace {

EmitFn emitterOf(const KernelProgram &program) {
  return [program](cpu::KernelBuilder &builder, std::string_view name) {
    return cpu::emitMatmul(builder, program, name);
  };
}

/// Outputs of all rows, computed in launches of `step` rows and two item ranges.
Buffer runInSteps(const LoadedKernel &kernel, const MatmulCase &test, int64_t step) {
  Buffer result(test.size().rows * abi::f32RowBytes(test.size().outputs));
  for (int64_t first = 0; first < test.size().rows; first += step) {
    abi::BatchView batch{};
    batch.tokens = uint32_t(std::min(step, test.size().rows - first));
    const uint32_t panels = uint32_t(test.layout().units), middle = panels / 2;
    kernel.run(test.args(batch, first, result), 0, middle);
    kernel.run(test.args(batch, first, result), middle, panels);
  }
  return result;
}

int64_t countWrong(const MatmulCase &test, const Buffer &result) {
  KernelMxcsr mxcsr;
  int64_t wrong = 0;
  const int64_t stride = abi::f32RowBytes(test.size().outputs) / 4;
  for (int64_t row = 0; row < test.size().rows; ++row)
    for (int64_t n = 0; n < stride; ++n) {
      const float want = n < test.size().outputs ? test.expected(row, n) : 0.0f;
      wrong += numerics::bitsOf(result.as<float>()[row * stride + n]) != numerics::bitsOf(want);
    }
  return wrong;
}

void checkEveryLevel(const MatmulSize &size) {
  const MatmulCase test(size, 7);
  std::vector<Buffer> results;
  for (CpuLevel level : runnableLevels()) {
    INFO("level " << levelName(level));
    const LoadedKernel kernel(level, emitterOf(test.program()));
    results.push_back(runInSteps(kernel, test, size.rows));
    CHECK(countWrong(test, results.back()) == 0);
    CHECK(results.back() == results.front());
    for (int64_t step : {1, 2, 5, 7, 16, 19, 49, 50})
      CHECK(runInSteps(kernel, test, step) == results.back());
  }
}

} // namespace

TEST_CASE("int4 groups of 32 match the scalar rule") {
  checkEveryLevel({WeightFormat::Int4, 61, 96, 576, 32});
}
TEST_CASE("blocks of rows, groups of panels and chunks of K change no bit") {
  checkEveryLevel({WeightFormat::Int4, 300, 200, 544, 32});
  checkEveryLevel({WeightFormat::Bf16, 270, 160, 288});
}
TEST_CASE("int4 groups of 64 and 128 with a short last group match the scalar rule") {
  checkEveryLevel({WeightFormat::Int4, 52, 64, 224, 64});
  checkEveryLevel({WeightFormat::Int4, 51, 33, 672, 128});
}
TEST_CASE("int4 per channel matches the scalar rule") {
  checkEveryLevel({WeightFormat::Int4, 50, 50, 172, 0});
}
TEST_CASE("int8 groups of 32 and per channel match the scalar rule") {
  checkEveryLevel({WeightFormat::Int8, 55, 70, 256, 32});
  checkEveryLevel({WeightFormat::Int8, 49, 32, 96, 0});
}
TEST_CASE("float activation scales match the scalar rule") {
  checkEveryLevel({WeightFormat::Int4, 50, 64, 160, 32, true});
  checkEveryLevel({WeightFormat::Int8, 7, 32, 160, 0, true});
}
TEST_CASE("bf16 matches the scalar rule") {
  checkEveryLevel({WeightFormat::Bf16, 51, 70, 300});
  checkEveryLevel({WeightFormat::Bf16, 13, 32, 32});
}
