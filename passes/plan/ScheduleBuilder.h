// One entry of fused ops to one schedule.
#pragma once

#include "ir/KernelSpec.h"
#include "passes/plan/PlanTables.h"
#include "passes/support/Program.h"

#include "llvm/ADT/DenseMap.h"

namespace ingot {

/// What an entry leaves for the host, by its mark; without one: logits.
artifact::StepOutput outputOf(mlir::func::FuncOp entry);

class ScheduleBuilder {
public:
  ScheduleBuilder(mlir::func::FuncOp entry, const PlanOptions &options, PlanTables &tables,
                  artifact::Plan &plan)
      : entry_(entry), options_(options), tables_(tables), plan_(plan) {}

  /// The schedule without `offsets`: see placeBuffers.
  Result<artifact::Schedule> build();

private:
  Status addLaunch(FusedOp fused);
  Status checkRowSpaces(FusedOp fused, RowSpace rows);
  Status addOperand(FusedOp fused, unsigned index, artifact::Launch &launch);
  Status addResult(FusedOp fused, unsigned index, artifact::Launch &launch);
  Result<std::vector<uint32_t>> buffersFor(FusedOp fused, unsigned index);
  std::string uniqueName(std::string name);
  Status setHead();
  Status fail(mlir::Operation *op, const std::string &why);

  mlir::func::FuncOp entry_;
  const PlanOptions &options_;
  PlanTables &tables_;
  artifact::Plan &plan_;
  artifact::Schedule schedule_;
  llvm::DenseMap<mlir::Value, std::vector<uint32_t>> buffers_; ///< one, or two for quantized rows
  llvm::StringMap<unsigned> names_;
  std::string afterSelection_; ///< label of the first launch over returned rows; empty: none so far
};

/// Gives every arena buffer that `schedule` uses its offset, from first write to last access.
void placeBuffers(artifact::Schedule &schedule, const artifact::Plan &plan,
                  const artifact::MemoryContract &memory);

} // namespace ingot
