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

FailureOr<FusedRegion> fuseAttentionRound(PagedAttentionOp attention, unsigned maxOperands,
                                          std::string &reason) {
  auto round = canFuseAttentionRound(attention, reason);
  if (failed(round))
    return failure();
  return fuseRegion({attention, *round}, "attention_round", reason, maxOperands);
}

struct FuseAttentionRoundPass
    : public ingot::impl::FuseAttentionRoundPassBase<FuseAttentionRoundPass> {
  using FuseAttentionRoundPassBase::FuseAttentionRoundPassBase;

  void runOnOperation() override {
    const FusionTally tally = runRegionFusion<PagedAttentionOp>(
        getOperation(), "fuse-attention-round", enable,
        [&](PagedAttentionOp attention, std::string &reason) {
          return fuseAttentionRound(attention, maxOperands, reason);
        });
    numFused += tally.fired;
    numMissed += tally.missed;
  }
};

} // namespace
