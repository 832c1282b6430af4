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

FailureOr<FusedRegion> fuseRopeKv(KvAppendOp append, unsigned maxOperands, std::string &reason) {
  auto ops = headOpsBehind(append, reason);
  if (failed(ops))
    return failure();
  return fuseRegion(*ops, "rope_kv", reason, maxOperands);
}

struct FuseRopeKvPass : public ingot::impl::FuseRopeKvPassBase<FuseRopeKvPass> {
  using FuseRopeKvPassBase::FuseRopeKvPassBase;

  void runOnOperation() override {
    const FusionTally tally = runRegionFusion<KvAppendOp>(
        getOperation(), "fuse-rope-kv", enable, [&](KvAppendOp append, std::string &reason) {
          return fuseRopeKv(append, maxOperands, reason);
        });
    numFused += tally.fired;
    numMissed += tally.missed;
  }
};

} // namespace
