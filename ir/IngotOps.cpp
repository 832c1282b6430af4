// Verifiers and kernel families of the ops.
#include "ir/IngotDialect.h"

#include "runtime/base/Limits.h"

#include "mlir/IR/Builders.h"

#include <cmath>

using namespace mlir;
using namespace ingot;

#define GET_OP_CLASSES
#include "ir/IngotOps.cpp.inc"

namespace {

int64_t columnsOf(Value value) { return cast<RankedTensorType>(value.getType()).getDimSize(1); }

/// Fails unless both values have the same rows (count and row space).
LogicalResult sameRows(Operation *op, Value lhs, Value rhs) {
  auto a = cast<RankedTensorType>(lhs.getType()), b = cast<RankedTensorType>(rhs.getType());
  if (a.getDimSize(0) != b.getDimSize(0) || a.getEncoding() != b.getEncoding())
    return op->emitOpError() << "rows differ: " << a << " against " << b;
  return success();
}

LogicalResult hasColumns(Operation *op, Value value, int64_t columns, StringRef what) {
  if (columnsOf(value) != columns)
    return op->emitOpError() << what << " has " << columnsOf(value) << " columns, expected "
                             << columns;
  return success();
}

LogicalResult isVector(Operation *op, Value value, int64_t size, StringRef what) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getRank() != 1 || type.getDimSize(0) != size)
    return op->emitOpError() << what << " must be a vector of " << size << ", is " << type;
  return success();
}

/// Fails unless `columns` is a positive multiple of the head width, which must be even.
LogicalResult wholeHeads(Operation *op, int64_t columns, int64_t headDim) {
  if (headDim < 2 || headDim % 2 != 0)
    return op->emitOpError() << "head_dim must be even and positive, is " << headDim;
  if (columns % headDim != 0)
    return op->emitOpError() << columns << " columns are not whole heads of " << headDim;
  return success();
}

LogicalResult inRowSpace(Operation *op, Value value, RowSpace space, StringRef what) {
  if (rowSpaceOf(value.getType()) != space)
    return op->emitOpError() << what << " must have one row per "
                             << (space == RowSpace::tokens ? "token" : "returned token");
  return success();
}

/// Fails when the op carries an order of another kind than its own arithmetic; `other` is the kind
/// that the same arithmetic has on a matrix unit.
LogicalResult orderIs(Operation *op, std::optional<OrderAttr> order, OrderKind kind,
                      OrderKind other, int64_t step, int64_t span) {
  if (!order)
    return success();
  if (order->getKind() == other)
    kind = other;
  if (order->getKind() != kind)
    return op->emitOpError() << "order must be of kind " << stringifyOrderKind(kind) << ", is "
                             << stringifyOrderKind(order->getKind());
  if (step && (order->getStep() != step || order->getSpan() != span))
    return op->emitOpError() << "order must have step " << step << " and span " << span;
  return success();
}

/// `layer` is one of the layers of the cache.
LogicalResult hasLayer(Operation *op, KvType kv, uint64_t layer) {
  if (layer >= static_cast<uint64_t>(kv.getLayers()))
    return op->emitOpError() << "layer " << static_cast<int64_t>(layer) << " of a cache with "
                             << kv.getLayers();
  return success();
}

Type elementOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

/// Fails for shapes beyond what 32-bit fields and the formats of weights hold.
LogicalResult hasParameterShape(Operation *op, RankedTensorType type) {
  int64_t elements = 1;
  for (const int64_t dimension : type.getShape()) {
    if (dimension > limits::kDimension)
      return op->emitOpError() << "has a dimension of " << dimension << ", at most "
                               << limits::kDimension;
    elements *= dimension;
  }
  if (elements > limits::kElements)
    return op->emitOpError() << "has " << elements << " elements, at most " << limits::kElements;
  return success();
}

LogicalResult inRange(Operation *op, const APFloat &number, double least, double most,
                      StringRef what) {
  const float value = number.convertToFloat();
  if (!(value >= static_cast<float>(least) && value <= static_cast<float>(most))) // nor NaN
    return op->emitOpError() << what << " must be from " << least << " to " << most << ", is "
                             << value;
  return success();
}

