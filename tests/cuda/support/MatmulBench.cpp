#include "tests/cuda/support/MatmulBench.h"

#include "codegen/cuda/host/TensorMap.h"
#include "runtime/artifact/Panel32.h"
#include "runtime/base/Mxcsr.h"
#include "runtime/base/Random.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

namespace ingot::test {

using gpu::host::Launch;
using reference::RowKind;
using reference::Rows;
using Tail = MatmulTail;

// ---- Values and buffers -------------------------------------------------------------------------

/// Magnitudes of 2^-6 to 2^6.
static Rows randomRows(int64_t rows, int64_t columns, uint64_t seed) {
  const uint64_t key = randomKey(seed, 0);
  Rows result = Rows::ofFloats(rows, columns);
  for (size_t i = 0; i < result.floats.size(); ++i)
    result.floats[i] = std::ldexp(2.0f * unitFloat(randomBits(key, 2 * i)) - 1.0f,
                                  static_cast<int>(randomBits(key, 2 * i + 1) % 13) - 6);
  return result;
}

/// A row buffer of bf16 or float32: zeros in the padding, bytes of NaN wherever no column lies, and
/// one row more of those.
static std::vector<uint8_t> bufferOf(const Rows &rows, bool bf16) {
  const uint64_t stride = bf16 ? abi::bf16RowBytes(rows.columns) : abi::f32RowBytes(rows.columns);
  const uint64_t size = bf16 ? 2 : 4;
  std::vector<uint8_t> buffer((rows.rows + 1) * stride, 0xff);
  for (int64_t r = 0; r < rows.rows; ++r) {
    uint8_t *row = buffer.data() + r * stride;
    std::memset(row, 0, abi::paddedColumns(rows.columns) * size);
    for (int64_t c = 0; c < rows.columns; ++c) {
      const uint32_t bits = numerics::bitsOf(rows.row(r)[c]);
      const auto high = static_cast<uint16_t>(bits >> 16);
      std::memcpy(row + c * size, bf16 ? static_cast<const void *>(&high) : &bits, size);
    }
  }
  return buffer;
}

/// Rows as a matmul reads them, in the same way.
static std::vector<uint8_t> bufferOfInput(const Rows &rows) {
  if (rows.kind == RowKind::Bf16)
    return bufferOf(rows, true);
  const bool half = rows.kind == RowKind::F16;
  const uint64_t stride = half ? abi::bf16RowBytes(rows.columns) : abi::int8RowBytes(rows.columns);
  std::vector<uint8_t> buffer((rows.rows + 1) * stride, 0xff);
  for (int64_t r = 0; r < rows.rows; ++r) {
    uint8_t *row = buffer.data() + r * stride;
    std::memset(row, 0, abi::paddedColumns(rows.columns) * (half ? 2 : 1));
    for (int64_t c = 0; c < rows.columns; ++c) {
      const float x = rows.row(r)[c];
      const uint16_t bits = numerics::toF16(x);
      if (half)
        std::memcpy(row + c * 2, &bits, 2);
      else
        row[abi::operandPlace(c)] = rows.kind == RowKind::Int8Row
                                        ? static_cast<uint8_t>(static_cast<int8_t>(x))
                                        : numerics::toE4m3(x);
    }
  }
  return buffer;
}

static Rows inputOf(const MatmulCase &c, int64_t rows) {
  const Rows values = randomRows(rows, static_cast<int64_t>(c.columns), 1);
  return c.rows == RowKind::Bf16 || c.rows == RowKind::F16 ? evalRound(values, c.rows)
                                                           : evalQuantize(values, c.rows);
}

static std::vector<uint8_t> bufferOfPartials(const Rows &partials) {
  const uint64_t stride = abi::argmaxPartialRowBytes(partials.columns);
  std::vector<uint8_t> bytes((partials.rows + 1) * stride, 0xff);
  for (int64_t r = 0; r < partials.rows; ++r)
    std::memcpy(bytes.data() + r * stride, &partials.ints[r * partials.columns],
                partials.columns * 8);
  return bytes;
}

MatmulBench::MatmulBench(const MatmulCase &c, int64_t mostRows)
    : case_(c), mostRows_(mostRows), input_(inputOf(c, mostRows)),
      residual_(randomRows(mostRows, static_cast<int64_t>(c.outputs), 2)),
      inputBytes_(bufferOfInput(input_)), residualBytes_(bufferOf(residual_, false)) {
  const Rows bias = randomRows(1, static_cast<int64_t>(c.outputs), 6);
  bias_.rows = static_cast<int64_t>(c.outputs);
  bias_.floats = bias.floats;
  biasBytes_ = bufferOf(bias, false);
  biasBytes_.resize(abi::f32RowBytes(c.outputs)); // a vector has no row more
  makeWeight();
  makeProgram();
}

void MatmulBench::makeWeight() {
  const uint64_t shape[] = {case_.outputs, case_.columns};
  layout_ = *WeightLayout::make(case_.format, "mma16", shape, case_.group, 0);
  weight_.rows = static_cast<int64_t>(case_.outputs);
  weight_.columns = static_cast<int64_t>(case_.columns);
  weight_.group = case_.group;
  const int64_t elements = weight_.rows * weight_.columns;
  if (!layout_.isQuantized()) {
    const bool half = layout_.format == WeightFormat::F16;
    weight_.kind = half ? reference::WeightKind::F16 : reference::WeightKind::Bf16;
    weight_.floats =
        evalRound(randomRows(weight_.columns, weight_.rows, 3), half ? RowKind::F16 : RowKind::Bf16)
            .floats;
    return repack();
  }
  const bool e4m3 = layout_.format == WeightFormat::E4m3;
  weight_.kind = e4m3 ? reference::WeightKind::E4m3 : reference::WeightKind::Int;
  const int range = layout_.format == WeightFormat::Int4 ? 16 : 256;
  for (int64_t i = 0; i < elements; ++i) {
    const auto bits = static_cast<int>(randomBits(4, i) % range);
    if (e4m3) // no NaN
      weight_.floats.push_back(
          numerics::fromE4m3(static_cast<uint8_t>((bits & 0x7f) == 0x7f ? 0x7e : bits)));
    else
      weight_.ints.push_back(static_cast<int8_t>(bits - range / 2));
  }
  const auto groups = static_cast<int64_t>(layout_.groups());
  weight_.scales.resize(weight_.rows * groups);
  for (int64_t i = 0; i < weight_.rows * groups; ++i) {
    scaleBits_.push_back(numerics::toF16(0.02f * unitFloat(randomBits(5, i))));
    weight_.scales[i % groups * weight_.rows + i / groups] = numerics::fromF16(scaleBits_[i]);
  }
  repack();
}

void MatmulBench::repack() {
  packed_.assign(layout_.bytes, 0xff);
  std::vector<int8_t> values;
  std::vector<uint16_t> halves;
  for (int64_t n = 0; n < weight_.rows; ++n)
    for (int64_t k = 0; k < weight_.columns; ++k) {
      const int64_t at = k * weight_.rows + n;
      if (layout_.format == WeightFormat::E4m3)
        values.push_back(static_cast<int8_t>(numerics::toE4m3(weight_.floats[at])));
      else if (layout_.isQuantized())
        values.push_back(weight_.ints[at]);
      else if (layout_.format == WeightFormat::F16)
        halves.push_back(numerics::toF16(weight_.floats[at]));
      else
        halves.push_back(static_cast<uint16_t>(numerics::bitsOf(weight_.floats[at]) >> 16));
    }
  if (layout_.isQuantized())
    packPanels(layout_, {values, scaleBits_}, 0, layout_.units, packed_.data());
  else
    packPanelsBf16(layout_, halves, 0, layout_.units, packed_.data());
}

// ---- The program --------------------------------------------------------------------------------

int MatmulBench::addValue(ValueKind kind, int64_t columns, int slot) {
  ProgramValue value{kind};
  value.columns = columns;
  value.slot = slot;
  program_.values.push_back(std::move(value));
  return static_cast<int>(program_.values.size()) - 1;
}
void MatmulBench::addOp(OpKind kind, std::vector<int> operands, std::vector<int> results) {
  program_.ops.push_back({kind, std::move(operands), std::move(results)});
}

/// Values 0 input, 1 weight, 2 the linear's result, then the tail's. Slots: batch, input, [its
/// scales], weight, [bias, residual], results.
void MatmulBench::makeProgram() {
  program_.returnedRows = case_.returned;
  const ValueKind rows = case_.rows == RowKind::F16       ? ValueKind::F16Rows
                         : case_.rows == RowKind::Int8Row ? ValueKind::Int8Rows
                         : case_.rows == RowKind::E4m3Row ? ValueKind::E4m3Rows
                                                          : ValueKind::Bf16Rows;
  addValue(rows, weight_.columns, 1);
  firstSlot_ = hasScaleSlot(rows) ? 3 : 2;
  addValue(ValueKind::Parameter, weight_.columns, firstSlot_);
  addValue(ValueKind::F32Rows, weight_.rows, case_.tail == Tail::Plain ? firstSlot_ + 1 : -1);
  program_.values[1].weight = layout_;
  addOp(OpKind::Linear, {0, 1}, {2});
  program_.ops[0].slice = case_.span;
  makeTail();
}

int MatmulBench::addGated(int slot) {
  const int64_t columns = weight_.rows / 2;
  const int gate = addValue(ValueKind::F32Rows, columns, -1);
  const int up = addValue(ValueKind::F32Rows, columns, -1);
  addOp(OpKind::Split, {2}, {gate, up});
  program_.ops.back().interleave = 16;
  const int active = addValue(ValueKind::F32Rows, columns, -1);
  addOp(OpKind::Silu, {gate}, {active});
  const int product = addValue(ValueKind::F32Rows, columns, slot);
  addOp(OpKind::Mul, {active, up}, {product});
  return product;
}

void MatmulBench::makeTail() {
  const int64_t n = weight_.rows;
  switch (case_.tail) {
  case Tail::Plain:
    return;
  case Tail::BiasResidual: {
    const int bias = addValue(ValueKind::Parameter, n, firstSlot_ + 1);
    const uint64_t shape[] = {case_.outputs};
    program_.values[bias].weight = *WeightLayout::make("f32", "row", shape, 0, 0);
    const int residual = addValue(ValueKind::F32Rows, n, firstSlot_ + 2);
    const int biased = addValue(ValueKind::F32Rows, n, -1);
    addOp(OpKind::AddBias, {2, bias}, {biased});
    return addOp(OpKind::Add, {residual, biased},
                 {addValue(ValueKind::F32Rows, n, firstSlot_ + 3)});
  }
  case Tail::SwiGlu:
    addGated(firstSlot_ + 1);
    return;
  case Tail::SwiGluBf16:
    return addOp(OpKind::Round, {addGated(-1)},
                 {addValue(ValueKind::Bf16Rows, n / 2, firstSlot_ + 1)});
  case Tail::Argmax:
    return addOp(OpKind::ArgmaxPartial, {2},
                 {addValue(ValueKind::Partials, (n + 31) / 32, firstSlot_ + 1)});
  case Tail::RoundTwice:
    program_.values[2].slot = firstSlot_ + 2;
    return addOp(OpKind::Round, {2}, {addValue(ValueKind::Bf16Rows, n, firstSlot_ + 1)});
  }
}

cuda::KernelSource MatmulBench::source(uint32_t maxTokens) const {
  const std::string name = std::string(case_.name) + "_" + std::to_string(maxTokens);
  auto source = cuda::emitMatmul(program_, name, {maxTokens});
  INFO(source.status().message());
  REQUIRE(source.isOk());
  return *std::move(source);
}

std::vector<cuda::KernelSource> joinSources(std::vector<cuda::KernelSource> sources) {
  for (size_t i = 2; i < sources.size(); ++i) {
    sources[i % 2].text += sources[i].text;
    sources[i].text.clear();
  }
  return sources;
}

// ---- Running ------------------------------------------------------------------------------------

void MatmulBench::evaluate(matrix::MatrixUnit unit) {
  const MxcsrGuard arithmetic;
  expected_.clear();
  const matrix::MatrixUnit fp8 =
      matrix::fp8UnitOf(unit.products == matrix::kAmpere.products ? 89 : 90);
  const Rows sums = evalLinear(
      input_, weight_,
      {reference::LinearOrder::Kind::Mma, input_.isRowScaled() ? 32 : 16, case_.span, unit, fp8});
  switch (case_.tail) {
  case Tail::Plain:
    return expect(bufferOf(sums, false));
  case Tail::BiasResidual:
    return expect(bufferOf(evalAdd(residual_, evalAddBias(sums, bias_)), false));
  case Tail::SwiGlu:
  case Tail::SwiGluBf16: {
    const int64_t widths[] = {weight_.rows / 2, weight_.rows / 2};
    const std::vector<Rows> halves = evalSplit(sums, widths, 16);
    const Rows product = evalMul(evalSilu(halves[0]), halves[1]);
    return case_.tail == Tail::SwiGlu ? expect(bufferOf(product, false))
                                      : expect(bufferOf(evalRound(product), true));
  }
  case Tail::Argmax:
    return expect(bufferOfPartials(evalArgmaxPartial(sums)));
  case Tail::RoundTwice:
    expect(bufferOf(evalRound(sums), true));
    return expect(bufferOf(sums, false));
  }
}

static Launch launchOf(const cuda::LaunchShape &shape, uint32_t panels, uint32_t rows) {
  Launch launch;
  launch.gridX = (panels * shape.blocksPerItem + shape.itemsPerBlock - 1) / shape.itemsPerBlock;
  if (shape.tokensPerBlock) // one more than the step needs
    launch.gridY = (rows + shape.tokensPerBlock - 1) / shape.tokensPerBlock + 1;
  constexpr uint32_t kMultiprocessors = 3;
  if (shape.persistent)
    launch.gridX = std::min(launch.gridX * std::exchange(launch.gridY, 1), kMultiprocessors);
  launch.threads = shape.threads;
  launch.sharedBytes = shape.dynamicSharedBytes;
  return launch;
}

/// The kernel's tensor maps; rows are those of the buffers.
static gpu::TensorMaps mapsOf(const cuda::LaunchShape &shape, std::span<const uint64_t> slots,
                              int64_t rows) {
  gpu::TensorMaps maps = {};
  artifact::SymbolValues bounds;
  bounds.tokens = bounds.returnedRows = static_cast<uint64_t>(rows);
  for (size_t i = 0; i < shape.maps.size(); ++i) {
    const artifact::TensorMap &map = shape.maps[i];
    maps.map[i] = gpu::host::encodeTensorMap(
        {slots[map.slot] + map.offset, map.columns, *artifact::evaluate(map.rows, bounds),
         map.pitchBytes, map.boxColumns, map.boxRows, map.elementBytes, map.swizzle});
  }
  return maps;
}

std::string MatmulBench::run(const HostImage &image, const cuda::KernelSource &kernel,
                             Run request) {
  const auto address = [](const void *p) { return reinterpret_cast<uint64_t>(p); };
  abi::BatchView batch{};
  batch.tokens = static_cast<uint32_t>(case_.returned ? mostRows_ : request.rows);
  batch.returnedRows = static_cast<uint32_t>(case_.returned ? request.rows : 0);
  std::vector<uint8_t> input = inputBytes_;
  std::fill(input.begin() + request.rows * int64_t(input.size() / (mostRows_ + 1)), input.end(),
            uint8_t(0xff));
  std::vector<float> scales = input_.rowScales;
  scales.resize(static_cast<size_t>(request.rows));
  scales.resize(static_cast<size_t>(mostRows_), numerics::floatOf(0x7fffffffu));
  std::vector<uint64_t> slots = {address(&batch), address(input.data())};
  if (input_.isRowScaled())
    slots.push_back(address(scales.data()));
  slots.push_back(address(packed_.data()));
  if (case_.tail == Tail::BiasResidual)
    slots.insert(slots.end(), {address(biasBytes_.data()), address(residualBytes_.data())});
  std::vector<std::vector<uint8_t>> results;
  for (const auto &bytes : expected_)
    slots.push_back(address(results.emplace_back(bytes.size()).data()));

  Launch launch = launchOf(kernel.shape, static_cast<uint32_t>((case_.outputs + 31) / 32),
                           static_cast<uint32_t>(request.rows));
  launch.architecture = request.architecture;
  const gpu::TensorMaps maps = mapsOf(kernel.shape, slots, mostRows_);
  launch.maps = kernel.shape.maps.empty() ? nullptr : &maps;
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
  std::string error = request.allOrders
                          ? image.runAllOrders(kernel.name, slots, launch, clear, joined)
                          : image.launch(kernel.name, slots, launch);
  for (size_t i = 0; i < results.size() && error.empty(); ++i)
    error = compare(results[i], expected_[i], request.rows);
  return error;
}

std::string MatmulBench::compare(const std::vector<uint8_t> &got, const std::vector<uint8_t> &want,
                                 int64_t rows) const {
  const size_t stride = want.size() / (mostRows_ + 1), end = stride * rows;
  for (size_t i = 0; i < got.size(); ++i) {
    const uint8_t expected = i < end ? want[i] : 0xff;
    if (got[i] != expected)
      return "byte " + std::to_string(i % stride) + " of row " + std::to_string(i / stride) +
             " is " + std::to_string(got[i]) + ", not " + std::to_string(expected);
  }
  return {};
}

} // namespace ingot::test
