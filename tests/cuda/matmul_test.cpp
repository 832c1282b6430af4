// Matmul kernels for few and for many tokens against the reference, to the last bit.
#include "codegen/cuda/EmitMatmul.h"
#include "ir/reference/Ops.h"
#include "runtime/artifact/Mma16.h"
#include "runtime/base/Mxcsr.h"
#include "runtime/base/Random.h"
#include "tests/cuda/support/HostImage.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

using namespace ingot;
using gpu::host::Launch;
using reference::RowKind;
using reference::Rows;

namespace {

enum class Tail { Plain, BiasResidual, SwiGlu, SwiGluBf16, Argmax, RoundTwice };

struct Case {
  const char *name, *format;
  uint64_t outputs, columns;
  uint32_t group = 0;
  int64_t span = 0;
  Tail tail = Tail::Plain;
  bool returned = false;
};

/// Rows that tests run with; buffers hold one more, of NaN.
constexpr int64_t kMostRows = 130;

float randomFloat(uint64_t key, uint64_t i, int reach) {
  const int exponent = static_cast<int>(randomBits(key, 2 * i) % (2 * reach + 1)) - reach;
  return std::ldexp(2.0f * unitFloat(randomBits(key, 2 * i + 1)) - 1.0f, exponent);
}

Rows randomRows(int64_t rows, int64_t columns, uint64_t seed) {
  Rows result = Rows::ofFloats(rows, columns);
  for (size_t i = 0; i < result.floats.size(); ++i)
    result.floats[i] = randomFloat(randomKey(seed, 0), i, 6);
  return result;
}

/// A row buffer of bf16 or float32 with NaN wherever no column lies but zeros in the padding.
std::vector<uint8_t> bufferOf(const Rows &rows, bool bf16) {
  const uint64_t stride = bf16 ? abi::bf16RowBytes(rows.columns) : abi::f32RowBytes(rows.columns);
  const uint64_t size = bf16 ? 2 : 4;
  std::vector<uint8_t> buffer((rows.rows + 1) * stride, 0xff);
  for (int64_t r = 0; r < rows.rows; ++r) {
    uint8_t *row = buffer.data() + r * stride;
    std::memset(row, 0, abi::paddedColumns(rows.columns) * size);
    for (int64_t c = 0; c < rows.columns; ++c) {
      const uint32_t bits = numerics::bitsOf(rows.row(r)[c]);
      const uint16_t high = static_cast<uint16_t>(bits >> 16);
      std::memcpy(row + c * size, bf16 ? static_cast<const void *>(&high) : &bits, size);
    }
  }
  return buffer;
}

/// A weight as the reference and as the kernel see it.
struct TestWeight {
  explicit TestWeight(const Case &c) {
    const uint64_t shape[] = {c.outputs, c.columns};
    layout = *WeightLayout::make(c.format, "mma16", shape, c.group, 0);
    packed.resize(layout.bytes);
    weight.rows = static_cast<int64_t>(c.outputs);
    weight.columns = static_cast<int64_t>(c.columns);
    layout.isQuantized() ? makeIntegers(c.group) : makeBf16();
  }
  WeightLayout layout;
  reference::Weight weight;
  std::vector<uint8_t> packed;

private:
  void makeBf16() {
    weight.kind = reference::WeightKind::Bf16;
    weight.floats = evalRound(randomRows(weight.columns, weight.rows, 3)).floats;
    std::vector<uint16_t> halves;
    for (int64_t n = 0; n < weight.rows; ++n)
      for (int64_t k = 0; k < weight.columns; ++k)
        halves.push_back(
            static_cast<uint16_t>(numerics::bitsOf(weight.floats[k * weight.rows + n]) >> 16));
    packPanelsBf16(layout, halves, 0, layout.units, packed.data());
  }
  void makeIntegers(uint32_t group) {
    const int range = layout.format == WeightFormat::Int4 ? 16 : 256;
    const int64_t n = weight.rows, k = weight.columns, groups = int64_t(layout.groups());
    weight.kind = reference::WeightKind::Int;
    weight.group = group;
    weight.ints.resize(n * k);
    weight.scales.resize(n * groups);
    std::vector<int8_t> values(n * k);
    std::vector<uint16_t> scales(n * groups);
    for (int64_t i = 0; i < n * k; ++i) {
      values[i] = static_cast<int8_t>(static_cast<int>(randomBits(4, i) % range) - range / 2);
      weight.ints[i % k * n + i / k] = values[i];
    }
    for (int64_t i = 0; i < n * groups; ++i) {
      scales[i] = numerics::toF16(0.02f * unitFloat(randomBits(5, i)));
      weight.scales[i % groups * n + i / groups] = numerics::fromF16(scales[i]);
    }
    packPanels(layout, {values, scales}, 0, layout.units, packed.data());
  }
};

ProgramValue rowsValue(ValueKind kind, int64_t columns, int slot) {
  ProgramValue value{kind};
  value.columns = columns;
  value.slot = slot;
  return value;
}

/// Values: 0 input, 1 weight, 2 the linear's result, then the tail's. Slots from 3 on: bias,
/// residual, results.
struct Program {
  explicit Program(const Case &c, const WeightLayout &layout) {
    const auto n = static_cast<int64_t>(c.outputs), k = static_cast<int64_t>(c.columns);
    program.returnedRows = c.returned;
    program.values = {rowsValue(ValueKind::Bf16Rows, k, 1), rowsValue(ValueKind::Parameter, k, 2),
                      rowsValue(ValueKind::F32Rows, n, -1)};
    program.values[1].weight = layout;
    program.ops = {{OpKind::Linear, {0, 1}, {2}}};
    program.ops[0].slice = c.span;
    (this->*tails[static_cast<int>(c.tail)])(n);
  }
  KernelProgram program;

private:
  int add(ProgramValue value) {
    program.values.push_back(std::move(value));
    return static_cast<int>(program.values.size()) - 1;
  }
  void op(OpKind kind, std::vector<int> operands, std::vector<int> results) {
    program.ops.push_back({kind, std::move(operands), std::move(results)});
  }
  void plain(int64_t) { program.values[2].slot = 3; }
  void biasResidual(int64_t n) {
    const int bias = add(rowsValue(ValueKind::Parameter, n, 3));
    const uint64_t shape[] = {static_cast<uint64_t>(n)};
    program.values[bias].weight = *WeightLayout::make("f32", "row", shape, 0, 0);
    const int residual = add(rowsValue(ValueKind::F32Rows, n, 4));
    const int biased = add(rowsValue(ValueKind::F32Rows, n, -1));
    op(OpKind::AddBias, {2, bias}, {biased});
    op(OpKind::Add, {residual, biased}, {add(rowsValue(ValueKind::F32Rows, n, 5))});
  }
  int gated(int64_t n, int slot) {
    const int gate = add(rowsValue(ValueKind::F32Rows, n / 2, -1));
    const int up = add(rowsValue(ValueKind::F32Rows, n / 2, -1));
    op(OpKind::Split, {2}, {gate, up});
    program.ops.back().interleave = 16;
    const int active = add(rowsValue(ValueKind::F32Rows, n / 2, -1));
    op(OpKind::Silu, {gate}, {active});
    const int product = add(rowsValue(ValueKind::F32Rows, n / 2, slot));
    op(OpKind::Mul, {active, up}, {product});
    return product;
  }
  void swiGlu(int64_t n) { gated(n, 3); }
  void swiGluBf16(int64_t n) {
    const int product = gated(n, -1);
    op(OpKind::Round, {product}, {add(rowsValue(ValueKind::Bf16Rows, n / 2, 3))});
  }
  void argmax(int64_t n) {
    op(OpKind::ArgmaxPartial, {2}, {add(rowsValue(ValueKind::Partials, (n + 31) / 32, 3))});
  }
  void roundTwice(int64_t n) {
    program.values[2].slot = 4;
    op(OpKind::Round, {2}, {add(rowsValue(ValueKind::Bf16Rows, n, 3))});
  }
  using Maker = void (Program::*)(int64_t);
  static constexpr Maker tails[] = {&Program::plain,  &Program::biasResidual,
                                    &Program::swiGlu, &Program::swiGluBf16,
                                    &Program::argmax, &Program::roundTwice};
};

/// One case with its buffers.
class Bench {
public:
  explicit Bench(const Case &c)
      : case_(c), weight_(c), program_(c, weight_.layout),
        input_(evalRound(randomRows(kMostRows, static_cast<int64_t>(c.columns), 1))),
        residual_(randomRows(kMostRows, static_cast<int64_t>(c.outputs), 2)),
        inputBytes_(bufferOf(input_, true)), residualBytes_(bufferOf(residual_, false)) {
    Rows biasRow = randomRows(1, static_cast<int64_t>(c.outputs), 6);
    biasBytes_ = bufferOf(biasRow, false);
    biasBytes_.resize(abi::f32RowBytes(c.outputs));
    bias_.rows = static_cast<int64_t>(c.outputs);
    bias_.floats = biasRow.floats;
  }

