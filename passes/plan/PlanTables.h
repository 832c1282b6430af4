// The tables that all schedules of a plan share, growing while schedules are built.
#pragma once

#include "passes/plan/BuildPlan.h"

#include "llvm/ADT/StringMap.h"

#include <optional>

namespace ingot {

class PlanTables {
public:
  explicit PlanTables(PlanResult &result) : result_(result) {}

  /// Index of a parameter by name; fails when two entries give it different types or sources.
  Result<uint32_t> param(ParamOp op);
  /// Index of the kernel of a region.
  uint32_t kernel(FusedOp fused, const char *family);
  /// Index of a buffer; schedules share those that agree in everything.
  uint32_t buffer(const artifact::Buffer &buffer);

private:
  PlanResult &result_;
  llvm::StringMap<uint32_t> params_, kernels_, buffers_;
};

/// The row of the parameter table for `op`; matrices have the layout of the module's target.
Result<artifact::Param> describeParam(ParamOp op);

} // namespace ingot
