// --ingot-fuse-rope-kv: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/FuseRegion.h"
#include "passes/support/FusionReport.h"
#include "passes/support/HeadOps.h"

#define DEBUG_TYPE "ingot-fuse-rope-kv"

namespace ingot {
#define GEN_PASS_DEF_FUSEROPEKVPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct FuseRopeKvPass : public ingot::impl::FuseRopeKvPassBase<FuseRopeKvPass> {
  using FuseRopeKvPassBase::FuseRopeKvPassBase;

  void runOnOperation() override {
    const FusionTally tally = runFusion<KvAppendOp>(
        getOperation(), "fuse-rope-kv", enable,
        [&](KvAppendOp append, FusionReport &report) { visit(append, report); });
    numFused += tally.fired;
    numMissed += tally.missed;
  }

private:
  void visit(KvAppendOp append, FusionReport &report) {
    std::string reason;
    const Location loc = append.getLoc();
    const std::string label = labelOf(append.getOperation());
    auto ops = headOpsBehind(append, reason);
    FailureOr<FusedRegion> region = failure();
    if (succeeded(ops))
      region = fuseRegion(*ops, "rope_kv", reason, maxOperands);
    if (succeeded(region))
      report.fired(loc, region->op.getLabel(), region->rowBytesSaved);
    else
      report.missed(loc, label, reason);
  }
};

} // namespace
