// The last step on IR: entries of fused ops become the plan of the artifact's manifest.
#pragma once

#include "ir/IngotDialect.h"
#include "runtime/artifact/Manifest.h"
#include "runtime/base/Status.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <vector>

namespace ingot {

struct PlanOptions {
  uint32_t maxTokens = 0;    ///< tokens of a step
  uint32_t maxSequences = 0; ///< concurrent sequences
  uint32_t maxContext = 0;   ///< tokens of a sequence
  uint32_t blockTokens = 16; ///< positions per KV block; must be that of the program's caches
};

struct PlanResult {
  std::string profile = artifact::kProfileInvariant; ///< that the schedules follow
  artifact::Plan plan;
  /// One per probe, over the tables of the plan: named, bounded and placed like the schedule it was
  /// cut out of, with the signature of the probe. They bring no kernel and no parameter.
  std::vector<artifact::Schedule> probes;
  /// In the order of first use; `data` holds the packed bytes of the layout, its place is the
  /// writer's.
  std::vector<artifact::Param> params;
  std::vector<ParamOp> paramOps; ///< the op of each parameter
  /// In the order of first use; scratchBytes is for code generation to fill.
  std::vector<artifact::Kernel> kernels;
  std::vector<FusedOp> kernelOps; ///< a region of each kernel, to compile
  /// weightsBytes and scratchBytesPerWorker are filled by writer and code generation.
  artifact::MemoryContract memory;
};

/// One schedule per entry, in program order. Needs ingot-outline; uses the marks of
/// ingot-add-greedy-twin, ingot-bucket-variants and ingot-fix-numerics. Ids of errors:
/// "plan-program" (the program is no plan), "plan-limits" (the options are not), and those of the
/// manifest checks. Deterministic.
Result<PlanResult> buildPlan(mlir::ModuleOp module, const PlanOptions &options);

} // namespace ingot
