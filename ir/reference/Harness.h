// Runs the entries of a program on given or seeded inputs, checks expectations written in the
// program and compares two runs: what ingot-opt and the numeric tests use.
//
// In the program:
//   arguments   {ingot.value = dense<...>}      value of a tensor argument (else seeded, in [-1,
//   1))
//               {ingot.tokens = "1,2,3;4,5"}    on the batch: sequences, cut by ';'
//   results     {ingot.expected = dense<...>}   quantized rows count as q * scale
//   functions   {ingot.tolerance = 1e-6 : f32}  largest absolute difference (0 when absent)
#pragma once

#include "ir/WeightSource.h"
#include "ir/reference/Values.h"
#include "runtime/base/Status.h"

#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
}
namespace llvm {
class raw_ostream;
}

namespace ingot::reference {

struct RunOptions {
  uint64_t seed = 1;
  const WeightSource *weights = nullptr;        ///< null: SeededWeights
  std::vector<std::string> entries;             ///< empty: all functions with a body
  std::vector<std::vector<uint32_t>> sequences; ///< empty: as the program says, else seeded
  int64_t chunk = 0;                            ///< most tokens per sequence and step; 0: all
  bool returnAll = true; ///< select_rows takes all rows, or the last of a chunk
};

/// Tensor results of one entry. Rows that stand for tokens are ordered by sequence, then position,
/// whatever the steps were.
struct EntryOutputs {
  std::string entry;
  std::vector<Rows> results;
};

/// "1,2,3;4,5" to sequences; "7*3" is "7,7,7".
Result<std::vector<std::vector<uint32_t>>> parseSequences(std::string_view text);

Result<std::vector<EntryOutputs>> runProgram(mlir::ModuleOp module, const RunOptions &options);

/// One line per result with its shape and a hash of its bits; with `values`, the rows, too.
void printOutputs(const std::vector<EntryOutputs> &outputs, bool values, llvm::raw_ostream &out);

/// Fails with "expectation" unless every `ingot.expected` of the program holds; prints a line each.
Status checkExpectations(mlir::ModuleOp module, const std::vector<EntryOutputs> &outputs,
                         llvm::raw_ostream &out);

/// Compares entries of the same name, result by result. Differences are given, and `tolerance` is
/// meant, as shares of the standard deviation of `before`; integers must be equal. Fails with
/// "tolerance" above it. Prints a line per result.
Status compareOutputs(const std::vector<EntryOutputs> &before,
                      const std::vector<EntryOutputs> &after, double tolerance,
                      llvm::raw_ostream &out);

} // namespace ingot::reference
