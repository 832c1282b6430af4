#include "ir/ParamSpec.h"

using namespace mlir;

ingot::ParamSpec ingot::paramSpecOf(ParamOp param) {
  auto type = cast<RankedTensorType>(param.getResult().getType());
  ParamSpec spec;
  spec.name = param.getName().str();
  spec.rows = type.getDimSize(0);
  spec.isVector = type.getRank() == 1;
  spec.columns = spec.isVector ? 1 : type.getDimSize(1);
  spec.interleave = static_cast<int64_t>(param.getInterleave().value_or(0));
  if (!param.getSources()) {
    spec.sources.push_back({spec.name, spec.rows});
    return spec;
  }
  for (auto source : param.getSources()->getAsRange<SourceAttr>())
    spec.sources.push_back({source.getTensor().str(), source.getRows()});
  return spec;
}

std::optional<ingot::QuantizeSpec> ingot::quantizeSpecOf(ParamOp param) {
  auto type = cast<RankedTensorType>(param.getResult().getType());
  auto element = dyn_cast<QWeightType>(type.getElementType());
  if (!element)
    return std::nullopt;
  return QuantizeSpec{static_cast<int>(element.getBits()), element.getGroup(),
                      param.getClipSearch(), element.getNumber() == WeightNumber::e4m3};
}
