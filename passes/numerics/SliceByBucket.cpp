// --ingot-slice-by-bucket: see Passes.td.
#include "passes/Passes.h"
#include "passes/numerics/Signature.h"
#include "passes/numerics/Slices.h"

#include "mlir/IR/Builders.h"

#define DEBUG_TYPE "ingot-slice-by-bucket"

namespace ingot {
#define GEN_PASS_DEF_SLICEBYBUCKETPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct SliceByBucketPass : public ingot::impl::SliceByBucketPassBase<SliceByBucketPass> {
  using SliceByBucketPassBase::SliceByBucketPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (targetOf(module) != CodeTarget::Cuda) {
      module.emitError() << "slices of K belong to target cuda, this program is for cpu";
      return signalPassFailure();
    }
    NamedAttrList texts;
    if (auto given = module->getAttrOfType<DictionaryAttr>(kNumericsAttr))
      texts.append(given.begin(), given.end());
    for (func::FuncOp entry : functionsOf(module)) {
      auto bound = entry->getAttrOfType<IntegerAttr>(kMaxTokensAttr);
      slice(entry, maxTokens > 0 ? maxTokens : bound ? bound.getInt() : 0);
      sign(entry, texts);
    }
    module->setAttr(kNumericsAttr, texts.getDictionary(&getContext()));
    module->setAttr(kProfileAttr, StringAttr::get(&getContext(), "fast"));
  }

private:
  void slice(func::FuncOp entry, int64_t tokens) {
    entry.walk([&](LinearOp linear) {
      auto order = linear.getOrder();
      if (!order || order->getKind() != OrderKind::mma)
        return;
      const int64_t span = sliceOf(linear, tokens);
      if (span == order->getSpan())
        return;
      linear.setOrderAttr(OrderAttr::get(&getContext(), OrderKind::mma, order->getStep(), span));
      ++numChanged;
    });
  }

  void sign(func::FuncOp entry, NamedAttrList &texts) {
    if (!entry->hasAttr(kSignatureAttr))
      return;
    Builder builder(&getContext());
    const NumericsSignature signature = readNumerics(entry);
    entry->setAttr(kSignatureAttr, builder.getStringAttr(signature.hex()));
    texts.set(signature.hex(), builder.getStringAttr(signature.text));
  }
};

} // namespace
