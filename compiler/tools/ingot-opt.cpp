// ingot-opt: reads a program, runs passes, prints it; or runs it in the reference evaluator.
//
//   ingot-opt x.mlir --canonicalize                        passes and printing, as mlir-opt
//   ingot-opt x.mlir --evaluate [--values]                 after the passes: run, check
//   expectations ingot-opt x.mlir --compare-pipeline='...'              run before and after,
//   compare
#include "ir/IngotDialect.h"
#include "ir/reference/Harness.h"
#ifdef INGOT_HAVE_IMPORT
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

int fail(const ingot::Status &status) {
  llvm::errs() << "ingot-opt: " << status.toString() << "\n";
  return status.exitCode();
}

/// The weights of --weights, or none.
ingot::Result<std::unique_ptr<ingot::WeightSource>> openWeights() {
  if (weightsDirectory.empty())
    return std::unique_ptr<ingot::WeightSource>();
#ifdef INGOT_HAVE_IMPORT
  INGOT_ASSIGN(std::unique_ptr<ingot::WeightSource> checkpoint,
               ingot::Checkpoint::open(weightsDirectory));
  return checkpoint;
#else
  return ingot::Status(ingot::ErrorClass::Config, "weights-unsupported",
                       "this ingot-opt was built without the checkpoint reader");
#endif
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

ingot::Status evaluate(ModuleOp module, const ingot::reference::RunOptions &options) {
  const MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  INGOT_TRY(runPipeline(module, [&](PassManager &pm) { return config.setupPassPipeline(pm); }));
  INGOT_ASSIGN(const auto outputs, ingot::reference::runProgram(module, options));
  if (!comparePipeline.empty()) {
    INGOT_TRY(runPipeline(module, addComparePipeline));
    INGOT_ASSIGN(const auto after, ingot::reference::runProgram(module, options));
    return ingot::reference::compareOutputs(outputs, after, tolerance, llvm::outs());
  }
  ingot::reference::printOutputs(outputs, values, llvm::outs());
  return ingot::reference::checkExpectations(module, outputs, llvm::outs());
}

int evaluateMain(StringRef inputFile, DialectRegistry &registry) {
  ingot::reference::RunOptions options;
  options.seed = seed;
  options.chunk = chunk;
  options.returnAll = !lastOnly;
  options.entries.assign(entries.begin(), entries.end());
  if (!tokens.empty()) {
    auto sequences = ingot::reference::parseSequences(tokens);
    if (!sequences)
      return fail(sequences.status());
    options.sequences = *std::move(sequences);
  }
  auto weights = openWeights();
  if (!weights)
    return fail(weights.status());
  options.weights = weights->get();

  MLIRContext context(registry);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(inputFile, sources, &context);
  if (!module)
    return static_cast<int>(ingot::ErrorClass::Data);
  const ingot::Status status = evaluate(*module, options);
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
  if (evaluateFlag || !comparePipeline.empty())
    return evaluateMain(inputFile, registry);
  return asMainReturnCode(MlirOptMain(argc, argv, inputFile, outputFile, registry));
}
