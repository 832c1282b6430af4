#include "tests/cuda/support/RowBench.h"

#include "runtime/artifact/Panel32.h"
#include "runtime/base/Mxcsr.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace ingot::test {

using reference::RowKind;
using reference::Rows;

namespace {

constexpr float kEps = 1e-5f;
constexpr uint32_t kPages = 4; ///< per sequence

Rows randomRows(int64_t count, int64_t columns, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, 3);
  Rows rows = Rows::ofFloats(count, columns);
  for (float &x : rows.floats)
    x = normal(random);
  return rows;
}

} // namespace

RowBench::RowBench(std::string name, int64_t tokens, bool returnedRows) : name_(std::move(name)) {
  program_.returnedRows = returnedRows;
  value(ValueKind::Batch, 0, 0);
  std::mt19937_64 random(7);
  for (int64_t t = 0; t < tokens; ++t) {
    batch_.tokenIds.push_back(uint32_t(random() % kTableRows));
    batch_.ropePositions.push_back(uint32_t(random() % 5000));
    batch_.tokenSequence.push_back(uint32_t(t % 2));
    batch_.kvPositions.push_back(uint32_t(t / 2 + 13));
  }
  for (const int64_t t : {int64_t(1), tokens - 1})
    if (batch_.returnRows.empty() || t > batch_.returnRows.back())
      batch_.returnRows.push_back(uint32_t(t));
}

int RowBench::value(ValueKind kind, int64_t columns, int slot) {
  ProgramValue made{};
  made.kind = kind, made.columns = columns, made.slot = slot;
  made.returnedRows = program_.returnedRows;
  if (slot > 0)
    slots_ += hasScaleSlot(kind) ? 2 : 1;
  program_.values.push_back(made);
  given_.push_back(slot > 0);
  return int(program_.values.size()) - 1;
}

int64_t RowBench::rowCount(int v) const {
  return program_.values[v].returnedRows ? int64_t(batch_.returnRows.size()) : batch_.tokens();
}

// ---- operands ----

int RowBench::input(int64_t columns, uint64_t seed, bool returned) {
  const int v = value(ValueKind::F32Rows, columns, slots_);
  program_.values[v].returnedRows = returned;
  rows_[v] = randomRows(rowCount(v), columns, seed);
  return v;
}

int RowBench::partials(int64_t runs, uint64_t seed) {
  const int v = value(ValueKind::Partials, runs, slots_);
  rows_[v] = Rows::ofInts(rowCount(v), runs);
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < rows_[v].ints.size(); ++i) // few distinct values: ties
    rows_[v].ints[i] = int64_t(i % size_t(runs) * 32 + random() % 32) << 32 |
                       numerics::bitsOf(float(random() % 7) - 3.0f);
  return v;
}

int RowBench::vectorParameter(int64_t columns, uint64_t seed) {
  const int v = value(ValueKind::Parameter, columns, slots_);
  const Rows row = randomRows(1, columns, seed);
  parameters_[v].assign(abi::f32RowBytes(uint64_t(columns)), 0);
  std::memcpy(parameters_[v].data(), row.floats.data(), size_t(columns) * 4);
  weights_[v].rows = columns;
  weights_[v].floats = row.floats;
  return v;
}

