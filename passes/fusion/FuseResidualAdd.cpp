// --ingot-fuse-residual-add: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/FuseRegion.h"
#include "passes/support/FusionReport.h"

#define DEBUG_TYPE "ingot-fuse-residual-add"

namespace ingot {
#define GEN_PASS_DEF_FUSERESIDUALADDPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// The ops from a projection to `value`: linear, perhaps with its bias; empty when it is none.
SmallVector<Operation *> projectionBehind(Value value) {
  SmallVector<Operation *> ops;
  Operation *op = value.getDefiningOp();
  if (auto bias = dyn_cast_or_null<AddBiasOp>(op)) {
    ops.push_back(bias);
    op = bias.getInput().getDefiningOp();
  }
  if (!isa_and_nonnull<LinearOp>(op))
    return {};
  ops.push_back(op);
  return ops;
}

/// The ops of the region: the sum and the projection on one of its sides, the right one first.
FailureOr<SmallVector<Operation *>> canFuseResidualAdd(AddOp add, std::string &reason) {
  for (Value side : {add.getRhs(), add.getLhs()}) {
    SmallVector<Operation *> ops = projectionBehind(side);
    // The kernel stores the sum alone.
    if (ops.empty() || llvm::any_of(ops, [](Operation *op) { return !op->hasOneUse(); }))
      continue;
    ops.push_back(add);
    return ops;
  }
  reason = "the projection's result is used elsewhere";
  return failure();
}

struct FuseResidualAddPass : public ingot::impl::FuseResidualAddPassBase<FuseResidualAddPass> {
  using FuseResidualAddPassBase::FuseResidualAddPassBase;

  void runOnOperation() override {
    const FusionTally tally =
        runFusion<AddOp>(getOperation(), "fuse-residual-add", enable,
                         [&](AddOp add, FusionReport &report) { visit(add, report); });
    numFused += tally.fired;
    numMissed += tally.missed;
  }

private:
  void visit(AddOp add, FusionReport &report) {
    if (projectionBehind(add.getLhs()).empty() && projectionBehind(add.getRhs()).empty())
      return;
    std::string reason;
    const Location loc = add.getLoc();
    const std::string label = labelOf(add.getOperation());
    auto ops = canFuseResidualAdd(add, reason);
    FailureOr<FusedRegion> region = failure();
    if (succeeded(ops))
      region = fuseRegion(*ops, "linear_add", reason, maxOperands);
    if (succeeded(region))
      report.fired(loc, region->op.getLabel(), region->rowBytesSaved);
    else
      report.missed(loc, label, reason);
  }
};

} // namespace
