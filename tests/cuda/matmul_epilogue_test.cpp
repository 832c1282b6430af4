// What follows a matmul inside its kernel, in both kernels.
#include "tests/cuda/support/MatmulBench.h"

#include <catch2/catch.hpp>

using namespace ingot;
using test::MatmulBench;
using test::MatmulCase;
using Tail = test::MatmulTail;

#include "runtime/artifact/KernelAbi.h"

static constexpr int64_t kMostRows = 20;

static const MatmulCase kCases[] = {
    {"tail_bias", "bf16", 50, 128, 0, 64, Tail::BiasResidual},
    {"tail_swiglu", "bf16", 320, 64, 0, 0, Tail::SwiGlu},
    {"tail_swiglu_bf16", "int4", 64, 256, 128, 128, Tail::SwiGluBf16},
    {"tail_argmax", "int8", 70, 130, 0, 0, Tail::Argmax, true},
    {"tail_argmax_slices", "bf16", 130, 256, 0, 64, Tail::Argmax},
    {"tail_round", "bf16", 33, 70, 0, 0, Tail::RoundTwice, true},
};

TEST_CASE("epilogues of a matmul have the bits of the reference") {
  std::vector<MatmulBench> benches;
  std::vector<cuda::KernelSource> kernels;
  for (const MatmulCase &c : kCases) {
    benches.emplace_back(c, kMostRows);
    reference::Weight &weight = benches.back().weight();
    // Equal outputs: the lowest index wins, in a lane, across lanes, across strips.
    for (int64_t k = 0; c.tail == Tail::Argmax && k < weight.columns; ++k)
      for (int64_t n : {8, 9, 17, 31, 40, 69}) {
        if (weight.kind == reference::WeightKind::Int)
          weight.ints[k * weight.rows + n] = weight.ints[k * weight.rows];
        else
          weight.floats[k * weight.rows + n] = weight.floats[k * weight.rows];
      }
    benches.back().repack();
    kernels.push_back(benches.back().source(16));
    kernels.push_back(benches.back().source(64));
  }
  const auto image = test::HostImage::build(test::joinSources(kernels));
  INFO(image.status().message());
  REQUIRE(image.isOk());
  for (size_t i = 0; i < kernels.size(); ++i) {
    MatmulBench &bench = benches[i / 2];
    bench.evaluate(matrix::kHopper);
    for (int64_t rows : {1, 5, 16, 20}) {
      if (i % 2 == 0 && rows > 16)
        continue;
      INFO(kernels[i].name << ", " << rows << " rows");
      REQUIRE(bench.run(**image, kernels[i], {rows, 90, rows == 5}) == "");
    }
  }
}

static std::string refusal(const KernelProgram &program) {
  const auto source = cuda::emitMatmul(program, "refused", {16});
  CHECK(source.status().id() == "cuda-kernel");
  return source.status().message();
}

TEST_CASE("what no matmul kernel can hold is refused with the reason") {
  const uint64_t shape[] = {64, 256};
  ProgramValue rows{ValueKind::Bf16Rows}, weight{ValueKind::Parameter}, sums{ValueKind::F32Rows};
  rows.columns = 256, rows.slot = 1;
  weight.columns = 256, weight.slot = 2;
  weight.weight = *WeightLayout::make("int4", "mma16", shape, 128, 0);
  sums.columns = 64, sums.slot = 3;
  const KernelProgram good{{rows, weight, sums}, {{OpKind::Linear, {0, 1}, {2}}}};
  REQUIRE(cuda::emitMatmul(good, "good", {16}).isOk());

  KernelProgram bad = good;
  bad.ops[0].slice = 64;
  CHECK(refusal(bad).find("group (128)") != std::string::npos);
  bad = good;
  bad.values[0].kind = ValueKind::F32Rows;
  CHECK(refusal(bad).find("bf16 rows") != std::string::npos);
  bad = good;
  bad.values[1].weight = *WeightLayout::make("int4", "panel32", shape, 128, 0);
  CHECK(refusal(bad).find("mma16") != std::string::npos);
  bad = good;
  bad.values.push_back(sums);
  bad.ops.push_back({OpKind::RmsNorm, {2}, {3}});
  CHECK(refusal(bad).find("point-wise") != std::string::npos);
  bad = good;
  bad.values[2].slot = 16;
  CHECK(refusal(bad).find("16 operands") != std::string::npos);
}
