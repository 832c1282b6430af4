// Runs an imported model on the reference evaluator and compares its logits with recorded ones.
#pragma once

#include "ir/reference/Evaluator.h"
#include "models/ImportModel.h"

#include "mlir/IR/MLIRContext.h"

#include <memory>
#include <string>
#include <vector>

namespace ingot::test {

/// Tokens and the logits [tokens, vocab] that another program computed after each of them.
struct ExpectedLogits {
  std::vector<uint32_t> ids;
  std::vector<float> logits;
  int64_t vocab = 0;
};

/// Reads `path`, which holds "logits" (F32) and `idsName` (I32).
ExpectedLogits readExpectedLogits(const std::string &path, const std::string &idsName);

/// An imported model with an evaluator over its unquantized program. Its cache rounds nothing, as
/// the float32 programs that it is compared with.
class ReferenceModel {
public:
  explicit ReferenceModel(const std::string &directory);

  /// Logits [ids, vocab] after each token; steps of at most `chunk` tokens (0: one step).
  std::vector<float> logits(const std::vector<uint32_t> &ids, int64_t chunk = 0);
  const ImportedModel &model() const { return *model_; }

private:
  mlir::MLIRContext context_;
  std::unique_ptr<ImportedModel> model_;
  std::unique_ptr<Evaluator> evaluator_;
};

/// Largest difference over the standard deviation of `expected`.
double largestError(const std::vector<float> &actual, const std::vector<float> &expected);

/// Index of the largest value, the lowest of equals.
uint32_t argmax(const float *values, int64_t count);

} // namespace ingot::test