  cuda::KernelSource source(uint32_t maxTokens) const {
    auto source = cuda::emitMatmul(program_.program, nameOf(maxTokens), {maxTokens},
                                   cuda::Profile::Invariant);
    INFO(source.status().message());
    REQUIRE(source.isOk());
    return *std::move(source);
  }
  std::string nameOf(uint32_t maxTokens) const {
    return std::string(case_.name) + "_" + std::to_string(maxTokens);
  }

  /// The bytes that every result must have for all rows.
  void evaluate(matrix::MatrixUnit unit) {
    const MxcsrGuard arithmetic;
    expected_.clear();
    const Rows sums = evalLinear(input_, weight_.weight,
                                 {reference::LinearOrder::Kind::Mma, 16, case_.span, unit});
    const auto n = static_cast<int64_t>(case_.outputs);
    switch (case_.tail) {
    case Tail::Plain:
      return expect(bufferOf(sums, false));
    case Tail::BiasResidual:
      return expect(bufferOf(evalAdd(residual_, evalAddBias(sums, bias_)), false));
    case Tail::SwiGlu:
    case Tail::SwiGluBf16: {
      const int64_t widths[] = {n / 2, n / 2};
      const std::vector<Rows> halves = evalSplit(sums, widths, 16);
      const Rows product = evalMul(evalSilu(halves[0]), halves[1]);
      return case_.tail == Tail::SwiGlu ? expect(bufferOf(product, false))
                                        : expect(bufferOf(evalRound(product), true));
    }
    case Tail::Argmax:
      return expect(partialsOf(evalArgmaxPartial(sums)));
    case Tail::RoundTwice:
      expect(bufferOf(evalRound(sums), true));
      return expect(bufferOf(sums, false));
    }
  }

