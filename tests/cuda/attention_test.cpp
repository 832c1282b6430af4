// Paged attention on the host's execution of the GPU: the bits of the reference (order
// attention_mma), wherever pages lie, whatever stale ones hold, however work is cut.
#include "codegen/cuda/EmitAttention.h"
#include "codegen/cuda/kernels/AttentionFormat.h"
#include "ir/reference/Ops.h"
#include "runtime/base/Mxcsr.h"
#include "tests/cuda/support/HostImage.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <random>

using namespace ingot;
using namespace ingot::test;
using gpu::host::Launch;
using gpu::host::Order;

namespace {

/// A kernel.
struct Heads {
  int64_t heads, kvHeads, headDim;
  uint32_t blockTokens, maxTokens;
  uint64_t partialBytes = cuda::kAttentionPartialBytes;
  bool rounded = false; ///< results are bf16 rows
  abi::KvFormat format = abi::KvFormat::Bf16;
  uint32_t window = 0; ///< of the kernel
  float softcap = 0;
  bool sinks = false;

  auto tied() const {
    return std::tie(heads, kvHeads, headDim, blockTokens, maxTokens, partialBytes, rounded, format,
                    window, softcap, sinks);
  }
  bool operator<(const Heads &other) const { return tied() < other.tied(); }
  int64_t columns() const { return heads * headDim; }
  float scale() const { return 1.0f / std::sqrt(float(headDim)); }
  std::string name() const {
    return "attention_" + std::to_string(heads) + "_" + std::to_string(kvHeads) + "_" +
           std::to_string(headDim) + "_" + std::to_string(blockTokens) + "_" +
           std::to_string(maxTokens) + "_" + std::to_string(uint32_t(format)) + "_" +
           std::to_string(window) + (softcap > 0 ? "_softcap" : "") + (sinks ? "_sinks" : "") +
           (rounded ? "_rounded" : "");
  }
  uint64_t resultRowBytes() const {
    return rounded ? abi::bf16RowBytes(columns()) : abi::f32RowBytes(columns());
  }
};

/// Sequences of a step.
struct Step {
  std::vector<uint32_t> lengths;   ///< positions in the cache, new ones included
  std::vector<uint32_t> newTokens; ///< of each sequence, at its end
  uint32_t window = 0;             ///< of the batch; 0 = causal only
};

const Heads kFew = {8, 2, 64, 16, 8}, kMany = {8, 2, 64, 16, 200};
const Heads kNoScratch = {4, 2, 16, 16, 12, 0}; ///< no segment apart
const Heads kRounded = {3, 1, 24, 16, 40, cuda::kAttentionPartialBytes, true};

constexpr uint64_t kPartial = cuda::kAttentionPartialBytes;
/// The formats of the cache, with what else a kernel may do spread over them.
const Heads kF16 = {4, 2, 64, 16, 40, kPartial, false, abi::KvFormat::F16, 64};
const Heads kFp8 = {6, 2, 40, 16, 40, kPartial, false, abi::KvFormat::E4m3, 5000, 15.0f};
const Heads kInt8 = {8, 2, 128, 32, 40, kPartial, false, abi::KvFormat::Int8};
const Heads kInt8Small = {3, 3, 10, 16, 12, kPartial, false, abi::KvFormat::Int8, 0, 0, true};
const Heads kFp8Wide = {3, 1, 256, 16, 24, kPartial, false, abi::KvFormat::E4m3, 1};
const Heads kAll = {4, 2, 32, 16, 40, kPartial, true, abi::KvFormat::Int8, 100, 15.0f, true};
const std::vector<Heads> kKernels = {kF16,
                                     kFp8,
                                     kInt8,
                                     kInt8Small,
                                     kFp8Wide,
                                     kAll,
                                     kFew,
                                     kMany,
                                     kNoScratch,
                                     kRounded,
                                     {4, 4, 8, 32, 40},
                                     {3, 1, 24, 48, 16},
                                     {5, 1, 128, 16, 24},
                                     {2, 1, 256, 16, 20},
                                     {7, 1, 144, 16, 40},
                                     {20, 1, 16, 16, 24}};

KernelProgram programOf(const Heads &heads) {
  KernelProgram program;
  program.values.push_back({.kind = ValueKind::Bf16Rows, .columns = heads.columns(), .slot = 1});
  ProgramValue cache{.kind = ValueKind::Kv, .slot = 2};
  cache.kv = {3, uint32_t(heads.kvHeads), uint32_t(heads.headDim), heads.blockTokens};
  cache.kvFormat = heads.format;
  program.values.push_back(cache);
  program.values.push_back({.kind = ValueKind::F32Rows, .columns = heads.columns(), .slot = 3});
  ProgramOp op{.kind = OpKind::PagedAttention, .operands = {0, 1}, .results = {2}};
  op.headDim = heads.headDim, op.heads = heads.heads, op.scale = heads.scale();
  op.window = heads.window, op.softcap = heads.softcap;
  if (heads.sinks)
    op.operands.push_back(int(program.values.size()) + (heads.rounded ? 1 : 0));
  program.ops.push_back(op);
  if (heads.rounded) {
    program.values[2].slot = -1;
    program.values.push_back({.kind = ValueKind::Bf16Rows, .columns = heads.columns(), .slot = 3});
    program.ops.push_back({.kind = OpKind::Round, .operands = {2}, .results = {3}});
  }
  if (heads.sinks)
    program.values.push_back({.kind = ValueKind::Parameter, .slot = 4});
  return program;
}

/// All kernels of this file in one object.
class Kernels {
public:
  static const Kernels &all() {
    static const Kernels kernels;
    return kernels;
  }
  const HostImage &image() const { return *image_; }
  const cuda::LaunchShape &shape(const Heads &heads) const { return shapes_.at(heads); }

private:
  Kernels() {
    std::vector<cuda::KernelSource> sources;
    for (const Heads &heads : kKernels) {
      auto made = cuda::emitAttention(programOf(heads), heads.name(), {heads.maxTokens},
                                      heads.partialBytes);
      REQUIRE(made.isOk());
      shapes_[heads] = made->shape;
      sources.push_back(std::move(*made));
    }
    auto built = HostImage::build(sources);
    if (!built.isOk())
      FAIL(built.status().message());
    image_ = std::move(*built);
  }

