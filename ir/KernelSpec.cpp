#include "ir/KernelSpec.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace ingot;

namespace {

/// Row space of the kernel: that of its rows of output. select_rows changes it, so results decide.
RowSpace resultRows(FusedOp fused) {
  for (Type type : fused.getResultTypes())
    if (isa<RankedTensorType>(type))
      return rowSpaceOf(type);
  return RowSpace::tokens;
}

FailureOr<KernelSpec> readRowwise(FusedOp fused, std::string &reason) {
  KernelSpec spec{KernelFamily::Rowwise, ItemSpace::TokenRows, resultRows(fused)};
  if (spec.rows == RowSpace::returned)
    spec.items = ItemSpace::ReturnedRows;
  for (Operation &op : fused.getBody().front().without_terminator()) {
    const bool selects = isa<SelectRowsOp>(op);
    for (Value result : op.getResults())
      if (!selects && isa<RankedTensorType>(result.getType()) &&
          rowSpaceOf(result.getType()) != spec.rows) {
        reason = "a row-wise kernel walks one row space, " + op.getName().getStringRef().str() +
                 " has another";
        return failure();
      }
    spec.epilogue.push_back(&op);
  }
  return spec;
}

/// One linear, point-wise ops behind it; a split only with interleave 16 (SwiGLU); argmax_partial
/// last.
FailureOr<KernelSpec> readMatmul(FusedOp fused, LinearOp linear, std::string &reason) {
  KernelSpec spec{KernelFamily::Matmul, ItemSpace::Panels, rowSpaceOf(linear.getType())};
  spec.anchor = linear;
  spec.itemsPerRow = (cast<RankedTensorType>(linear.getType()).getDimSize(1) + 31) / 32;
  auto input = cast<RankedTensorType>(linear.getInput().getType());
  if (input.getElementType().isF32()) {
    reason = "a matmul kernel takes its rows already rounded; these are float32";
    return failure();
  }
  bool seen = false;
  for (Operation &op : fused.getBody().front().without_terminator()) {
    if (&op == linear) {
      seen = true;
      continue;
    }
    if (!seen) {
      reason = "a matmul kernel takes its rows already rounded; " +
               op.getName().getStringRef().str() + " stands before linear";
      return failure();
    }
    if (!spec.epilogue.empty() && isa<ArgmaxPartialOp>(spec.epilogue.back())) {
      reason = "the partials of an argmax leave the kernel; " + op.getName().getStringRef().str() +
               " stands behind them";
      return failure();
    }
    auto footprint = cast<KernelOpInterface>(op).footprint();
    auto split = dyn_cast<SplitOp>(op);
    const bool swiglu = split && split.getInterleave() == 16;
    if (!isa<ArgmaxPartialOp>(op) &&
        (footprint != Footprint::Point || (split && !swiglu) || isa<RoundOp>(op))) {
      reason = op.getName().getStringRef().str() + " does not fit a matmul epilogue";
      return failure();
    }
    spec.epilogue.push_back(&op);
  }
  return spec;
}

FailureOr<KernelSpec> readAttention(FusedOp fused, PagedAttentionOp attention,
                                    std::string &reason) {
  KernelSpec spec{KernelFamily::Attention, ItemSpace::AttentionHeads, RowSpace::tokens};
  spec.anchor = attention;
  spec.itemsPerRow = cast<KvType>(attention.getKv().getType()).getHeads();
  for (Operation &op : fused.getBody().front().without_terminator())
    if (&op != attention) {
      reason = op.getName().getStringRef().str() + " does not fit an attention kernel";
      return failure();
    }
  return spec;
}

} // namespace

FailureOr<KernelSpec> ingot::readKernelSpec(FusedOp fused, std::string &reason) {
  Operation *anchor = nullptr;
  for (Operation &op : fused.getBody().front().without_terminator()) {
    if (cast<KernelOpInterface>(op).family() == KernelFamily::Rowwise)
      continue;
    if (anchor) {
      reason = "two anchors in one region";
      return failure();
    }
    anchor = &op;
  }
  if (auto linear = dyn_cast_or_null<LinearOp>(anchor))
    return readMatmul(fused, linear, reason);
  if (auto attention = dyn_cast_or_null<PagedAttentionOp>(anchor))
    return readAttention(fused, attention, reason);
  return readRowwise(fused, reason);
}

std::string ingot::kernelSpecText(FusedOp fused) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  OwningOpRef<Operation *> clone = fused->cloneWithoutRegions();
  auto copy = cast<FusedOp>(clone.get());
  IRMapping mapping;
  fused.getBody().cloneInto(&copy.getBody(), mapping);
  copy.setLabel("");
  // The layer reaches a kernel through its cache argument, so that all layers share one kernel.
  copy.getBody().walk([](Operation *op) {
    if (isa<KvAppendOp, PagedAttentionOp>(op))
      op->setAttr("layer", Builder(op->getContext()).getI64IntegerAttr(0));
  });
  copy.getBody().front().print(stream);
  copy->dropAllReferences();
  return text;
}
