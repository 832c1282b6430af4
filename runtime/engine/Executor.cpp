#include "runtime/engine/Executor.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <cassert>

namespace ingot {
namespace {

using artifact::StepOutput;

Status unsupported(std::string message) {
  return {ErrorClass::Config, "plan-unsupported", std::move(message)};
}

/// Today's runtime holds all sequence state in one group of full attention.
Status checkKvGroups(const artifact::Plan &plan) {
  if (plan.kvGroups.size() != 1)
    return unsupported(
        format("the plan has %zu KV groups; this runtime handles exactly 1", plan.kvGroups.size()));
  const artifact::KvGroup &group = plan.kvGroups[0];
  if (group.kind != "full" || group.layers == 0 || group.blockTokens == 0)
    return unsupported(
        format("KV group 0 is of kind \"%s\" with %u layers and blocks of %u tokens; "
               "this runtime handles kind \"full\"",
               group.kind.c_str(), group.layers, group.blockTokens));
  return Status::ok();
}

/// Those of the plan and of every probe.
std::vector<const artifact::Schedule *> allSchedules(const artifact::Manifest &manifest) {
  std::vector<const artifact::Schedule *> all;
  for (const artifact::Schedule &schedule : manifest.plan.schedules)
    all.push_back(&schedule);
  for (const artifact::Probe &probe : manifest.probes)
    for (const artifact::Schedule &schedule : probe.schedules)
      all.push_back(&schedule);
  return all;
}

} // namespace

Result<std::unique_ptr<Executor>> Executor::create(const artifact::Manifest &manifest,
                                                   const std::vector<const uint8_t *> &params,
                                                   Device &device, const ExecutorConfig &config) {
  INGOT_TRY(checkKvGroups(manifest.plan));
  std::unique_ptr<Executor> executor(new Executor(manifest, device));
  // Weights first: what is left of the device's memory is for the cache.
  INGOT_TRY(executor->placeParams(params));
  INGOT_TRY(executor->allocate(config));
  INGOT_TRY(executor->bindSchedules(config.forceSchedule));
  return executor;
}

Status Executor::placeParams(const std::vector<const uint8_t *> &params) {
  // Only what this plan's launches use: an artifact may hold weights in several layouts.
  std::vector<std::span<const uint8_t>> pieces(params.size());
  const std::vector<bool> used = usedParams(manifest_, params.size());
  for (size_t i = 0; i < params.size(); ++i)
    if (used[i])
      pieces[i] = {params[i], manifest_.params[i].data.bytes};
  INGOT_ASSIGN(params_, device_.place(pieces, "the weights"));
  return Status::ok();
}

Status Executor::allocate(const ExecutorConfig &config) {
  const artifact::Plan &plan = manifest_.plan;
  maxReturnedRows_ = config.maxReturnedRows;
  uint64_t arenaBytes = 64;
  for (const artifact::Schedule *schedule : allSchedules(manifest_))
    arenaBytes = std::max(arenaBytes, schedule->arenaBytes);
  INGOT_ASSIGN(arena_, device_.allocate(arenaBytes, "the arena of activations"));

  artifact::SymbolValues most;
  for (const artifact::Schedule &schedule : plan.schedules)
    most.tokens = std::max<uint64_t>(most.tokens, schedule.maxTokens);
  most.attentionItems = most.tokens;
  most.sequences = manifest_.memory.maxSequences;
  most.returnedRows = config.maxReturnedRows;
  io_.resize(plan.buffers.size());
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    const artifact::Buffer &buffer = plan.buffers[i];
    if (buffer.kind != artifact::BufferKind::Io)
      continue;
    INGOT_ASSIGN(io_[i], device_.allocateStep(most.of(buffer.rows) * buffer.rowBytes, buffer.name));
  }
  return allocateKv(config.kvBlocks);
}

