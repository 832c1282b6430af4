// Row-wise kernels on the host's execution of the GPU: the bits of the reference, which are the
// CPU's, for rows of any width, for ops in one kernel as for ops alone.
#include "tests/cuda/support/RowBench.h"

#include <catch2/catch.hpp>

#include <functional>

using namespace ingot;
using namespace ingot::test;
using ingot::reference::RowKind;

namespace {

/// A sum that leaves the kernel, its norm rounded both ways, a gated product, a bias.
RowBench chain(int64_t width, bool floatScale) {
  RowBench p("chain_" + std::to_string(width), 5);
  const int x = p.input(width, 1), y = p.input(width, 2), gamma = p.vectorParameter(width, 3);
  const int bias = p.vectorParameter(width, 4);
  const int sum = p.add(x, y);
  const int normed = p.norm(sum, gamma, 0, /*inner=*/true);
  p.round(normed);
  p.quantize(normed, floatScale ? RowKind::Int8F32 : RowKind::Int8Pow2);
  p.mul(p.silu(y, true), x);
  p.addBias(x, bias);
  return p;
}

/// A sum, its norm (or layer norm), and one of the roundings that matrix units take.
RowBench rounded(int64_t width, RowKind kind, bool layer) {
  RowBench p("rounded_" + std::to_string(width) + "_" + std::to_string(int(kind)), 5);
  const int x = p.input(width, 1), y = p.input(width, 2);
  const int gamma = p.vectorParameter(width, 3), beta = p.vectorParameter(width, 4);
  const int sum = p.add(x, y);
  const int normed =
      layer ? p.layerNorm(sum, gamma, beta, true) : p.norm(sum, gamma, 0, /*inner=*/true);
  if (kind == RowKind::F16 || kind == RowKind::Bf16)
    p.round(normed, false, kind);
  else
    p.quantize(normed, kind);
  return p;
}

/// What fuse-rope-kv makes of a merged projection.
RowBench ropeKv(int64_t headDim, bool norms, abi::KvFormat format = abi::KvFormat::Bf16) {
  const int64_t heads = 4, kvHeads = 2;
  RowBench p("rope_kv_" + std::to_string(headDim), 9);
  const int qkv = p.input((heads + 2 * kvHeads) * headDim, 5);
  const int angles = p.input(headDim, 6);
  const int gamma = p.vectorParameter(norms ? headDim : (heads + 2 * kvHeads) * headDim, 7);
  const int cache = p.cache(uint32_t(kvHeads), uint32_t(headDim), 16, format);
  const int biased = norms ? qkv : p.addBias(qkv, gamma, true);
  const std::vector<int> parts =
      p.split(biased, {heads * headDim, kvHeads * headDim, kvHeads * headDim}, 0, /*inner=*/true);
  const int q = norms ? p.norm(parts[0], gamma, headDim, true) : parts[0];
  const int k = norms ? p.norm(parts[1], gamma, headDim, true) : parts[1];
  p.round(p.rope(q, angles, headDim, true));
  p.append(cache, p.rope(k, angles, headDim, true), parts[2]);
  return p;
}

/// Rows of tables in every format, and the angles of a step.
RowBench tables(int64_t width) {
  RowBench p("tables_" + std::to_string(width), 7);
  for (const int table : {p.table("f32", "row", width, 0), p.table("bf16", "mma16", width, 0),
                          p.table("int8", "mma16", width, 32), p.table("int4", "mma16", width, 0),
                          p.table("fp16", "mma16", width, 0), p.table("fp8", "mma16", width, 128)})
    p.embed(table);
  p.angles(24, 1.25f);
  return p;
}

/// The returned rows of a step: selected, normed, rounded, and the argmax of others.
RowBench returned(int64_t width) {
  RowBench p("returned_" + std::to_string(width), 6, /*returnedRows=*/true);
  const int x = p.input(width, 8), gamma = p.vectorParameter(width, 9);
  const int logits = p.input(width + 1, 10, /*returned=*/true);
  const int runs = p.partials(width, 11);
  const int selected = p.select(x);
  p.round(p.norm(selected, gamma, 0, true));
  p.argmax(logits);
  p.argmaxPartial(logits);
  p.argmaxFold(runs);
  return p;
}

RowBench splits() {
  RowBench p("splits", 3);
  const int x = p.input(96, 12);
  p.split(x, {7, 33, 56}, 0);
  const std::vector<int> gated = p.split(x, {48, 48}, 16, true);
  p.mul(p.silu(gated[0], true), gated[1]);
  return p;
}

} // namespace

TEST_CASE("chains of row-wise ops have the bits of the reference") {
  std::vector<RowBench> benches;
  benches.push_back(chain(1, false));
  benches.push_back(chain(33, true));
  benches.push_back(chain(260, false));
  benches.push_back(chain(1100, true));
  benches.push_back(chain(8300, false)); // rows that do not all fit shared memory
  benches.push_back(ropeKv(64, true));
  benches.push_back(ropeKv(24, true, abi::KvFormat::Int8));
  benches.push_back(ropeKv(256, false, abi::KvFormat::Int8));
  benches.push_back(ropeKv(6, false, abi::KvFormat::E4m3));
  benches.push_back(ropeKv(36, true, abi::KvFormat::F16));
  benches.push_back(tables(100));
  benches.push_back(returned(70));
  benches.push_back(returned(1500));
  benches.push_back(splits());
  for (const int64_t width : {1, 70, 1500}) {
    benches.push_back(rounded(width, RowKind::Int8Row, false));
    benches.push_back(rounded(width, RowKind::E4m3Row, true));
    benches.push_back(rounded(width, RowKind::F16, width == 70));
  }
  std::vector<cuda::KernelSource> sources;
  for (RowBench &bench : benches) {
    sources.push_back(bench.source());
    REQUIRE(bench.refusal.isOk());
  }
  const auto image = HostImage::build(sources);
  if (!image.isOk())
    FAIL(image.status().message());
  for (size_t i = 0; i < benches.size(); ++i) {
    CAPTURE(sources[i].name);
    CHECK(benches[i].run(**image) == "");
  }
}

TEST_CASE("what no kernel can hold is refused by name") {
  RowBench p("refused", 2);
  p.embed(p.table("bf16", "panel32", 64, 0));
  p.source();
  CHECK(p.refusal.id() == "cuda-kernel");
}
