// The kernel of sm_90a for many tokens against the reference, to the last bit, on the host: loads
// by tensor maps, barriers in shared memory, warpgroups. And that its mistakes would be found.
#include "codegen/cuda/EmbeddedSources.h"
#include "codegen/cuda/HopperTiles.h"
#include "codegen/cuda/host/Run.h"
#include "codegen/cuda/kernels/MatmulHopper.cuh"
#include "tests/cuda/support/MatmulBench.h"

#include <catch2/catch.hpp>
#include <cstring>

using namespace ingot;
using test::MatmulBench;
using test::MatmulCase;
using Tail = test::MatmulTail;

static constexpr int64_t kMostRows = 130;

/// The variant of sm_90a as a kernel of its own.
static cuda::KernelSource hopperOf(const MatmulBench &bench, uint32_t bound) {
  const cuda::KernelSource source = bench.source(bound);
  REQUIRE(source.variants.size() == 1);
  return cuda::sourceFor(source, "sm_90a");
}

namespace {

struct Case {
  MatmulCase matmul;
  uint32_t bound; ///< chooses the tile
};

/// A bound far above any step: large tiles.
constexpr uint32_t kHuge = 1 << 20;

} // namespace

static const Case kCases[] = {
    {{"bf16_odd", "bf16", 33, 70}, 65},
    {{"bf16_large", "bf16", 288, 200}, kHuge}, // the last tile is cut
    {{"bf16_slices", "bf16", 160, 320, 0, 128}, kHuge},
    {{"bf16_one", "bf16", 1, 1}, 65},
    {{"int4_group_32", "int4", 40, 96, 32}, 65},
    {{"int4_group_64", "int4", 300, 192, 64}, kHuge},
    {{"int4_slices", "int4", 64, 512, 128, 256}, kHuge},
    {{"int8_channel", "int8", 70, 130, 0, 64}, 65},
    {{"int8_group_96", "int8", 20, 256, 96}, kHuge},
    {{"bias_residual", "bf16", 96, 64, 0, 0, Tail::BiasResidual}, 65},
    {{"swiglu", "int4", 128, 128, 64, 0, Tail::SwiGluBf16}, 65},
    {{"swiglu_large", "bf16", 320, 128, 0, 0, Tail::SwiGlu}, kHuge},
    {{"argmax", "bf16", 100, 64, 0, 0, Tail::Argmax, true}, 65},
};

TEST_CASE("the kernel of sm_90a has the bits of the reference") {
  std::vector<MatmulBench> benches;
  std::vector<cuda::KernelSource> kernels;
  for (const Case &c : kCases) {
    benches.emplace_back(c.matmul, kMostRows);
    kernels.push_back(hopperOf(benches.back(), c.bound));
  }
  const auto image = test::HostImage::build(test::joinSources(kernels));
  INFO(image.status().message());
  REQUIRE(image.isOk());
  for (size_t i = 0; i < kernels.size(); ++i) {
    benches[i].evaluate(matrix::kHopper);
    for (int64_t rows : {0, 1, 67, 130}) {
      INFO(kernels[i].name << ", " << rows << " rows");
      REQUIRE(benches[i].run(**image, kernels[i], {rows, 90, rows == 67}) == "");
    }
  }
}

