// --ingot-bucket-variants: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/Program.h"

#include "mlir/IR/Builders.h"

#define DEBUG_TYPE "ingot-bucket-variants"

namespace ingot {
#define GEN_PASS_DEF_BUCKETVARIANTSPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct BucketVariantsPass : public ingot::impl::BucketVariantsPassBase<BucketVariantsPass> {
  using BucketVariantsPassBase::BucketVariantsPassBase;

  void runOnOperation() override {
    if (decodeTokens < 1 || maxTokens < 0) {
      getOperation().emitError()
          << "decode-tokens must be at least 1 and max-tokens at least 0, are " << decodeTokens
          << " and " << maxTokens;
      return signalPassFailure();
    }
    OpBuilder builder(&getContext());
    for (func::FuncOp entry : entriesOf(getOperation())) {
      if (entry->hasAttr(kBucketAttr))
        continue;
      entry->setAttr(kBucketAttr, builder.getStringAttr("decode"));
      markKernels(entry, "decode");
      if (maxTokens != 0 && maxTokens <= decodeTokens)
        continue;
      builder.setInsertionPointAfter(entry);
      auto wide = cast<func::FuncOp>(builder.clone(*entry));
      wide.setName((entry.getName() + "_wide").str());
      wide->setAttr(kBucketAttr, builder.getStringAttr("wide"));
      markKernels(wide, "wide");
      entry->setAttr(kMaxTokensAttr, builder.getI64IntegerAttr(decodeTokens));
    }
  }

private:
  void markKernels(func::FuncOp entry, StringRef bucket) {
    if (splitKernels)
      entry.walk([&](FusedOp fused) { fused.setVariant(bucket); });
  }
};

} // namespace
