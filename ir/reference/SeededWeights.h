// Weights made of a seed and their names, for programs without a checkpoint.
#pragma once

#include "ir/WeightSource.h"

#include <map>
#include <string>

namespace mlir {
class ModuleOp;
}

namespace ingot::reference {

/// float32 tensors for every source of every parameter of a program. Matrices [n, k] are uniform
/// with variance 1 / k, so that activations keep their size; vectors are uniform in [0.75, 1.25).
/// Values depend on seed, name and element alone.
class SeededWeights : public WeightSource {
public:
  SeededWeights(mlir::ModuleOp module, uint64_t seed);
  const WeightView *find(std::string_view name) const override;

private:
  void add(const std::string &name, std::vector<int64_t> shape, uint64_t seed);

  struct Tensor {
    std::vector<float> values;
    WeightView view;
  };
  std::map<std::string, Tensor, std::less<>> tensors_;
};

} // namespace ingot::reference