/// Rows of the sources add up; interleaved ones come in two equal halves of whole runs.
LogicalResult verifySources(ParamOp param, int64_t rows) {
  const int64_t interleave = static_cast<int64_t>(param.getInterleave().value_or(0));
  if (param.getInterleave() && interleave < 1)
    return param.emitOpError() << "interleave must be positive, is " << interleave;
  if (interleave && (!param.getSources() || param.getSources()->size() != 2))
    return param.emitOpError("interleave needs exactly two sources");
  if (!param.getSources())
    return success();
  int64_t sum = 0;
  for (auto source : param.getSources()->getAsRange<SourceAttr>()) {
    if (source.getRows() < 1 || source.getRows() > rows)
      return param.emitOpError() << "source " << source.getTensor() << " has " << source.getRows()
                                 << " rows, the parameter " << rows;
    if (interleave && (source.getRows() * 2 != rows || source.getRows() % interleave != 0))
      return param.emitOpError() << "interleaved sources need " << rows
                                 << " / 2 rows each, a multiple of " << interleave;
    sum += source.getRows();
  }
  if (sum != rows)
    return param.emitOpError() << "sources have " << sum << " rows, the parameter " << rows;
  return success();
}

} // namespace

LogicalResult ParamOp::verify() {
  auto type = cast<RankedTensorType>(getResult().getType());
  if (getName().empty())
    return emitOpError("needs a name");
  if (!type.hasStaticShape() || type.getNumElements() == 0)
    return emitOpError("needs a static shape with elements");
  if (failed(hasParameterShape(*this, type)))
    return failure();
  const bool quantized = isa<QWeightType>(type.getElementType());
  if (quantized && type.getRank() != 2)
    return emitOpError("only matrices are quantized");
  if (getClipSearch() && !quantized)
    return emitOpError("clip_search is for quantized parameters");
  if (const std::optional<uint64_t> pairs = getRotaryPairs();
      pairs && (type.getRank() != 2 || getInterleave() || *pairs == 0 || *pairs % 32 != 0 ||
                static_cast<uint64_t>(type.getDimSize(0)) % *pairs != 0))
    return emitOpError() << "rotary_pairs is for matrices of whole heads of a multiple of 32 rows, "
                            "without interleave; is "
                         << static_cast<int64_t>(*pairs);
  return verifySources(*this, type.getDimSize(0));
}

LogicalResult EmbedOp::verify() {
  auto table = cast<RankedTensorType>(getTable().getType());
  if (table.getRank() != 2)
    return emitOpError("needs a table of rank 2");
  if (failed(inRowSpace(*this, getResult(), RowSpace::tokens, "result")))
    return failure();
  return hasColumns(*this, getResult(), table.getDimSize(1), "result");
}

LogicalResult RopeAnglesOp::verify() {
  if (getInvFreq().empty())
    return emitOpError("needs frequencies");
  for (const float frequency : getInvFreq())
    if (!std::isfinite(frequency))
      return emitOpError("frequencies must be finite");
  if (!getAttentionFactor().isFinite())
    return emitOpError("attention_factor must be finite");
  if (failed(inRowSpace(*this, getResult(), RowSpace::tokens, "result")))
    return failure();
  return hasColumns(*this, getResult(), 2 * static_cast<int64_t>(getInvFreq().size()), "result");
}

LogicalResult AddBiasOp::verify() {
  return isVector(*this, getBias(), columnsOf(getInput()), "bias");
}

LogicalResult RmsNormOp::verify() {
  const int64_t columns = columnsOf(getInput());
  if (failed(inRange(*this, getEps(), limits::kLeastEps, limits::kMostEps, "eps")))
    return failure();
  if (failed(orderIs(*this, getOrder(), OrderKind::lanes, OrderKind::lanes, 64, 0)))
    return failure();
  if (!getHeadDim())
    return isVector(*this, getGamma(), columns, "gamma");
  if (failed(wholeHeads(*this, columns, *getHeadDim())))
    return failure();
  return isVector(*this, getGamma(), *getHeadDim(), "gamma");
}