int RowBench::table(const char *format, const char *layoutName, int64_t columns, uint32_t group) {
  const int v = value(ValueKind::Parameter, columns, slots_);
  const uint64_t shape[] = {uint64_t(kTableRows), uint64_t(columns)};
  const auto layout = WeightLayout::make(format, layoutName, shape, group, 0);
  program_.values[v].weight = *layout;
  std::vector<uint8_t> &bytes = parameters_[v];
  bytes.assign(layout->bytes, 0);
  std::mt19937_64 random(uint64_t(v) + 1);
  const uint64_t panels = layout->units;
  if (layout->isQuantized()) {
    std::vector<int8_t> values(kTableRows * columns);
    std::vector<uint16_t> scales(kTableRows * layout->groups());
    for (int8_t &x : values)
      x = int8_t(layout->format == WeightFormat::Int4   ? int(random() % 16) - 8
                 : layout->format == WeightFormat::Int8 ? int(random() % 256) - 128
                                                        : int(random() % 127));
    for (uint16_t &s : scales)
      s = numerics::toF16(float(random() % 1000 + 1) * 0x1p-12f);
    packPanels(*layout, {values, scales}, 0, panels, bytes.data());
  } else if (layout->isHalf()) {
    std::vector<uint16_t> values(kTableRows * columns);
    for (uint16_t &x : values) {
      const float value = float(int(random() % 2001) - 1000) * 0x1p-7f;
      x = layout->format == WeightFormat::F16 ? numerics::toF16(value) : numerics::toBf16(value);
    }
    packPanelsBf16(*layout, values, 0, panels, bytes.data());
  } else {
    for (int64_t r = 0; r < kTableRows; ++r)
      std::memcpy(bytes.data() + uint64_t(r) * layout->unitBytes,
                  randomRows(1, columns, uint64_t(r)).floats.data(), size_t(columns) * 4);
  }
  reference::Weight &weight = weights_[v];
  weight.rows = kTableRows, weight.columns = columns;
  weight.floats.resize(kTableRows * columns);
  std::vector<float> row(columns);
  for (int64_t r = 0; r < kTableRows; ++r) {
    if (layout->kind == LayoutKind::Row)
      std::memcpy(row.data(), bytes.data() + uint64_t(r) * layout->unitBytes, row.size() * 4);
    else
      unpackPanelRow(*layout, bytes.data(), uint64_t(r), row.data());
    for (int64_t c = 0; c < columns; ++c)
      weight.floats[c * kTableRows + r] = row[c];
  }
  return v;
}

int RowBench::cache(uint32_t heads, uint32_t headDim, uint32_t blockTokens, abi::KvFormat format) {
  cache_ = value(ValueKind::Kv, 0, slots_);
  program_.values[cache_].kv = {3, heads, headDim, blockTokens};
  program_.values[cache_].kvFormat = format;
  layout_ = {3, heads, headDim, blockTokens, format};
  for (uint32_t i = 0; i < 2 * kPages; ++i)
    table_.push_back(2 * kPages - 1 - i);
  pool_.assign(2 * kPages * layout_.blockBytes(), 0xff);
  wantPool_ = pool_;
  return cache_;
}

// ---- ops ----

int RowBench::result(OpKind kind, std::vector<int> operands, Rows made, bool inner) {
  const ValueKind type = made.kind == RowKind::F32       ? ValueKind::F32Rows
                         : made.kind == RowKind::Bf16    ? ValueKind::Bf16Rows
                         : made.kind == RowKind::F16     ? ValueKind::F16Rows
                         : made.kind == RowKind::Int8Row ? ValueKind::Int8Rows
                         : made.kind == RowKind::E4m3Row ? ValueKind::E4m3Rows
                         : made.kind == RowKind::Int     ? ValueKind::IndexRows
                                                         : ValueKind::QuantRows;
  const int v = value(type, made.columns, inner ? -1 : slots_);
  given_[v] = false;
  program_.values[v].floatScale = made.kind == RowKind::Int8F32;
  rows_[v] = std::move(made);
  ProgramOp op{};
  op.kind = kind, op.operands = std::move(operands), op.results = {v};
  program_.ops.push_back(std::move(op));
  return v;
}

