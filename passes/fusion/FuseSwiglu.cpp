// --ingot-fuse-swiglu: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/FuseRegion.h"
#include "passes/support/FusionReport.h"

#define DEBUG_TYPE "ingot-fuse-swiglu"

namespace ingot {
#define GEN_PASS_DEF_FUSESWIGLUPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// silu(gate) * up, in either order of the product.
struct Swiglu {
  SiluOp silu;
  Value up;
};

std::optional<Swiglu> readSwiglu(MulOp mul) {
  if (auto silu = mul.getLhs().getDefiningOp<SiluOp>())
    return Swiglu{silu, mul.getRhs()};
  if (auto silu = mul.getRhs().getDefiningOp<SiluOp>())
    return Swiglu{silu, mul.getLhs()};
  return std::nullopt;
}

/// The ops of the region, or why there is none.
FailureOr<SmallVector<Operation *>> canFuseSwiglu(MulOp mul, const Swiglu &swiglu,
                                                  std::string &reason) {
  SiluOp silu = swiglu.silu;
  auto split = silu.getInput().getDefiningOp<SplitOp>();
  auto linear = split ? split.getInput().getDefiningOp<LinearOp>() : LinearOp();
  // Only the interleaved split puts a gate and its up into one panel.
  if (!linear || split.getInterleave() != 16 || silu.getInput() != split.getResult(0) ||
      swiglu.up != split.getResult(1)) {
    reason = "gate and up are not one interleaved projection (merge-gate-up)";
    return failure();
  }
  // The kernel stores the product alone.
  if (!linear->hasOneUse() || !split.getResult(0).hasOneUse() || !split.getResult(1).hasOneUse() ||
      !silu->hasOneUse()) {
    reason = "a part of the gated product is used elsewhere";
    return failure();
  }
  SmallVector<Operation *> ops{linear, split, silu, mul};
  // The other target rounds and quantizes in kernels of their own.
  auto round = mul->hasOneUse() ? dyn_cast<RoundOp>(*mul->user_begin()) : RoundOp();
  if (round && targetOf(mul) == CodeTarget::Cuda && elementOf(round.getResult()).isBF16())
    ops.push_back(round);
  return ops;
}

struct FuseSwigluPass : public ingot::impl::FuseSwigluPassBase<FuseSwigluPass> {
  using FuseSwigluPassBase::FuseSwigluPassBase;

  void runOnOperation() override {
    const FusionTally tally =
        runFusion<MulOp>(getOperation(), "fuse-swiglu", enable,
                         [&](MulOp mul, FusionReport &report) { visit(mul, report); });
    numFused += tally.fired;
    numMissed += tally.missed;
  }

private:
  void visit(MulOp mul, FusionReport &report) {
    const std::optional<Swiglu> swiglu = readSwiglu(mul);
    if (!swiglu)
      return;
    std::string reason;
    const Location loc = mul.getLoc();
    const std::string label = labelOf(mul.getOperation());
    auto ops = canFuseSwiglu(mul, *swiglu, reason);
    FailureOr<FusedRegion> region = failure();
    if (succeeded(ops))
      region = fuseRegion(*ops, "swiglu", reason, maxOperands);
    if (succeeded(region))
      report.fired(loc, region->op.getLabel(), region->rowBytesSaved);
    else
      report.missed(loc, label, reason);
  }
};

} // namespace
