// The kernel for 1 to 16 tokens against the reference, to the last bit.
#include "codegen/cuda/MatmulTiles.h"
#include "tests/cuda/support/MatmulBench.h"

#include <catch2/catch.hpp>

using namespace ingot;
using test::MatmulBench;
using test::MatmulCase;
using Tail = test::MatmulTail;
using ingot::reference::RowKind;

static constexpr int64_t kMostRows = 16;

/// Every way to cut: strips and panels per warp, one and several slices per warp, tiles of 8 and 16
/// tokens; every format; K and N that are multiples of nothing.
static const MatmulCase kCases[] = {
    {"bf16_odd", "bf16", 33, 70},
    {"bf16_one", "bf16", 1, 1},
    {"bf16_slices", "bf16", 96, 320, 0, 128},
    {"bf16_many_slices", "bf16", 40, 1280, 0, 64},
    {"bf16_wide", "bf16", 32808, 64}, // the last block has two panels of four
    {"int4_group_32", "int4", 40, 96, 32},
    {"int4_group_96", "int4", 32, 200, 96},
    {"int4_panels", "int4", 4128, 512, 64, 64},
    {"int4_swiglu", "int4", 64, 512, 128, 256, Tail::SwiGlu},
    {"int8_channel", "int8", 70, 130},
    {"int8_slices", "int8", 1, 256, 64, 64},
    {"int8_channel_slices", "int8", 40, 300, 0, 128},
    {"fp16_odd", "fp16", 33, 70, 0, 0, Tail::Plain, false, RowKind::F16},
    {"fp16_swiglu", "fp16", 64, 320, 0, 128, Tail::SwiGluBf16, false, RowKind::F16},
    {"fp8_bf16", "fp8", 40, 300, 128, 128},
    {"w8a8_odd", "int8", 33, 70, 0, 0, Tail::Plain, false, RowKind::Int8Row},
    {"w8a8_one", "int8", 1, 1, 0, 0, Tail::Plain, false, RowKind::Int8Row},
    {"w8a8_group_32", "int8", 40, 200, 32, 0, Tail::BiasResidual, false, RowKind::Int8Row},
    {"w8a8_slices", "int8", 64, 512, 0, 128, Tail::SwiGlu, true, RowKind::Int8Row},
    {"w8a8_panels", "int8", 4128, 256, 64, 64, Tail::Plain, false, RowKind::Int8Row},
    {"fp8_odd", "fp8", 33, 70, 0, 0, Tail::Plain, false, RowKind::E4m3Row},
    {"fp8_channel", "fp8", 40, 600, 0, 256, Tail::BiasResidual, false, RowKind::E4m3Row},
    {"fp8_group", "fp8", 64, 512, 256, 256, Tail::SwiGlu, false, RowKind::E4m3Row},
};

static constexpr uint32_t kUnits[] = {80, 90};

TEST_CASE("matmul for few tokens has the bits of the reference") {
  std::vector<MatmulBench> benches;
  std::vector<cuda::KernelSource> kernels;
  for (const MatmulCase &c : kCases) {
    benches.emplace_back(c, kMostRows);
    kernels.push_back(benches.back().source(16));
  }
  benches.emplace_back(kCases[0], kMostRows);
  kernels.push_back(benches.back().source(8));
  const auto image = test::HostImage::build(test::joinSources(kernels));
  INFO(image.status().message());
  REQUIRE(image.isOk());
  for (size_t i = 0; i < benches.size(); ++i)
    for (uint32_t architecture : test::HostImage::unitsHere(kUnits)) {
      benches[i].evaluate(architecture == 80 ? matrix::kAmpere : matrix::kHopper);
      const bool large = i < std::size(kCases) && kCases[i].outputs > 1000;
      for (int64_t rows : {0, 1, 2, 7, 8, 9, 16}) {
        if ((kernels[i].name == "bf16_odd_8" && rows > 8) || (large && rows != 1 && rows != 9))
          continue;
        INFO(kernels[i].name << " on sm_" << architecture << ", " << rows << " rows");
        REQUIRE(benches[i].run(**image, kernels[i],
                               {rows, architecture, !large && (rows == 1 || rows == 9)}) == "");
      }
    }
}

TEST_CASE("where the device is not full, small weights are cut into more blocks") {
  const auto tileOf = [](uint32_t outputs, uint32_t span) {
    return cuda::chooseFewTile({WeightFormat::Bf16, outputs, 512, 0, span}, {16});
  };
  CHECK(tileOf(64, 64).blockStrips() == 1);
  CHECK(tileOf(64, 64).threads() == 8 * 32);
  CHECK(tileOf(4096, 64).blockStrips() == 2);
  CHECK(tileOf(32768, 0).blockStrips() == 8);
}
