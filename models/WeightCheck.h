// Do the program's parameters and the checkpoint's tensors belong together?
#pragma once

#include "models/import/Checkpoint.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace ingot {

struct WeightCheckOptions {
  bool refuseUnused = true; ///< a tensor that no parameter reads is an error, not a warning
  std::string tiedHead;     ///< tensor that a tied model may hold and nobody reads; empty = none
};

/// Every tensor that a parameter names must be there with its shape, in a float type, with finite
/// values. Returns warnings. Ids: "weight-missing", "weight-dtype", "weight-shape",
/// "weight-unused", "weight-not-finite"; each message names the first few tensors and counts all.
Result<std::vector<std::string>> checkWeights(mlir::ModuleOp module, const Checkpoint &checkpoint,
                                              const WeightCheckOptions &options);

} // namespace ingot
