#include "compiler/Compiler.h"

#include "codegen/Target.h"
#include "codegen/artifact/ArtifactWriter.h"
#include "compiler/KnownAnswers.h"
#include "compiler/Pipeline.h"
#include "compiler/WeightPacker.h"
#include "ir/ParamSpec.h"
#include "models/ImportModel.h"
#include "passes/Passes.h"
#include "passes/plan/BuildPlan.h"
#include "passes/plan/LaunchStats.h"
#include "passes/support/FusionReport.h"
#include "runtime/artifact/ContainerWriter.h"
#include "runtime/artifact/RandomWeights.h"
#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"
#include "runtime/base/Suggest.h"
#include "runtime/text/TokenizerFormat.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace mlir;

namespace ingot {
namespace {

/// One run of the compiler; the members fill up from stage to stage.
class Compilation {
public:
  Compilation(const CompileOptions &options, const Progress &progress)
      : options_(options), progress_(progress) {}

  Result<CompileReport> run();

private:
  Status importStage();
  Status passStages();
  Status checkPassOptions();
  uint32_t launches(); ///< of a step of the first entry
  Status planStage();
  Status codegenStage();
  Status checkFusions();
  Status fillManifest();
  Status fillParameters(artifact::Manifest &manifest);
  Status knownAnswerStage();
  Status writeStage();

  Status timed(const std::string &name, Status (Compilation::*stage)());
  Status runPasses(const PipelineStage &stage);
  Status dump(const std::string &stage);
  Status packParameter(uint32_t index, const ByteSink &sink);
  unsigned threads() const {
    return options_.threads ? options_.threads : std::max(1u, std::thread::hardware_concurrency());
  }

