// --ingot-fuse-norm-prologue: see Passes.td.
#include "ir/KernelSpec.h"
#include "passes/Passes.h"
#include "passes/support/FuseRegion.h"
#include "passes/support/FusionReport.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

#define DEBUG_TYPE "ingot-fuse-norm-prologue"

namespace ingot {
#define GEN_PASS_DEF_FUSENORMPROLOGUEPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// The op of type T in the region; null: there is none, or there are several.
template <typename T>
T onlyOpOf(FusedOp fused) {
  auto ops = fused.getBody().getOps<T>();
  return llvm::hasSingleElement(ops) ? *ops.begin() : T();
}

bool isRowwise(FusedOp fused) {
  return llvm::all_of(fused.getBody().front().without_terminator(), [](Operation &op) {
    return cast<KernelOpInterface>(op).family() == KernelFamily::Rowwise;
  });
}

/// The norm that makes the rounded rows which the matmul `consumer` reads; null: it reads others.
FusedOp normBefore(FusedOp consumer) {
  auto linear = onlyOpOf<LinearOp>(consumer);
  auto rows = linear ? dyn_cast<BlockArgument>(linear.getInput()) : BlockArgument();
  if (!rows)
    return {};
  auto producer = consumer.getInputs()[rows.getArgNumber()].getDefiningOp<FusedOp>();
  auto norm = producer && isRowwise(producer) ? onlyOpOf<RmsNormOp>(producer) : RmsNormOp();
  return norm && !norm.getHeadDim() ? producer : FusedOp();
}

/// Both regions in one, in the place of the second; the first stays for the caller to erase.
FusedOp joinRegions(FusedOp producer, FusedOp consumer) {
  llvm::SetVector<Value> inputs(producer.getInputs().begin(), producer.getInputs().end());
  for (Value input : consumer.getInputs())
    if (input.getDefiningOp() != producer)
      inputs.insert(input);
  OpBuilder builder(consumer);
  auto joined =
      FusedOp::create(builder, builder.getFusedLoc({producer.getLoc(), consumer.getLoc()}),
                      consumer.getResultTypes(), ("norm_" + consumer.getName()).str(),
                      consumer.getLabel(), consumer.getVariantAttr(), inputs.getArrayRef());
  Block &body = joined.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value input : inputs)
    mapping.map(input, body.addArgument(input.getType(), input.getLoc()));
  builder.setInsertionPointToEnd(&body);
  const auto copy = [&](FusedOp fused, bool isLast) {
    Block &from = fused.getBody().front();
    for (auto [argument, input] : llvm::zip(from.getArguments(), fused.getInputs()))
      mapping.map(argument, mapping.lookup(input));
    for (Operation &op : from.without_terminator())
      builder.clone(op, mapping);
    if (isLast)
      builder.clone(*from.getTerminator(), mapping);
    else
      for (auto [result, yielded] :
           llvm::zip(fused.getResults(), from.getTerminator()->getOperands()))
        mapping.map(result, mapping.lookup(yielded));
  };
  copy(producer, false);
  copy(consumer, true);
  return joined;
}

struct FuseNormProloguePass : public ingot::impl::FuseNormProloguePassBase<FuseNormProloguePass> {
  using FuseNormProloguePassBase::FuseNormProloguePassBase;

  void runOnOperation() override {
    const FusionTally tally =
        runFusion<FusedOp>(getOperation(), "fuse-norm-prologue", enable,
                           [&](FusedOp fused, FusionReport &report) { visit(fused, report); });
    numFused += tally.fired;
    numMissed += tally.missed;
  }

private:
  void visit(FusedOp consumer, FusionReport &report) {
    FusedOp producer = normBefore(consumer);
    if (!producer)
      return;
    std::string reason;
    const Location loc = consumer.getLoc();
    const std::string label = consumer.getLabel().str();
    FailureOr<FusedOp> joined = failure();
    if (canFuse(producer, consumer, reason) && isWorthIt(producer, consumer, reason))
      joined = join(producer, consumer, reason);
    if (failed(joined))
      return report.missed(loc, label, reason);
    // Written once, read once.
    const int64_t saved = 2 * rowBytesOf(producer.getResult(0).getType());
    consumer.replaceAllUsesWith(*joined);
    consumer.erase();
    producer.erase();
    report.fired(loc, label, saved);
  }

  bool canFuse(FusedOp producer, FusedOp consumer, std::string &reason) {
    if (targetOf(consumer) != CodeTarget::Cuda) {
      reason = "kernels of this target take their rows already rounded";
      return false;
    }
    // Every block makes the rows for itself: what others read must stay a launch.
    if (producer.getNumResults() != 1) {
      reason = "the region of the norm makes another value, too";
      return false;
    }
    if (!producer->hasOneUse()) {
      reason = "the rounded rows are used elsewhere";
      return false;
    }
    return true;
  }

  /// The work that each block repeats, in a step of the bucket's size.
  bool isWorthIt(FusedOp producer, FusedOp consumer, std::string &reason) {
    auto mark =
        consumer->getParentOfType<func::FuncOp>()->getAttrOfType<IntegerAttr>(kMaxTokensAttr);
    const int64_t bound = mark ? mark.getInt() : stepTokens;
    if (bound < 1 || bound > maxTokens) {
      reason = "the bucket has more than " + std::to_string(maxTokens) + " tokens";
      return false;
    }
    const int64_t elements = bound * columnsOf(onlyOpOf<RmsNormOp>(producer).getResult());
    if (elements > maxElements) {
      reason = std::to_string(elements) + " values to normalize, more than " +
               std::to_string(maxElements);
      return false;
    }
    return true;
  }

  FailureOr<FusedOp> join(FusedOp producer, FusedOp consumer, std::string &reason) {
    FusedOp joined = joinRegions(producer, consumer);
    if (joined.getInputs().size() > maxOperands)
      reason = "needs " + std::to_string(joined.getInputs().size()) + " operands, the limit is " +
               std::to_string(maxOperands);
    else if (succeeded(readKernelSpec(joined, reason)))
      return joined;
    joined.erase();
    return failure();
  }
};

} // namespace
