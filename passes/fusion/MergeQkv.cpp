// --ingot-merge-qkv: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/FusionReport.h"
#include "passes/support/MergeLinears.h"

#define DEBUG_TYPE "ingot-merge-qkv"

namespace ingot {
#define GEN_PASS_DEF_MERGEQKVPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// The op that projected `value`, looked for behind what each head does to it.
Operation *projectionOf(Value value) {
  Operation *op = value.getDefiningOp();
  while (op && isa<RopeOp, RmsNormOp, AddBiasOp, RoundOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return op;
}

PagedAttentionOp attentionOf(KvAppendOp append) {
  for (Operation *user : append->getUsers())
    if (auto attention = dyn_cast<PagedAttentionOp>(user);
        attention && attention.getLayer() == append.getLayer())
      return attention;
  return {};
}

/// Query, key and value projections of one layer.
using QkvMatch = SmallVector<LinearOp, 3>;

FailureOr<QkvMatch> canMergeQkv(KvAppendOp append, std::string &reason) {
  PagedAttentionOp attention = attentionOf(append);
  if (!attention) {
    reason = "no attention reads the layer";
    return failure();
  }
  QkvMatch match;
  for (Value value : {attention.getQuery(), append.getKey(), append.getValue()}) {
    auto linear = dyn_cast_or_null<LinearOp>(projectionOf(value));
    if (!linear) {
      reason = "query, key or value is no projection";
      return failure();
    }
    match.push_back(linear);
  }
  if (match[0] == match[1] || match[1] == match[2] || match[0] == match[2]) {
    reason = "query, key and value share a projection";
    return failure();
  }
  if (!canMergeLinears(match, reason))
    return failure();
  return match;
}

struct MergeQkvPass : public ingot::impl::MergeQkvPassBase<MergeQkvPass> {
  using MergeQkvPassBase::MergeQkvPassBase;

  void runOnOperation() override {
    const FusionTally tally = runFusion<KvAppendOp>(
        getOperation(), "merge-qkv", enable,
        [&](KvAppendOp append, FusionReport &report) { visit(append, report); });
    numFused += tally.fired;
    numMissed += tally.missed;
  }

private:
  void visit(KvAppendOp append, FusionReport &report) {
    if (isa_and_nonnull<SplitOp>(projectionOf(append.getKey())))
      return; // came merged
    std::string reason;
    FailureOr<QkvMatch> match = canMergeQkv(append, reason);
    const std::string label = labelOf(append.getOperation());
    if (succeeded(match))
      report.fired(append.getLoc(), label, mergeLinears(*match, "qkv_proj", /*interleave=*/0));
    else
      report.missed(append.getLoc(), label, reason);
  }
};

} // namespace
