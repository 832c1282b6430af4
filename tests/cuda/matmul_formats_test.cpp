// Matmuls of 8-bit rows at the shapes of a large model: NVRTC compiles them, and no register
// spills. (Those of 16-bit rows are in the budget of the example model.)
#include "codegen/cuda/CompileKernels.h"
#include "codegen/cuda/EmitMatmul.h"

#include <catch2/catch.hpp>

#include <iostream>

using namespace ingot;

namespace {

struct Pair {
  const char *format;
  ValueKind rows;
  uint32_t group;
  std::vector<std::string> architectures;
};

/// [tokens][4096] times [4096][4096] in slices of 1024.
cuda::KernelSource sourceOf(const Pair &pair, uint32_t tokens) {
  constexpr int64_t kWidth = 4096;
  const uint64_t shape[] = {kWidth, kWidth};
  KernelProgram program;
  const auto value = [&](ValueKind kind, int slot) {
    ProgramValue made{kind};
    made.columns = kWidth;
    made.slot = slot;
    program.values.push_back(made);
  };
  const int weight = hasScaleSlot(pair.rows) ? 3 : 2;
  value(pair.rows, 1);
  value(ValueKind::Parameter, weight);
  value(ValueKind::F32Rows, weight + 1);
  program.values[1].weight = *WeightLayout::make(pair.format, "mma16", shape, pair.group, 0);
  program.ops.push_back({OpKind::Linear, {0, 1}, {2}});
  program.ops[0].slice = 1024;
  const std::string name = std::string("linear_") + pair.format + "_" +
                           std::to_string(static_cast<int>(pair.rows)) + "_" +
                           std::to_string(tokens);
  auto source = cuda::emitMatmul(program, name, {tokens});
  INFO(source.status().toString());
  REQUIRE(source.isOk());
  return *std::move(source);
}

} // namespace

TEST_CASE("matmuls of 8-bit rows compile without spills") {
  if (const auto nvrtc = cuda::Nvrtc::load(); !nvrtc) {
    std::cerr << "skipped: " << nvrtc.status().message() << "\n";
    return;
  }
  const std::vector<Pair> pairs = {
      {"int8", ValueKind::Int8Rows, 0, {"sm_80"}},
      {"fp8", ValueKind::E4m3Rows, 128, {"sm_90a"}}, // where one product takes most registers
  };
  for (const Pair &pair : pairs) {
    const std::vector<cuda::KernelSource> sources = {sourceOf(pair, 16), sourceOf(pair, 256)};
    cuda::CompileKernelsOptions options;
    options.architectures = pair.architectures;
    options.threads = 2;
    const auto images = cuda::compileKernels(sources, options, {});
    INFO(images.status().toString());
    REQUIRE(images.isOk());
    for (const cuda::CudaImage &image : *images)
      for (const cuda::KernelCode &code : image.kernels) {
        INFO(image.architecture << " " << code.kernel);
        CHECK(code.resources.spillStoreBytes + code.resources.spillLoadBytes == 0);
      }
  }
}
