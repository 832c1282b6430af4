#include "ir/reference/SeededWeights.h"

#include "ir/ParamSpec.h"
#include "runtime/base/Hash.h"
#include "runtime/base/Random.h"

#include "mlir/IR/BuiltinOps.h"

#include <cmath>

namespace ingot::reference {

SeededWeights::SeededWeights(mlir::ModuleOp module, uint64_t seed) {
  module.walk([&](ParamOp param) {
    const ParamSpec spec = paramSpecOf(param);
    for (const ParamSource &source : spec.sources) {
      std::vector<int64_t> shape{source.rows};
      if (!spec.isVector)
        shape.push_back(spec.columns);
      add(source.tensor, std::move(shape), seed);
    }
  });
}

void SeededWeights::add(const std::string &name, std::vector<int64_t> shape, uint64_t seed) {
  Tensor &tensor = tensors_[name];
  if (!tensor.values.empty())
    return;
  const bool vector = shape.size() == 1;
  const int64_t count = shape[0] * (vector ? 1 : shape[1]);
  const float middle = vector ? 1.0f : 0.0f;
  const float reach = vector ? 0.25f : std::sqrt(3.0f / static_cast<float>(shape[1]));
  const uint64_t key = randomKey(seed, hash64(name));
  tensor.values.resize(size_t(count));
  for (int64_t i = 0; i < count; ++i)
    tensor.values[i] = middle + reach * (2.0f * unitFloat(randomBits(key, uint64_t(i))) - 1.0f);
  tensor.view = {WeightType::F32, std::move(shape),
                 reinterpret_cast<const uint8_t *>(tensor.values.data()), size_t(count) * 4};
}

const WeightView *SeededWeights::find(std::string_view name) const {
  const auto it = tensors_.find(name);
  return it == tensors_.end() ? nullptr : &it->second.view;
}

} // namespace ingot::reference
