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
  Block &body = fused.getBody().front();
  if (!body.getOps<SampleOp>().empty() && !llvm::hasSingleElement(body.without_terminator())) {
    reason = "sampling stands alone in its kernel";
    return failure();
  }
  for (Operation &op : body.without_terminator()) {
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

// What only the kernels of target cuda can hold (see readMatmul and fitsEpilogue).

/// A rounding to bf16, which epilogues and norms inside a kernel know.
bool isBf16Round(Operation *op) {
  auto round = dyn_cast<RoundOp>(op);
  return round && cast<RankedTensorType>(round.getType()).getElementType().isBF16();
}

/// Columns of a row that each block can normalize: a few of them lie in shared memory.
constexpr int64_t kMostNormColumns = 8192;

/// Rounded rows made inside the kernel: a norm, perhaps of the returned rows, and its rounding.
bool isNormPrologue(ArrayRef<Operation *> ops, LinearOp linear) {
  if (ops.size() == 3 && isa<SelectRowsOp>(ops[0]) && ops[0]->hasOneUse())
    ops = ops.drop_front();
  if (ops.size() != 2)
    return false;
  auto norm = dyn_cast<RmsNormOp>(ops[0]);
  auto round = dyn_cast<RoundOp>(ops[1]);
  return norm && isBf16Round(ops[1]) && !norm.getHeadDim() && norm.getResult().hasOneUse() &&
         cast<RankedTensorType>(norm.getType()).getDimSize(1) <= kMostNormColumns &&
         round.getInput() == norm.getResult() && linear.getInput() == round.getResult() &&
         round.getResult().hasOneUse();
}

/// The ops behind a QKV projection whose heads are rotated and written to the cache by the kernel.
/// `append` is among them.
bool isRopeEpilogue(LinearOp linear, ArrayRef<Operation *> ops, KvAppendOp append,
                    std::string &reason) {
  const int64_t headDim = cast<KvType>(append.getKv().getType()).getKeyDim();
  auto split = dyn_cast<SplitOp>(ops.front());
  if (!split || split.getInput() != linear.getResult() || split.getInterleave() ||
      split.getNumResults() != 3) {
    reason = "queries, keys and values are not one projection (merge-qkv)";
    return false;
  }
  if (cast<KvType>(append.getKv().getType()).getFormat() != KvFormat::bf16) {
    reason = "the epilogue of a projection writes caches of bfloat16";
    return false;
  }
  // Both halves of 16 pairs lie in one panel.
  if (headDim % 32 != 0) {
    reason = "heads of " + std::to_string(headDim) + " columns are no multiple of 32";
    return false;
  }
  for (Operation *op : ops) {
    auto rope = dyn_cast<RopeOp>(op);
    if (isa<RmsNormOp>(op)) {
      reason = "the norm of a head sums over panels";
      return false;
    }
    if (!isa<SplitOp, AddBiasOp, RopeOp, RoundOp, KvAppendOp>(op) ||
        (rope && static_cast<int64_t>(rope.getHeadDim()) != headDim)) {
      reason =
          op->getName().getStringRef().str() + " does not fit the epilogue of a QKV projection";
      return false;
    }
  }
  return true;
}

/// Whether `op` fits the epilogue of a matmul kernel behind `before`.
bool fitsEpilogue(Operation &op, ArrayRef<Operation *> before, CodeTarget target,
                  std::string &reason) {
  const std::string name = op.getName().getStringRef().str();
  if (!before.empty() && isa<ArgmaxPartialOp>(before.back())) {
    reason = "the partials of an argmax leave the kernel; " + name + " stands behind them";
    return false;
  }
  auto split = dyn_cast<SplitOp>(op);
  const bool fits = isa<ArgmaxPartialOp>(op) || (isBf16Round(&op) && target == CodeTarget::Cuda) ||
                    (cast<KernelOpInterface>(op).footprint() == Footprint::Point &&
                     !isa<RoundOp>(op) && (!split || split.getInterleave() == 16));
  if (!fits)
    reason = name + " does not fit a matmul epilogue";
  return fits;
}

/// One linear, point-wise ops behind it; a split only with interleave 16 (SwiGLU); argmax_partial
/// last. Target cuda: see isNormPrologue and isRopeEpilogue.
FailureOr<KernelSpec> readMatmul(FusedOp fused, LinearOp linear, std::string &reason) {
  KernelSpec spec{KernelFamily::Matmul, ItemSpace::Panels, rowSpaceOf(linear.getType())};
  spec.anchor = linear;
  spec.itemsPerRow = (cast<RankedTensorType>(linear.getType()).getDimSize(1) + 31) / 32;
  auto input = cast<RankedTensorType>(linear.getInput().getType());
  if (input.getElementType().isF32()) {
    reason = "a matmul kernel takes its rows already rounded; these are float32";
    return failure();
  }
  const CodeTarget target = targetOf(fused);
  SmallVector<Operation *> behind;
  KvAppendOp append;
  bool seen = false;
  for (Operation &op : fused.getBody().front().without_terminator()) {
    seen |= &op == linear;
    if (&op != linear)
      (seen ? behind : spec.prologue).push_back(&op);
    if (auto write = dyn_cast<KvAppendOp>(op))
      append = write;
  }
  if (!spec.prologue.empty() &&
      (target != CodeTarget::Cuda || !isNormPrologue(spec.prologue, linear))) {
    reason = "a matmul kernel takes its rows already rounded; " +
             spec.prologue.back()->getName().getStringRef().str() + " stands before linear";
    return failure();
  }
  if (append && target == CodeTarget::Cuda) {
    if (!isRopeEpilogue(linear, behind, append, reason))
      return failure();
    spec.epilogue = std::move(behind);
    return spec;
  }
  for (Operation *op : behind) {
    if (!fitsEpilogue(*op, spec.epilogue, target, reason))
      return failure();
    spec.epilogue.push_back(op);
  }
  return spec;
}

FailureOr<KernelSpec> readAttention(FusedOp fused, PagedAttentionOp attention,
                                    std::string &reason) {
  KernelSpec spec{KernelFamily::Attention, ItemSpace::AttentionHeads, RowSpace::tokens};
  spec.anchor = attention;
  spec.itemsPerRow = cast<KvType>(attention.getKv().getType()).getHeads();
  for (Operation &op : fused.getBody().front().without_terminator())
    if (isBf16Round(&op) && targetOf(fused) == CodeTarget::Cuda && attention->hasOneUse()) {
      spec.epilogue.push_back(&op); // the rounded rows alone leave the kernel
    } else if (&op != attention) {
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
