#include "compiler/ReferenceWeights.h"

#include "ir/ParamSpec.h"
#include "runtime/artifact/Panel32.h"
#include "runtime/artifact/RandomWeights.h"
#include "runtime/base/Format.h"

#include "mlir/IR/BuiltinTypes.h"

#include <algorithm>
#include <atomic>
#include <thread>

using namespace mlir;

namespace ingot {
namespace {

using reference::Weight;
using reference::WeightKind;
using reference::WeightRef;

/// Parameters with fewer elements are not worth a second thread.
constexpr uint64_t kSmall = 1 << 18;

/// Element (row r of the piece, column c) of some values is values[r * row + c * column].
struct Strides {
  size_t row = 0, column = 0;
};

/// Rows [first, first + count) of a parameter, which become rows [position, ...) of the weight.
/// They lie side by side in one panel.
struct Piece {
  uint32_t first = 0, count = 0, position = 0;
  std::vector<float> floats;    ///< of a float parameter
  std::vector<int8_t> ints;     ///< of a quantized one
  Strides values;               ///< of floats and ints
  std::vector<uint16_t> scales; ///< [count][groups] f16 bits
};

/// Reads the rows of a piece.
class PieceSource {
public:
  virtual ~PieceSource() = default;
  /// Rows from a multiple of this number on that lie side by side: of a panel.
  virtual uint32_t pieceRows() const { return kPanelColumns; }
  virtual Status read(Piece &piece) const = 0;
};

/// The values as a parameter with these elements holds them.
void roundTo(Type element, std::vector<float> &values) {
  if (element.isBF16())
    for (float &value : values)
      value = numerics::fromBf16(numerics::toBf16(value));
  if (element.isF16())
    for (float &value : values)
      value = numerics::fromF16(numerics::toF16(value));
}

class CheckpointRows : public PieceSource {
public:
  CheckpointRows(ParamReader reader, std::optional<QuantizeSpec> quantize, Type element)
      : reader_(std::move(reader)), quantize_(quantize), element_(element) {}

  Status read(Piece &piece) const override {
    const int64_t count = piece.count, columns = reader_.spec().columns;
    piece.floats.resize(static_cast<size_t>(count * columns));
    piece.values = {static_cast<size_t>(columns), 1};
    INGOT_TRY(reader_.readRows(piece.first, count, piece.floats.data()));
    if (!quantize_) {
      roundTo(element_, piece.floats);
      return Status::ok();
    }
    piece.ints.resize(piece.floats.size());
    piece.scales.resize(static_cast<size_t>(count * scaleGroups(*quantize_, columns)));
    quantizeRows(piece.floats.data(), count, columns, *quantize_, piece.ints.data(),
                 piece.scales.data());
    piece.floats.clear();
    return Status::ok();
  }

private:
  ParamReader reader_;
  std::optional<QuantizeSpec> quantize_;
  Type element_;
};

class GeneratedRows : public PieceSource {
public:
  /// `panel` is the layout of one panel alone: panels do not depend on their neighbours.
  GeneratedRows(const WeightLayout &layout, const WeightLayout &panel,
                const artifact::Generator &generator)
      : layout_(layout), panel_(panel), generator_(generator) {}

  /// Halves of rotary heads meet in a panel: half of it is of each.
  uint32_t pieceRows() const override {
    return layout_.interleave > kInterleave ? kInterleave : kPanelColumns;
  }

