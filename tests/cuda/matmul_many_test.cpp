// The kernel for many tokens against the reference, to the last bit; hence against the one for few
// tokens, too.
#include "codegen/cuda/MatmulTiles.h"
#include "tests/cuda/support/MatmulBench.h"

#include <catch2/catch.hpp>

using namespace ingot;
using test::MatmulBench;
using test::MatmulCase;
using Tail = test::MatmulTail;
using ingot::reference::RowKind;

static constexpr int64_t kMostRows = 130;

static const MatmulCase kCases[] = {
    {"bf16_odd", "bf16", 33, 70},
    {"bf16_slices", "bf16", 160, 320, 0, 128}, // five panels: the last tile is cut
    {"int4_group_32", "int4", 40, 96, 32},
    {"int4_slices", "int4", 64, 512, 128, 256},
    {"int8_channel", "int8", 70, 130},
    {"int8_group_96", "int8", 1, 256, 96},
    {"int4_wide", "int4", 8160, 64, 64}, // two panels per block for 64 tokens
    {"bf16_wide", "bf16", 16352, 64},    // four
    {"fp16_slices", "fp16", 160, 320, 0, 128, Tail::Plain, false, RowKind::F16},
    {"fp8_bf16", "fp8", 40, 300, 128, 128},
};

/// Rows of 8 bits, which warpgroups do not take.
static const MatmulCase kByteCases[] = {
    {"w8a8_odd", "int8", 33, 70, 0, 0, Tail::Plain, false, RowKind::Int8Row},
    {"w8a8_group_32", "int8", 40, 200, 32, 0, Tail::BiasResidual, false, RowKind::Int8Row},
    {"w8a8_slices", "int8", 160, 320, 0, 128, Tail::Plain, false, RowKind::Int8Row},
    {"fp8_odd", "fp8", 33, 70, 0, 0, Tail::Plain, false, RowKind::E4m3Row},
    {"fp8_slices", "fp8", 64, 512, 128, 256, Tail::Plain, false, RowKind::E4m3Row},
};

/// Runs the kernels of all cases for both bounds; `prefix` stands before every text.
static void compareAll(std::span<const MatmulCase> cases, std::span<const uint32_t> bounds,
                       std::span<const uint32_t> architectures, const std::string &prefix) {
  std::vector<MatmulBench> benches;
  std::vector<cuda::KernelSource> kernels;
  for (const MatmulCase &c : cases) {
    benches.emplace_back(c, c.outputs > 1000 ? 17 : kMostRows);
    for (uint32_t bound : bounds)
      kernels.push_back(benches.back().source(bound));
  }
  std::vector<cuda::KernelSource> units = test::joinSources(kernels);
  for (cuda::KernelSource &unit : units)
    unit.text = prefix + unit.text;
  const auto image = test::HostImage::build(units);
  INFO(image.status().message());
  REQUIRE(image.isOk());
  for (size_t i = 0; i < kernels.size(); ++i)
    for (uint32_t architecture : test::HostImage::unitsHere(architectures)) {
      MatmulBench &bench = benches[i / bounds.size()];
      bench.evaluate(architecture == 80 ? matrix::kAmpere : matrix::kHopper);
      const bool large = cases[i / bounds.size()].outputs > 1000;
      for (int64_t rows : {0, 1, 17, 64, 130}) {
        if (large && (rows != 17 || architecture == 80))
          continue;
        INFO(kernels[i].name << " on sm_" << architecture << ", " << rows << " rows");
        REQUIRE(bench.run(**image, kernels[i], {rows, architecture, rows == 17 && !large}) == "");
      }
    }
}

TEST_CASE("matmul for many tokens has the bits of the reference") {
  const uint32_t bounds[] = {64, 2048}, architectures[] = {80, 90};
  compareAll(kCases, bounds, architectures, "");
  compareAll(kByteCases, bounds, architectures, "");
}

TEST_CASE("warpgroups multiply to the same bits") {
  const uint32_t bounds[] = {2048}, architectures[] = {90};
  compareAll(kCases, bounds, architectures, "#define INGOT_MATMUL_WARPGROUPS true\n");
}

TEST_CASE("tiles grow with tokens and outputs") {
  const auto tileOf = [](uint32_t outputs, uint32_t tokens) {
    return cuda::chooseManyTile({WeightFormat::Bf16, outputs, 64}, {tokens});
  };
  CHECK(tileOf(2048, 64).panels == 1);
  CHECK(tileOf(8192, 64).panels == 2);
  CHECK(tileOf(32768, 64).panels == 4);
  CHECK(tileOf(4096, 64).tokens == 64);
  CHECK(tileOf(4096, 65).tokens == 128);
}
