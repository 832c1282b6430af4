// --ingot-merge-gate-up: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/FusionReport.h"
#include "passes/support/MergeLinears.h"

#define DEBUG_TYPE "ingot-merge-gate-up"

namespace ingot {
#define GEN_PASS_DEF_MERGEGATEUPPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// Rows of gate, then of up, in a panel of 32: both halves of a product meet in one panel.
constexpr int64_t kInterleavedRows = 16;

/// Gate and up projections of one feed-forward block; null members: `mul` is no gated product.
struct GateUpMatch {
  LinearOp gate, up;
};

/// Reads silu(gate) * up in either order.
GateUpMatch readGatedProduct(MulOp mul) {
  for (auto [activated, other] :
       {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())})
    if (auto silu = activated.getDefiningOp<SiluOp>())
      return {silu.getInput().getDefiningOp<LinearOp>(), other.getDefiningOp<LinearOp>()};
  return {};
}

bool canMergeGateUp(GateUpMatch match, std::string &reason) {
  LinearOp gate = match.gate, up = match.up;
  if (gate == up) {
    reason = "gate and up are one projection";
    return false;
  }
  if (columnsOf(gate) != columnsOf(up)) {
    reason = "gate and up have different widths";
    return false;
  }
  // The product has half the columns of the merged rows; kernels store whole panels of 32.
  if (columnsOf(gate) % 32 != 0) {
    reason = std::to_string(columnsOf(gate)) + " feed-forward columns are no multiple of 32";
    return false;
  }
  return canMergeLinears({gate, up}, reason);
}

struct MergeGateUpPass : public ingot::impl::MergeGateUpPassBase<MergeGateUpPass> {
  using MergeGateUpPassBase::MergeGateUpPassBase;

  void runOnOperation() override {
    const FusionTally tally =
        runFusion<MulOp>(getOperation(), "merge-gate-up", enable,
                         [&](MulOp mul, FusionReport &report) { visit(mul, report); });
    numFused += tally.fired;
    numMissed += tally.missed;
  }

private:
  void visit(MulOp mul, FusionReport &report) {
    GateUpMatch match = readGatedProduct(mul);
    if (!match.gate || !match.up)
      return;
    std::string reason;
    const std::string label = labelOf(match.gate.getOperation());
    if (canMergeGateUp(match, reason))
      report.fired(mul.getLoc(), label,
                   mergeLinears({match.gate, match.up}, "gate_up_proj", kInterleavedRows));
    else
      report.missed(mul.getLoc(), label, reason);
  }
};

} // namespace
