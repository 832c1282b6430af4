// Matmuls with a norm before them and heads behind them: the bits of the reference in all orders of
// execution, in the kernel for few tokens as in that for many.
#include "codegen/cuda/MatmulTiles.h"
#include "tests/cuda/support/RegionBench.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::test;

namespace {

struct Shape {
  const char *name, *format;
  int64_t columns;
  uint32_t group;
  int64_t span;
  int64_t tokens;
  uint32_t bound; ///< tokens that the kernel is made for
};

/// What fuse-norm-prologue makes: a norm, its rounding, a projection, the residual behind it.
RegionBench normed(const Shape &s, int64_t outputs) {
  RegionBench p(s.name, s.tokens);
  const int x = p.input(s.columns, 1), gain = p.vectorParameter(s.columns, 2);
  const int residual = p.input(outputs, 3);
  const int weight = p.matrix(s.format, outputs, s.columns, s.group);
  const int rows = p.round(p.norm(x, gain, 0, true), true);
  p.add(residual, p.linear(rows, weight, s.span));
  return p;
}

/// The head of a step: the returned rows selected, normed, multiplied, and their argmax.
RegionBench head(const Shape &s, int64_t outputs) {
  RegionBench p(s.name, s.tokens, /*returnedRows=*/true);
  const int x = p.input(s.columns, 4), gain = p.vectorParameter(s.columns, 5);
  const int weight = p.matrix(s.format, outputs, s.columns, s.group);
  const int rows = p.round(p.norm(p.select(x, true), gain, 0, true), true);
  p.argmaxPartial(p.linear(rows, weight, s.span));
  return p;
}

/// What fuse-qkv-rope makes of a merged projection, with the norm before it where the bound allows.
RegionBench heads(const Shape &s, int64_t headDim, int64_t queries, int64_t kvHeads, bool biased,
                  bool withNorm) {
  RegionBench p(s.name, s.tokens);
  const int64_t outputs = (queries + 2 * kvHeads) * headDim;
  const int x = withNorm ? p.input(s.columns, 6) : p.bf16Input(s.columns, 6);
  const int gain = p.vectorParameter(s.columns, 7);
  const int angles = p.input(headDim, 8);
  const int weight = p.matrix(s.format, outputs, s.columns, s.group, uint32_t(headDim));
  const int cache = p.cache(uint32_t(kvHeads), uint32_t(headDim), 16);
  const int bias[] = {p.vectorParameter(queries * headDim, 9),
                      p.vectorParameter(kvHeads * headDim, 10),
                      p.vectorParameter(kvHeads * headDim, 11)};
  const int rows = withNorm ? p.round(p.norm(x, gain, 0, true), true) : x;
  const int sums = p.linear(rows, weight, s.span);
  std::vector<int> parts =
      p.split(sums, {queries * headDim, kvHeads * headDim, kvHeads * headDim}, 0, /*inner=*/true);
  for (size_t i = 0; biased && i < parts.size(); ++i)
    parts[i] = p.addBias(parts[i], bias[i], true);
  const int keys = p.rope(parts[1], angles, headDim, true);
  p.round(p.rope(parts[0], angles, headDim, true));
  p.append(cache, keys, parts[2]);
  return p;
}

void check(std::vector<RegionBench> benches, const std::vector<uint32_t> &bounds) {
  std::vector<cuda::KernelSource> sources;
  for (size_t i = 0; i < benches.size(); ++i) {
    sources.push_back(benches[i].matmulSource(bounds[i]));
    INFO(benches[i].refusal.message());
    REQUIRE(benches[i].refusal.isOk());
  }
  const auto image = HostImage::build(sources);
  INFO(image.status().message());
  REQUIRE(image.isOk());
  for (size_t i = 0; i < benches.size(); ++i) {
    CAPTURE(sources[i].name);
    CHECK(benches[i].run(**image) == "");
  }
}

} // namespace

