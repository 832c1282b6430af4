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
    SmallVector<int64_t> limits(bounds.begin(), bounds.end());
    if (limits.empty())
      limits.push_back(decodeTokens);
    if (limits.front() < 1 || maxTokens < 0 || !llvm::is_sorted(limits, std::less_equal<>())) {
      getOperation().emitError() << "the bounds of buckets must be ascending from 1 on and "
                                    "max-tokens at least 0; the first bound is "
                                 << limits.front() << ", max-tokens " << maxTokens;
      return signalPassFailure();
    }
    while (limits.size() > 1 && maxTokens != 0 && limits[limits.size() - 2] >= maxTokens)
      limits.pop_back();
    for (func::FuncOp entry : entriesOf(getOperation()))
      if (!entry->hasAttr(kBucketAttr))
        split(entry, limits);
  }

private:
  /// One clone per bucket but the first, which stays the entry; ascending, the unbounded one last.
  void split(func::FuncOp entry, ArrayRef<int64_t> limits) {
    OpBuilder builder(&getContext());
    SmallVector<std::pair<func::FuncOp, std::string>> versions = {
        {entry, limits.size() == 1 ? "decode" : bucketName(limits.front())}};
    const bool wide = maxTokens == 0 || maxTokens > limits.back();
    for (size_t i = 1; i < limits.size() + wide; ++i) {
      builder.setInsertionPointAfter(versions.back().first);
      auto clone = cast<func::FuncOp>(builder.clone(*entry));
      const std::string name = i < limits.size() ? bucketName(limits[i]) : "wide";
      clone.setName((entry.getName() + "_" + name).str());
      versions.emplace_back(clone, name);
    }
    for (auto [i, version] : llvm::enumerate(versions)) {
      auto [function, name] = version;
      function->setAttr(kBucketAttr, builder.getStringAttr(name));
      if (i + 1 < versions.size())
        function->setAttr(kMaxTokensAttr, builder.getI64IntegerAttr(limits[i]));
      if (splitKernels)
        markKernels(function, name);
    }
  }

  static std::string bucketName(int64_t limit) { return "tokens_" + std::to_string(limit); }

  /// Row-wise kernels do the same whatever the number of rows: they stay shared.
  static void markKernels(func::FuncOp entry, StringRef bucket) {
    entry.walk([&](FusedOp fused) {
      for (Operation &op : fused.getBody().front().without_terminator())
        if (cast<KernelOpInterface>(op).family() != KernelFamily::Rowwise)
          fused.setVariant(bucket);
    });
  }
};

} // namespace
