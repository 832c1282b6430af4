// --ingot-fuse-qkv-rope: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/FuseRegion.h"
#include "passes/support/FusionReport.h"
#include "passes/support/HeadOps.h"

#include "mlir/IR/Builders.h"

#define DEBUG_TYPE "ingot-fuse-qkv-rope"

namespace ingot {
#define GEN_PASS_DEF_FUSEQKVROPEPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// The ops of the region, the projection first.
FailureOr<SmallVector<Operation *>> canFuseQkvRope(KvAppendOp append, std::string &reason) {
  // The epilogues of the other target stay inside a panel of plain rows.
  if (targetOf(append) != CodeTarget::Cuda) {
    reason = "kernels of this target do not rotate what they multiply";
    return failure();
  }
  FailureOr<SmallVector<Operation *>> ops = headOpsBehind(append, reason);
  if (failed(ops))
    return failure();
  auto split = dyn_cast<SplitOp>(ops->front());
  auto linear = split ? split.getInput().getDefiningOp<LinearOp>() : LinearOp();
  if (!linear) {
    reason = "queries, keys and values are not one projection (merge-qkv)";
    return failure();
  }
  // Its rows move in storage, which another reader does not know.
  auto param = linear.getWeight().getDefiningOp<ParamOp>();
  if (!linear->hasOneUse() || !param || !param->hasOneUse()) {
    reason = "the projection or its weight is used elsewhere";
    return failure();
  }
  ops->insert(ops->begin(), linear);
  return ops;
}

FailureOr<FusedRegion> fuseQkvRope(KvAppendOp append, unsigned maxOperands, std::string &reason) {
  const int64_t headDim = cast<KvType>(append.getKv().getType()).getKeyDim();
  auto ops = canFuseQkvRope(append, reason);
  if (failed(ops))
    return failure();
  auto param = cast<LinearOp>(ops->front()).getWeight().getDefiningOp<ParamOp>();
  auto region = fuseRegion(*ops, "qkv_rope", reason, maxOperands);
  if (succeeded(region))
    param.setRotaryPairs(headDim);
  return region;
}

struct FuseQkvRopePass : public ingot::impl::FuseQkvRopePassBase<FuseQkvRopePass> {
  using FuseQkvRopePassBase::FuseQkvRopePassBase;

  void runOnOperation() override {
    const FusionTally tally = runRegionFusion<KvAppendOp>(
        getOperation(), "fuse-qkv-rope", enable, [&](KvAppendOp append, std::string &reason) {
          return fuseQkvRope(append, maxOperands, reason);
        });
    numFused += tally.fired;
    numMissed += tally.missed;
  }
};

} // namespace
