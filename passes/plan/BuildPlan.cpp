#include "passes/plan/BuildPlan.h"

#include "passes/plan/ScheduleBuilder.h"
#include "runtime/artifact/KernelAbi.h"
#include "runtime/artifact/ManifestRules.h"
#include "runtime/base/CheckedMath.h"
#include "runtime/base/Format.h"

#include <algorithm>
#include <limits>

using namespace mlir;

namespace ingot {

static Status badProgram(std::string why) {
  return Status(ErrorClass::Internal, "plan-program", std::move(why));
}

static Status checkOptions(const PlanOptions &o) {
  if (o.maxTokens == 0 || o.maxSequences == 0 || o.maxContext == 0)
    return Status(
        ErrorClass::Usage, "plan-limits",
        format("%u tokens per step, %u sequences, %u tokens of context; each must be at least 1",
               o.maxTokens, o.maxSequences, o.maxContext));
  return Status::ok();
}

/// The row of the KV table for a cache type.
static Result<artifact::KvGroup> kvGroupOf(KvType type, const PlanOptions &options,
                                           CodeTarget target) {
  if (type.getKeyDim() != type.getValueDim())
    return Status(
        ErrorClass::Config, "plan-program",
        format("KV group %lld has keys of %lld and values of %lld columns; the cache format "
               "needs equal widths",
               static_cast<long long>(type.getGroup()), static_cast<long long>(type.getKeyDim()),
               static_cast<long long>(type.getValueDim())));
  if (type.getBlockTokens() != options.blockTokens)
    return Status(ErrorClass::Usage, "plan-limits",
                  format("the program's caches have blocks of %lld positions, the plan asks for %u",
                         static_cast<long long>(type.getBlockTokens()), options.blockTokens));
  artifact::KvGroup group;
  group.kind = "full";
  group.layers = static_cast<uint32_t>(type.getLayers());
  group.heads = static_cast<uint32_t>(type.getHeads());
  group.keyDim = group.valueDim = static_cast<uint32_t>(type.getKeyDim());
  if (target != CodeTarget::Cuda && type.getFormat() != KvFormat::bf16)
    return Status(ErrorClass::Config, "kv-format",
                  format("the kernels of target cpu read a bf16 cache, the program has %s; leave "
                         "--kv-format out, or compile for cuda alone",
                         stringifyKvFormat(type.getFormat()).str().c_str()));
  group.format = target == CodeTarget::Cuda
                     ? artifact::kKvFormatsOfRows[static_cast<size_t>(type.getFormat())]
                     : artifact::kKvFormatTiles;
  group.blockTokens = options.blockTokens;
  group.blockBytes = artifact::kvBlockBytes(group);
  return group;
}

/// Groups by index, from the arguments of the first entry; the others must agree.
static Status addKvGroups(MutableArrayRef<func::FuncOp> entries, const PlanOptions &options,
                          artifact::Plan &plan) {
  SmallVector<Type> caches;
  for (func::FuncOp entry : entries) {
    SmallVector<Type> own;
    llvm::copy_if(entry.getArgumentTypes(), std::back_inserter(own), llvm::IsaPred<KvType>);
    if (entry == entries.front())
      caches = own;
    if (own != caches)
      return badProgram(format("entry %s takes other caches than entry %s",
                               entry.getName().str().c_str(), entries[0].getName().str().c_str()));
  }
  for (Type cache : caches) {
    auto type = cast<KvType>(cache);
    if (type.getGroup() != static_cast<int64_t>(plan.kvGroups.size()))
      return badProgram("KV groups must be numbered 0, 1, ... in the order of the arguments");
    INGOT_ASSIGN(artifact::KvGroup group, kvGroupOf(type, options, targetOf(entries.front())));
    plan.kvGroups.push_back(std::move(group));
  }
  return Status::ok();
}

/// Buffers 0, 1, ...: the logits of the returned rows, their argmax, and the ids drawn from them
/// where a device does so.
static Status addOutputs(MutableArrayRef<func::FuncOp> entries, PlanTables &tables,
                         artifact::Plan &plan) {
  for (func::FuncOp entry : entries) {
    const int output = outputResultOf(entry);
    if (output < 0 || outputOf(entry) != artifact::StepOutput::Logits)
      continue;
    plan.vocab =
        static_cast<uint32_t>(cast<RankedTensorType>(entry.getResultTypes()[output]).getDimSize(1));
    artifact::Buffer buffer{"logits", artifact::BufferKind::Io, artifact::Symbol::ReturnedRows,
                            abi::f32RowBytes(plan.vocab)};
    plan.logitsBuffer = tables.buffer(buffer);
    buffer.name = "argmax";
    buffer.rowBytes = abi::kIndexRowBytes;
    plan.argmaxBuffer = tables.buffer(buffer);
    if (llvm::any_of(entries, [](func::FuncOp other) {
          return outputOf(other) == artifact::StepOutput::Sampled;
        })) {
      buffer.name = "sampled";
      plan.sampledBuffer = tables.buffer(buffer);
    }
    return Status::ok();
  }
  return badProgram("no entry returns logits");
}

static bool isFast(ModuleOp module) { return module->hasAttr(kProfileAttr); }

/// All schedules must carry one signature: that of the plan, with its text. In profile fast those
/// of a bucket do (the checks of the manifest), and the plan has that of the first.
static Status setSignature(ModuleOp module, artifact::Plan &plan) {
  plan.signature = plan.schedules.front().signature;
  for (const artifact::Schedule &schedule : plan.schedules)
    if (schedule.signature != plan.signature && !isFast(module))
      return badProgram(
          format("schedule %s computes other numbers than schedule %s: signatures %016llx "
                 "and %016llx",
                 schedule.name.c_str(), plan.schedules.front().name.c_str(),
                 static_cast<unsigned long long>(schedule.signature),
                 static_cast<unsigned long long>(plan.signature)));
  const std::string hex = format("0x%016llx", static_cast<unsigned long long>(plan.signature));
  if (auto texts = module->getAttrOfType<DictionaryAttr>(kNumericsAttr))
    if (auto text = texts.getAs<StringAttr>(hex))
      plan.signatureText = text.getValue().str();
  return Status::ok();
}

/// Host tables of a step: ten u32 per token, a row index per returned row, the block tables.
static uint64_t hostTableBytes(const PlanOptions &o) {
  const uint64_t blocks = ceilDiv(o.maxContext, o.blockTokens);
  return 4 * (10 * uint64_t(o.maxTokens) + o.maxTokens + o.maxSequences * blocks);
}

static artifact::MemoryContract contractOf(const PlanResult &result, const PlanOptions &options) {
  artifact::MemoryContract memory;
  for (const artifact::Param &param : result.params)
    memory.weightsBytes += param.data.bytes;
  memory.logitsBytes =
      abi::f32RowBytes(result.plan.vocab) * std::min(options.maxSequences, options.maxTokens);
  memory.hostTableBytes = hostTableBytes(options);
  for (const artifact::KvGroup &group : result.plan.kvGroups)
    memory.kvBlockBytes += group.blockBytes;
  memory.maxBatchTokens = options.maxTokens;
  memory.maxSequences = options.maxSequences;
  memory.maxContext = options.maxContext;
  return memory;
}

/// The runtime's own rules, so that no artifact is written that it would refuse.
static Status checkResult(ModuleOp module, const PlanResult &result) {
  artifact::Manifest manifest;
  manifest.target = targetOf(module) == CodeTarget::Cuda ? "cuda" : "cpu";
  manifest.profile = result.profile;
  manifest.plan = result.plan;
  manifest.params = result.params;
  manifest.kernels = result.kernels;
  manifest.memory = result.memory;
  INGOT_TRY(checkKvGroups(manifest));
  INGOT_TRY(checkBuffers(manifest));
  return checkSchedules(manifest);
}

/// Schedules of the entries that are probes, or of those that are not.
static Status addSchedules(ArrayRef<func::FuncOp> entries, bool probe, const PlanOptions &options,
                           PlanTables &tables, PlanResult &result) {
  const size_t kernels = result.kernels.size(), params = result.params.size();
  std::vector<artifact::Schedule> &list = probe ? result.probes : result.plan.schedules;
  for (func::FuncOp entry : entries) {
    if (entry->hasAttr(kProbeAttr) != probe)
      continue;
    INGOT_ASSIGN(artifact::Schedule schedule,
                 ScheduleBuilder(entry, options, tables, result.plan).build());
    list.push_back(std::move(schedule));
  }
  if (probe && (result.kernels.size() != kernels || result.params.size() != params))
    return badProgram(format("the probes bring %zu kernels and %zu parameters of their own; they "
                             "must be cut out of the finished entries",
                             result.kernels.size() - kernels, result.params.size() - params));
  return Status::ok();
}

Result<PlanResult> buildPlan(ModuleOp module, const PlanOptions &options) {
  INGOT_TRY(checkOptions(options));
  SmallVector<func::FuncOp> entries = entriesOf(module);
  if (entries.empty())
    return badProgram("the module has no entry: no function takes !ingot.batch");
  PlanResult result;
  PlanTables tables(result);
  INGOT_TRY(addKvGroups(entries, options, result.plan));
  INGOT_TRY(addOutputs(entries, tables, result.plan));
  for (const bool probe : {false, true}) // the model's schedules first: they fill the tables
    INGOT_TRY(addSchedules(entries, probe, options, tables, result));
  result.memory = contractOf(result, options);
  for (std::vector<artifact::Schedule> *list : {&result.plan.schedules, &result.probes})
    for (artifact::Schedule &schedule : *list) {
      placeBuffers(schedule, result.plan, result.memory);
      result.memory.arenaBytes = std::max(result.memory.arenaBytes, schedule.arenaBytes);
    }
  if (isFast(module))
    result.profile = artifact::kProfileFast;
  INGOT_TRY(setSignature(module, result.plan));
  INGOT_TRY(checkResult(module, result));
  return result;
}

} // namespace ingot
