// --ingot-add-greedy-twin: see Passes.td.
#include "passes/Passes.h"
#include "passes/plan/OutputTwin.h"
#include "passes/support/Program.h"

#define DEBUG_TYPE "ingot-add-greedy-twin"

namespace ingot {
#define GEN_PASS_DEF_ADDGREEDYTWINPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct AddGreedyTwinPass : public ingot::impl::AddGreedyTwinPassBase<AddGreedyTwinPass> {
  void runOnOperation() override {
    OpBuilder builder(&getContext());
    for (func::FuncOp entry : entriesOf(getOperation())) {
      if (entry->hasAttr(kOutputAttr) || outputResultOf(entry) < 0)
        continue;
      entry->setAttr(kOutputAttr, builder.getStringAttr("logits"));
      addOutputTwin(entry, "argmax",
                    [](OpBuilder &own, func::FuncOp, Value logits, Type ids) -> Value {
                      return ArgmaxOp::create(own, logits.getLoc(), ids, logits);
                    });
    }
  }
};

} // namespace
