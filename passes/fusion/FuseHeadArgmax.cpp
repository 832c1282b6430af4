// --ingot-fuse-head-argmax: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/FuseRegion.h"
#include "passes/support/FusionReport.h"

#include "mlir/IR/Builders.h"

#define DEBUG_TYPE "ingot-fuse-head-argmax"

namespace ingot {
#define GEN_PASS_DEF_FUSEHEADARGMAXPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// Columns of one panel: each gives one partial.
constexpr int64_t kRun = 32;

FailureOr<LinearOp> canFuseHeadArgmax(ArgmaxOp argmax, std::string &reason) {
  auto head = argmax.getInput().getDefiningOp<LinearOp>();
  if (!head) {
    reason = "the argmax does not read the head directly (hoist-select-rows)";
    return failure();
  }
  // The logits stay in registers.
  if (!head->hasOneUse()) {
    reason = "the logits are used elsewhere";
    return failure();
  }
  return head;
}

/// head and partials in one region, the fold behind it.
FailureOr<FusedRegion> fuseHeadArgmax(ArgmaxOp argmax, LinearOp head, unsigned maxOperands,
                                      std::string &reason) {
  OpBuilder builder(argmax);
  auto partialType = rowsLike(cast<RankedTensorType>(head.getType()),
                              (columnsOf(head) + kRun - 1) / kRun, builder.getI64Type());
  auto partial = ArgmaxPartialOp::create(builder, argmax.getLoc(), partialType, head);
  auto fold = ArgmaxFoldOp::create(builder, argmax.getLoc(), argmax.getType(), partial);
  // The argmax is a user of the logits until it goes.
  argmax.getResult().replaceAllUsesWith(fold);
  Value logits = argmax.getInput();
  const Location loc = argmax.getLoc();
  const Type type = argmax.getType();
  argmax->erase();
  auto region = fuseRegion({head, partial}, "linear_argmax", reason, maxOperands);
  if (failed(region)) {
    builder.setInsertionPoint(fold);
    fold.getResult().replaceAllUsesWith(ArgmaxOp::create(builder, loc, type, logits));
    fold->erase();
    partial->erase();
  }
  return region;
}

struct FuseHeadArgmaxPass : public ingot::impl::FuseHeadArgmaxPassBase<FuseHeadArgmaxPass> {
  using FuseHeadArgmaxPassBase::FuseHeadArgmaxPassBase;

  void runOnOperation() override {
    const FusionTally tally =
        runFusion<ArgmaxOp>(getOperation(), "fuse-head-argmax", enable,
                            [&](ArgmaxOp argmax, FusionReport &report) { visit(argmax, report); });
    numFused += tally.fired;
    numMissed += tally.missed;
  }

private:
  void visit(ArgmaxOp argmax, FusionReport &report) {
    std::string reason;
    const Location loc = argmax.getLoc();
    const std::string label = labelOf(argmax.getOperation());
    auto head = canFuseHeadArgmax(argmax, reason);
    FailureOr<FusedRegion> region = failure();
    if (succeeded(head))
      region = fuseHeadArgmax(argmax, *head, maxOperands, reason);
    if (succeeded(region))
      report.fired(loc, region->op.getLabel(), region->rowBytesSaved);
    else
      report.missed(loc, label, reason);
  }
};

} // namespace
