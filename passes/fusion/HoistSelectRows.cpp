// --ingot-hoist-select-rows: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/FuseRegion.h"
#include "passes/support/FusionReport.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

#define DEBUG_TYPE "ingot-hoist-select-rows"

namespace ingot {
#define GEN_PASS_DEF_HOISTSELECTROWSPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// True for ops that make a row from one row of their first operand and from parameters.
bool isRowByRow(Operation *op) {
  return isa<LinearOp, RmsNormOp, LayerNormOp, AddBiasOp, RoundOp, QuantizeOp>(op);
}

/// The ops that can be computed for the returned rows alone, from `select` backwards.
FailureOr<SmallVector<Operation *>> canHoistSelectRows(SelectRowsOp select, std::string &reason) {
  SmallVector<Operation *> chain;
  Operation *op = select.getInput().getDefiningOp();
  // Another user needs all rows.
  for (; op && isRowByRow(op) && op->hasOneUse(); op = op->getOperand(0).getDefiningOp())
    chain.push_back(op);
  // Rows are selected in float32.
  while (!chain.empty() && !elementOf(chain.back()->getOperand(0)).isF32())
    chain.pop_back();
  if (!chain.empty())
    return chain;
  if (op && isRowByRow(op))
    reason = op->getName().getStringRef().str() + " has other users, which need all rows";
  else
    reason = "the rows are selected as early as they can be";
  return failure();
}

/// Computes the chain again on selected rows; the old ops go.
void hoistSelectRows(SelectRowsOp select, ArrayRef<Operation *> chain) {
  OpBuilder builder(select);
  Value rows = chain.back()->getOperand(0);
  Attribute returned = cast<RankedTensorType>(select.getType()).getEncoding();
  auto selectedType = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return RankedTensorType::get(tensor.getShape(), tensor.getElementType(), returned);
  };
  Value current = SelectRowsOp::create(builder, select.getLoc(), selectedType(rows.getType()), rows,
                                       select.getBatch());
  for (Operation *op : llvm::reverse(chain)) {
    IRMapping mapping;
    mapping.map(op->getOperand(0), current);
    Operation *copy = builder.clone(*op, mapping);
    current = copy->getResult(0);
    current.setType(selectedType(current.getType()));
  }
  select.getResult().replaceAllUsesWith(current);
  select->erase();
  for (Operation *op : chain)
    op->erase();
}

struct HoistSelectRowsPass : public ingot::impl::HoistSelectRowsPassBase<HoistSelectRowsPass> {
  using HoistSelectRowsPassBase::HoistSelectRowsPassBase;

  void runOnOperation() override {
    const FusionTally tally = runFusion<SelectRowsOp>(
        getOperation(), "hoist-select-rows", enable,
        [&](SelectRowsOp select, FusionReport &report) { visit(select, report); });
    numFused += tally.fired;
    numMissed += tally.missed;
  }

private:
  void visit(SelectRowsOp select, FusionReport &report) {
    std::string reason;
    const Location loc = select.getLoc();
    const std::string label = labelOf(select.getOperation());
    auto chain = canHoistSelectRows(select, reason);
    if (failed(chain))
      return report.missed(loc, label, reason);
    // What a row that is not returned no longer writes.
    int64_t saved = 0;
    for (Operation *op : *chain)
      saved += rowBytesOf(op->getResult(0).getType());
    hoistSelectRows(select, *chain);
    report.fired(loc, label, saved);
  }
};

} // namespace
