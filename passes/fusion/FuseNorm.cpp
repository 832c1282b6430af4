// --ingot-fuse-norm: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/FuseRegion.h"
#include "passes/support/FusionReport.h"

#include "llvm/ADT/StringExtras.h"

#define DEBUG_TYPE "ingot-fuse-norm"

namespace ingot {
#define GEN_PASS_DEF_FUSENORMPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// What makes the rows of the norm and can be computed with it: a residual sum, or the gather of
/// the returned rows when nobody else reads them.
Operation *producerOf(Operation *norm) {
  Operation *op = norm->getOperand(0).getDefiningOp();
  if (isa_and_nonnull<AddOp>(op) || (isa_and_nonnull<SelectRowsOp>(op) && op->hasOneUse()))
    return op;
  return nullptr;
}

/// The region: producer, norm, and the rounding points that read it, in program order.
FailureOr<SmallVector<Operation *>> canFuseNorm(Operation *norm, std::string &reason) {
  SmallVector<Operation *> ops;
  if (Operation *producer = producerOf(norm))
    ops.push_back(producer);
  ops.push_back(norm);
  for (Operation *user : norm->getUsers())
    if (isa<RoundOp, QuantizeOp>(user))
      ops.push_back(user);
  if (ops.size() == 1) {
    reason = "no residual sum before the norm and no rounding point behind it";
    return failure();
  }
  llvm::sort(ops, [](Operation *a, Operation *b) { return a != b && a->isBeforeInBlock(b); });
  return ops;
}

/// "add_rms_norm_quantize": the region's name says what it holds.
std::string nameOf(ArrayRef<Operation *> ops) {
  return llvm::join(
      llvm::map_range(ops, [](Operation *op) { return op->getName().stripDialect().str(); }), "_");
}

struct FuseNormPass : public ingot::impl::FuseNormPassBase<FuseNormPass> {
  using FuseNormPassBase::FuseNormPassBase;

  void runOnOperation() override {
    run<RmsNormOp>();
    run<LayerNormOp>();
  }

private:
  template <typename Norm>
  void run() {
    const FusionTally tally =
        runFusion<Norm>(getOperation(), "fuse-norm", enable,
                        [&](Norm norm, FusionReport &report) { visit(norm, report); });
    numFused += tally.fired;
    numMissed += tally.missed;
  }

  void visit(Operation *norm, FusionReport &report) {
    if (auto rms = dyn_cast<RmsNormOp>(norm); rms && rms.getHeadDim())
      return; // query and key norms: ingot-fuse-rope-kv
    std::string reason;
    const Location loc = norm->getLoc();
    const std::string label = labelOf(norm);
    auto ops = canFuseNorm(norm, reason);
    FailureOr<FusedRegion> region = failure();
    if (succeeded(ops))
      region = fuseRegion(*ops, nameOf(*ops), reason, maxOperands);
    if (succeeded(region))
      report.fired(loc, region->op.getLabel(), region->rowBytesSaved);
    else
      report.missed(loc, label, reason);
  }
};

} // namespace