  Status read(Piece &piece) const override {
    if (layout_.kind == LayoutKind::Row) {
      readVector(piece);
      return Status::ok();
    }
    std::vector<uint8_t> bytes(layout_.unitBytes);
    const uint64_t slot = slotOf(piece.first);
    fillRandomUnits(layout_, generator_, slot / kPanelColumns, 1, bytes.data());
    const auto column = static_cast<uint32_t>(slot % kPanelColumns);
    const size_t size = layout_.paddedColumns() * kPanelColumns;
    piece.values = {1, kPanelColumns};
    if (layout_.isQuantized()) {
      piece.ints.resize(size);
      unpackPanel(panel_, bytes.data(), piece.ints.data());
      piece.ints.erase(piece.ints.begin(), piece.ints.begin() + column);
    } else {
      piece.floats.resize(size);
      unpackPanel(panel_, bytes.data(), piece.floats.data());
      piece.floats.erase(piece.floats.begin(), piece.floats.begin() + column);
    }
    for (uint32_t row = 0; layout_.isQuantized() && row < piece.count; ++row)
      for (uint64_t group = 0; group < layout_.groups(); ++group)
        piece.scales.push_back(panelScale(panel_, bytes.data(), column + row, group));
    return Status::ok();
  }

private:
  /// Rows of gate and up alternate in the program as they do in storage; those of rotary heads are
  /// a matter of storage alone.
  uint64_t slotOf(uint32_t row) const {
    return layout_.interleave == kInterleave ? row : layout_.slotOfRow(row);
  }

  void readVector(Piece &piece) const {
    std::vector<uint8_t> bytes(layout_.unitBytes);
    fillRandomUnits(layout_, generator_, 0, 1, bytes.data());
    const float *values = reinterpret_cast<const float *>(bytes.data()) + piece.first;
    piece.floats.assign(values, values + piece.count);
    piece.values = {1, 0};
  }

  WeightLayout layout_, panel_;
  artifact::Generator generator_;
};

Result<std::unique_ptr<PieceSource>> openGenerated(const artifact::Param &param) {
  INGOT_ASSIGN(
      const WeightLayout layout,
      WeightLayout::make(param.format, param.layout, param.shape, param.group, param.interleave));
  if (layout.kind == LayoutKind::Row)
    return std::unique_ptr<PieceSource>(new GeneratedRows(layout, layout, *param.generator));
  const uint64_t shape[] = {kPanelColumns, layout.columns};
  INGOT_ASSIGN(const WeightLayout panel,
               WeightLayout::make(param.format, param.layout, shape, param.group, 0));
  return std::unique_ptr<PieceSource>(new GeneratedRows(layout, panel, *param.generator));
}

/// Pieces of `step` rows that cover `rows` rows, or the kept ones.
std::vector<Piece> piecesOf(uint32_t rows, uint32_t step, const std::vector<uint32_t> *kept) {
  std::vector<Piece> pieces;
  if (kept)
    for (const uint32_t row : *kept)
      pieces.push_back({row, 1, static_cast<uint32_t>(pieces.size()), {}, {}, {}, {}});
  else
    for (uint32_t row = 0; row < rows; row += step)
      pieces.push_back({row, std::min(step, rows - row), row, {}, {}, {}, {}});
  return pieces;
}

/// The empty weight of a parameter with `rows` rows.
Weight shapeOf(RankedTensorType type, int64_t rows, const std::optional<QuantizeSpec> &quantize) {
  Weight weight;
  weight.rows = rows;
  weight.columns = type.getRank() == 1 ? 1 : type.getDimSize(1);
  const auto elements = static_cast<size_t>(weight.rows * weight.columns);
  if (quantize) {
    weight.kind = quantize->e4m3 ? WeightKind::E4m3 : WeightKind::Int;
    weight.group = quantize->group;
    if (quantize->e4m3)
      weight.floats.resize(elements);
    else
      weight.ints.resize(elements);
    weight.scales.resize(static_cast<size_t>(scaleGroups(*quantize, weight.columns) * rows));
    return weight;
  }
  weight.kind = type.getElementType().isBF16()  ? WeightKind::Bf16
                : type.getElementType().isF16() ? WeightKind::F16
                                                : WeightKind::F32;
  weight.floats.resize(elements);
  return weight;
}

/// Rows of a piece to columns of the k-major weight, which has `columns` of them.
template <typename T>
void scatter(const std::vector<T> &from, Strides strides, const Piece &piece, const Weight &weight,
             size_t columns, std::vector<T> &to) {
  const auto rows = static_cast<size_t>(weight.rows);
  for (size_t c = 0; c < columns; ++c)
    for (size_t r = 0; r < piece.count; ++r)
      to[c * rows + piece.position + r] = from[r * strides.row + c * strides.column];
}

Status readPiece(const PieceSource &source, Piece piece, Weight &weight) {
  INGOT_TRY(source.read(piece));
  const auto columns = static_cast<size_t>(weight.columns);
  if (weight.kind == WeightKind::E4m3)
    for (const int8_t bits : piece.ints)
      piece.floats.push_back(numerics::fromE4m3(static_cast<uint8_t>(bits)));
  if (weight.kind == WeightKind::Int)
    scatter(piece.ints, piece.values, piece, weight, columns, weight.ints);
  else
    scatter(piece.floats, piece.values, piece, weight, columns, weight.floats);
  if (!weight.isScaled())
    return Status::ok();
  const size_t groups = piece.scales.size() / piece.count;
  std::vector<float> scales(piece.scales.size());
  std::transform(piece.scales.begin(), piece.scales.end(), scales.begin(), numerics::fromF16);
  scatter(scales, {groups, 1}, piece, weight, groups, weight.scales);
  return Status::ok();
}

/// Pieces go to disjoint places of the weight: any thread may take any. The error told is that of
/// the first piece that has one.
Status readPieces(const PieceSource &source, const std::vector<Piece> &pieces, unsigned threads,
                  Weight &weight) {
  std::vector<Status> outcomes(pieces.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < pieces.size(); i = next++)
      outcomes[i] = readPiece(source, pieces[i], weight);
  };
  std::vector<std::thread> helpers;
  for (unsigned i = 1; i < threads; ++i)
    helpers.emplace_back(work);
  work();
  for (std::thread &helper : helpers)
    helper.join();
  for (Status &outcome : outcomes)
    INGOT_TRY(std::move(outcome));
  return Status::ok();
}

} // namespace

