#include "runtime/device/CudaGraph.h"

#include "runtime/device/CudaTensorMap.h"

#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot::cuda {
namespace {

/// Limits of a grid that every GPU has.
constexpr uint64_t kMaxGridX = 0x7fffffff, kMaxGridY = 65535;

constexpr uint64_t ceilDiv(uint64_t value, uint64_t by) { return (value + by - 1) / by; }

/// The driver takes a run of bytes as a block with one row.
CopyParams oneRow(uint64_t bytes) {
  CopyParams params;
  params.widthBytes = params.srcPitch = params.dstPitch = bytes;
  return params;
}

CopyParams toDevice(StepMemory &memory, uint32_t slot, uint64_t bytes) {
  CopyParams params = oneRow(bytes);
  params.srcType = kMemoryHost;
  params.srcHost = memory.host(slot);
  params.dstType = kMemoryDevice;
  params.dstDevice = memory.address();
  return params;
}

CopyParams toHost(StepMemory &memory, uint32_t slot, uint64_t bytes) {
  CopyParams params = oneRow(bytes);
  params.srcType = kMemoryDevice;
  params.srcDevice = memory.address();
  params.dstType = kMemoryHost;
  params.dstHost = memory.host(slot);
  return params;
}

Status refused(std::string message) {
  return {ErrorClass::Data, "cuda-program", std::move(message) + "; compile the artifact again"};
}

std::string launchName(const Program &program, const Command &command) {
  return format("schedule %s, launch %s", std::string(program.name).c_str(),
                std::string(command.label).c_str());
}

} // namespace

std::optional<Grid> gridOf(const artifact::LevelShape &kernel, uint64_t items, uint64_t tokens,
                           uint32_t multiprocessors) {
  constexpr uint64_t kMost = uint64_t(1) << 31; // keeps the product below 2^64
  if (items > kMost || kernel.itemsPerBlock == 0)
    return std::nullopt;
  const uint64_t x =
      std::max<uint64_t>(1, ceilDiv(items * kernel.blocksPerItem, kernel.itemsPerBlock));
  const uint64_t y = kernel.tokensPerBlock == 0
                         ? 1
                         : std::max<uint64_t>(1, ceilDiv(tokens, kernel.tokensPerBlock));
  if (x > kMaxGridX || y > kMaxGridY)
    return std::nullopt;
  if (kernel.persistent)
    return Grid{static_cast<uint32_t>(std::min<uint64_t>(x * y, std::max(1u, multiprocessors)))};
  return Grid{static_cast<uint32_t>(x), static_cast<uint32_t>(y)};
}

Result<std::shared_ptr<GraphProgram>> GraphProgram::create(const SharedContext &context,
                                                           const Program &program,
                                                           std::span<const LoadedKernel> kernels,
                                                           uint64_t scratch, Stream stream) {
  std::shared_ptr<GraphProgram> made(new GraphProgram(context));
  INGOT_TRY(context->makeCurrent());
  INGOT_TRY(context->check(context->calls().graphCreate(&made->graph_, 0), "making a graph"));
  INGOT_TRY(made->addTables(program));
  INGOT_TRY(made->addKernels(program, kernels, scratch));
  INGOT_TRY(made->addResults(program));
  INGOT_TRY(made->connect());
  INGOT_TRY(made->instantiate(program, stream));
  return made;
}

GraphProgram::~GraphProgram() {
  if (!context_->makeCurrent().isOk())
    return;
  if (exec_)
    context_->calls().graphExecDestroy(exec_);
  if (graph_)
    context_->calls().graphDestroy(graph_);
}

Status GraphProgram::addCopy(CopyNode &copy, const CopyParams &params, std::string_view what) {
  INGOT_TRY(context_->check(
      context_->calls().graphAddCopy(&copy.node, graph_, nullptr, 0, &params, context_->handle()),
      what));
  copy.slot = 0;
  copy.bytes = params.widthBytes;
  nodes_.push_back(copy.node);
  return Status::ok();
}

Status GraphProgram::addTables(const Program &program) {
  if (!program.tables)
    return Status::ok();
  return addCopy(tables_, toDevice(*program.tables, 0, program.tables->bytes()),
                 "adding the copy of the tables");
}

Status GraphProgram::addKernels(const Program &program, std::span<const LoadedKernel> kernels,
                                uint64_t scratch) {
  firstKernel_ = nodes_.size();
  kernels_ = program.commands.size();
  for (size_t i = 0; i < program.commands.size(); ++i) {
    const uint32_t kernel = program.commands[i].kernel;
    if (kernel >= kernels.size())
      return refused(format("%s calls kernel %u of %zu",
                            launchName(program, program.commands[i]).c_str(), kernel,
                            kernels.size()));
    INGOT_TRY(addKernel(program, i, kernels[kernel], scratch));
  }
  return Status::ok();
}

