// Runs a program op by op with the evaluations of ir/reference/Ops.h: slow, plain, and the meaning
// of every level of the IR. A fused op is its body. Needs a processor with AVX2, FMA and F16C.
#pragma once

#include "ir/WeightSource.h"
#include "ir/reference/Values.h"
#include "runtime/base/MatrixUnit.h"
#include "runtime/base/Status.h"

#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace mlir {
class ModuleOp;
}

namespace ingot {

namespace reference {
class WeightProvider;
}

class Evaluator {
public:
  /// Both must outlive the evaluator. Weights are read, and quantized, on first use.
  Evaluator(mlir::ModuleOp module, const WeightSource &weights);
  /// With parameters as `weights` gives them: an embedding table or a head may be a few of its
  /// rows, token ids and columns of the logits are then indices into those.
  Evaluator(mlir::ModuleOp module, reference::WeightProvider &weights);
  ~Evaluator();

  /// Whose arithmetic ops of order mma and attention_mma follow; matrix::kHopper unless set.
  void setMatrixUnit(const matrix::MatrixUnit &unit,
                     const matrix::MatrixUnit &fp8Unit = matrix::fp8UnitOf(90));

  /// Runs the entry on one step; `state` is read and extended. `inputs` are the values of its
  /// tensor arguments in order. Returns its tensor results in order.
  Result<std::vector<reference::Rows>> run(std::string_view entry, const reference::Batch &batch,
                                           reference::KvState &state,
                                           std::span<const reference::Rows> inputs = {});

  /// Logits [tokens, vocabulary] of every position of one sequence, from @forward, in steps of at
  /// most `chunk` tokens (0: one step).
  Result<reference::Rows>
  forwardTokens(std::span<const uint32_t> ids, int64_t chunk = 0,
                reference::CacheFormat cache = reference::CacheFormat::Typed);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace ingot
