#include "codegen/cpu/ObjectEmitter.h"

#include "codegen/cpu/KernelBuilderImpl.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/CodeGen/CodeGenTargetMachineImpl.h"
#include "llvm/CodeGen/MachineModuleInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Operator.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

#include <mutex>

namespace ingot::cpu {

namespace {

Status internalError(const char *id, const std::string &kernel, const std::string &what) {
  return Status(ErrorClass::Internal, id,
                "kernel " + kernel + ": " + what + "; this is a bug of Ingot, please report it");
}

llvm::StringRef ref(std::string_view text) { return {text.data(), text.size()}; }

Result<std::unique_ptr<llvm::TargetMachine>> createMachine(const IsaInfo &isa) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  const llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return internalError("llvm-target-missing", "-", error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict; // fma only where it is written
  options.MCOptions.AsmVerbose = true;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, ref(isa.targetCpu), ref(isa.targetFeatures), options, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

Status lowerToLlvmDialect(KernelBuilder &builder) {
  mlir::ModuleOp module = *builder.impl().module;
  if (failed(mlir::verify(module)))
    return internalError("kernel-ir-invalid", builder.kernelName(),
                         "the emitted IR does not verify");
  mlir::PassManager passes(&builder.impl().context);
  passes.enableVerifier(true);
  passes.addPass(mlir::createConvertVectorToLLVMPass());
  passes.addPass(mlir::createSCFToControlFlowPass());
  passes.addPass(mlir::createArithToLLVMConversionPass());
  passes.addPass(mlir::createConvertControlFlowToLLVMPass());
  passes.addPass(mlir::createConvertFuncToLLVMPass());
  passes.addPass(mlir::createReconcileUnrealizedCastsPass());
  if (failed(passes.run(module)))
    return internalError("kernel-lowering-failed", builder.kernelName(),
                         "lowering to the LLVM dialect failed");
  return Status::ok();
}

/// Attributes that make code import-free, wide and deterministic.
void setFunctionAttributes(llvm::Module &module, const IsaInfo &isa, const std::string &exported) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", ref(isa.targetCpu));
    if (!isa.targetFeatures.empty())
      function.addFnAttr("target-features", ref(isa.targetFeatures));
    if (isa.avx512)
      function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr("no-builtins"); // else loops become calls of memset and memcpy
    function.addFnAttr("denormal-fp-math", "preserve-sign,preserve-sign"); // FTZ and DAZ are set
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (function.getName() == exported)
      continue;
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    function.addFnAttr(llvm::Attribute::NoInline);
  }
}

/// No pass may have added a licence to change bits.
bool hasFastMath(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::Instruction &instruction : llvm::instructions(function))
      if (auto *op = llvm::dyn_cast<llvm::FPMathOperator>(&instruction))
        if (op->hasAllowReassoc() || op->hasAllowReciprocal() || op->hasAllowContract() ||
            op->hasApproxFunc() || op->hasNoInfs() || op->hasNoNaNs())
          return true;
  return false;
}

/// Loops are already written in vectors, unrolled where it pays, in an order that fits the
/// registers: LLVM only cleans up. In particular `reassociate` is left out, which would rebuild
/// chains of integer adds into trees that do not fit.
constexpr const char *kPipeline =
    "function(simplifycfg,early-cse<memssa>,instcombine,loop-simplify,lcssa,"
    "loop-mssa(loop-rotate,licm<allowspeculation>),simplifycfg,early-cse<memssa>,instcombine,adce),"
    "globaldce";

Status optimise(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  llvm::ModulePassManager passes;
  if (llvm::Error error = builder.parsePassPipeline(passes, kPipeline))
    return internalError("llvm-pipeline", "-", llvm::toString(std::move(error)));
  passes.run(module, modules);
  return Status::ok();
}

/// TargetMachine::addPassesToEmitFile without the machine combiner: it rebuilds chains of adds into
/// trees, and the register allocator pays with spills in the inner loop.
Result<std::string> machineCode(llvm::Module &module, llvm::TargetMachine &generic,
                                llvm::CodeGenFileType fileType, const std::string &kernel) {
  auto &machine = static_cast<llvm::CodeGenTargetMachineImpl &>(generic);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  auto *machineModules = new llvm::MachineModuleInfoWrapperPass(&machine); // owned by passes
  llvm::TargetPassConfig *config = machine.createPassConfig(passes);
  config->setDisableVerify(true);
  config->disablePass(&llvm::MachineCombinerID);
  passes.add(config);
  passes.add(machineModules);
  if (config->addISelPasses())
    return internalError("kernel-emission-failed", kernel, "no machine code came out");
  config->addMachinePasses();
  config->setInitialized();
  if (machine.addAsmPrinter(passes, stream, nullptr, fileType,
                            machineModules->getMMI().getContext()))
    return internalError("kernel-emission-failed", kernel, "no machine code came out");
  passes.add(llvm::createFreeMachineFunctionPass());
  passes.run(module);
  return std::string(bytes.begin(), bytes.end());
}

std::string textOf(llvm::Module &module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, nullptr);
  return text;
}

} // namespace

Result<std::string> emitKernel(KernelBuilder &builder, EmitKind kind) {
  if (kind == EmitKind::Mlir) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    builder.impl().module->print(stream);
    return text;
  }
  INGOT_ASSIGN(auto machine, createMachine(builder.isa()));
  mlir::DialectRegistry registry;
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  builder.impl().context.appendDialectRegistry(registry);
  INGOT_TRY(lowerToLlvmDialect(builder));

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      mlir::translateModuleToLLVMIR(*builder.impl().module, context, "ingot");
  if (!module)
    return internalError("kernel-translation-failed", builder.kernelName(), "no LLVM IR came out");
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  setFunctionAttributes(*module, builder.isa(), builder.kernelName());
  INGOT_TRY(optimise(*module, *machine));
  if (hasFastMath(*module))
    return internalError("kernel-fast-math", builder.kernelName(), "a fast-math flag in its IR");
  if (kind == EmitKind::LlvmIr)
    return textOf(*module);

  const auto fileType = kind == EmitKind::Object ? llvm::CodeGenFileType::ObjectFile
                                                 : llvm::CodeGenFileType::AssemblyFile;
  return machineCode(*module, *machine, fileType, builder.kernelName());
}

} // namespace ingot::cpu