Status Executor::allocateKv(uint32_t blocks) {
  const artifact::KvGroup &group = manifest_.plan.kvGroups[0];
  auto pool =
      device_.allocate(blocks * group.blockBytes, format("the KV pool of %u blocks of %s", blocks,
                                                         formatBytes(group.blockBytes).c_str()));
  if (!pool) {
    const Status status = std::move(pool).status();
    const std::optional<uint64_t> free = device_.freeBytes();
    if (status.id() != "device-memory" || !free)
      return status;
    // Some of what is free always goes to the driver.
    return {status.errorClass(), "device-memory",
            format("%s; about %llu blocks would fit: --kv-blocks", status.message().c_str(),
                   static_cast<unsigned long long>(*free / 16 * 15 / group.blockBytes))};
  }
  kv_ = *std::move(pool);
  std::vector<abi::KvView> views(group.layers);
  for (uint32_t layer = 0; layer < group.layers; ++layer)
    views[layer] = {
        reinterpret_cast<uint8_t *>(kv_->address() + layer * (group.blockBytes / group.layers)),
        nullptr, group.blockBytes, 0, 0};
  TableLimits limits;
  for (const artifact::Schedule *schedule : allSchedules(manifest_))
    limits.tokens = std::max<uint64_t>(limits.tokens, schedule->maxTokens);
  limits.sequences = manifest_.memory.maxSequences;
  limits.rows = maxReturnedRows_;
  limits.tablePitch = blocksForTokens(manifest_.memory.maxContext, group.blockTokens);
  INGOT_ASSIGN(tables_, StepTables::create(device_, std::move(views), limits));
  return Status::ok();
}

Result<uint64_t> Executor::resolve(const artifact::Arg &arg,
                                   const artifact::Schedule &schedule) const {
  switch (arg.kind) {
  case artifact::ArgKind::Batch:
    return tables_->batchAddress();
  case artifact::ArgKind::Kv:
    if (arg.index == 0 && arg.value < tables_->layers())
      return tables_->kvAddress(arg.value);
    break;
  case artifact::ArgKind::Buffer:
    if (arg.index >= io_.size())
      break;
    if (io_[arg.index])
      return io_[arg.index]->address() + arg.value;
    if (arg.index < schedule.offsets.size() && schedule.offsets[arg.index] < arena_->bytes())
      return arena_->address() + schedule.offsets[arg.index] + arg.value;
    break;
  case artifact::ArgKind::Param:
    if (arg.index < params_.addresses.size() && params_.addresses[arg.index])
      return params_.addresses[arg.index] + arg.value;
    break;
  case artifact::ArgKind::Constant:
    return arg.value;
  }
  return unsupported(format("schedule %s has an argument of kind %s, index %u, value %llu, that "
                            "refers to nothing",
                            schedule.name.c_str(), artifact::nameOf(arg.kind), arg.index,
                            static_cast<unsigned long long>(arg.value)));
}

artifact::SymbolValues Executor::boundsOf(const artifact::Schedule &schedule) const {
  artifact::SymbolValues bounds = artifact::symbolBounds(schedule, manifest_.memory);
  bounds.returnedRows = std::min<uint64_t>(bounds.returnedRows, maxReturnedRows_);
  // Full items, and a shorter one at the end of each sequence.
  bounds.attentionItems =
      std::min(bounds.attentionItems, bounds.tokens / abi::kAttentionTokens + bounds.sequences);
  return bounds;
}

Result<Executor::BoundSchedule> Executor::bind(const artifact::Schedule &schedule) const {
  BoundSchedule bound{&schedule, {}};
  Program &program = bound.program;
  for (const artifact::Launch &launch : schedule.launches) {
    if (launch.kind != artifact::LaunchKind::Kernel)
      return unsupported(format("launch %s is of kind %s; device %s runs kernels only",
                                launch.label.c_str(), artifact::nameOf(launch.kind),
                                std::string(device_.name()).c_str()));
    program.commands.push_back(
        {launch.kernel, static_cast<uint32_t>(program.args.size()), &launch.items, launch.label});
    for (const artifact::Arg &arg : launch.args) {
      INGOT_ASSIGN(const uint64_t slot, resolve(arg, schedule));
      program.args.push_back(slot);
    }
  }
  program.name = schedule.name;
  program.bounds = boundsOf(schedule);
  program.tables = tables_->memory();
  program.results = io_[manifest_.plan.outputBuffer(schedule.output)].get();
  INGOT_TRY(device_.prepare(program));
  return bound;
}

