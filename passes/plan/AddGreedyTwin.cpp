// --ingot-add-greedy-twin: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/Program.h"

#include "mlir/IR/Builders.h"

#define DEBUG_TYPE "ingot-add-greedy-twin"

namespace ingot {
#define GEN_PASS_DEF_ADDGREEDYTWINPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// Replaces result `output` of the twin by its argmax.
void returnArgmax(func::FuncOp twin, int output) {
  Operation *terminator = twin.getBody().front().getTerminator();
  Value logits = terminator->getOperand(output);
  OpBuilder builder(terminator);
  auto type = rowsLike(cast<RankedTensorType>(logits.getType()), 1, builder.getI32Type());
  terminator->setOperand(output, ArgmaxOp::create(builder, logits.getLoc(), type, logits));
  twin.setType(builder.getFunctionType(twin.getArgumentTypes(), terminator->getOperandTypes()));
}

struct AddGreedyTwinPass : public ingot::impl::AddGreedyTwinPassBase<AddGreedyTwinPass> {
  void runOnOperation() override {
    OpBuilder builder(&getContext());
    for (func::FuncOp entry : entriesOf(getOperation())) {
      const int output = outputResultOf(entry);
      if (entry->hasAttr(kOutputAttr) || output < 0)
        continue;
      entry->setAttr(kOutputAttr, builder.getStringAttr("logits"));
      builder.setInsertionPointAfter(entry);
      auto twin = cast<func::FuncOp>(builder.clone(*entry));
      twin.setName((entry.getName() + "_argmax").str());
      twin->setAttr(kOutputAttr, builder.getStringAttr("argmax"));
      returnArgmax(twin, output);
    }
  }
};

} // namespace