  /// Runs the kernel for `rows` rows and compares; empty when all is well.
  std::string run(const test::HostImage &image, const cuda::KernelSource &kernel, int64_t rows,
                  uint32_t architecture, bool allOrders) {
    abi::BatchView batch{};
    batch.tokens = static_cast<uint32_t>(case_.returned ? kMostRows : rows);
    batch.returnedRows = static_cast<uint32_t>(case_.returned ? rows : 0);
    std::vector<std::vector<uint8_t>> results;
    for (const auto &bytes : expected_)
      results.emplace_back(bytes.size());
    std::vector<uint64_t> slots = {address(&batch), address(inputCopy(rows).data()),
                                   address(weight_.packed.data())};
    if (case_.tail == Tail::BiasResidual) {
      slots.push_back(address(biasBytes_.data()));
      slots.push_back(address(residualBytes_.data()));
    }
    for (auto &bytes : results)
      slots.push_back(address(bytes.data()));
    Launch launch;
    const cuda::LaunchShape &shape = kernel.shape;
    const auto panels = static_cast<uint32_t>((case_.outputs + 31) / 32);
    const auto most = static_cast<uint32_t>(rows);
    launch.gridX = (panels * shape.blocksPerItem + shape.itemsPerBlock - 1) / shape.itemsPerBlock;
    launch.gridY = shape.tokensPerBlock
                       ? (most + shape.tokensPerBlock - 1) / shape.tokensPerBlock + 1
                       : 1; // one more than the step needs
    launch.threads = shape.threads;
    launch.sharedBytes = shape.dynamicSharedBytes;
    launch.architecture = architecture;
    const auto clear = [&] {
      for (auto &bytes : results)
        std::fill(bytes.begin(), bytes.end(), uint8_t(0xff));
    };
    const auto joined = [&] {
      std::vector<uint8_t> all;
      for (auto &bytes : results)
        all.insert(all.end(), bytes.begin(), bytes.end());
      return all;
    };
    clear();
    std::string error = allOrders ? image.runAllOrders(kernel.name, slots, launch, clear, joined)
                                  : image.launch(kernel.name, slots, launch);
    for (size_t i = 0; i < results.size() && error.empty(); ++i)
      error = compare(results[i], expected_[i], rows);
    return error;
  }

private:
  static uint64_t address(const void *p) { return reinterpret_cast<uint64_t>(p); }