  std::map<Heads, cuda::LaunchShape> shapes_;
  std::unique_ptr<HostImage> image_;
};

/// Random queries and a random cache, once as the reference holds them and once in pages.
class AttentionCase {
public:
  AttentionCase(const Heads &heads, const Step &step, uint64_t seed)
      : heads_(heads), step_(step), random_(seed), kv_(programOf(heads).values[1].kv),
        layout_{kv_.layers, kv_.kvHeads, kv_.headDim, kv_.blockTokens, heads.format} {
    fillCache();
    fillBatch();
    result_.resize(batch_.tokens() * heads.resultRowBytes());
    scratch_.resize(Kernels::all().shape(heads).scratchBytes);
  }

  /// Empty, or what went wrong; the result stays in the case.
  std::string run(uint64_t shuffle, Launch launch, bool allOrders) {
    placePages(shuffle);
    abi::BatchView batch{};
    batch.tokens = uint32_t(batch_.tokens());
    batch.attentionItems = uint32_t(items_.size() / 2);
    for (size_t i = 0; i < items_.size(); i += 2)
      batch.attentionSegments += (batch_.visibleEnd[items_[i] + items_[i + 1] - 1] + 255) / 256;
    batch.tokenSequence = batch_.tokenSequence.data();
    batch.visibleBegin = batch_.visibleBegin.data();
    batch.visibleEnd = batch_.visibleEnd.data();
    batch.attentionTable = items_.data();
    const abi::KvView view{pool_.data() + layout_.layerBytes(), table_.data(), layout_.blockBytes(),
                           pitch_, 0};
    const cuda::LaunchShape &shape = Kernels::all().shape(heads_);
    launch.threads = shape.threads, launch.sharedBytes = shape.dynamicSharedBytes;
    std::vector<uint64_t> slots = {slot(&batch), slot(queries_.data()), slot(&view),
                                   slot(result_.data()), slot(scratch_.data())};
    if (heads_.sinks)
      slots.insert(slots.begin() + 4, slot(sinks_.data()));
    const auto prepare = [&] { std::fill(result_.begin(), result_.end(), uint8_t(0xff)); };
    prepare();
    const HostImage &image = Kernels::all().image();
    if (!allOrders)
      return image.launch(heads_.name(), slots, launch);
    return image.runAllOrders(heads_.name(), slots, launch, prepare, [&] { return result_; });
  }