Status Executor::bindSchedules(int32_t forceSchedule) {
  int32_t rank[artifact::kStepOutputs] = {}; // per output kind
  for (const artifact::Schedule &schedule : manifest_.plan.schedules) {
    const int32_t own = rank[static_cast<int>(schedule.output)]++;
    if (forceSchedule >= 0 && own != forceSchedule)
      continue;
    INGOT_ASSIGN(BoundSchedule bound, bind(schedule));
    if (schedule.output == StepOutput::Logits) // any step may turn out to need logits
      maxStepTokens_ = std::max(maxStepTokens_, schedule.maxTokens);
    schedules_.push_back(std::move(bound));
  }
  if (!choose(1, StepOutput::Logits))
    return unsupported("no schedule of the plan writes logits");
  for (const artifact::Probe &probe : manifest_.probes) {
    probes_.emplace_back();
    for (const artifact::Schedule &schedule : probe.schedules) {
      INGOT_ASSIGN(BoundSchedule bound, bind(schedule));
      probes_.back().push_back(std::move(bound));
    }
  }
  return Status::ok();
}

const Executor::BoundSchedule *Executor::choose(uint32_t tokens, StepOutput output) const {
  for (const BoundSchedule &bound : schedules_)
    if (bound.schedule->output == output && tokens <= bound.schedule->maxTokens)
      return &bound;
  return nullptr;
}

Result<LaunchedStep> Executor::launch(const Batch &batch, StepOutput wanted) {
  const BoundSchedule *bound = choose(batch.tokens(), wanted);
  if (!bound)
    bound = choose(batch.tokens(), StepOutput::Logits);
  return launchOn(bound, batch);
}

Result<LaunchedStep> Executor::launchProbe(size_t probe, size_t schedule, const Batch &batch) {
  const BoundSchedule &bound = probes_[probe][schedule];
  return launchOn(batch.tokens() <= bound.schedule->maxTokens ? &bound : nullptr, batch);
}

Result<LaunchedStep> Executor::launchOn(const BoundSchedule *bound, const Batch &batch) {
  if (!bound || batch.rows().size() > maxReturnedRows_)
    return Status(
        ErrorClass::Internal, "step-too-large",
        format("a step of %u tokens and %zu rows; the plan holds %u tokens, the buffers %u "
               "rows",
               batch.tokens(), batch.rows().size(), maxStepTokens_, maxReturnedRows_));
  LaunchedStep launched{{},
                        bound->schedule->output,
                        static_cast<uint32_t>(batch.rows().size()),
                        static_cast<uint32_t>(launched_ % device_.stepsInFlight())};
  Step step;
  step.slot = launched.slot;
  INGOT_ASSIGN(
      step.tableBytes,
      tables_->fill(batch, step.slot, {launched.output == StepOutput::Sampled, previousIds_}));
  const abi::BatchView view = batch.view();
  step.symbols = {view.tokens, view.sequences, view.returnedRows, view.attentionItems};
  const uint32_t results = manifest_.plan.outputBuffer(launched.output);
  step.resultBytes = launched.rows * manifest_.plan.buffers[results].rowBytes;
  launched.ticket = device_.launch(bound->program, step);
  ++launched_;
  previousIds_ = keepsIds(launched) ? io_[results]->address() : 0;
  return launched;
}

Status Executor::wait(const LaunchedStep &step) {
  resultSlot_[static_cast<int>(step.output)] = step.slot;
  return device_.wait(step.ticket);
}

bool Executor::keepsIds(const LaunchedStep &step) const {
  return step.output != StepOutput::Logits && device_.stepsInFlight() > 1;
}

const uint8_t *Executor::resultRow(StepOutput output, uint32_t row) const {
  const uint32_t buffer = manifest_.plan.outputBuffer(output);
  return io_[buffer]->host(resultSlot_[static_cast<int>(output)]) +
         row * manifest_.plan.buffers[buffer].rowBytes;
}

std::span<const float> Executor::logits(uint32_t row) const {
  return {reinterpret_cast<const float *>(resultRow(StepOutput::Logits, row)),
          manifest_.plan.vocab};
}

uint32_t Executor::token(StepOutput output, uint32_t row) const {
  return *reinterpret_cast<const uint32_t *>(resultRow(output, row));
}

Status Executor::fillKvBlock(uint32_t block, uint8_t value) {
  const std::vector<uint8_t> bytes(kvBlockBytes(), value);
  return device_.write(*kv_, block * kvBlockBytes(), bytes);
}

uint64_t Executor::kvBlockBytes() const { return manifest_.plan.kvGroups[0].blockBytes; }

} // namespace ingot