int RowBench::add(int a, int b, bool inner) {
  MxcsrGuard mode;
  return result(OpKind::Add, {a, b}, reference::evalAdd(rows(a), rows(b)), inner);
}
int RowBench::mul(int a, int b, bool inner) {
  MxcsrGuard mode;
  return result(OpKind::Mul, {a, b}, reference::evalMul(rows(a), rows(b)), inner);
}
int RowBench::addBias(int a, int bias, bool inner) {
  MxcsrGuard mode;
  return result(OpKind::AddBias, {a, bias}, reference::evalAddBias(rows(a), weights_.at(bias)),
                inner);
}
int RowBench::silu(int a, bool inner) {
  MxcsrGuard mode;
  return result(OpKind::Silu, {a}, reference::evalSilu(rows(a)), inner);
}
int RowBench::norm(int a, int gamma, int64_t headDim, bool inner) {
  MxcsrGuard mode;
  const int v = result(OpKind::RmsNorm, {a, gamma},
                       reference::evalRmsNorm(rows(a), weights_.at(gamma), kEps, headDim), inner);
  op().eps = kEps, op().headDim = headDim;
  return v;
}
int RowBench::rope(int a, int angles, int64_t headDim, bool inner) {
  MxcsrGuard mode;
  const int v =
      result(OpKind::Rope, {a, angles}, reference::evalRope(rows(a), rows(angles), headDim), inner);
  op().headDim = headDim;
  return v;
}
int RowBench::embed(int table) {
  return result(OpKind::Embed, {table}, *reference::evalEmbed(batch_, weights_.at(table)), false);
}
int RowBench::angles(int64_t headDim, float factor) {
  MxcsrGuard mode;
  std::vector<float> frequencies;
  for (int64_t i = 0; i < headDim / 2; ++i)
    frequencies.push_back(1.0f / float(1 + 3 * i));
  const int v =
      result(OpKind::RopeAngles, {}, reference::evalRopeAngles(batch_, frequencies, factor), false);
  op().invFreq = frequencies, op().scale = factor;
  return v;
}
std::vector<int> RowBench::split(int a, std::vector<int64_t> widths, int64_t interleave,
                                 bool inner) {
  std::vector<int> results;
  for (Rows &part : reference::evalSplit(rows(a), widths, interleave)) {
    results.push_back(value(ValueKind::F32Rows, part.columns, inner ? -1 : slots_));
    given_.back() = false;
    rows_[results.back()] = std::move(part);
  }
  ProgramOp op{};
  op.kind = OpKind::Split, op.operands = {a}, op.results = results, op.interleave = interleave;
  program_.ops.push_back(std::move(op));
  return results;
}
int RowBench::select(int a, bool inner) {
  return result(OpKind::SelectRows, {a}, *reference::evalSelectRows(rows(a), batch_), inner);
}
int RowBench::round(int a, bool inner, RowKind kind) {
  MxcsrGuard mode;
  return result(OpKind::Round, {a}, reference::evalRound(rows(a), kind), inner);
}
int RowBench::quantize(int a, RowKind kind) {
  MxcsrGuard mode;
  return result(OpKind::Quantize, {a}, reference::evalQuantize(rows(a), kind), false);
}
int RowBench::layerNorm(int a, int gamma, int beta, bool inner) {
  MxcsrGuard mode;
  const int v =
      result(OpKind::LayerNorm, {a, gamma, beta},
             reference::evalLayerNorm(rows(a), weights_.at(gamma), weights_.at(beta), kEps), inner);
  op().eps = kEps;
  return v;
}
int RowBench::argmax(int a) {
  return result(OpKind::Argmax, {a}, reference::evalArgmax(rows(a)), false);
}
int RowBench::argmaxPartial(int a) {
  const int v = result(OpKind::ArgmaxPartial, {a}, reference::evalArgmaxPartial(rows(a)), false);
  program_.values[v].kind = ValueKind::Partials;
  return v;
}
int RowBench::argmaxFold(int a) {
  return result(OpKind::ArgmaxFold, {a}, reference::evalArgmaxFold(rows(a)), false);
}

void RowBench::append(int cache, int keys, int values) {
  ProgramOp op{};
  op.kind = OpKind::KvAppend, op.operands = {cache, keys, values};
  program_.ops.push_back(std::move(op));
  reference::KvState state;
  const reference::KvGeometry kv{
      0, 0, layout_.kvHeads, layout_.headDim, layout_.headDim, layout_.format};
  reference::evalKvAppend(state, kv, rows(keys), rows(values), batch_);
  for (int64_t t = 0; t < batch_.tokens(); ++t)
    for (uint32_t h = 0; h < layout_.kvHeads; ++h)
      writeCache(state.run(0, 0, batch_.tokenSequence[t]), batch_.tokenSequence[t],
                 batch_.kvPositions[t], h);
}