  int64_t countWrong(const matrix::MatrixUnit &unit) {
    MxcsrGuard mode;
    const auto want = reference::evalPagedAttention(rows_, state_, geometry(), batch_,
                                                    {.heads = heads_.heads,
                                                     .scale = heads_.scale(),
                                                     .window = heads_.window,
                                                     .softcap = heads_.softcap,
                                                     .sinks = sinks_,
                                                     .unit = &unit});
    REQUIRE(want.isOk());
    int64_t wrong = 0;
    for (int64_t t = 0; t < batch_.tokens(); ++t)
      for (int64_t c = 0; c < int64_t(abi::paddedColumns(columns())); ++c)
        wrong += differs(t, c, c < columns() ? want->row(t)[c] : 0.0f);
    return wrong;
  }

  const std::vector<uint8_t> &result() const { return result_; }
  int64_t tokens() const { return batch_.tokens(); }
  /// Counters at the start of scratch that are not zero.
  int64_t countersLeft() const {
    const uint64_t bytes = Kernels::all().shape(heads_).counterBytes;
    return std::count_if(scratch_.begin(), scratch_.begin() + int64_t(bytes),
                         [](uint8_t byte) { return byte != 0; });
  }

private:
  bool differs(int64_t token, int64_t column, float expected) const {
    const uint8_t *row = result_.data() + token * heads_.resultRowBytes();
    uint32_t got = 0;
    std::memcpy(&got, row + column * (heads_.rounded ? 2 : 4), heads_.rounded ? 2 : 4);
    return got != (heads_.rounded ? numerics::toBf16(expected) : numerics::bitsOf(expected));
  }
  static uint64_t slot(const void *p) { return reinterpret_cast<uint64_t>(p); }
  int64_t columns() const { return heads_.columns(); }
  uint16_t randomBf16(float spread) {
    return numerics::toBf16(std::normal_distribution<float>(0, spread)(random_));
  }

  reference::KvGeometry geometry() const {
    return {0, 0, heads_.kvHeads, heads_.headDim, heads_.headDim, heads_.format};
  }

  void fillCache() {
    const int64_t width = heads_.kvHeads * heads_.headDim;
    for (uint32_t s = 0; s < step_.lengths.size(); ++s) {
      reference::Batch all;
      all.append(s, 0, std::vector<uint32_t>(step_.lengths[s], 0), false);
      auto keys = reference::Rows::ofFloats(all.tokens(), width), values = keys;
      for (float &k : keys.floats)
        k = numerics::fromBf16(randomBf16(2.0f));
      for (float &v : values.floats)
        v = numerics::fromBf16(randomBf16(1.0f));
      reference::evalKvAppend(state_, geometry(), keys, values, all);
    }
    if (heads_.sinks)
      for (int64_t h = 0; h < heads_.heads; ++h)
        sinks_.push_back(numerics::fromBf16(randomBf16(2.0f)));
  }

  void fillBatch() {
    for (uint32_t s = 0; s < step_.lengths.size(); ++s) {
      const auto first = uint32_t(batch_.tokens()), count = step_.newTokens[s];
      const std::vector<uint32_t> ids(count, 0);
      batch_.append(s, step_.lengths[s] - count, ids, false);
      for (uint32_t t = 0; t < count; t += abi::kAttentionTokens)
        items_.insert(items_.end(), {first + t, std::min(abi::kAttentionTokens, count - t)});
    }
    if (step_.window)
      for (size_t t = 0; t < batch_.visibleEnd.size(); ++t)
        batch_.visibleBegin[t] =
            batch_.visibleEnd[t] > step_.window ? batch_.visibleEnd[t] - step_.window : 0;
    rows_ = reference::Rows::ofFloats(batch_.tokens(), columns(), reference::RowKind::Bf16);
    const uint64_t stride = abi::bf16RowBytes(columns());
    queries_.resize(batch_.tokens() * stride);
    for (int64_t t = 0; t < batch_.tokens(); ++t)
      for (int64_t c = 0; c < columns(); ++c) {
        const uint16_t q = randomBf16(1.5f);
        rows_.row(t)[c] = numerics::fromBf16(q);
        std::memcpy(&queries_[t * stride + 2 * c], &q, 2);
      }
  }

