#include "compiler/Compiler.h"

#include "codegen/Target.h"
#include "codegen/artifact/ArtifactWriter.h"
#include "codegen/cuda/CompileKernels.h"
#include "compiler/Formats.h"
#include "compiler/Pipeline.h"
#include "compiler/TargetBuild.h"
#include "compiler/WeightPacker.h"
#include "ir/ParamSpec.h"
#include "models/ImportModel.h"
#include "passes/Passes.h"
#include "passes/plan/BuildPlan.h"
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
#include <memory>
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
  /// A row of the parameter table and where its values come from.
  struct Parameter {
    artifact::Param row;
    ParamOp op;
  };

  Status importStage();
  Status passStages();
  Status checkPassOptions();
  void addTarget(CodeTarget target, bool last);
  /// The stage for every target; failures say of which, where there are several.
  Status eachTarget(const std::function<Status(TargetBuild &)> &stage);
  Status planStage();
  Status codegenStage();
  Status checkFusions();
  Status fillManifest();
  Status joinParameters();
  void renameParameters(TargetBuild &target, const std::vector<uint32_t> &joint);
  Status addGenerators();
  Status knownAnswerStage();
  Status writeStage();

  Status timed(const std::string &name, Status (Compilation::*stage)());
  Status packParameter(uint32_t index, const ByteSink &sink);
  unsigned threads() const {
    return options_.threads ? options_.threads : std::max(1u, std::thread::hardware_concurrency());
  }

  const CompileOptions &options_;
  const Progress &progress_;
  MLIRContext context_{MLIRContext::Threading::DISABLED};
  std::string diagnostics_; ///< text of MLIR errors since the last reset
  ImportedModel model_;     ///< its program moves into the last target
  std::vector<std::unique_ptr<TargetBuild>> targets_;
  std::vector<Parameter> params_;            ///< of all targets
  std::vector<std::vector<uint32_t>> joint_; ///< [target][its parameter]: index into params_
  ArtifactInput input_;
  CompileReport report_;
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

