// --ingot-quantize-cache: see Passes.td.
#include "passes/Passes.h"

#include "ir/IngotDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#define DEBUG_TYPE "ingot-quantize-cache"

namespace ingot {
#define GEN_PASS_DEF_QUANTIZECACHEPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

Type withFormat(Type type, KvFormat format) {
  auto kv = dyn_cast<KvType>(type);
  if (!kv)
    return type;
  return KvType::get(kv.getContext(), kv.getGroup(), kv.getLayers(), kv.getHeads(), kv.getKeyDim(),
                     kv.getValueDim(), kv.getBlockTokens(), format);
}

struct QuantizeCachePass : public ingot::impl::QuantizeCachePassBase<QuantizeCachePass> {
  using QuantizeCachePassBase::QuantizeCachePassBase;

  void runOnOperation() override {
    const std::optional<KvFormat> to = symbolizeKvFormat(format);
    if (!to) {
      getOperation().emitError() << "format: '" << format
                                 << "' is not known; write bf16, fp16, fp8 or int8";
      return signalPassFailure();
    }
    const auto changeType = [&](Value value) { value.setType(withFormat(value.getType(), *to)); };
    getOperation().walk([&](Operation *op) {
      llvm::for_each(op->getResults(), changeType);
      for (Region &region : op->getRegions())
        for (Block &block : region)
          llvm::for_each(block.getArguments(), changeType);
      if (auto function = dyn_cast<func::FuncOp>(op))
        changeFunction(function, *to);
    });
  }

private:
  static void changeFunction(func::FuncOp function, KvFormat to) {
    const FunctionType type = function.getFunctionType();
    SmallVector<Type> inputs, results;
    for (Type input : type.getInputs())
      inputs.push_back(withFormat(input, to));
    for (Type result : type.getResults())
      results.push_back(withFormat(result, to));
    function.setFunctionType(FunctionType::get(function.getContext(), inputs, results));
  }
};

} // namespace