  const CompileOptions &options_;
  const Progress &progress_;
  MLIRContext context_{MLIRContext::Threading::DISABLED};
  std::string diagnostics_; ///< text of MLIR errors since the last reset
  ImportedModel model_;
  OwningOpRef<ModuleOp> reference_; ///< before the fusions, for known answers; else null
  PlanResult plan_;
  ArtifactInput input_;
  CompileReport report_;
  int dumped_ = 0;
  uint64_t packedBytes_ = 0;
};

Status Compilation::timed(const std::string &name, Status (Compilation::*stage)()) {
  progress_(name, 0);
  const auto begin = std::chrono::steady_clock::now();
  Status status = (this->*stage)();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  report_.stages.push_back({name, seconds.count()});
  return status;
}

Status Compilation::dump(const std::string &stage) {
  if (options_.dumpIr.empty())
    return Status::ok();
  std::error_code error;
  std::filesystem::create_directories(options_.dumpIr, error);
  const std::string path = options_.dumpIr + "/" + format("%02d-", dumped_++) + stage + ".mlir";
  std::string text;
  llvm::raw_string_ostream stream(text);
  model_.module->print(stream);
  std::ofstream file(path, std::ios::binary);
  if (!(file << text << std::flush))
    return Status(ErrorClass::CantCreate, "dump-ir",
                  path + ": cannot be written; give --dump-ir a directory you may write to");
  return Status::ok();
}

Status Compilation::importStage() {
  ImportOptions import;
  import.blockTokens = options_.blockTokens;
  import.randomWeights = options_.randomWeights.has_value();
  INGOT_ASSIGN(model_, importModel(options_.model, import, context_));
  report_.warnings = model_.warnings;
  report_.layers = static_cast<uint32_t>(model_.info.layers);
  report_.parameters = model_.info.parameters;
  return dump("import");
}

Status Compilation::runPasses(const PipelineStage &stage) {
  progress_(stage.name, 0);
  PassManager manager(&context_);
  stage.build(manager);
  diagnostics_.clear();
  if (failed(manager.run(*model_.module)))
    return Status(ErrorClass::Config, "pass-failed",
                  stage.name + " stage: " +
                      (diagnostics_.empty() ? std::string("a pass failed") : diagnostics_));
  return dump(stage.name);
}

/// Refuses a fusion that does not exist, with the one that was probably meant or all there are.
Status checkFusionName(const char *flag, const std::string &name) {
  const std::vector<std::string> names = fusionNames();
  if (std::find(names.begin(), names.end(), name) != names.end())
    return Status::ok();
  std::string hint = "; known:";
  for (const std::string &known : names)
    hint += " " + known;
  if (const auto nearest = nearestName(name, names))
    hint = "; did you mean " + *nearest + "?";
  return Status(ErrorClass::Usage, "fusion-unknown",
                std::string(flag) + " " + name + ": there is no such fusion" + hint);
}

/// Rejects names of fusions that do not exist and pipelines that do not parse.
Status Compilation::checkPassOptions() {
  for (const std::string &name : options_.disabledFusions)
    INGOT_TRY(checkFusionName("--disable-fusion", name));
  for (const auto &[name, count] : options_.expectFusions)
    INGOT_TRY(checkFusionName("--expect-fusion", name));
  if (options_.passPipeline.empty())
    return Status::ok();
  registerIngotPasses();
  PassManager manager(&context_);
  std::string problem;
  llvm::raw_string_ostream stream(problem);
  if (failed(parsePassPipeline(options_.passPipeline, manager, stream)))
    return Status(ErrorClass::Usage, "pass-pipeline", "--pass-pipeline: " + problem);
  return Status::ok();
}

uint32_t Compilation::launches() {
  const auto entries = entriesOf(*model_.module);
  return entries.empty() ? 0 : computeLaunchStats(entries.front()).launches;
}

Status Compilation::passStages() {
  INGOT_TRY(checkPassOptions());
  for (const PipelineStage &stage : pipelineStages(options_)) {
    if (stage.name == "merge") // quantized, nothing merged or fused yet
      report_.launchesUnfused = launches();
    INGOT_TRY(runPasses(stage));
    if (stage.name == "numerics" && options_.knownAnswers && !options_.dryRun)
      reference_ = model_.module->clone();
  }
  report_.launchesFused = launches();
  return Status::ok();
}

Status Compilation::planStage() {
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
  INGOT_ASSIGN(plan_, buildPlan(*model_.module, plan));
  return Status::ok();
}

Status Compilation::codegenStage() {
  std::vector<KernelRequest> requests;
  for (size_t i = 0; i < plan_.kernels.size(); ++i)
    requests.push_back({plan_.kernels[i].name, plan_.kernelOps[i]});
  INGOT_ASSIGN(CompiledKernels compiled,
               compileCpuKernels(requests, options_.levels, threads(),
                                 [&](double done) { progress_("code", done); }));
  uint64_t scratch = 0;
  for (size_t i = 0; i < plan_.kernels.size(); ++i) {
    plan_.kernels[i].scratchBytes = compiled.scratchBytes[i];
    scratch = std::max(scratch, compiled.scratchBytes[i]);
  }
  plan_.memory.scratchBytesPerWorker = scratch;
  for (CompiledImage &image : compiled.images) {
    report_.codeBytes += image.bytes.size();
    input_.images.push_back(
        {"cpu", std::move(image.level), std::move(image.features), std::move(image.bytes)});
  }
  return Status::ok();
}

/// Compares what fired with --expect-fusion; a fusion that did not run fired 0 times.
Status Compilation::checkFusions() {
  for (const auto &[name, expected] : options_.expectFusions) {
    artifact::FusionCount fusion;
    for (const artifact::FusionCount &count : input_.manifest.fusions)
      if (count.name == name)
        fusion = count;
    if (fusion.fired != expected)
      return Status(ErrorClass::Data, "fusion-count",
                    format("%s fired %u times, expected %u%s%s", name.c_str(), fusion.fired,
                           expected, fusion.reason.empty() ? "" : "; missed because ",
                           fusion.reason.c_str()));
  }
  return Status::ok();
}

/// Random parameters: a seed per parameter and a spread that keeps activations near one.
Status Compilation::fillParameters(artifact::Manifest &manifest) {
  manifest.params = plan_.params;
  if (!options_.randomWeights)
    return Status::ok();
  for (size_t i = 0; i < manifest.params.size(); ++i) {
    artifact::Param &param = manifest.params[i];
    artifact::Generator generator;
    generator.id = kRandomGenerator;
    generator.seed = *options_.randomWeights;
    generator.stream = i;
    generator.scale =
        1.0f / std::sqrt(static_cast<float>(std::max<uint64_t>(1, param.shape.back())));
    INGOT_ASSIGN(
        const WeightLayout layout,
        WeightLayout::make(param.format, param.layout, param.shape, param.group, param.interleave));
    generator.firstMibHash = randomFirstMibHash(layout, generator);
    param.generator = generator;
  }
  return Status::ok();
}

artifact::GenerationDefaults generationDefaults(const ImportedModel &model) {
  const GenerationConfig &config = model.info.generation;
  artifact::GenerationDefaults defaults;
  defaults.temperature = static_cast<float>(config.temperature);
  defaults.topK = static_cast<uint32_t>(config.topK);
  defaults.topP = static_cast<float>(config.topP);
  defaults.minP = static_cast<float>(config.minP);
  defaults.maxTokens = static_cast<uint32_t>(config.maxNewTokens);
  for (int64_t id : config.eosIds)
    defaults.stopIds.push_back(static_cast<uint32_t>(id));
  defaults.bosId = config.bosId ? static_cast<int32_t>(*config.bosId) : -1;
  return defaults;
}

Status Compilation::fillManifest() {
  artifact::Manifest &manifest = input_.manifest;
  manifest.kernels = plan_.kernels;
  manifest.plan = plan_.plan;
  manifest.memory = plan_.memory;
  manifest.modelName = model_.info.name;
  manifest.architecture = model_.info.architecture;
  manifest.generation = generationDefaults(model_);
  for (const FusionTally &tally : readFusions(*model_.module))
    manifest.fusions.push_back({tally.name, tally.fired, tally.missed, tally.reason});
  for (auto &[key, value] : model_.provenance)
    manifest.provenance.push_back({key, value});
  if (model_.tokenizer) {
    manifest.chatTemplate = model_.tokenizer->chatTemplate;
    for (uint32_t id : model_.tokenizer->stopIds)
      if (auto &ids = manifest.generation.stopIds;
          std::find(ids.begin(), ids.end(), id) == ids.end())
        ids.push_back(id);
    std::sort(manifest.generation.stopIds.begin(), manifest.generation.stopIds.end());
    input_.tokenizer = serializeTokenizer(model_.tokenizer->data);
  }
  INGOT_TRY(fillParameters(manifest));
  return checkFusions();
}

Status Compilation::packParameter(uint32_t index, const ByteSink &sink) {
  const artifact::Param &param = plan_.params[index];
  PackJob job;
  job.spec = paramSpecOf(plan_.paramOps[index]);
  job.quantize = quantizeSpecOf(plan_.paramOps[index]);
  INGOT_ASSIGN(job.layout, WeightLayout::make(param.format, param.layout, param.shape, param.group,
                                              param.interleave));
  uint64_t total = 0;
  for (const artifact::Param &each : plan_.params)
    total += each.data.bytes;
  return packParam(*model_.weights, job, threads(), [&](std::span<const uint8_t> bytes) {
    packedBytes_ += bytes.size();
    progress_("weights", static_cast<double>(packedBytes_) / static_cast<double>(total));
    return sink(bytes);
  });
}

Status Compilation::knownAnswerStage() {
  KnownAnswerJob job{*reference_, model_.weights.get(), std::move(plan_.probes), threads()};
  for (std::string &reason : addKnownAnswers(std::move(job), input_.manifest))
    report_.warnings.push_back(std::move(reason));
  return Status::ok();
}

Status Compilation::writeStage() {
  input_.paramBytes = [this](uint32_t index, const ByteSink &sink) {
    return packParameter(index, sink);
  };
  INGOT_ASSIGN(WrittenArtifact written, writeArtifact(options_.output, std::move(input_)));
  report_.fileBytes = written.fileBytes;
  report_.manifest = std::move(written.manifest);
  return Status::ok();
}

Result<CompileReport> Compilation::run() {
  context_.loadDialect<IngotDialect, func::FuncDialect>();
  ScopedDiagnosticHandler handler(&context_, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      diagnostics_ += (diagnostics_.empty() ? "" : "; ") + diagnostic.str();
    return success();
  });
  if (!options_.dryRun) // an output that cannot be written is found before the work
    INGOT_TRY(ContainerWriter::create(options_.output).status());
  INGOT_TRY(timed("import", &Compilation::importStage));
  INGOT_TRY(timed("passes", &Compilation::passStages));
  INGOT_TRY(timed("plan", &Compilation::planStage));
  INGOT_TRY(timed("code", &Compilation::codegenStage));
  INGOT_TRY(fillManifest());
  if (options_.dryRun) {
    INGOT_TRY(placeParams(input_.manifest));
    report_.manifest = input_.manifest;
    return std::move(report_);
  }
  if (reference_)
    INGOT_TRY(timed("known answers", &Compilation::knownAnswerStage));
  INGOT_TRY(timed("weights and file", &Compilation::writeStage));
  return std::move(report_);
}

} // namespace

Result<CompileReport> compileModel(const CompileOptions &options, const Progress &progress) {
  return Compilation(options, progress).run();
}

} // namespace ingot
