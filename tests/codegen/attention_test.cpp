// Rule A: every level gives the bits of the reference, wherever pages lie and whatever stale ones
// hold.
#include "codegen/cpu/kernels/EmitAttention.h"
#include "ir/reference/Ops.h"
#include "tests/codegen/support/KernelHarness.h"

#include "runtime/base/Numerics.h"

#include <catch2/catch.hpp>

#include <numeric>
#include <random>

using namespace ingot;
using namespace ingot::test;

namespace {

struct AttentionSize {
  int64_t heads, kvHeads, headDim;
  uint32_t blockTokens;
  std::vector<uint32_t> lengths; ///< positions in the cache of each sequence
  uint32_t newTokens;            ///< of each sequence, at its end
  uint32_t window = 0;           ///< 0 = causal only
  bool infiniteLast = false;     ///< the last position's values are infinite
  int64_t opWindow = 0;          ///< that of the op
};

KernelProgram programOf(const AttentionSize &size) {
  KernelProgram program;
  const int64_t columns = size.heads * size.headDim;
  program.values.push_back({.kind = ValueKind::Bf16Rows, .columns = columns, .slot = 1});
  ProgramValue cache{.kind = ValueKind::Kv, .slot = 2};
  cache.kv = {3, uint32_t(size.kvHeads), uint32_t(size.headDim), size.blockTokens};
  program.values.push_back(cache);
  program.values.push_back({.kind = ValueKind::F32Rows, .columns = columns, .slot = 3});
  ProgramOp op{.kind = OpKind::PagedAttention, .operands = {0, 1}, .results = {2}};
  op.headDim = size.headDim;
  op.heads = size.heads;
  op.scale = 1.0f / std::sqrt(float(size.headDim));
  op.window = size.opWindow;
  program.ops.push_back(op);
  return program;
}

/// Random queries and a random cache, once as the reference holds them and once in pages.
class AttentionCase {
public:
  explicit AttentionCase(const AttentionSize &size, uint64_t seed)
      : size_(size), random_(seed), layout_(programOf(size).values[1].kv) {
    fillCache();
    fillBatch();
    evaluate();
  }

  /// Outputs of the kernel, the blocks of the pool in an order that depends on `shuffle`.
  Buffer run(const LoadedKernel &kernel, uint64_t shuffle, uint32_t tokensPerItem) {
    const std::vector<uint32_t> table = placePages(shuffle);
    std::vector<uint32_t> items;
    for (uint32_t s = 0; s < size_.lengths.size(); ++s)
      for (uint32_t t = 0; t < size_.newTokens; t += tokensPerItem)
        items.insert(items.end(),
                     {s * size_.newTokens + t, std::min(tokensPerItem, size_.newTokens - t)});
    abi::BatchView batch{};
    batch.tokens = uint32_t(batch_.tokens());
    batch.attentionItems = uint32_t(items.size() / 2);
    batch.tokenSequence = batch_.tokenSequence.data();
    batch.visibleBegin = batch_.visibleBegin.data();
    batch.visibleEnd = batch_.visibleEnd.data();
    batch.attentionTable = items.data();
    abi::KvView view{pool_->as<uint8_t>() + layout_.layerBytes(), table.data(),
                     layout_.blockBytes(), pitch_, 0};
    Buffer result(batch.tokens * abi::f32RowBytes(columns()));
    const uint32_t count = batch.attentionItems * uint32_t(size_.kvHeads);
    for (uint32_t first = 0; first < count; first += 3)
      kernel.run({reinterpret_cast<uint64_t>(&batch), queries_->slot(),
                  reinterpret_cast<uint64_t>(&view), result.slot()},
                 first, std::min(count, first + 3));
    return result;
  }