Status GraphProgram::addKernel(const Program &program, size_t index, const LoadedKernel &kernel,
                               uint64_t scratch) {
  const Command &command = program.commands[index];
  const size_t end = index + 1 < program.commands.size() ? program.commands[index + 1].firstArg
                                                         : program.args.size();
  uint64_t slots[abi::kMaxSlots] = {};
  const size_t count = end - command.firstArg;
  const size_t taken = count + (kernel.info->scratchBytes ? 1 : 0);
  if (taken > abi::kMaxSlots)
    return refused(format("%s has %zu arguments; a kernel takes %d",
                          launchName(program, command).c_str(), taken, abi::kMaxSlots));
  std::copy_n(program.args.begin() + command.firstArg, count, slots);
  if (kernel.info->scratchBytes)
    slots[count] = scratch - kernel.info->counterBytes;

  const std::optional<uint64_t> items = artifact::evaluate(*command.items, program.bounds);
  const auto multiprocessors = static_cast<uint32_t>(context_->gpu().multiprocessors);
  const std::optional<Grid> grid =
      items ? gridOf(kernel.shape, *items, program.bounds.tokens, multiprocessors) : std::nullopt;
  if (!grid)
    return refused(format("%s: %llu items at %llu tokens make a grid that no GPU has",
                          launchName(program, command).c_str(),
                          static_cast<unsigned long long>(items.value_or(~uint64_t(0))),
                          static_cast<unsigned long long>(program.bounds.tokens)));
  TensorMapBytes maps[abi::kMaxTensorMaps];
  INGOT_TRY(encodeMaps(program, command, kernel, {slots, count}, maps));
  KernelNodeParams params;
  params.function = kernel.function;
  params.gridX = grid->x;
  params.gridY = grid->y;
  params.blockX = kernel.shape.threads;
  params.sharedBytes = kernel.shape.sharedBytes;
  void *arguments[] = {slots, maps}; // copied by the driver, as many as the kernel has
  params.params = arguments;
  Node node = nullptr;
  INGOT_TRY(context_->check(context_->calls().graphAddKernel(&node, graph_, nullptr, 0, &params),
                            format("adding kernel %s for %s", kernel.info->name.c_str(),
                                   launchName(program, command).c_str())));
  nodes_.push_back(node);
  return Status::ok();
}

/// The kernel's views of its arguments' memory, rows as many as no step of the program has more.
Status GraphProgram::encodeMaps(const Program &program, const Command &command,
                                const LoadedKernel &kernel, std::span<const uint64_t> slots,
                                std::span<TensorMapBytes> maps) {
  for (size_t i = 0; i < kernel.shape.maps.size(); ++i) {
    const artifact::TensorMap &map = kernel.shape.maps[i];
    const std::optional<uint64_t> rows = artifact::evaluate(map.rows, program.bounds);
    if (map.slot >= slots.size() || !rows || *rows == 0)
      return refused(format("%s: tensor map %zu has %llu rows of argument %u of %zu",
                            launchName(program, command).c_str(), i, ull(rows.value_or(0)),
                            map.slot, slots.size()));
    INGOT_ASSIGN(maps[i], encodeTensorMap(*context_, map, slots[map.slot], *rows,
                                          launchName(program, command)));
  }
  return Status::ok();
}

Status GraphProgram::addResults(const Program &program) {
  if (!program.results)
    return Status::ok();
  return addCopy(results_, toHost(*program.results, 0, program.results->bytes()),
                 "adding the copy of the results");
}

/// One after the other. Between kernels the next may be set up before the one in front has ended:
/// it waits itself before it touches what others write.
Status GraphProgram::connect() {
  if (nodes_.size() < 2)
    return Status::ok();
  const size_t edges = nodes_.size() - 1;
  const Gpu &gpu = context_->gpu();
  const bool early = gpu.major >= 9 || gpu.major == 0;
  if (!context_->calls().graphAddTypedEdges || !early)
    return context_->check(
        context_->calls().graphAddEdges(graph_, nodes_.data(), nodes_.data() + 1, edges),
        "connecting the launches of a graph");
  std::vector<EdgeData> types(edges);
  for (size_t i = firstKernel_; i + 1 < firstKernel_ + kernels_; ++i) {
    types[i].fromPort = kPortProgrammatic;
    types[i].type = kEdgeProgrammatic;
  }
  return context_->check(context_->calls().graphAddTypedEdges(
                             graph_, nodes_.data(), nodes_.data() + 1, types.data(), edges),
                         "connecting the launches of a graph");
}

Status GraphProgram::instantiate(const Program &program, Stream stream) {
  InstantiateParams params;
  params.flags = kInstantiateUpload;
  params.uploadStream = stream;
  const Code code = context_->calls().graphInstantiate(&exec_, graph_, &params);
  if (code == kSuccess)
    return Status::ok();
  std::string what = "making the graph of schedule " + std::string(program.name);
  const auto at = std::find(nodes_.begin(), nodes_.end(), params.errorNode);
  const auto index = static_cast<size_t>(at - nodes_.begin());
  if (params.errorNode && index >= firstKernel_ && index < firstKernel_ + kernels_)
    what = launchName(program, program.commands[index - firstKernel_]);
  return context_->check(code, what);
}

Status GraphProgram::patch(CopyNode &copy, uint32_t slot, uint64_t bytes,
                           const CopyParams &params) {
  if (copy.slot == slot && copy.bytes == bytes)
    return Status::ok();
  INGOT_TRY(context_->check(
      context_->calls().graphExecSetCopy(exec_, copy.node, &params, context_->handle()),
      "preparing a step's copies"));
  copy.slot = slot;
  copy.bytes = bytes;
  return Status::ok();
}

Status GraphProgram::launch(const Program &program, const Step &step, Stream stream) {
  // An executable graph copies at least one byte.
  if (tables_.node) {
    const uint64_t bytes = std::max<uint64_t>(1, step.tableBytes);
    INGOT_TRY(patch(tables_, step.slot, bytes, toDevice(*program.tables, step.slot, bytes)));
  }
  if (results_.node) {
    const uint64_t bytes = std::max<uint64_t>(1, step.resultBytes);
    INGOT_TRY(patch(results_, step.slot, bytes, toHost(*program.results, step.slot, bytes)));
  }
  return context_->check(context_->calls().graphLaunch(exec_, stream),
                         "launching a step of schedule " + std::string(program.name));
}

} // namespace ingot::cuda