TEST_CASE("a norm before few rows has the bits of the reference") {
  const Shape shapes[] = {
      {"norm_one", "bf16", 1, 0, 0, 1, 1},
      {"norm_odd", "bf16", 70, 0, 0, 3, 4},
      {"norm_slices", "bf16", 1100, 0, 256, 16, 16}, // rows staged in several turns
      {"norm_row", "bf16", 8192, 0, 2048, 2, 2},     // a row at a time
      {"norm_int4", "int4", 320, 32, 0, 9, 16},
      {"norm_int8", "int8", 256, 64, 64, 4, 4},
      {"norm_head", "bf16", 130, 0, 0, 9, 16},
      {"norm_head_int4", "int4", 512, 128, 256, 2, 4},
  };
  std::vector<RegionBench> benches;
  std::vector<uint32_t> bounds;
  for (const Shape &s : shapes) {
    const bool isHead = std::string(s.name).find("head") != std::string::npos;
    benches.push_back(isHead ? head(s, 70) : normed(s, s.columns == 8192 ? 32 : 90));
    bounds.push_back(s.bound);
  }
  check(std::move(benches), bounds);
}

TEST_CASE("rotary heads leave a projection as the reference rotates them") {
  std::vector<RegionBench> benches;
  std::vector<uint32_t> bounds;
  const auto add = [&](const Shape &s, int64_t headDim, int64_t queries, int64_t kvHeads,
                       bool biased, bool withNorm) {
    benches.push_back(heads(s, headDim, queries, kvHeads, biased, withNorm));
    bounds.push_back(s.bound);
  };
  add({"heads_32", "bf16", 70, 0, 0, 9, 16}, 32, 3, 1, false, true);
  add({"heads_96", "int4", 256, 32, 64, 1, 1}, 96, 2, 2, true, true);
  add({"heads_128", "bf16", 128, 0, 64, 4, 4}, 128, 2, 1, true, true);
  add({"heads_many", "bf16", 96, 0, 0, 41, 64}, 64, 3, 1, true, false);
  add({"heads_most", "int8", 64, 32, 0, 70, 512}, 64, 4, 2, false, false);
  // Its sums leave no room for the gain beside the rows.
  add({"heads_crowded", "bf16", 4096, 0, 256, 4, 4}, 32, 1, 1, false, true);
  check(std::move(benches), bounds);
}

TEST_CASE("every norm that the passes put before a matmul fits a block's shared memory") {
  // What --ingot-fuse-norm-prologue takes: max-tokens, max-elements, kMostNormColumns.
  constexpr uint32_t kTokens = 16, kElements = 16384, kColumns = 8192;
  constexpr WeightFormat kFormats[] = {WeightFormat::Bf16, WeightFormat::Int8, WeightFormat::Int4,
                                       WeightFormat::E4m3};
  uint32_t crowded = 0, wrong = 0;
  const auto checkTile = [&](cuda::MatmulShape shape, uint32_t tokens) {
    const cuda::FewTile tile = cuda::chooseFewTile(shape, {tokens});
    wrong += tile.sharedBytes(shape) > cuda::kMostSharedBytes || tile.rows != tokens ||
             tile.stagedRows < 1 || tile.stagedRows > tokens;
    crowded += !tile.stagesGain && shape.columns <= 4096;
  };
  for (const WeightFormat format : kFormats)
    for (uint32_t tokens = 1; tokens <= kTokens; ++tokens)
      for (uint32_t columns = 32; columns <= std::min(kColumns, kElements / tokens); columns += 32)
        for (const uint32_t outputs : {16u, 96u, 4096u, 128256u})
          for (const uint32_t slices : {1u, 2u, 8u, 16u})
            for (const uint32_t group : {0u, 32u, 128u})
              for (const bool wholePanels : {false, true}) {
                const uint32_t span = slices == 1 ? 0 : (columns / slices + 127) / 128 * 128;
                checkTile({format, outputs, columns, group, span < columns ? span : 0, wholePanels,
                           false, true},
                          tokens);
              }
  CHECK(wrong == 0);
  CHECK(crowded > 0);
}

TEST_CASE("what does not fit beside a matmul is refused with the reason") {
  const auto refusal = [](RegionBench p, uint32_t bound) {
    p.matmulSource(bound);
    CHECK(p.refusal.id() == "cuda-kernel");
    return p.refusal.message();
  };
  CHECK(refusal(normed({"many", "bf16", 64, 0, 0, 2, 0}, 32), 64).find("few tokens") !=
        std::string::npos);
  CHECK(refusal(normed({"wide", "bf16", 8192, 0, 0, 16, 0}, 32), 16).find("shared memory") !=
        std::string::npos);
  RegionBench plain("plain", 2); // packed in pairs, read in order
  const int weight = plain.matrix("bf16", 64, 64, 0, 32);
  plain.round(plain.linear(plain.bf16Input(64, 1), weight, 0));
  CHECK(refusal(std::move(plain), 16).find("rotary heads") != std::string::npos);
}