  /// Writes layer 1 of a pool of NaN. Pages outside every window stay out.
  void placePages(uint64_t shuffle) {
    const uint32_t longest = *std::max_element(step_.lengths.begin(), step_.lengths.end());
    const uint32_t perSequence = (longest + heads_.blockTokens - 1) / heads_.blockTokens;
    pitch_ = perSequence + 2;
    std::vector<uint32_t> order(perSequence * step_.lengths.size());
    std::iota(order.begin(), order.end(), 1u);
    std::mt19937_64 random(shuffle);
    if (shuffle)
      std::shuffle(order.begin(), order.end(), random);
    pool_.assign((order.size() + 1) * layout_.blockBytes(), 0xff);
    table_.assign(pitch_ * step_.lengths.size(), ~0u);
    for (uint32_t s = 0; s < step_.lengths.size(); ++s)
      for (uint32_t p = 0; p < step_.lengths[s]; ++p) {
        const uint32_t window = step_.window ? step_.window : heads_.window;
        if (window && p + window + step_.newTokens[s] < step_.lengths[s])
          continue; // freed behind the window: the entry stays wild
        const uint32_t block = order[s * perSequence + p / heads_.blockTokens];
        table_[s * pitch_ + p / heads_.blockTokens] = block;
        writePosition(s, p, block);
      }
  }

  void writePosition(uint32_t sequence, uint32_t position, uint32_t block) {
    const reference::KvRun &run = state_.run(0, 0, sequence);
    const uint32_t place = position % heads_.blockTokens;
    for (int64_t h = 0; h < heads_.kvHeads; ++h) {
      uint8_t *head = pool_.data() + block * layout_.blockBytes() + layout_.layerBytes() +
                      h * layout_.headBytes();
      uint8_t *keys = head + place * layout_.rowBytes(), *values = keys + layout_.valuesAt();
      std::memset(keys, 0, layout_.rowBytes());
      std::memset(values, 0, layout_.rowBytes());
      const int64_t from = position * run.keyWidth + h * heads_.headDim;
      for (uint32_t d = 0; d < heads_.headDim; ++d)
        if (layout_.elementBytes() == 2) {
          std::memcpy(keys + 2 * d, &run.keys[from + d], 2);
          std::memcpy(values + 2 * d, &run.values[from + d], 2);
        } else {
          keys[layout_.keyByte(d)] = uint8_t(run.keys[from + d]);
          values[d] = uint8_t(run.values[from + d]);
        }
      if (heads_.format != abi::KvFormat::Int8)
        continue;
      const float scales[2] = {run.keyScale(position, h), run.valueScale(position, h)};
      std::memcpy(head + layout_.scalesAt() + 4 * place, &scales[0], 4);
      std::memcpy(head + layout_.valueScalesAt() + 4 * place, &scales[1], 4);
    }
  }

  const Heads heads_;
  const Step step_;
  std::mt19937_64 random_;
  abi::KvLayout kv_;
  abi::KvRowsLayout layout_;
  reference::KvState state_;
  reference::Batch batch_;
  reference::Rows rows_;
  std::vector<uint32_t> items_, table_;
  std::vector<float> sinks_;
  std::vector<uint8_t> queries_, pool_, result_, scratch_;
  uint32_t pitch_ = 0;
};

void check(const Heads &heads, const Step &step, bool allOrders = true) {
  AttentionCase test(heads, step, 11);
  CAPTURE(heads.name(), step.lengths, step.newTokens, step.window);
  CHECK(test.run(0, {.gridX = 5}, allOrders) == "");
  CHECK(test.countWrong(matrix::kHopper) == 0);
  const std::vector<uint8_t> first = test.result();
  for (const uint32_t grid : {1u, 64u}) { // other blocks, other pages
    CHECK(test.run(grid, {.gridX = grid}, false) == "");
    CHECK(test.result() == first);
  }
  CHECK(test.countersLeft() == 0);
}

} // namespace