Status Compilation::importStage() {
  ImportOptions import;
  import.blockTokens = options_.blockTokens;
  import.randomWeights = options_.randomWeights.has_value();
  INGOT_ASSIGN(model_, importModel(options_.model, import, context_));
  report_.warnings = model_.warnings;
  report_.layers = static_cast<uint32_t>(model_.info.layers);
  report_.parameters = model_.info.parameters;
  return dumpProgram(*model_.module, options_, "", 0, "import");
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

Status Compilation::passStages() {
  INGOT_TRY(checkPassOptions());
  if (options_.cpu)
    addTarget(CodeTarget::Cpu, !options_.cuda);
  if (options_.cuda)
    addTarget(CodeTarget::Cuda, true);
  return eachTarget([&](TargetBuild &target) { return target.runPasses(diagnostics_); });
}

/// The last target takes the imported program, those before it a copy.
void Compilation::addTarget(CodeTarget target, bool last) {
  OwningOpRef<ModuleOp> module =
      last ? std::move(model_.module) : OwningOpRef<ModuleOp>(model_.module->clone());
  targets_.push_back(
      std::make_unique<TargetBuild>(target, std::move(module), model_, options_, progress_));
}

Status Compilation::eachTarget(const std::function<Status(TargetBuild &)> &stage) {
  for (const std::unique_ptr<TargetBuild> &target : targets_)
    if (Status status = stage(*target); !status.isOk())
      return targets_.size() == 1 ? status
                                  : std::move(status).at(std::string("target ") + target->name());
  return Status::ok();
}

Status Compilation::planStage() {
  return eachTarget([](TargetBuild &target) { return target.buildPlan(); });
}

Status Compilation::codegenStage() {
  return eachTarget([&](TargetBuild &target) -> Status {
    INGOT_TRY(target.generateCode(threads()));
    for (ImageInput &image : target.images()) {
      report_.codeBytes += image.bytes.size();
      input_.images.push_back(std::move(image));
    }
    const std::vector<KernelReport> &reports = target.kernelReports();
    report_.kernels.insert(report_.kernels.end(), reports.begin(), reports.end());
    return Status::ok();
  });
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

/// Parameters of the first target as they are; of the others those that are not there in the same
/// layout. Random ones get their generators.
Status Compilation::joinParameters() {
  std::map<std::pair<std::string, std::string>, uint32_t> places; // layout, name
  for (const std::unique_ptr<TargetBuild> &target : targets_) {
    std::vector<uint32_t> joint;
    for (size_t i = 0; i < target->params().size(); ++i) {
      const artifact::Param &param = target->params()[i];
      const auto [place, added] = places.try_emplace({param.layout, param.name}, params_.size());
      joint.push_back(place->second);
      if (added)
        params_.push_back({param, target->paramOps()[i]});
    }
    joint_.push_back(std::move(joint));
  }
  if (options_.randomWeights)
    INGOT_TRY(addGenerators());
  for (size_t t = 0; t < targets_.size(); ++t)
    for (size_t i = 0; i < joint_[t].size(); ++i)
      targets_[t]->params()[i] = params_[joint_[t][i]].row;
  return Status::ok();
}

/// Makes the arguments of a target's launches name the joint table.
void Compilation::renameParameters(TargetBuild &target, const std::vector<uint32_t> &joint) {
  const auto rename = [&](std::vector<artifact::Schedule> &schedules) {
    for (artifact::Schedule &schedule : schedules)
      for (artifact::Launch &launch : schedule.launches)
        for (artifact::Arg &arg : launch.args)
          if (arg.kind == artifact::ArgKind::Param)
            arg.index = joint[arg.index];
  };
  rename(target.program().plan.schedules);
  for (artifact::Probe &probe : target.program().probes)
    rename(probe.schedules);
}

/// Random parameters: a seed per parameter and a spread that keeps activations near one.
Status Compilation::addGenerators() {
  for (size_t i = 0; i < params_.size(); ++i) {
    artifact::Param &param = params_[i].row;
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
  for (size_t t = 0; t < targets_.size(); ++t)
    renameParameters(*targets_[t], joint_[t]);
  for (const Parameter &parameter : params_)
    manifest.params.push_back(parameter.row);
  static_cast<artifact::TargetProgram &>(manifest) = std::move(targets_[0]->program());
  for (size_t i = 1; i < targets_.size(); ++i)
    manifest.programs.push_back(std::move(targets_[i]->program()));
  if (options_.cuda)
    manifest.requires_.push_back(artifact::kFeatureTargetCuda);
  manifest.modelName = model_.info.name;
  manifest.architecture = model_.info.architecture;
  manifest.generation = generationDefaults(model_);
  manifest.fusions = report_.targets[0].fusions;
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
  return checkFusions();
}

Status Compilation::packParameter(uint32_t index, const ByteSink &sink) {
  const artifact::Param &param = params_[index].row;
  PackJob job;
  job.spec = paramSpecOf(params_[index].op);
  job.quantize = quantizeSpecOf(params_[index].op);
  INGOT_ASSIGN(job.layout, WeightLayout::make(param.format, param.layout, param.shape, param.group,
                                              param.interleave));
  uint64_t total = 0;
  for (const Parameter &each : params_)
    total += each.row.data.bytes;
  return packParam(*model_.weights, job, threads(), [&](std::span<const uint8_t> bytes) {
    packedBytes_ += bytes.size();
    progress_("weights", static_cast<double>(packedBytes_) / static_cast<double>(total));
    return sink(bytes);
  });
}

Status Compilation::knownAnswerStage() {
  return eachTarget(
      [&](TargetBuild &target) { return target.answer(threads(), report_.warnings); });
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
  INGOT_TRY(checkFormats(options_));
  if (!options_.dryRun) // an output that cannot be written is found before the work
    INGOT_TRY(ContainerWriter::create(options_.output).status());
  if (options_.cuda) // so is a tool that is missing
    INGOT_TRY(cuda::checkToolchain(options_.architectures));
  INGOT_TRY(timed("import", &Compilation::importStage));
  INGOT_TRY(timed("passes", &Compilation::passStages));
  INGOT_TRY(timed("plan", &Compilation::planStage));
  INGOT_TRY(timed("code", &Compilation::codegenStage));
  for (const auto &target : targets_)
    report_.targets.push_back(target->report());
  INGOT_TRY(joinParameters());
  if (options_.knownAnswers && !options_.dryRun)
    INGOT_TRY(timed("known answers", &Compilation::knownAnswerStage));
  INGOT_TRY(fillManifest());
  if (options_.dryRun) {
    INGOT_TRY(placeParams(input_.manifest));
    report_.manifest = input_.manifest;
    return std::move(report_);
  }
  INGOT_TRY(timed("weights and file", &Compilation::writeStage));
  return std::move(report_);
}

} // namespace

Result<CompileReport> compileModel(const CompileOptions &options, const Progress &progress) {
  return Compilation(options, progress).run();
}

} // namespace ingot
