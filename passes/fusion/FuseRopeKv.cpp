// --ingot-fuse-rope-kv: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/FuseRegion.h"
#include "passes/support/FusionReport.h"

#include "llvm/ADT/SetVector.h"

#define DEBUG_TYPE "ingot-fuse-rope-kv"

namespace ingot {
#define GEN_PASS_DEF_FUSEROPEKVPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// What heads go through between a projection and the cache or attention.
bool isHeadOp(Operation *op) {
  auto norm = dyn_cast<RmsNormOp>(op);
  return isa<SplitOp, AddBiasOp, RopeOp, RoundOp>(op) || (norm && norm.getHeadDim());
}

/// Adds the head ops behind `value`.
void collectBehind(Value value, llvm::SetVector<Operation *> &ops) {
  Operation *op = value.getDefiningOp();
  if (!op || !isHeadOp(op) || !ops.insert(op))
    return;
  for (Value operand : op->getOperands())
    collectBehind(operand, ops);
}

/// The region: the write of a layer's keys and values, and all that happens to queries, keys and
/// values since the projection.
FailureOr<SmallVector<Operation *>> canFuseRopeKv(KvAppendOp append, std::string &reason) {
  llvm::SetVector<Operation *> ops;
  collectBehind(append.getKey(), ops);
  collectBehind(append.getValue(), ops);
  SmallVector<Value> outputs{append.getResult()};
  for (Operation *user : append->getUsers())
    if (auto attention = dyn_cast<PagedAttentionOp>(user);
        attention && attention.getLayer() == append.getLayer()) {
      collectBehind(attention.getQuery(), ops);
      outputs.push_back(attention.getQuery());
    }
  if (ops.empty()) {
    reason = "nothing stands between the projections and the cache";
    return failure();
  }
  ops.insert(append);
  // Only the query and the cache leave the kernel: another reader would need keys in float32.
  for (Operation *op : ops)
    for (Value result : op->getResults())
      if (!llvm::is_contained(outputs, result) &&
          llvm::any_of(result.getUsers(), [&](Operation *user) { return !ops.contains(user); })) {
        reason = "a result of " + op->getName().getStringRef().str() + " is used elsewhere";
        return failure();
      }
  return SmallVector<Operation *>(ops.begin(), ops.end());
}

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
    auto ops = canFuseRopeKv(append, reason);
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