/// What the reference holds of one head and position, into the pool that is wanted.
void RowBench::writeCache(const reference::KvRun &run, uint32_t sequence, uint32_t position,
                          uint32_t head) {
  const uint32_t block = table_[sequence * kPages + position / layout_.blockTokens];
  const uint32_t place = position % layout_.blockTokens;
  uint8_t *at = wantPool_.data() + layout_.layerBytes() + block * layout_.blockBytes() +
                head * layout_.headBytes();
  for (int which = 0; which < 2; ++which) {
    uint8_t *row = at + place * layout_.rowBytes() + (which == 1 ? layout_.valuesAt() : 0);
    std::memset(row, 0, layout_.rowBytes());
    const uint16_t *from = (which == 1 ? run.values : run.keys).data() + position * run.keyWidth +
                           head * layout_.headDim;
    for (uint32_t d = 0; d < layout_.headDim; ++d)
      if (layout_.elementBytes() == 2)
        std::memcpy(row + 2 * d, from + d, 2);
      else
        row[which == 1 ? d : layout_.keyByte(d)] = uint8_t(from[d]);
    if (layout_.format != abi::KvFormat::Int8)
      continue;
    const float scale = which == 1 ? run.valueScale(position, head) : run.keyScale(position, head);
    std::memcpy(at + (which == 1 ? layout_.valueScalesAt() : layout_.scalesAt()) + 4 * place,
                &scale, 4);
  }
}

// ---- the kernel ----

cuda::KernelSource RowBench::source() {
  auto made = cuda::emitRowwise(program_, name_, {16});
  if (!made.isOk()) {
    refusal = made.status();
    return {};
  }
  shape_ = made->shape;
  return std::move(*made);
}

/// Rows as kernels hold them: padding zero, and what lies behind it untouched (0xee).
std::vector<uint8_t> RowBench::packed(int v) const {
  const ProgramValue &info = program_.values[v];
  const Rows &from = rows(v);
  const auto stride = static_cast<uint64_t>(rowBytes(info));
  const uint64_t padded = abi::paddedColumns(uint64_t(info.columns));
  std::vector<uint8_t> bytes(uint64_t(from.rows) * stride, 0xee);
  for (int64_t r = 0; r < from.rows; ++r) {
    uint8_t *to = bytes.data() + uint64_t(r) * stride;
    if (info.kind == ValueKind::QuantRows)
      std::memcpy(to, &from.int8[size_t(r) * padded], padded);
    const bool isHalf = info.kind == ValueKind::Bf16Rows || info.kind == ValueKind::F16Rows;
    const bool isByte = info.kind == ValueKind::Int8Rows || info.kind == ValueKind::E4m3Rows;
    if (info.kind == ValueKind::F32Rows || isHalf || isByte)
      std::memset(to, 0, padded * (isByte ? 1 : isHalf ? 2 : 4));
    for (int64_t c = 0; c < info.columns; ++c) {
      const int64_t i = r * info.columns + c;
      if (info.kind == ValueKind::F32Rows) {
        std::memcpy(to + 4 * c, &from.floats[i], 4);
      } else if (isHalf) {
        const uint16_t bits = info.kind == ValueKind::F16Rows ? numerics::toF16(from.floats[i])
                                                              : numerics::toBf16(from.floats[i]);
        std::memcpy(to + 2 * c, &bits, 2);
      } else if (isByte) {
        to[abi::operandPlace(uint64_t(c))] =
            info.kind == ValueKind::E4m3Rows
                ? numerics::toE4m3(from.floats[i])
                : static_cast<uint8_t>(static_cast<int8_t>(from.floats[i]));
      } else if (info.kind != ValueKind::QuantRows) {
        std::memcpy(to + (info.kind == ValueKind::IndexRows ? 4 : 8) * c, &from.ints[i],
                    info.kind == ValueKind::IndexRows ? 4 : 8);
      }
    }
  }
  return bytes;
}

