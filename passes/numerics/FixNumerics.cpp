// --ingot-fix-numerics: see Passes.td.
#include "passes/Passes.h"
#include "passes/numerics/Signature.h"
#include "passes/numerics/Slices.h"

#include "mlir/IR/Builders.h"

#define DEBUG_TYPE "ingot-fix-numerics"

namespace ingot {
#define GEN_PASS_DEF_FIXNUMERICSPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// Lanes of a row reduction, positions of a KV tile and of a segment: NUMERICS rules R and A.
constexpr int64_t kReductionLanes = 64;
constexpr int64_t kAttentionTile = 64;
constexpr int64_t kAttentionSegment = 256;

/// Elements of K that one step of a linear's chain takes: a block of 32 for int8 rows, a pair for
/// bfloat16.
int64_t chainStep(LinearOp linear) {
  Type element = elementOf(linear.getInput());
  if (isa<QActType>(element))
    return 32;
  return element.isBF16() ? 2 : 1;
}

/// Elements of K that one instruction of the matrix unit takes: 32 bytes.
int64_t matrixStep(LinearOp linear) {
  return isa<QActType>(elementOf(linear.getInput())) ? 32 : 16;
}

/// Whether the matrix unit takes such rows.
bool isMatrixRow(Type element) {
  auto act = dyn_cast<QActType>(element);
  return element.isBF16() || element.isF16() || (act && act.isRowScaled());
}

/// The order of a reducing op, or null for all others.
OrderAttr orderOf(Operation *op, bool matrixUnit) {
  MLIRContext *context = op->getContext();
  if (auto linear = dyn_cast<LinearOp>(op))
    return matrixUnit ? OrderAttr::get(context, OrderKind::mma, matrixStep(linear), sliceOf(linear))
                      : OrderAttr::get(context, OrderKind::chain, chainStep(linear), 0);
  if (isa<RmsNormOp, LayerNormOp>(op))
    return OrderAttr::get(context, OrderKind::lanes, kReductionLanes, 0);
  if (isa<PagedAttentionOp>(op))
    return OrderAttr::get(context, matrixUnit ? OrderKind::attention_mma : OrderKind::attention,
                          kAttentionTile, kAttentionSegment);
  return {};
}

struct FixNumericsPass : public ingot::impl::FixNumericsPassBase<FixNumericsPass> {
  using FixNumericsPassBase::FixNumericsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (target != "cpu" && target != "cuda") {
      module.emitError() << "target: '" << target << "' has no arithmetic; write cpu or cuda";
      return signalPassFailure();
    }
    if (target != "cpu")
      module->setAttr(kTargetAttr, StringAttr::get(module.getContext(), target));
    SmallVector<NamedAttribute> texts;
    Builder builder(module.getContext());
    for (func::FuncOp entry : functionsOf(module)) {
      entry.walk([&](PagedAttentionOp attention) { roundQuery(attention); });
      if (entry.walk([&](Operation *op) { return stamp(op); }).wasInterrupted())
        return signalPassFailure();
      const NumericsSignature signature = readNumerics(entry);
      entry->setAttr(kSignatureAttr, builder.getStringAttr(signature.hex()));
      texts.push_back(builder.getNamedAttr(signature.hex(), builder.getStringAttr(signature.text)));
    }
    llvm::sort(texts);
    texts.erase(llvm::unique(texts), texts.end());
    module->setAttr(kNumericsAttr, builder.getDictionaryAttr(texts));
  }

private:
  /// The cache holds bfloat16 keys, so the query is rounded alike; one rounding point per query.
  void roundQuery(PagedAttentionOp attention) {
    Value query = attention.getQuery();
    if (elementOf(query).isBF16())
      return;
    OpBuilder builder(attention);
    auto type =
        rowsLike(cast<RankedTensorType>(query.getType()), columnsOf(query), builder.getBF16Type());
    attention.getQueryMutable().assign(RoundOp::create(builder, attention.getLoc(), type, query));
    ++numRounds;
  }

  WalkResult stamp(Operation *op) {
    auto linear = dyn_cast<LinearOp>(op);
    if (target == "cuda" && linear && !isMatrixRow(elementOf(linear.getInput()))) {
      op->emitOpError() << "takes " << elementOf(linear.getInput())
                        << " rows; the matrix unit takes bfloat16, so run "
                           "ingot-quantize-activations with scale=bf16 first";
      return WalkResult::interrupt();
    }
    OrderAttr order = orderOf(op, target == "cuda");
    if (!order)
      return WalkResult::advance();
    if (auto given = op->getAttrOfType<OrderAttr>("order"); given && given != order) {
      op->emitOpError() << "has order " << given << ", kernels walk " << order
                        << "; leave the attribute out";
      return WalkResult::interrupt();
    }
    op->setAttr("order", order);
    ++numOrders;
    return WalkResult::advance();
  }
};

} // namespace