  void expect(std::vector<uint8_t> bytes) { expected_.push_back(std::move(bytes)); }

  /// NaN from row `rows` on.
  std::vector<uint8_t> &inputCopy(int64_t rows) {
    copy_ = inputBytes_;
    std::fill(copy_.begin() + rows * int64_t(abi::bf16RowBytes(case_.columns)), copy_.end(),
              uint8_t(0xff));
    return copy_;
  }
  static std::vector<uint8_t> partialsOf(const Rows &partials) {
    const uint64_t stride = abi::argmaxPartialRowBytes(partials.columns);
    std::vector<uint8_t> bytes((partials.rows + 1) * stride, 0xff);
    for (int64_t r = 0; r < partials.rows; ++r)
      std::memcpy(bytes.data() + r * stride, &partials.ints[r * partials.columns],
                  partials.columns * 8);
    return bytes;
  }
  /// Equal up to row `rows`, untouched behind it. NaN payloads may differ.
  static std::string compare(const std::vector<uint8_t> &got, const std::vector<uint8_t> &want,
                             int64_t rows) {
    const size_t stride = want.size() / (kMostRows + 1), end = stride * rows;
    for (size_t i = 0; i < got.size(); ++i)
      if (got[i] != (i < end ? want[i] : 0xff))
        return "byte " + std::to_string(i % stride) + " of row " + std::to_string(i / stride) +
               " is " + std::to_string(got[i]) + ", not " +
               std::to_string(i < end ? want[i] : 0xff);
    return {};
  }

  Case case_;
  TestWeight weight_;
  Program program_;
  Rows input_, residual_;
  reference::Weight bias_;
  std::vector<uint8_t> inputBytes_, residualBytes_, biasBytes_, copy_;
  std::vector<std::vector<uint8_t>> expected_; ///< per result
};

const Case kCases[] = {
    {"bf16_odd", "bf16", 33, 70, 0, 0, Tail::Plain},
    {"bf16_slices", "bf16", 96, 320, 0, 128, Tail::BiasResidual},
    {"int4_32", "int4", 40, 96, 32, 0, Tail::RoundTwice},
    {"int4_swiglu", "int4", 64, 512, 128, 256, Tail::SwiGluBf16},
    {"int8_channel", "int8", 70, 130, 0, 0, Tail::Argmax, true},
    {"int8_slices", "int8", 1, 256, 64, 64, Tail::Plain},
    {"bf16_swiglu", "bf16", 320, 64, 0, 0, Tail::SwiGlu},
};

struct Built {
  Bench bench;
  std::vector<cuda::KernelSource> kernels;
};

const uint32_t kBounds[] = {8, 16, 64, 130};

} // namespace

TEST_CASE("matmul kernels of every size have the bits of the reference") {
  std::vector<Bench> benches;
  std::vector<cuda::KernelSource> sources;
  for (const Case &c : kCases) {
    benches.emplace_back(c);
    for (uint32_t bound : kBounds)
      sources.push_back(benches.back().source(bound));
  }
  const auto image = test::HostImage::build(sources);
  INFO(image.status().message());
  REQUIRE(image.isOk());
  for (size_t i = 0; i < benches.size(); ++i)
    for (uint32_t architecture : {80u, 90u}) {
      benches[i].evaluate(architecture == 80 ? matrix::kAmpere : matrix::kHopper);
      for (size_t b = 0; b < std::size(kBounds); ++b)
        for (int64_t rows : {0, 1, 2, 7, 8, 9, 16, 17, 64, 130}) {
          if (rows > kBounds[b])
            continue;
          INFO(sources[i * std::size(kBounds) + b].name << ", sm_" << architecture << ", " << rows
                                                        << " rows");
          const std::string error =
              benches[i].run(**image, sources[i * std::size(kBounds) + b], rows, architecture,
                             architecture == 90 && (rows == 7 || rows == 17));
          REQUIRE(error == "");
        }
    }
}
