// ingot-opt: reads a program, runs passes, prints it; or runs it in the reference evaluator.
//
//   ingot-opt x.mlir --canonicalize              passes and printing, as mlir-opt
//   ingot-opt x.mlir --evaluate [--values]       after the passes: run, check expectations
//   ingot-opt x.mlir --compare-pipeline='...'    run before and after, compare
#include "ir/IngotDialect.h"
#include "ir/reference/Harness.h"
#ifdef INGOT_HAVE_MODELS
#include "models/ImportModel.h"
#include "models/import/Checkpoint.h"
#endif
#ifdef INGOT_HAVE_PASSES
#include "passes/Passes.h"
#endif

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

#include <memory>

using namespace mlir;
namespace cl = llvm::cl;

namespace {

cl::OptionCategory category("Reference evaluation");

cl::opt<bool> evaluateFlag("evaluate", cl::cat(category),
                           cl::desc("Run the program after the passes and check its expectations"));
cl::opt<std::string> comparePipeline(
    "compare-pipeline", cl::cat(category),
    cl::desc("Run the program before and after this pass pipeline and compare the results"));
cl::opt<double> tolerance(
    "tolerance", cl::cat(category), cl::init(0.0),
    cl::desc("Largest difference allowed by --compare-pipeline, as a share of the standard "
             "deviation; 0: bit for bit"));
cl::opt<uint64_t> seed("seed", cl::cat(category), cl::init(1),
                       cl::desc("Seed of weights, inputs and tokens that are not given"));
cl::opt<std::string> tokens("tokens", cl::cat(category),
                            cl::desc("Token ids of the sequences of the batch: \"1,2,3;4,5\""));
cl::opt<int64_t> chunk("chunk", cl::cat(category), cl::init(0),
                       cl::desc("Most tokens per sequence and step (0: all in one step)"));
cl::opt<bool> lastOnly("last-only", cl::cat(category),
                       cl::desc("select_rows takes the last token of each sequence and step only"));
cl::list<std::string> entries("entry", cl::cat(category),
                              cl::desc("Functions to run (default all)"));
cl::opt<bool> values("values", cl::cat(category), cl::desc("Print the values of all results"));
cl::opt<std::string> weightsDirectory("weights", cl::cat(category),
                                      cl::desc("Checkpoint directory for the parameters"));
cl::opt<std::string>
    importDirectory("import", cl::cat(category),
                    cl::desc("Checkpoint directory to take program and weights from"));

int fail(const ingot::Status &status) {
  llvm::errs() << "ingot-opt: " << status.toString() << "\n";
  return status.exitCode();
}

/// A program and, unless seeded ones are wanted, its weights.
struct Input {
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<ingot::WeightSource> weights;
};

#ifdef INGOT_HAVE_MODELS
ingot::Result<Input> importInput(MLIRContext &context) {
  INGOT_ASSIGN(ingot::ImportedModel model, ingot::importModel(importDirectory, {}, context));
  return Input{std::move(model.module), std::move(model.weights)};
}
ingot::Status openWeights(Input &input) {
  INGOT_ASSIGN(input.weights, ingot::Checkpoint::open(weightsDirectory));
  return ingot::Status::ok();
}
#else
ingot::Status noModels() {
  return {ingot::ErrorClass::Config, "models-missing",
          "this ingot-opt was built without importers"};
}
ingot::Result<Input> importInput(MLIRContext &) { return noModels(); }
ingot::Status openWeights(Input &) { return noModels(); }
#endif

ingot::Result<Input> openInput(StringRef file, llvm::SourceMgr &sources, MLIRContext &context) {
  if (!importDirectory.empty())
    return importInput(context);
  Input input;
  input.module = parseSourceFile<ModuleOp>(file, sources, &context);
  if (!input.module)
    return ingot::Status(ingot::ErrorClass::Data, "program-invalid", "see the diagnostics above");
  if (!weightsDirectory.empty())
    INGOT_TRY(openWeights(input));
  return input;
}

ingot::Status runPipeline(ModuleOp module, llvm::function_ref<LogicalResult(PassManager &)> setup) {
  PassManager passes(module->getName());
  if (failed(setup(passes)) || failed(passes.run(module)))
    return {ingot::ErrorClass::Data, "pass-failed", "the pass pipeline failed, see above"};
  return ingot::Status::ok();
}

/// Both "builtin.module(a,b)" and "a,b" are understood.
LogicalResult addComparePipeline(PassManager &passes) {
  std::string text = comparePipeline;
  if (!StringRef(text).starts_with("builtin.module"))
    text = "builtin.module(" + text + ")";
  FailureOr<OpPassManager> parsed = parsePassPipeline(text, llvm::errs());
  if (failed(parsed))
    return failure();
  static_cast<OpPassManager &>(passes) = std::move(*parsed);
  return success();
}

ingot::Result<ingot::reference::RunOptions> runOptions(const Input &input) {
  ingot::reference::RunOptions options;
  options.seed = seed;
  options.chunk = chunk;
  options.returnAll = !lastOnly;
  options.entries.assign(entries.begin(), entries.end());
  options.weights = input.weights.get();
  if (!tokens.empty()) {
    INGOT_ASSIGN(options.sequences, ingot::reference::parseSequences(tokens));
  }
  return options;
}

/// Passes of the command line, then what was asked for.
ingot::Status process(const Input &input) {
  const MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  ModuleOp module = *input.module;
  INGOT_TRY(runPipeline(module, [&](PassManager &pm) { return config.setupPassPipeline(pm); }));
  if (!evaluateFlag && comparePipeline.empty()) {
    module.print(llvm::outs());
    return ingot::Status::ok();
  }
  INGOT_ASSIGN(const auto options, runOptions(input));
  INGOT_ASSIGN(const auto outputs, ingot::reference::runProgram(module, options));
  if (comparePipeline.empty()) {
    ingot::reference::printOutputs(outputs, values, llvm::outs());
    return ingot::reference::checkExpectations(module, outputs, llvm::outs());
  }
  INGOT_TRY(runPipeline(module, addComparePipeline));
  INGOT_ASSIGN(const auto after, ingot::reference::runProgram(module, options));
  return ingot::reference::compareOutputs(outputs, after, tolerance, llvm::outs());
}

int evaluateMain(StringRef inputFile, DialectRegistry &registry) {
  MLIRContext context(registry);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  auto input = openInput(inputFile, sources, context);
  if (!input)
    return fail(input.status());
  const ingot::Status status = process(*input);
  llvm::outs().flush();
  return status.isOk() ? 0 : fail(status);
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  registry.insert<func::FuncDialect, ingot::IngotDialect>();
  registerTransformsPasses();
#ifdef INGOT_HAVE_PASSES
  ingot::registerIngotPasses();
#endif
  const auto [inputFile, outputFile] =
      registerAndParseCLIOptions(argc, argv, "Ingot optimizer and evaluator", registry);
  if (evaluateFlag || !comparePipeline.empty() || !importDirectory.empty())
    return evaluateMain(inputFile, registry);
  return asMainReturnCode(MlirOptMain(argc, argv, inputFile, outputFile, registry));
}