TEST_CASE("tiles of sm_90a grow with tokens and outputs, within registers and shared memory") {
  using cuda::MatmulShape;
  const auto tileOf = [](const MatmulShape &shape, uint32_t tokens) {
    return cuda::chooseHopperTile(shape, {tokens});
  };
  const MatmulShape one = {WeightFormat::Bf16, 4096, 4096};
  MatmulShape slices = one, int4 = {WeightFormat::Int4, 4096, 4096, 128};
  slices.span = 1024;
  CHECK_FALSE(tileOf(one, 64));
  CHECK(tileOf(one, 256)->consumers == 1);
  CHECK(tileOf(one, 4096)->consumers == 2);
  CHECK(tileOf(one, 4096)->tokens == 256);
  CHECK(tileOf(slices, 4096)->tokens == 192);
  CHECK(tileOf(int4, 4096)->tokens ==
        64); // eight full rounds; six of larger ones, the last a third full
  CHECK(tileOf(int4, 16384)->tokens == 192);
  int4.wholePanels = true;
  CHECK(tileOf(int4, 16384)->tokens == 96);
  int4.span = 1024;
  CHECK(tileOf(int4, 4096)->tokens == 64);
  for (const MatmulShape &shape : {one, slices, int4})
    for (const uint32_t tokens : {65u, 256u, 4096u}) {
      const auto tile = *tileOf(shape, tokens);
      CHECK(tile.stages >= 3);
      CHECK(tile.sharedBytes(shape) <= 227 * 1024);
    }
  MatmulShape bytes = {WeightFormat::Int8, 4096, 4096};
  bytes.byteRows = true;
  CHECK_FALSE(tileOf(bytes, 4096));
}

namespace {

/// 20 rows of 192 by a weight of 32 x 192, in this program.
struct SmallConfig {
  static constexpr gpu::WeightKind kWeights = gpu::WeightKind::Bf16;
  static constexpr gpu::RowNumber kRows = gpu::RowNumber::Bf16;
  static constexpr uint32_t kOutputs = 32, kColumns = 192, kGroup = 0, kSpan = 0;
  static constexpr bool kReturned = false;
  static constexpr int kRowsSlot = 1, kWeightSlot = 2;
};
struct SmallTile {
  static constexpr uint32_t kConsumers = 1, kWarpStrips = 2, kTokens = 64, kStages = 4;
};
struct SmallEpilogue {
  template <uint32_t kCount>
  static void apply(const gpu::KernelArgs &args, const gpu::Spot &at,
                    const gpu::Values<kCount> &v) {
    gpu::storeF32<128, false>(args.slot[3], at, v);
  }
};

} // namespace

TEST_CASE("rows are read after the launches that write them, weights before") {
  constexpr uint32_t kRows = 20;
  abi::BatchView batch{};
  batch.tokens = kRows;
  alignas(64) uint16_t rows[kRows][abi::bf16RowBytes(192) / 2] = {}, weights[32 * 192];
  for (size_t i = 0; i < kRows * size_t(192); ++i)
    rows[i / 192][i % 192] = static_cast<uint16_t>(0x3f80 + i % 101);
  for (size_t i = 0; i < std::size(weights); ++i)
    weights[i] = static_cast<uint16_t>(0x3e00 + i % 97);
  const auto address = [](const void *at) { return reinterpret_cast<uint64_t>(at); };
  const cuda::MatmulShape shape = {WeightFormat::Bf16, 32, 192};
  const cuda::LaunchShape launchShape = cuda::hopperLaunch(shape, {1, 2, 64, 4}, {1, 2, false});
  REQUIRE(gpu::HopperShape<SmallConfig, SmallTile>::kBytes == launchShape.dynamicSharedBytes);
  gpu::TensorMaps maps = {};
  const void *memory[] = {rows, weights};
  const uint64_t mapRows[] = {kRows, 2};
  for (size_t i = 0; i < 2; ++i) {
    const artifact::TensorMap &map = launchShape.maps[i];
    maps.map[i] =
        gpu::host::encodeTensorMap({address(memory[i]), map.columns, mapRows[i], map.pitchBytes,
                                    map.boxColumns, map.boxRows, map.elementBytes, map.swizzle});
  }
  gpu::host::Launch launch;
  launch.threads = launchShape.threads;
  launch.sharedBytes = launchShape.dynamicSharedBytes;
  launch.maps = &maps;
  const auto kernel = [](gpu::KernelArgs args) {
    gpu::matmulHopper<SmallConfig, SmallTile, SmallEpilogue>(args, gpu::host::tensorMaps());
  };
  float want[kRows][32] = {}, got[kRows][32] = {};
  REQUIRE(gpu::host::run(kernel,
                         {{address(&batch), address(rows), address(weights), address(want)}},
                         launch) == "");
  REQUIRE(want[7][9] > 0);
  for (const gpu::host::Order order : gpu::host::kOrders) {
    launch.order = order;
    const gpu::host::PriorWrite prior[] = {{rows, sizeof rows}};
    REQUIRE(gpu::host::run(kernel,
                           {{address(&batch), address(rows), address(weights), address(got)}},
                           launch, prior) == "");
    CHECK(std::memcmp(want, got, sizeof want) == 0);
  }
}

