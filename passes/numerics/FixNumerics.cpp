// --ingot-fix-numerics: see Passes.td.
#include "passes/Passes.h"
#include "passes/numerics/Signature.h"

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

/// Elements of K that one instruction of the matrix unit takes.
constexpr int64_t kMatrixStep = 16;

/// Elements of K per slice of a linear on the matrix unit; 0: all of K. Slices let several warps
/// share an output where its rows alone would leave multiprocessors idle: as many slices, up to 8,
/// as give kWarps strips of 16 rows, none shorter than kShortest. A function of the shape alone,
/// never of the number of tokens: it decides bits.
int64_t matrixSlice(LinearOp linear) {
  constexpr int64_t kWarps = 1024, kShortest = 256, kAlign = 64;
  auto weight = cast<RankedTensorType>(linear.getWeight().getType());
  const int64_t strips = (weight.getDimSize(0) + 15) / 16, k = weight.getDimSize(1);
  int64_t align = kAlign;
  if (auto quantized = dyn_cast<QWeightType>(weight.getElementType())) {
    if (quantized.getGroup() == 0)
      return 0;
    align = std::max(kAlign, quantized.getGroup()); // slices hold whole groups
    if (align % kAlign != 0)
      return 0;
  }
  int64_t slices = 1;
  while (slices < 8 && strips * slices < kWarps && k / (slices * 2) >= kShortest)
    slices *= 2;
  if (slices == 1)
    return 0;
  const int64_t length = (k + slices - 1) / slices;
  return (length + align - 1) / align * align;
}

/// The order of a reducing op, or null for all others.
OrderAttr orderOf(Operation *op, bool matrixUnit) {
  MLIRContext *context = op->getContext();
  if (auto linear = dyn_cast<LinearOp>(op))
    return matrixUnit ? OrderAttr::get(context, OrderKind::mma, kMatrixStep, matrixSlice(linear))
                      : OrderAttr::get(context, OrderKind::chain, chainStep(linear), 0);
  if (isa<RmsNormOp>(op))
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
    if (target == "cuda" && linear && !elementOf(linear.getInput()).isBF16()) {
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
