// The order of the passes, one function per stage.
#pragma once

#include "compiler/Compiler.h"

#include "mlir/Pass/PassManager.h"

namespace ingot {

/// A group of passes that --dump-ir and the report know by one name.
struct PipelineStage {
  std::string name;
  std::function<void(mlir::OpPassManager &)> build;
};

/// All stages from the imported program to one that code generation and planning accept.
std::vector<PipelineStage> pipelineStages(const CompileOptions &options, CodeTarget target);

/// Names that --disable-fusion takes.
std::vector<std::string> fusionNames();

} // namespace ingot