// ---- Mistakes -----------------------------------------------------------------------------------

namespace {

struct Mistake {
  const char *name, *from, *to;
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// The kernel with a mistake in its header, all in a namespace of its own.
cuda::KernelSource withMistake(const cuda::KernelSource &kernel, const Mistake &mistake) {
  constexpr std::string_view kHeader = "codegen/cuda/kernels/MatmulHopper.cuh";
  std::string header;
  for (const cuda::EmbeddedSource &source : cuda::embeddedSources())
    if (source.path == kHeader)
      header = source.text;
  INFO(mistake.name);
  const size_t at = header.find(mistake.from);
  REQUIRE(at != std::string::npos);
  header.replace(at, std::string_view(mistake.from).size(), mistake.to);
  const std::string space = std::string("ingot::gpu::") + mistake.name;
  header = replaced(header, "namespace ingot::gpu {", "namespace " + space + " {");
  header = replaced(header, "#pragma once", "");
  cuda::KernelSource changed = kernel;
  changed.name = mistake.name;
  changed.text = replaced(changed.text, kernel.name, changed.name);
  changed.text = replaced(changed.text, "ingot::gpu::", space + "::");
  changed.text = replaced(changed.text, space + "::" + changed.name, space + "::own");
  const std::string include = "#include \"" + std::string(kHeader) + "\"\n";
  REQUIRE(changed.text.find(include) == 0);
  changed.text.replace(0, include.size(), header);
  return changed;
}

} // namespace

static const Mistake kMistakes[] = {
    {"no_mistake", "allowNext();", "allowNext();"},
    {"stage_not_waited_for", "fullBarrier<Config, Tile>(at_.index).wait(at_.parity);", ""},
    {"too_few_bytes", "Shape::kWeightBytes + Shape::kRowBytes + groups",
     "Shape::kWeightBytes + groups"},
    {"too_many_bytes", "Shape::kRowBytes + groups", "Shape::kRowBytes + 16 + groups"},
    {"stage_filled_too_early", "emptyBarrier<Config, Tile>(at.index).wait(at.parity ^ 1);", ""},
    {"stage_given_back_too_early", "wgmmaWait<1>();", ""},
    {"too_few_readers", "init(Tile::kConsumers * 4)", "init(Tile::kConsumers)"},
    {"parity_stands", "parity ^= wraps;", ""},
    {"registers_not_fenced", "wgmmaFence();", ""},
    {"sums_not_waited_for", "wgmmaWait<0>();", ""},
    {"barriers_not_fenced", "fenceBarrierInit();", ""},
    {"rows_of_the_wrong_place", "place % places_.tokenTiles", "0 * places_.tokenTiles"},
};

TEST_CASE("mistakes of a kernel of sm_90a are found", "[host]") {
  MatmulBench bench({"mistakes", "bf16", 40, 1200}, 70); // twice around the ring, two places
  const cuda::KernelSource kernel = hopperOf(bench, 65);
  std::vector<cuda::KernelSource> kernels;
  for (const Mistake &mistake : kMistakes)
    kernels.push_back(withMistake(kernel, mistake));
  const auto image = test::HostImage::build(test::joinSources(kernels));
  INFO(image.status().message());
  REQUIRE(image.isOk());
  bench.evaluate(matrix::kHopper);
  for (const cuda::KernelSource &wrong : kernels) {
    INFO(wrong.name);
    const std::string found = bench.run(**image, wrong, {70, 90, true});
    CHECK((found == "") == (wrong.name == "no_mistake"));
  }
}