  int64_t countWrong(const Buffer &result) const {
    int64_t wrong = 0;
    const int64_t stride = abi::f32RowBytes(columns()) / 4;
    for (int64_t t = 0; t < batch_.tokens(); ++t)
      for (int64_t c = 0; c < stride; ++c) {
        const float expected = c < columns() ? want_.row(t)[c] : 0.0f;
        wrong += numerics::bitsOf(result.as<float>()[t * stride + c]) != numerics::bitsOf(expected);
      }
    return wrong;
  }

private:
  int64_t columns() const { return size_.heads * size_.headDim; }
  uint16_t randomBf16(float spread) {
    return numerics::toBf16(std::normal_distribution<float>(0, spread)(random_));
  }

  void fillCache() {
    for (uint32_t s = 0; s < size_.lengths.size(); ++s) {
      reference::KvRun &run = state_.run(0, 0, s);
      run.keyWidth = run.valueWidth = size_.kvHeads * size_.headDim;
      run.grow(size_.lengths[s]);
      for (uint16_t &k : run.keys)
        k = randomBf16(2.0f);
      for (uint16_t &v : run.values)
        v = randomBf16(1.0f);
      if (size_.infiniteLast)
        std::fill(run.values.end() - run.valueWidth, run.values.end(), uint16_t(0x7f80));
    }
  }

  void fillBatch() {
    for (uint32_t s = 0; s < size_.lengths.size(); ++s) {
      const std::vector<uint32_t> ids(size_.newTokens, 0);
      batch_.append(s, size_.lengths[s] - size_.newTokens, ids, false);
    }
    if (size_.window)
      for (size_t t = 0; t < batch_.visibleEnd.size(); ++t)
        batch_.visibleBegin[t] =
            batch_.visibleEnd[t] > size_.window ? batch_.visibleEnd[t] - size_.window : 0;
    rows_ = reference::Rows::ofFloats(batch_.tokens(), columns(), reference::RowKind::Bf16);
    queries_ = std::make_unique<Buffer>(batch_.tokens() * abi::bf16RowBytes(columns()));
    for (int64_t t = 0; t < batch_.tokens(); ++t)
      for (int64_t c = 0; c < columns(); ++c) {
        const uint16_t q = randomBf16(1.5f);
        rows_.row(t)[c] = numerics::fromBf16(q);
        queries_->as<uint16_t>()[t * abi::bf16RowBytes(columns()) / 2 + c] = q;
      }
  }

  /// The reference, which knows neither pages nor items.
  void evaluate() {
    KernelMxcsr mxcsr;
    const reference::KvGeometry kv{0, 0, size_.kvHeads, size_.headDim, size_.headDim};
    auto want = reference::evalPagedAttention(rows_, state_, kv, batch_,
                                              {.heads = size_.heads,
                                               .scale = 1.0f / std::sqrt(float(size_.headDim)),
                                               .window = size_.opWindow,
                                               .sinks = {}});
    REQUIRE(want.isOk());
    want_ = std::move(*want);
  }

  /// Writes layer 1 of a pool of NaN; returns the block tables. Pages outside every window stay
  /// out.
  std::vector<uint32_t> placePages(uint64_t shuffle) {
    const uint32_t perSequence =
        *std::max_element(size_.lengths.begin(), size_.lengths.end()) / size_.blockTokens + 1;
    pitch_ = perSequence + 2;
    std::vector<uint32_t> order(perSequence * size_.lengths.size());
    std::iota(order.begin(), order.end(), 1u);
    std::mt19937_64 random(shuffle);
    if (shuffle)
      std::shuffle(order.begin(), order.end(), random);
    pool_ = std::make_unique<Buffer>((order.size() + 1) * layout_.blockBytes());
    std::vector<uint32_t> table(pitch_ * size_.lengths.size(), ~0u);
    for (uint32_t s = 0; s < size_.lengths.size(); ++s)
      for (uint32_t p = 0; p < size_.lengths[s]; ++p) {
        const uint32_t block = order[s * perSequence + p / size_.blockTokens];
        if (size_.window && p + size_.window + size_.newTokens < size_.lengths[s])
          continue; // freed behind the window: the entry stays wild
        table[s * pitch_ + p / size_.blockTokens] = block;
        writePosition(s, p, block);
      }
    return table;
  }

