#include "passes/plan/ScheduleBuilder.h"

#include "passes/plan/Arena.h"
#include "runtime/artifact/KernelAbi.h"
#include "runtime/base/Format.h"

#include <algorithm>

using namespace mlir;

namespace ingot {

using artifact::Arg;
using artifact::ArgKind;
using artifact::Buffer;
using artifact::BufferKind;
using artifact::Launch;
using artifact::StepOutput;
using artifact::Symbol;

static const char *familyName(KernelFamily family) {
  switch (family) {
  case KernelFamily::Matmul:
    return "matmul";
  case KernelFamily::Attention:
    return "attention";
  case KernelFamily::Rowwise:
    break;
  }
  return "rowwise";
}

/// Items of a launch: rows, panels (fixed), or attention items times KV heads.
static artifact::Extent itemsOf(const KernelSpec &spec) {
  const uint64_t factor = static_cast<uint64_t>(spec.itemsPerRow);
  switch (spec.items) {
  case ItemSpace::TokenRows:
    return {0, {{Symbol::Tokens, 1, 1}}};
  case ItemSpace::ReturnedRows:
    return {0, {{Symbol::ReturnedRows, 1, 1}}};
  case ItemSpace::Panels:
    return {factor, {}};
  case ItemSpace::AttentionHeads:
    return {0, {{Symbol::AttentionItems, factor, 1}}};
  }
  return {};
}

/// Row strides of the buffers that hold a row tensor: one, or int8 rows and their scales.
static std::vector<uint64_t> rowStrides(RankedTensorType type) {
  const auto columns = static_cast<uint64_t>(type.getDimSize(1));
  Type element = type.getElementType();
  if (auto act = dyn_cast<QActType>(element))
    return {abi::int8RowBytes(columns),
            act.isRowScaled() ? abi::kRowScaleBytes : abi::actMetaRowBytes(columns)};
  if (element.isF32())
    return {abi::f32RowBytes(columns)};
  if (element.isBF16() || element.isF16())
    return {abi::bf16RowBytes(columns)};
  if (element.isInteger(64))
    return {abi::argmaxPartialRowBytes(columns)};
  if (element.isInteger(32))
    return {abi::kIndexRowBytes * columns};
  return {};
}

/// The layer that the ops of `fused` read or write through its operand `index`; -1: none or
/// several.
static int64_t layerOfCache(FusedOp fused, unsigned index) {
  int64_t layer = -1;
  for (Operation *user : fused.getBody().getArgument(index).getUsers()) {
    auto attribute = user->getAttrOfType<IntegerAttr>("layer");
    if (!attribute || (layer >= 0 && layer != attribute.getInt()))
      return -1;
    layer = attribute.getInt();
  }
  return layer;
}

artifact::StepOutput outputOf(func::FuncOp entry) {
  auto mark = entry->getAttrOfType<StringAttr>(kOutputAttr);
  for (const StepOutput output : {StepOutput::Argmax, StepOutput::Sampled})
    if (mark && mark.getValue() == artifact::nameOf(output))
      return output;
  return StepOutput::Logits;
}

Status ScheduleBuilder::fail(Operation *op, const std::string &why) {
  std::string where = op->getName().getStringRef().str();
  if (auto fused = dyn_cast<FusedOp>(op))
    where = "\"" + fused.getName().str() + "\" at " + fused.getLabel().str();
  return Status(
      ErrorClass::Internal, "plan-program",
      format("entry %s, %s: %s", entry_.getName().str().c_str(), where.c_str(), why.c_str()));
}

std::string ScheduleBuilder::uniqueName(std::string name) {
  const unsigned count = names_[name]++;
  return count == 0 ? name : name + ":" + std::to_string(count);
}

/// Whether the region draws tokens: its rows of logits are its working memory, too.
static bool draws(Operation *op) {
  auto fused = dyn_cast<FusedOp>(op);
  return fused && !fused.getBody().front().getOps<SampleOp>().empty();
}

/// Buffers of a result: what the entry returns lives in an io buffer, and so do logits that stay on
/// the device, which are too large for the arena; all else in the arena.
Result<std::vector<uint32_t>> ScheduleBuilder::buffersFor(FusedOp fused, unsigned index) {
  Value result = fused.getResult(index);
  auto type = cast<RankedTensorType>(result.getType());
  const bool returned = llvm::any_of(result.getUsers(), llvm::IsaPred<func::ReturnOp>);
  if (returned || llvm::any_of(result.getUsers(), draws)) {
    const uint32_t output = returned ? plan_.outputBuffer(schedule_.output) : plan_.logitsBuffer;
    const std::vector<uint64_t> strides = rowStrides(type);
    if (strides.size() != 1 || strides[0] != plan_.buffers[output].rowBytes ||
        rowSpaceOf(type) != RowSpace::returned)
      return fail(fused, format("makes rows of another shape than buffer \"%s\"",
                                plan_.buffers[output].name.c_str()));
    return std::vector<uint32_t>{output};
  }
  Buffer buffer;
  buffer.rows = rowSpaceOf(type) == RowSpace::returned ? Symbol::ReturnedRows : Symbol::Tokens;
  std::string name = fused.getLabel().str() + "/" + fused.getName().str();
  if (fused.getNumResults() > 1)
    name += "#" + std::to_string(index);
  name = uniqueName(name);
  std::vector<uint32_t> indices;
  const std::vector<uint64_t> strides = rowStrides(type);
  for (size_t i = 0; i < strides.size(); ++i) {
    buffer.name = strides.size() == 1 ? name : name + (i == 0 ? ".int8" : ".scales");
    buffer.rowBytes = strides[i];
    indices.push_back(tables_.buffer(buffer));
  }
  if (indices.empty())
    return fail(fused, "has a result whose rows have no layout");
  return indices;
}

Status ScheduleBuilder::addOperand(FusedOp fused, unsigned index, Launch &launch) {
  Value operand = fused.getInputs()[index];
  if (isa<BatchType>(operand.getType()))
    return Status::ok(); // slot 0
  if (auto kv = dyn_cast<KvType>(operand.getType())) {
    const int64_t layer = layerOfCache(fused, index);
    if (layer < 0)
      return fail(fused, "needs exactly one layer of each cache operand");
    launch.args.push_back(
        {ArgKind::Kv, static_cast<uint32_t>(kv.getGroup()), static_cast<uint64_t>(layer)});
    return Status::ok();
  }
  if (auto param = operand.getDefiningOp<ParamOp>()) {
    INGOT_ASSIGN(const uint32_t number, tables_.param(param));
    launch.args.push_back({ArgKind::Param, number, 0});
    return Status::ok();
  }
  auto known = buffers_.find(operand);
  if (known == buffers_.end())
    return fail(fused, "has an operand that no launch writes");
  for (uint32_t buffer : known->second) {
    launch.args.push_back({ArgKind::Buffer, buffer, 0});
    if (llvm::find(launch.reads, buffer) == launch.reads.end())
      launch.reads.push_back(buffer);
  }
  return Status::ok();
}

Status ScheduleBuilder::addResult(FusedOp fused, unsigned index, Launch &launch) {
  if (!isa<RankedTensorType>(fused.getResult(index).getType()))
    return Status::ok(); // the pool is updated in place
  INGOT_ASSIGN(std::vector<uint32_t> indices, buffersFor(fused, index));
  for (uint32_t buffer : indices) {
    launch.args.push_back({ArgKind::Buffer, buffer, 0});
    launch.writes.push_back(buffer);
  }
  buffers_[fused.getResult(index)] = std::move(indices);
  return Status::ok();
}

/// Launches of target cuda start before those ahead of them have ended, and each waits for them
/// itself; but where a step returns no rows, a matmul over returned rows leaves at once and waits
/// for nobody. Whoever stands behind it then may run while its predecessors still write: that is
/// safe for launches that have no rows either, and for no others.
Status ScheduleBuilder::checkRowSpaces(FusedOp fused, RowSpace rows) {
  if (targetOf(fused) != CodeTarget::Cuda)
    return Status::ok();
  if (rows == RowSpace::returned && afterSelection_.empty())
    afterSelection_ = fused.getLabel().str();
  if (rows == RowSpace::returned || afterSelection_.empty())
    return Status::ok();
  return fail(fused, format("works on all tokens behind \"%s\", which works on the returned rows; "
                            "where a step returns none, it would not wait for earlier launches",
                            afterSelection_.c_str()));
}

Status ScheduleBuilder::addLaunch(FusedOp fused) {
  std::string reason;
  FailureOr<KernelSpec> spec = readKernelSpec(fused, reason);
  if (failed(spec))
    return fail(fused, reason);
  INGOT_TRY(checkRowSpaces(fused, spec->rows));
  Launch launch;
  launch.kernel = tables_.kernel(fused, familyName(spec->family));
  launch.items = itemsOf(*spec);
  launch.label = fused.getLabel().str();
  launch.args.push_back({ArgKind::Batch, 0, 0});
  for (unsigned i = 0; i < fused.getInputs().size(); ++i)
    INGOT_TRY(addOperand(fused, i, launch));
  for (unsigned i = 0; i < fused.getNumResults(); ++i)
    INGOT_TRY(addResult(fused, i, launch));
  if (draws(fused))
    launch.writes.insert(launch.writes.end(), launch.reads.begin(), launch.reads.end());
  schedule_.launches.push_back(std::move(launch));
  return Status::ok();
}

/// Name, output and bounds from the entry's marks.
Status ScheduleBuilder::setHead() {
  auto text = [&](const char *name, StringRef otherwise) {
    auto attribute = entry_->getAttrOfType<StringAttr>(name);
    return attribute ? attribute.getValue().str() : otherwise.str();
  };
  schedule_.output = outputOf(entry_);
  schedule_.name = text(kBucketAttr, "all");
  if (schedule_.output != StepOutput::Logits)
    schedule_.name += std::string("_") + artifact::nameOf(schedule_.output);
  schedule_.maxTokens = options_.maxTokens;
  if (auto bound = entry_->getAttrOfType<IntegerAttr>(kMaxTokensAttr))
    schedule_.maxTokens =
        static_cast<uint32_t>(std::min<int64_t>(bound.getInt(), options_.maxTokens));
  const std::string signature = text(kSignatureAttr, "");
  if (StringRef(signature).getAsInteger(0, schedule_.signature))
    return Status(ErrorClass::Internal, "plan-program",
                  format("entry %s has no numerics signature; run ingot-fix-numerics",
                         entry_.getName().str().c_str()));
  return Status::ok();
}

Result<artifact::Schedule> ScheduleBuilder::build() {
  INGOT_TRY(setHead());
  for (Operation &op : entry_.getBody().front().without_terminator()) {
    if (isa<ParamOp>(op))
      continue;
    auto fused = dyn_cast<FusedOp>(op);
    if (!fused)
      return fail(&op, "is not part of a kernel; run ingot-outline");
    INGOT_TRY(addLaunch(fused));
  }
  return std::move(schedule_);
}

void placeBuffers(artifact::Schedule &schedule, const artifact::Plan &plan,
                  const artifact::MemoryContract &memory) {
  constexpr size_t kUnused = ~size_t(0);
  const artifact::SymbolValues bounds = symbolBounds(schedule, memory);
  std::vector<size_t> requestOf(plan.buffers.size(), kUnused);
  std::vector<ArenaRequest> requests;
  for (size_t i = 0; i < schedule.launches.size(); ++i) {
    const Launch &launch = schedule.launches[i];
    for (const std::vector<uint32_t> *list : {&launch.writes, &launch.reads})
      for (uint32_t index : *list) {
        const Buffer &buffer = plan.buffers[index];
        if (buffer.kind != BufferKind::Arena)
          continue;
        if (requestOf[index] == kUnused) {
          requestOf[index] = requests.size();
          requests.push_back({bounds.of(buffer.rows) * buffer.rowBytes, buffer.align, i, i});
        }
        requests[requestOf[index]].last = i;
      }
  }
  const ArenaPlan arena = placeInArena(requests);
  schedule.arenaBytes = arena.bytes;
  schedule.offsets.assign(plan.buffers.size(), artifact::kUnusedBuffer);
  for (size_t i = 0; i < requestOf.size(); ++i)
    if (requestOf[i] != kUnused)
      schedule.offsets[i] = arena.offsets[requestOf[i]];
}

} // namespace ingot