LogicalResult LayerNormOp::verify() {
  const int64_t columns = columnsOf(getInput());
  if (failed(inRange(*this, getEps(), limits::kLeastEps, limits::kMostEps, "eps")))
    return failure();
  if (failed(orderIs(*this, getOrder(), OrderKind::lanes, OrderKind::lanes, 64, 0)) ||
      failed(isVector(*this, getGamma(), columns, "gamma")))
    return failure();
  return isVector(*this, getBeta(), columns, "beta");
}

LogicalResult RopeOp::verify() {
  if (failed(sameRows(*this, getInput(), getAngles())) ||
      failed(wholeHeads(*this, columnsOf(getInput()), getHeadDim())))
    return failure();
  return hasColumns(*this, getAngles(), getHeadDim(), "angles");
}

LogicalResult SplitOp::verify() {
  int64_t columns = 0;
  if (getResults().empty())
    return emitOpError("needs results");
  for (Value result : getResults()) {
    if (failed(sameRows(*this, getInput(), result)))
      return failure();
    columns += columnsOf(result);
  }
  if (columns != columnsOf(getInput()))
    return emitOpError() << "results have " << columns << " columns, the input "
                         << columnsOf(getInput());
  const int64_t interleave = static_cast<int64_t>(getInterleave().value_or(1));
  if (interleave < 1)
    return emitOpError() << "interleave must be positive, is " << interleave;
  if (getInterleave() &&
      (getResults().size() != 2 || columnsOf(getResults()[0]) != columnsOf(getResults()[1]) ||
       columnsOf(getResults()[0]) % interleave != 0))
    return emitOpError() << "interleave needs two results of equal width, a multiple of "
                         << interleave;
  return success();
}

LogicalResult SelectRowsOp::verify() {
  if (rowSpaceOf(getInput().getType()) != RowSpace::tokens ||
      rowSpaceOf(getResult().getType()) != RowSpace::returned)
    return emitOpError("selects returned rows from token rows");
  return hasColumns(*this, getResult(), columnsOf(getInput()), "result");
}

LogicalResult RoundOp::verify() {
  if (!elementOf(getResult()).isBF16() && !elementOf(getResult()).isF16())
    return emitOpError("rounds to bf16 or f16");
  if (failed(sameRows(*this, getInput(), getResult())))
    return failure();
  return hasColumns(*this, getResult(), columnsOf(getInput()), "result");
}

LogicalResult QuantizeOp::verify() {
  if (!isa<QActType>(elementOf(getResult())))
    return emitOpError("quantizes to !ingot.qact");
  if (failed(sameRows(*this, getInput(), getResult())))
    return failure();
  return hasColumns(*this, getResult(), columnsOf(getInput()), "result");
}

/// Fails for rows and weights of numbers that no arithmetic joins.
static LogicalResult matchesWeight(LinearOp op, Type rows, Type weight) {
  auto act = dyn_cast<QActType>(rows);
  if (!act)
    return success();
  auto quantized = dyn_cast<QWeightType>(weight);
  const bool e4m3 = quantized && quantized.getNumber() == WeightNumber::e4m3;
  if (act.getScale() == ActScale::row_e4m3)
    return e4m3 ? success() : LogicalResult(op.emitOpError("e4m3 rows need an e4m3 weight"));
  if (!quantized || e4m3)
    return op.emitOpError("int8 rows need an integer weight");
  if (act.isRowScaled() && quantized.getBits() != 8)
    return op.emitOpError("int8 rows with one scale need an int8 weight");
  return success();
}

KernelFamily LinearOp::family() { return KernelFamily::Matmul; }

