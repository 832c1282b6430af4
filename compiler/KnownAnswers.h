// Known answers: what the reference evaluator says to a few tokens, for `ingot verify --run`.
#pragma once

#include "ir/WeightSource.h"
#include "runtime/artifact/Manifest.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace ingot {

struct KnownAnswerJob {
  /// The program after the numerics stage, before any fusion: the answers prove the fusions, too.
  /// Gets a probe of its own.
  mlir::ModuleOp reference;
  /// Profile fast: the same in the orders of each bucket. The answers are those of `reference`, and
  /// as far from them as the others are is no mistake.
  std::vector<mlir::ModuleOp> variants = {};
  const WeightSource *weights = nullptr;  ///< null when all parameters are generated
  std::vector<artifact::Schedule> probes; ///< of the plan
  unsigned threads = 1;
};

/// Gives the manifest, whose params, plan and memory are filled, the probe with its answer and, for
/// a model small enough, the answer of the whole. What cannot be answered is left out; the reasons
/// are returned.
std::vector<std::string> addKnownAnswers(KnownAnswerJob job, artifact::Manifest &manifest);

} // namespace ingot
