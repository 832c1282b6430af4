// Verifiers and kernel families of the ops.
#include "ir/IngotDialect.h"

#include "mlir/IR/Builders.h"

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

} // namespace

LogicalResult ParamOp::verify() {
  auto type = cast<RankedTensorType>(getResult().getType());
  if (!type.hasStaticShape())
    return emitOpError("needs a static shape");
  if (getInterleave() && (!getSources() || getSources()->size() != 2))
    return emitOpError("interleave needs exactly two sources");
  if (!getSources())
    return success();
  int64_t rows = 0;
  for (auto source : getSources()->getAsRange<SourceAttr>())
    rows += source.getRows();
  if (rows != type.getDimSize(0))
    return emitOpError() << "sources have " << rows << " rows, the parameter "
                         << type.getDimSize(0);
  return success();
}

LogicalResult EmbedOp::verify() {
  auto table = cast<RankedTensorType>(getTable().getType());
  if (table.getRank() != 2)
    return emitOpError("needs a table of rank 2");
  return hasColumns(*this, getResult(), table.getDimSize(1), "result");
}

LogicalResult RopeAnglesOp::verify() {
  return hasColumns(*this, getResult(), 2 * static_cast<int64_t>(getInvFreq().size()), "result");
}

LogicalResult AddBiasOp::verify() {
  return isVector(*this, getBias(), columnsOf(getInput()), "bias");
}

LogicalResult RmsNormOp::verify() {
  const int64_t columns = columnsOf(getInput());
  if (!getHeadDim())
    return isVector(*this, getGamma(), columns, "gamma");
  if (failed(wholeHeads(*this, columns, *getHeadDim())))
    return failure();
  return isVector(*this, getGamma(), *getHeadDim(), "gamma");
}

LogicalResult RopeOp::verify() {
  if (failed(wholeHeads(*this, columnsOf(getInput()), getHeadDim())))
    return failure();
  return hasColumns(*this, getAngles(), getHeadDim(), "angles");
}

LogicalResult SplitOp::verify() {
  int64_t columns = 0;
  for (Value result : getResults()) {
    if (failed(sameRows(*this, getInput(), result)))
      return failure();
    columns += columnsOf(result);
  }
  if (columns != columnsOf(getInput()))
    return emitOpError() << "results have " << columns << " columns, the input "
                         << columnsOf(getInput());
  if (getInterleave() && (getResults().size() != 2 ||
                          columnsOf(getResults()[0]) != columnsOf(getResults()[1])))
    return emitOpError("interleave needs two results of equal width");
  return success();
}

LogicalResult SelectRowsOp::verify() {
  if (rowSpaceOf(getInput().getType()) != RowSpace::tokens ||
      rowSpaceOf(getResult().getType()) != RowSpace::returned)
    return emitOpError("selects returned rows from token rows");
  return hasColumns(*this, getResult(), columnsOf(getInput()), "result");
}

LogicalResult RoundOp::verify() {
  if (!cast<RankedTensorType>(getResult().getType()).getElementType().isBF16())
    return emitOpError("rounds to bf16");
  if (failed(sameRows(*this, getInput(), getResult())))
    return failure();
  return hasColumns(*this, getResult(), columnsOf(getInput()), "result");
}

LogicalResult QuantizeOp::verify() {
  if (!isa<QActType>(cast<RankedTensorType>(getResult().getType()).getElementType()))
    return emitOpError("quantizes to !ingot.qact");
  if (failed(sameRows(*this, getInput(), getResult())))
    return failure();
  return hasColumns(*this, getResult(), columnsOf(getInput()), "result");
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
  const bool quantizedRows =
      isa<QActType>(cast<RankedTensorType>(getInput().getType()).getElementType());
  if (quantizedRows && !isa<QWeightType>(weight.getElementType()))
    return emitOpError("int8 rows need an integer weight");
  return success();
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

LogicalResult KvAppendOp::verify() {
  auto kv = cast<KvType>(getKv().getType());
  if (getLayer() < 0 || static_cast<int64_t>(getLayer()) >= kv.getLayers())
    return emitOpError() << "layer " << getLayer() << " of a cache with " << kv.getLayers();
  if (failed(sameRows(*this, getKey(), getValue())) ||
      failed(hasColumns(*this, getKey(), kv.getHeads() * kv.getKeyDim(), "key")))
    return failure();
  return hasColumns(*this, getValue(), kv.getHeads() * kv.getValueDim(), "value");
}

KernelFamily PagedAttentionOp::family() { return KernelFamily::Attention; }

LogicalResult PagedAttentionOp::verify() {
  auto kv = cast<KvType>(getKv().getType());
  const int64_t heads = getHeads();
  if (heads < 1 || heads % kv.getHeads() != 0)
    return emitOpError() << heads << " query heads over " << kv.getHeads() << " KV heads";
  if (static_cast<int64_t>(getLayer()) >= kv.getLayers())
    return emitOpError() << "layer " << getLayer() << " of a cache with " << kv.getLayers();
  if (failed(sameRows(*this, getQuery(), getResult())) ||
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
  for (Operation &op : body.without_terminator())
    if (!isa<KernelOpInterface>(op))
      return emitOpError() << "holds " << op.getName() << ", which no kernel can contain";
  return success();
}