ReferenceWeights::ReferenceWeights(const WeightSource *checkpoint,
                                   const std::vector<artifact::Param> &params, unsigned threads)
    : checkpoint_(checkpoint), threads_(threads) {
  for (const artifact::Param &param : params)
    if (param.generator)
      generated_[param.name] = &param;
}

Result<WeightRef> ReferenceWeights::load(ParamOp param) {
  const std::string name = param.getName().str();
  auto type = cast<RankedTensorType>(param.getType());
  const std::optional<QuantizeSpec> quantize = quantizeSpecOf(param);
  std::unique_ptr<PieceSource> source;
  if (auto found = generated_.find(name); found != generated_.end()) {
    INGOT_ASSIGN(source, openGenerated(*found->second));
  } else if (checkpoint_) {
    INGOT_ASSIGN(ParamReader reader, ParamReader::open(*checkpoint_, paramSpecOf(param)));
    source = std::make_unique<CheckpointRows>(std::move(reader), quantize, type.getElementType());
  } else {
    return Status(ErrorClass::Internal, "param-unknown",
                  format("parameter %s is in no table of the plan", name.c_str()));
  }
  const auto kept = kept_.find(name);
  const auto rows = static_cast<uint32_t>(type.getDimSize(0));
  const std::vector<Piece> pieces =
      piecesOf(rows, source->pieceRows(), kept == kept_.end() ? nullptr : &kept->second);
  auto weight = std::make_shared<Weight>(
      shapeOf(type, kept == kept_.end() ? rows : static_cast<int64_t>(pieces.size()), quantize));
  const uint64_t elements =
      static_cast<uint64_t>(weight->rows) * static_cast<uint64_t>(weight->columns);
  INGOT_TRY(readPieces(*source, pieces, elements < kSmall ? 1 : threads_, *weight));
  return WeightRef(std::move(weight));
}

} // namespace ingot