LogicalResult LinearOp::verify() {
  auto weight = cast<RankedTensorType>(getWeight().getType());
  if (weight.getRank() != 2)
    return emitOpError("needs a weight of rank 2");
  if (failed(sameRows(*this, getInput(), getResult())) ||
      failed(hasColumns(*this, getInput(), weight.getDimSize(1), "input")) ||
      failed(hasColumns(*this, getResult(), weight.getDimSize(0), "result")))
    return failure();
  if (failed(matchesWeight(*this, elementOf(getInput()), weight.getElementType())))
    return failure();
  return orderIs(*this, getOrder(), OrderKind::chain, OrderKind::mma, 0, 0);
}

LogicalResult ArgmaxOp::verify() {
  if (failed(sameRows(*this, getInput(), getResult())))
    return failure();
  return hasColumns(*this, getResult(), 1, "result");
}

LogicalResult ArgmaxPartialOp::verify() {
  if (failed(sameRows(*this, getInput(), getResult())))
    return failure();
  return hasColumns(*this, getResult(), (columnsOf(getInput()) + 31) / 32, "result");
}

LogicalResult ArgmaxFoldOp::verify() {
  if (failed(sameRows(*this, getInput(), getResult())))
    return failure();
  return hasColumns(*this, getResult(), 1, "result");
}

LogicalResult SampleOp::verify() {
  if (failed(sameRows(*this, getInput(), getResult())) ||
      failed(inRowSpace(*this, getInput(), RowSpace::returned, "input")))
    return failure();
  return hasColumns(*this, getResult(), 1, "result");
}

LogicalResult KvAppendOp::verify() {
  auto kv = cast<KvType>(getKv().getType());
  if (failed(hasLayer(*this, kv, getLayer())) ||
      failed(inRowSpace(*this, getKey(), RowSpace::tokens, "key")) ||
      failed(sameRows(*this, getKey(), getValue())) ||
      failed(hasColumns(*this, getKey(), kv.getHeads() * kv.getKeyDim(), "key")))
    return failure();
  return hasColumns(*this, getValue(), kv.getHeads() * kv.getValueDim(), "value");
}

KernelFamily PagedAttentionOp::family() { return KernelFamily::Attention; }

LogicalResult PagedAttentionOp::verify() {
  auto kv = cast<KvType>(getKv().getType());
  const int64_t heads = getHeads();
  if (heads < 1 || heads > limits::kHeads || heads % kv.getHeads() != 0)
    return emitOpError() << heads << " query heads over " << kv.getHeads()
                         << " KV heads; a multiple up to " << limits::kHeads << " is needed";
  if (isa<QActType>(elementOf(getQuery())) || elementOf(getQuery()).isF16())
    return emitOpError("needs float32 or bfloat16 queries");
  if (!getScale().isFinite())
    return emitOpError("scale must be finite");
  if (const auto window = static_cast<int64_t>(getWindow().value_or(1));
      window < 1 || window > limits::kContext)
    return emitOpError() << "window must be from 1 to " << limits::kContext << ", is " << window;
  if (getSoftcap() &&
      failed(inRange(*this, *getSoftcap(), limits::kLeastSoftcap, limits::kMostSoftcap, "softcap")))
    return failure();
  if (getSinks() && failed(isVector(*this, getSinks(), heads, "sinks")))
    return failure();
  if (failed(hasLayer(*this, kv, getLayer())) ||
      failed(orderIs(*this, getOrder(), OrderKind::attention, OrderKind::attention_mma, 64, 256)) ||
      failed(inRowSpace(*this, getQuery(), RowSpace::tokens, "query")) ||
      failed(sameRows(*this, getQuery(), getResult())) ||
      failed(hasColumns(*this, getQuery(), heads * kv.getKeyDim(), "query")))
    return failure();
  return hasColumns(*this, getResult(), heads * kv.getValueDim(), "result");
}

LogicalResult FusedOp::verify() {
  Block &body = getBody().front();
  if (body.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("body arguments differ from the inputs");
  if (body.getTerminator()->getOperandTypes() != getResultTypes())
    return emitOpError("yielded types differ from the results");
  if (body.without_terminator().empty())
    return emitOpError("needs ops");
  for (Operation &op : body.without_terminator())
    if (!isa<KernelOpInterface>(op))
      return emitOpError() << "holds " << op.getName() << ", which no kernel can contain";
  return success();
}
