// One target of a compilation: its own run of the passes over the imported program, its plan, its
// code and its known answers.
#pragma once

#include "codegen/Target.h"
#include "codegen/artifact/ArtifactWriter.h"
#include "compiler/Compiler.h"
#include "models/ImportModel.h"
#include "passes/plan/BuildPlan.h"

#include "mlir/IR/OwningOpRef.h"

namespace ingot {

class TargetBuild {
public:
  /// `module` is this target's own copy of the imported program.
  TargetBuild(CodeTarget target, mlir::OwningOpRef<mlir::ModuleOp> module,
              const ImportedModel &model, const CompileOptions &options, const Progress &progress)
      : target_(target), module_(std::move(module)), model_(model), options_(options),
        progress_(progress) {}

  // In this order.
  Status runPasses(std::string &diagnostics); ///< `diagnostics` collects the errors of MLIR
  Status buildPlan();
  Status generateCode(unsigned threads);
  /// Reasons for what was left out are added to `warnings`.
  Status answer(unsigned threads, std::vector<std::string> &warnings);

  /// "cpu", "cuda"
  const char *name() const { return target_ == CodeTarget::Cuda ? "cuda" : "cpu"; }
  mlir::ModuleOp module() { return *module_; }
  /// The program for the manifest; arguments name parameters by their index in params().
  artifact::TargetProgram &program() { return program_; }
  std::vector<artifact::Param> &params() { return plan_.params; }
  const std::vector<ParamOp> &paramOps() const { return plan_.paramOps; }
  std::vector<ImageInput> &images() { return images_; }
  const std::vector<KernelReport> &kernelReports() const { return kernelReports_; }
  /// What its passes did; after the plan stage.
  TargetReport report();

private:
  Status runStage(const std::string &stage, const std::function<void(mlir::OpPassManager &)> &build,
                  std::string &diagnostics);
  Status dump(const std::string &stage);
  uint32_t launches(); ///< of a step of the first entry
  std::vector<KernelRequest> kernelRequests() const;
  Result<std::vector<mlir::OwningOpRef<mlir::ModuleOp>>> variantsOfReference();
  void setKernels(const CompiledKernels &compiled);
  void dropShared(const std::vector<uint32_t> &sharedWith);

  CodeTarget target_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  mlir::OwningOpRef<mlir::ModuleOp> reference_; ///< before the fusions, for known answers
  const ImportedModel &model_;
  const CompileOptions &options_;
  const Progress &progress_;
  PlanResult plan_;
  artifact::TargetProgram program_;
  std::vector<ImageInput> images_;
  std::vector<KernelReport> kernelReports_;
  uint32_t launchesUnfused_ = 0, launchesFused_ = 0;
  int dumped_ = 1; ///< 0 is the import
};

/// Writes the program after a stage into the folder of --dump-ir (no flag: does nothing), or into
/// `folder` below it.
Status dumpProgram(mlir::ModuleOp module, const CompileOptions &options, const std::string &folder,
                   int number, const std::string &stage);

} // namespace ingot
