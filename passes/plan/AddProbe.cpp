// --ingot-add-probe: see Passes.td.
#include "passes/Passes.h"
#include "passes/plan/Probe.h"
#include "passes/support/Program.h"

#define DEBUG_TYPE "ingot-add-probe"

namespace ingot {
#define GEN_PASS_DEF_ADDPROBEPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct AddProbePass : public ingot::impl::AddProbePassBase<AddProbePass> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> entries = entriesOf(getOperation());
    if (llvm::any_of(entries, [](func::FuncOp entry) { return entry->hasAttr(kProbeAttr); }))
      return;
    for (func::FuncOp entry : entries) {
      std::string reason;
      if (failed(deriveProbe(entry, reason)))
        entry.emitRemark() << "has no probe: " << reason;
    }
  }
};

} // namespace