  void writePosition(uint32_t sequence, uint32_t position, uint32_t block) {
    const reference::KvRun &run = state_.run(0, 0, sequence);
    const uint32_t inBlock = position % size_.blockTokens, lane = inBlock % abi::kKvTile;
    for (int64_t h = 0; h < size_.kvHeads; ++h) {
      uint8_t *tile = pool_->as<uint8_t>() + block * layout_.blockBytes() + layout_.layerBytes() +
                      h * layout_.headBytes() + inBlock / abi::kKvTile * layout_.tileBytes();
      auto *keys = reinterpret_cast<uint16_t *>(tile);
      auto *values = reinterpret_cast<uint16_t *>(tile + layout_.keyTileBytes());
      for (int64_t d = 0; d < size_.headDim; ++d) {
        const int64_t from = position * run.keyWidth + h * size_.headDim + d;
        keys[(d / 2) * 32 + lane * 2 + d % 2] = run.keys[from];
        values[lane * layout_.valueStride() + d] = run.values[from];
      }
    }
  }

  AttentionSize size_;
  std::mt19937_64 random_;
  abi::KvLayout layout_;
  reference::KvState state_;
  reference::Batch batch_;
  reference::Rows rows_, want_;
  std::unique_ptr<Buffer> queries_, pool_;
  uint32_t pitch_ = 0;
};

void checkEveryLevel(const AttentionSize &size,
                     const std::vector<uint32_t> &itemTokens = {1, 3, 8}) {
  AttentionCase test(size, 11);
  const KernelProgram program = programOf(size);
  for (CpuLevel level : runnableLevels()) {
    INFO("level " << levelName(level));
    const LoadedKernel kernel(level, [&](cpu::KernelBuilder &builder, std::string_view name) {
      return cpu::emitAttention(builder, program, name);
    });
    for (uint64_t shuffle : {0, 1, 2})
      for (uint32_t tokensPerItem : itemTokens)
        CHECK(test.countWrong(test.run(kernel, shuffle, tokensPerItem)) == 0);
  }
}

} // namespace

TEST_CASE("decode and chunks match the reference over several segments") {
  checkEveryLevel({8, 2, 64, 16, {1, 2, 17, 64, 65, 257, 300, 700}, 1});
  checkEveryLevel({4, 4, 32, 32, {40, 90, 300}, 9});
}
TEST_CASE("odd head widths match the reference") {
  checkEveryLevel({8, 4, 8, 16, {5, 33, 270}, 3});
  checkEveryLevel({3, 1, 24, 16, {70, 20}, 5});
  checkEveryLevel({6, 2, 80, 48, {130}, 2});
  checkEveryLevel({5, 1, 128, 16, {66, 258}, 2});
}
TEST_CASE("windows never read what lies before them") {
  checkEveryLevel({4, 2, 32, 16, {40, 100, 600}, 4, 33});
}
TEST_CASE("an op's own window is that of a batch") {
  for (const int64_t window : {1, 64, 100, 1000})
    checkEveryLevel({.heads = 4,
                     .kvHeads = 2,
                     .headDim = 32,
                     .blockTokens = 16,
                     .lengths = {40, 64, 330},
                     .newTokens = 4,
                     .opWindow = window});
}
TEST_CASE("items of any size match the reference across tiles and segments") {
  // The new tokens of each sequence cross position 64, 256 or nothing, start or end on it.
  const std::vector<uint32_t> lengths = {17, 64, 65, 70, 81, 256, 257, 266, 273, 330};
  for (const auto &[heads, kvHeads] : std::vector<std::pair<int64_t, int64_t>>{
           {2, 2}, {4, 2}, {3, 1}, {4, 1}, {7, 1}, {12, 1}, {80, 1}})
    checkEveryLevel({heads, kvHeads, 32, 16, lengths, 17}, {1, 2, 4, 5, 7, 8});
}
TEST_CASE("tokens of one item never use each other's later positions") {
  checkEveryLevel({4, 2, 32, 16, {9, 66, 128, 257}, 8, 0, true});
  checkEveryLevel({2, 2, 48, 32, {64, 264}, 8, 40, true});
}