TEST_CASE("decode over several segments has the bits of the reference") {
  const Step step = {{1, 2, 17, 64, 65, 257, 300, 700}, {1, 1, 1, 1, 1, 1, 1, 1}};
  check(kFew, step);
  check(kMany, step);
}
TEST_CASE("each unit of the matrix has its own reference", "[host]") {
  AttentionCase test(kFew, {{70, 300}, {2, 1}}, 5);
  CHECK(test.run(0, {.gridX = 7, .architecture = 80}, false) == "");
  CHECK(test.countWrong(matrix::kAmpere) == 0);
  CHECK(test.countWrong(matrix::kHopper) != 0); // the comparison can see one bit
}
TEST_CASE("a chunk, a long one and single tokens share a step") {
  check(kMany, {{90, 40, 300, 7, 600}, {1, 21, 37, 7, 1}});
}
TEST_CASE("items beyond one window of the list") {
  std::vector<uint32_t> lengths(140, 3), tokens(140, 1);
  lengths[3] = 300, lengths[137] = 270, lengths[139] = 60, tokens[139] = 50;
  check(kMany, {lengths, tokens}, false);
}
TEST_CASE("results leave as bf16 rows where the region rounds them") {
  check(kRounded, {{1, 70, 300, 600}, {1, 1, 2, 25}});
}
TEST_CASE("rows that scratch does not hold are taken whole") {
  check(kNoScratch, {{20, 600, 257}, {1, 3, 8}});
}
TEST_CASE("windows never read what lies before them") {
  check(kFew, {{40, 100, 600}, {2, 2, 4}, 33});
  check(kMany, {{40, 100, 600}, {1, 30, 1}, 33});
}
TEST_CASE("caches of every format, with windows, softcaps and sinks") {
  const Step step = {{1, 64, 65, 330, 530, 40}, {1, 1, 1, 1, 2, 30}};
  for (const Heads &heads : {kF16, kFp8, kInt8, kAll}) {
    check(heads, step, heads.rounded);
    AttentionCase test(heads, {{300}, {3}}, 6);
    CHECK(test.run(0, {.gridX = 7, .architecture = 80}, false) == "");
    CHECK(test.countWrong(matrix::kAmpere) == 0);
  }
  check(kInt8Small, {{17, 70, 256, 257}, {8, 1, 1, 2}});
  check(kFp8Wide, {{130, 260}, {22, 1}}, false);
}
TEST_CASE("bytes of the cache are the numbers that the rule says") {
  for (uint32_t code = 0; code < 256; ++code) {
    const uint32_t pair = gpu::e4m3PairByBits(code | (255 - code) << 16);
    for (const auto &[bits, byte] : {std::pair(pair & 0xffffu, code), {pair >> 16, 255 - code}}) {
      const float want = numerics::fromE4m3(uint8_t(byte)), got = numerics::fromF16(uint16_t(bits));
      CHECK((numerics::bitsOf(got) == numerics::bitsOf(want) || (got != got && want != want)));
    }
    const uint32_t integers = gpu::int8Pair(code << 16 | 0x7e);
    CHECK(numerics::fromBf16(uint16_t(integers >> 16)) == float(int8_t(code)));
    CHECK(numerics::fromBf16(uint16_t(integers)) == 126.0f);
  }
}
TEST_CASE("a long context is folded in several runs of segments") {
  check({4, 4, 8, 32, 40}, {{256 * 66 + 5}, {1}}, false);
}
TEST_CASE("head widths and groups of any size") {
  check({7, 1, 144, 16, 40}, {{40, 330}, {1, 30}}, false);
  check({4, 4, 8, 32, 40}, {{40, 300}, {9, 30}});
  check({3, 1, 24, 48, 16}, {{130, 280}, {7, 1}});
  check({5, 1, 128, 16, 24}, {{66, 258}, {2, 17}});
  check({2, 1, 256, 16, 20}, {{40, 260}, {1, 9}});
  check({20, 1, 16, 16, 24}, {{66, 270}, {1, 9}});
}