std::vector<uint8_t> RowBench::packedMeta(int v) const {
  const Rows &from = rows(v);
  if (from.isRowScaled()) {
    const auto *scales = reinterpret_cast<const uint8_t *>(from.rowScales.data());
    return {scales, scales + from.rowScales.size() * abi::kRowScaleBytes};
  }
  const uint64_t stride = abi::actMetaRowBytes(uint64_t(from.columns));
  std::vector<uint8_t> bytes(uint64_t(from.rows) * stride, 0xee);
  for (int64_t r = 0; r < from.rows; ++r)
    std::memcpy(bytes.data() + uint64_t(r) * stride, &from.meta[r * from.groups()],
                size_t(from.groups()) * 8);
  return bytes;
}

gpu::host::Launch RowBench::launch() const {
  const auto items = program_.returnedRows ? int64_t(batch_.returnRows.size()) : batch_.tokens();
  gpu::host::Launch launch;
  launch.gridX = uint32_t(items) / shape_->itemsPerBlock + 2; // more than there is work for
  launch.threads = shape_->threads, launch.sharedBytes = shape_->dynamicSharedBytes;
  return launch;
}

std::string RowBench::run(const HostImage &image) {
  std::vector<uint64_t> slots(slots_, 0);
  abi::BatchView batch{};
  batch.tokens = uint32_t(batch_.tokens());
  batch.returnedRows = uint32_t(batch_.returnRows.size());
  // Every other token is one that the step before chose.
  std::vector<uint32_t> ids = batch_.tokenIds, previous(ids.size());
  for (uint32_t t = 1; t < ids.size(); t += 2) {
    const auto row = uint32_t(ids.size()) - 1 - t;
    previous[row] = std::exchange(ids[t], abi::kPreviousId | row);
  }
  batch.tokenIds = ids.data();
  batch.previousIds = previous.data();
  batch.ropePositions = batch_.ropePositions.data();
  batch.tokenSequence = batch_.tokenSequence.data();
  batch.kvPositions = batch_.kvPositions.data();
  batch.returnRows = batch_.returnRows.data();
  slots[0] = reinterpret_cast<uint64_t>(&batch);
  const abi::KvView view{pool_.data() + layout_.layerBytes(), table_.data(), layout_.blockBytes(),
                         kPages, 0};
  for (int v = 1; v < int(program_.values.size()); ++v) {
    const ProgramValue &info = program_.values[v];
    if (info.slot < 0)
      continue;
    if (info.kind == ValueKind::Kv) {
      slots[info.slot] = reinterpret_cast<uint64_t>(&view);
      continue;
    }
    buffers_[v] = info.kind == ValueKind::Parameter ? parameters_.at(v) : packed(v);
    slots[info.slot] = reinterpret_cast<uint64_t>(buffers_[v].data());
    if (hasScaleSlot(info.kind)) {
      meta_[v] = packedMeta(v);
      slots[info.slot + 1] = reinterpret_cast<uint64_t>(meta_[v].data());
    }
  }
  const auto results = [&] {
    std::vector<uint8_t> bytes(pool_);
    for (const auto &[v, buffer] : buffers_)
      bytes.insert(bytes.end(), buffer.begin(), buffer.end());
    for (const auto &[v, buffer] : meta_)
      bytes.insert(bytes.end(), buffer.begin(), buffer.end());
    return bytes;
  };
  const auto prepare = [&] {
    std::fill(pool_.begin(), pool_.end(), uint8_t(0xff));
    for (auto &[v, buffer] : buffers_)
      if (!given_[v])
        std::fill(buffer.begin(), buffer.end(), uint8_t(0xee));
    for (auto &[v, buffer] : meta_)
      std::fill(buffer.begin(), buffer.end(), uint8_t(0xee));
  };
  const std::string wrong = image.runAllOrders(name_, slots, launch(), prepare, results);
  if (!wrong.empty())
    return wrong;
  for (const auto &[v, buffer] : buffers_)
    if (!given_[v] && buffer != packed(v))
      return "value " + std::to_string(v) + " differs from the reference";
  for (const auto &[v, buffer] : meta_)
    if (buffer != packedMeta(v))
      return "metadata of value " + std::to_string(v) + " differs from the reference";
  return pool_ == wantPool_ ? "" : "the cache differs from the reference";
}

} // namespace ingot::test
