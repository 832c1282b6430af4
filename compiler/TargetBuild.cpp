#include "compiler/TargetBuild.h"

#include "compiler/KnownAnswers.h"
#include "compiler/Pipeline.h"
#include "passes/Passes.h"
#include "passes/plan/LaunchStats.h"
#include "passes/support/Program.h"
#include "runtime/base/Format.h"

#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

using namespace mlir;

namespace ingot {

Status dumpProgram(ModuleOp module, const CompileOptions &options, const std::string &folder,
                   int number, const std::string &stage) {
  if (options.dumpIr.empty())
    return Status::ok();
  const std::string directory = options.dumpIr + (folder.empty() ? "" : "/" + folder);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  const std::string path = directory + "/" + format("%02d-", number) + stage + ".mlir";
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  std::ofstream file(path, std::ios::binary);
  if (!(file << text << std::flush))
    return Status(ErrorClass::CantCreate, "dump-ir",
                  path + ": cannot be written; give --dump-ir a directory you may write to");
  return Status::ok();
}

Status TargetBuild::dump(const std::string &stage) {
  const bool several = options_.cpu && options_.cuda;
  return dumpProgram(*module_, options_, several ? name() : "", dumped_++, stage);
}

uint32_t TargetBuild::launches() {
  const auto entries = entriesOf(*module_);
  return entries.empty() ? 0 : computeLaunchStats(entries.front()).launches;
}

Status TargetBuild::runStage(const std::string &stage,
                             const std::function<void(OpPassManager &)> &build,
                             std::string &diagnostics) {
  progress_(stage, 0);
  PassManager manager(module_->getContext());
  build(manager);
  diagnostics.clear();
  if (failed(manager.run(*module_)))
    return Status(
        ErrorClass::Config, "pass-failed",
        stage + " stage: " + (diagnostics.empty() ? std::string("a pass failed") : diagnostics));
  return dump(stage);
}

Status TargetBuild::runPasses(std::string &diagnostics) {
  for (const PipelineStage &stage : pipelineStages(options_, target_)) {
    if (stage.name == "merge") // quantized, nothing merged or fused yet
      launchesUnfused_ = launches();
    INGOT_TRY(runStage(stage.name, stage.build, diagnostics));
    if (stage.name == "numerics" && options_.knownAnswers && !options_.dryRun)
      reference_ = module_->clone();
  }
  launchesFused_ = launches();
  return Status::ok();
}

TargetReport TargetBuild::report() {
  TargetReport report{name(), launchesUnfused_, launchesFused_, {}};
  for (const FusionTally &tally : readFusions(*module_))
    report.fusions.push_back({tally.name, tally.fired, tally.missed, tally.reason});
  return report;
}

/// Formats of weights and activations of the linear layers: "W4A8", "W16A16".
static std::string recipeOf(const CompileOptions &options, CodeTarget target) {
  const std::string &format = options.linear.format;
  const char *weights = format == "int4" ? "4" : format == "int8" || format == "fp8" ? "8" : "16";
  const bool wide = format == "bf16" || format == "fp16" ||
                    (target == CodeTarget::Cuda && options.activations != format);
  const char *kind = format == "fp8" ? "-FP8" : format == "fp16" ? "-FP16" : "";
  return std::string("W") + weights + (wide ? "A16" : "A8") + kind;
}

Status TargetBuild::buildPlan() {
  PlanOptions plan;
  plan.maxTokens = options_.maxTokens;
  plan.maxSequences = options_.maxSequences;
  plan.blockTokens = options_.blockTokens;
  const int64_t modelContext = model_.info.maxContext;
  if (options_.maxContext > modelContext)
    return Status(ErrorClass::Usage, "context-too-long",
                  format("--max-context %u, but %s was made for %lld positions; give at most that",
                         options_.maxContext, model_.info.name.c_str(),
                         static_cast<long long>(modelContext)));
  plan.maxContext = options_.maxContext ? options_.maxContext : static_cast<uint32_t>(modelContext);
  INGOT_ASSIGN(plan_, ingot::buildPlan(*module_, plan));
  program_.target = name();
  program_.recipe = recipeOf(options_, target_);
  program_.profile = plan_.profile;
  program_.kernels = std::move(plan_.kernels);
  program_.plan = std::move(plan_.plan);
  program_.memory = plan_.memory;
  return Status::ok();
}

std::vector<KernelRequest> TargetBuild::kernelRequests() const {
  std::vector<KernelRequest> requests;
  for (size_t i = 0; i < program_.kernels.size(); ++i)
    requests.push_back({program_.kernels[i].name, plan_.kernelOps[i], 0});
  for (const artifact::Schedule &schedule : program_.plan.schedules)
    for (const artifact::Launch &launch : schedule.launches)
      requests[launch.kernel].maxTokens =
          std::max(requests[launch.kernel].maxTokens, schedule.maxTokens);
  return requests;
}

Status TargetBuild::generateCode(unsigned threads) {
  const std::vector<KernelRequest> requests = kernelRequests();
  const auto progress = [this](double done) { progress_("code", done); };
  CompiledKernels compiled;
  if (target_ == CodeTarget::Cuda) {
    const CudaOptions cudaOptions{options_.architectures, threads, options_.kernelCache};
    INGOT_ASSIGN(compiled, compileCudaKernels(requests, cudaOptions, progress));
  } else {
    INGOT_ASSIGN(compiled, compileCpuKernels(requests, options_.levels, threads, progress));
  }
  setKernels(compiled);
  for (CompiledImage &image : compiled.images)
    images_.push_back(
        {name(), std::move(image.level), std::move(image.features), std::move(image.bytes)});
  kernelReports_ = std::move(compiled.reports);
  return Status::ok();
}

static artifact::GridShape gridShape(const cuda::LaunchShape &shape) {
  return {shape.threads, shape.dynamicSharedBytes, shape.itemsPerBlock, shape.blocksPerItem,
          shape.tokensPerBlock};
}

void TargetBuild::setKernels(const CompiledKernels &compiled) {
  uint64_t counters = 0, rest = 0; // bytes of scratch
  for (size_t i = 0; i < program_.kernels.size(); ++i) {
    artifact::Kernel &kernel = program_.kernels[i];
    kernel.scratchBytes = compiled.scratchBytes[i];
    if (!compiled.shapes.empty())
      kernel.counterBytes = compiled.shapes[i].counterBytes;
    counters = std::max(counters, kernel.counterBytes);
    rest = std::max(rest, kernel.scratchBytes - kernel.counterBytes);
    if (compiled.shapes.empty())
      continue;
    static_cast<artifact::GridShape &>(kernel) = gridShape(compiled.shapes[i]);
    for (const cuda::KernelVariant &variant : compiled.variants[i])
      kernel.levels.push_back({gridShape(variant.shape), variant.architecture,
                               variant.shape.persistent, variant.shape.maps});
  }
  program_.memory.scratchBytesPerWorker = counters + rest;
  if (!compiled.sharedWith.empty())
    dropShared(compiled.sharedWith);
}

/// Leaves the kernels that others stand in for out of the table.
void TargetBuild::dropShared(const std::vector<uint32_t> &sharedWith) {
  std::vector<uint32_t> place(sharedWith.size());
  std::vector<artifact::Kernel> kept;
  for (uint32_t i = 0; i < sharedWith.size(); ++i) {
    if (sharedWith[i] == i) {
      place[i] = static_cast<uint32_t>(kept.size());
      kept.push_back(std::move(program_.kernels[i]));
    } else {
      place[i] = place[sharedWith[i]];
    }
  }
  program_.kernels = std::move(kept);
  for (std::vector<artifact::Schedule> *list : {&program_.plan.schedules, &plan_.probes})
    for (artifact::Schedule &schedule : *list)
      for (artifact::Launch &launch : schedule.launches)
        launch.kernel = place[launch.kernel];
}

/// The reference in the orders of the buckets, where those are other ones (profile fast).
Result<std::vector<OwningOpRef<ModuleOp>>> TargetBuild::variantsOfReference() {
  std::vector<OwningOpRef<ModuleOp>> variants;
  if (plan_.profile != artifact::kProfileFast)
    return variants;
  std::set<uint32_t> bounds;
  for (const artifact::Schedule &schedule : program_.plan.schedules)
    bounds.insert(schedule.maxTokens);
  for (const uint32_t bound : bounds) { // that of the last is open
    variants.push_back(reference_->clone());
    PassManager manager(reference_->getContext());
    SliceByBucketPassOptions slices;
    slices.maxTokens = bound == *bounds.rbegin() ? 0 : bound;
    manager.addPass(createSliceByBucketPass(slices));
    if (failed(manager.run(*variants.back())))
      return Status(ErrorClass::Internal, "known-answer-order",
                    format("no reference for steps of %u tokens", bound));
  }
  return variants;
}

Status TargetBuild::answer(unsigned threads, std::vector<std::string> &warnings) {
  if (!reference_)
    return Status::ok();
  std::vector<OwningOpRef<ModuleOp>> variants;
  INGOT_ASSIGN(variants, variantsOfReference());
  artifact::Manifest own;
  static_cast<artifact::TargetProgram &>(own) = std::move(program_);
  own.params = plan_.params;
  KnownAnswerJob job{*reference_, {}, model_.weights.get(), std::move(plan_.probes), threads};
  for (OwningOpRef<ModuleOp> &variant : variants)
    job.variants.push_back(*variant);
  for (std::string &reason : addKnownAnswers(std::move(job), own))
    warnings.push_back(std::move(reason));
  program_ = std::move(static_cast<artifact::TargetProgram &>(own));
  return Status::ok();
}

} // namespace ingot
