// --ingot-outline: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/FuseRegion.h"
#include "passes/support/Program.h"

#define DEBUG_TYPE "ingot-outline"

namespace ingot {
#define GEN_PASS_DEF_OUTLINEPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct OutlinePass : public ingot::impl::OutlinePassBase<OutlinePass> {
  void runOnOperation() override {
    for (func::FuncOp entry : functionsOf(getOperation()))
      for (Operation &op : llvm::make_early_inc_range(entry.getBody().front().without_terminator()))
        if (!isa<FusedOp, ParamOp>(op) && failed(wrap(&op)))
          return signalPassFailure();
  }

private:
  LogicalResult wrap(Operation *op) {
    if (!isa<KernelOpInterface>(op))
      return op->emitOpError("belongs to no kernel family");
    if (op->use_empty() && isMemoryEffectFree(op)) {
      op->erase();
      return success();
    }
    std::string reason;
    if (failed(fuseRegion(op, op->getName().stripDialect(), reason)))
      return op->emitOpError() << "has no kernel: " << reason;
    ++numOutlined;
    return success();
  }
};

} // namespace
