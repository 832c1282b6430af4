#include "passes/support/MergeLinears.h"

#include "passes/support/FuseRegion.h"
#include "passes/support/Program.h"
#include "runtime/base/Limits.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace ingot;

bool ingot::canMergeLinears(ArrayRef<LinearOp> linears, std::string &reason) {
  LinearOp first = linears.front();
  int64_t rows = 0;
  for (LinearOp linear : linears)
    rows += cast<RankedTensorType>(linear.getWeight().getType()).getDimSize(0);
  if (rows > limits::kDimension || rows * columnsOf(first.getInput()) > limits::kElements) {
    reason = "together the weights are larger than a parameter may be";
    return false;
  }
  for (LinearOp linear : linears) {
    auto param = linear.getWeight().getDefiningOp<ParamOp>();
    if (!param || param.getSources()) {
      reason = "a weight is no parameter of its own";
      return false;
    }
    // A second reader would need the weight twice.
    if (!param->hasOneUse()) {
      reason = "a weight has other users";
      return false;
    }
    if (linear.getInput() != first.getInput()) {
      reason = "the projections read different values";
      return false;
    }
    if (elementOf(linear.getWeight()) != elementOf(first.getWeight()) ||
        param.getClipSearch() != first.getWeight().getDefiningOp<ParamOp>().getClipSearch()) {
      reason = "the weights are stored in different formats";
      return false;
    }
    if (linear.getOrderAttr() != first.getOrderAttr()) {
      reason = "the projections sum in different orders";
      return false;
    }
  }
  return true;
}

/// "model.layers.0.self_attn.qkv_proj.weight" from "...q_proj.weight" and "qkv_proj".
static std::string mergedName(StringRef first, StringRef lastName) {
  const bool suffix = first.consume_back(".weight");
  const size_t dot = first.rfind('.');
  std::string name = dot == StringRef::npos ? "" : first.take_front(dot + 1).str();
  return name + lastName.str() + (suffix ? ".weight" : "");
}

/// The parameter that holds the rows of all weights.
static ParamOp mergeParams(OpBuilder &builder, ArrayRef<LinearOp> linears, StringRef lastName,
                           int64_t interleave) {
  SmallVector<Attribute> sources;
  int64_t rows = 0;
  for (LinearOp linear : linears) {
    auto param = linear.getWeight().getDefiningOp<ParamOp>();
    const int64_t own = cast<RankedTensorType>(param.getType()).getDimSize(0);
    sources.push_back(SourceAttr::get(builder.getContext(), param.getName(), own));
    rows += own;
  }
  auto first = LinearOp(linears.front()).getWeight().getDefiningOp<ParamOp>();
  auto firstType = cast<RankedTensorType>(first.getType());
  auto type = RankedTensorType::get({rows, firstType.getDimSize(1)}, firstType.getElementType());
  return ParamOp::create(
      builder, first.getLoc(), type, builder.getStringAttr(mergedName(first.getName(), lastName)),
      builder.getArrayAttr(sources),
      interleave ? builder.getI64IntegerAttr(interleave) : IntegerAttr(), first.getClipSearch(),
      /*rotary_pairs=*/IntegerAttr());
}

int64_t ingot::mergeLinears(ArrayRef<LinearOp> linears, StringRef lastName, int64_t interleave) {
  LinearOp first = *llvm::min_element(
      linears, [](LinearOp a, LinearOp b) { return a != b && a->isBeforeInBlock(b); });
  OpBuilder builder(first);
  ParamOp weight = mergeParams(builder, linears, lastName, interleave);
  const int64_t columns = cast<RankedTensorType>(weight.getType()).getDimSize(0);
  auto merged = LinearOp::create(builder, first.getLoc(),
                                 rowsLike(cast<RankedTensorType>(first.getType()), columns),
                                 first.getInput(), weight, first.getOrderAttr());
  SmallVector<Type> types;
  for (LinearOp linear : linears)
    types.push_back(linear.getType());
  auto split = SplitOp::create(builder, first.getLoc(), types, merged,
                               interleave ? builder.getI64IntegerAttr(interleave) : IntegerAttr());
  const int64_t inputBytes = rowBytesOf(first.getInput().getType());
  for (auto [linear, part] : llvm::zip(linears, split.getResults())) {
    auto param = LinearOp(linear).getWeight().getDefiningOp<ParamOp>();
    LinearOp(linear).getResult().replaceAllUsesWith(part);
    LinearOp(linear)->erase();
    param->erase();
  }
  return inputBytes * static_cast<int64_t>(linears.size() - 1);
}
