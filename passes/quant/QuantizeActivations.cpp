// --ingot-quantize-activations: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/Program.h"

#include "mlir/IR/Builders.h"

#define DEBUG_TYPE "ingot-quantize-activations"

namespace ingot {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct QuantizeActivationsPass
    : public ingot::impl::QuantizeActivationsPassBase<QuantizeActivationsPass> {
  using QuantizeActivationsPassBase::QuantizeActivationsPassBase;

  void runOnOperation() override {
    if (scale != "pow2" && scale != "f32" && scale != "bf16" && scale != "int8" && scale != "fp8" &&
        scale != "none") {
      getOperation().emitError()
          << "scale: '" << scale
          << "' is no activation scale; write pow2, f32, bf16, int8, fp8 or none";
      return signalPassFailure();
    }
    for (func::FuncOp entry : functionsOf(getOperation())) {
      rounded_.clear();
      entry.walk([&](LinearOp linear) { roundInput(linear); });
    }
  }

private:
  /// The type that rows need before they meet `weight`; null: they stay as they are.
  Type roundedElement(Value weight) {
    Type element = elementOf(weight);
    if (element.isBF16() || element.isF16())
      return element;
    if (!isa<QWeightType>(element) || scale == "none")
      return {};
    const StringRef format = storageFormat(element);
    if ((scale == "pow2" || scale == "f32") && format != "fp8")
      return QActType::get(&getContext(), scale == "pow2" ? ActScale::pow2 : ActScale::f32);
    // Rows of 8 bits meet weights of the same numbers, bfloat16 rows all others.
    if (scale == "int8" && format == "int8")
      return QActType::get(&getContext(), ActScale::row);
    if (scale == "fp8" && format == "fp8")
      return QActType::get(&getContext(), ActScale::row_e4m3);
    return BFloat16Type::get(&getContext());
  }

  void roundInput(LinearOp linear) {
    Value input = linear.getInput();
    Type element = roundedElement(linear.getWeight());
    if (!elementOf(input).isF32() || !element)
      return;
    Value &rounded = rounded_[{input, element}];
    if (!rounded)
      rounded = createRounding(input, element);
    linear.getInputMutable().assign(rounded);
  }

  /// Right behind the value, so that every linear that reads it can share the result.
  Value createRounding(Value input, Type element) {
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(input);
    auto type = rowsLike(cast<RankedTensorType>(input.getType()), columnsOf(input), element);
    if (!isa<QActType>(element)) {
      ++numRound;
      return RoundOp::create(builder, input.getLoc(), type, input);
    }
    ++numQuantize;
    return QuantizeOp::create(builder, input.getLoc(), type, input);
  }

  DenseMap<std::pair<Value, Type>, Value> rounded_;
};

} // namespace
