// --ingot-add-sampled-twin: see Passes.td.
#include "passes/Passes.h"
#include "passes/plan/OutputTwin.h"
#include "passes/support/Program.h"

#define DEBUG_TYPE "ingot-add-sampled-twin"

namespace ingot {
#define GEN_PASS_DEF_ADDSAMPLEDTWINPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

BlockArgument batchOf(func::FuncOp entry) {
  return *llvm::find_if(entry.getArguments(),
                        [](BlockArgument argument) { return isa<BatchType>(argument.getType()); });
}

struct AddSampledTwinPass : public ingot::impl::AddSampledTwinPassBase<AddSampledTwinPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (func::FuncOp entry : entriesOf(module)) {
      auto mark = entry->getAttrOfType<StringAttr>(kOutputAttr);
      if (!mark || mark.getValue() != "logits" ||
          module.lookupSymbol((entry.getName() + "_sampled").str()))
        continue;
      addOutputTwin(entry, "sampled",
                    [](OpBuilder &builder, func::FuncOp twin, Value logits, Type ids) -> Value {
                      return SampleOp::create(builder, logits.getLoc(), ids, logits, batchOf(twin));
                    });
    }
  }
};

} // namespace
