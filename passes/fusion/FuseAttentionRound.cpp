// --ingot-fuse-attention-round: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/FuseRegion.h"
#include "passes/support/FusionReport.h"

#define DEBUG_TYPE "ingot-fuse-attention-round"

namespace ingot {
#define GEN_PASS_DEF_FUSEATTENTIONROUNDPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

FailureOr<RoundOp> canFuseAttentionRound(PagedAttentionOp attention, std::string &reason) {
  // The kernels of the other target store float32 rows.
  if (targetOf(attention) != CodeTarget::Cuda) {
    reason = "kernels of this target do not round what attention gives";
    return failure();
  }
  // The kernel stores rounded rows alone.
  if (!attention->hasOneUse()) {
    reason = "the result of attention is used elsewhere";
    return failure();
  }
  auto round = dyn_cast<RoundOp>(*attention->user_begin());
  if (!round) {
    reason = "no rounding point reads the result of attention";
    return failure();
  }
  return round;
}

struct FuseAttentionRoundPass
    : public ingot::impl::FuseAttentionRoundPassBase<FuseAttentionRoundPass> {
  using FuseAttentionRoundPassBase::FuseAttentionRoundPassBase;

  void runOnOperation() override {
    const FusionTally tally = runFusion<PagedAttentionOp>(
        getOperation(), "fuse-attention-round", enable,
        [&](PagedAttentionOp attention, FusionReport &report) { visit(attention, report); });
    numFused += tally.fired;
    numMissed += tally.missed;
  }

private:
  void visit(PagedAttentionOp attention, FusionReport &report) {
    std::string reason;
    const Location loc = attention.getLoc();
    const std::string label = labelOf(attention.getOperation());
    auto round = canFuseAttentionRound(attention, reason);
    FailureOr<FusedRegion> region = failure();
    if (succeeded(round))
      region = fuseRegion({attention, *round}, "attention_round", reason, maxOperands);
    if (succeeded(region))
      report.fired(loc, region->op.getLabel(), region->rowBytesSaved);
    else
      report.missed(loc, label, reason);
  }
};

} // namespace
