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

} // namespace

Result<std::unique_ptr<Executor>> Executor::create(const artifact::Manifest &manifest,
                                                   const std::vector<const uint8_t *> &params,
                                                   Device &device, const ExecutorConfig &config) {
  INGOT_TRY(checkKvGroups(manifest.plan));
  std::unique_ptr<Executor> executor(new Executor(manifest, device));
  INGOT_TRY(executor->allocate(config));
  INGOT_TRY(executor->bindSchedules(params, config.forceSchedule));
  return executor;
}

Status Executor::allocate(const ExecutorConfig &config) {
  const artifact::Plan &plan = manifest_.plan;
  maxReturnedRows_ = config.maxReturnedRows;
  uint64_t arenaBytes = 64;
  for (const artifact::Schedule &schedule : plan.schedules)
    arenaBytes = std::max(arenaBytes, schedule.arenaBytes);
  for (const artifact::Probe &probe : manifest_.probes)
    for (const artifact::Schedule &schedule : probe.schedules)
      arenaBytes = std::max(arenaBytes, schedule.arenaBytes);
  INGOT_ASSIGN(arena_, device_.allocate(arenaBytes));

  artifact::SymbolValues most;
  for (const artifact::Schedule &schedule : plan.schedules)
    most.tokens = std::max<uint64_t>(most.tokens, schedule.maxTokens);
  most.attentionItems = most.tokens;
  most.sequences = manifest_.memory.maxSequences;
  most.returnedRows = config.maxReturnedRows;
  io_.resize(plan.buffers.size());
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    if (plan.buffers[i].kind != artifact::BufferKind::Io)
      continue;
    INGOT_ASSIGN(io_[i],
                 device_.allocate(most.of(plan.buffers[i].rows) * plan.buffers[i].rowBytes));
  }

  const artifact::KvGroup &group = plan.kvGroups[0];
  INGOT_ASSIGN(kv_, device_.allocate(config.kvBlocks * group.blockBytes));
  kvViews_.resize(group.layers);
  for (uint32_t layer = 0; layer < group.layers; ++layer)
    kvViews_[layer] = {kv_->data() + layer * (group.blockBytes / group.layers), nullptr,
                       group.blockBytes, 0, 0};
  return Status::ok();
}

Result<uint64_t> Executor::resolve(const artifact::Arg &arg, const artifact::Schedule &schedule,
                                   const std::vector<const uint8_t *> &params) const {
  const auto address = [](const void *p) { return reinterpret_cast<uint64_t>(p); };
  switch (arg.kind) {
  case artifact::ArgKind::Batch:
    return address(&batchView_);
  case artifact::ArgKind::Kv:
    if (arg.index == 0 && arg.value < kvViews_.size())
      return address(&kvViews_[arg.value]);
    break;
  case artifact::ArgKind::Buffer:
    if (arg.index >= io_.size())
      break;
    if (io_[arg.index])
      return address(io_[arg.index]->data()) + arg.value;
    if (arg.index < schedule.offsets.size() && schedule.offsets[arg.index] < arena_->bytes())
      return address(arena_->data()) + schedule.offsets[arg.index] + arg.value;
    break;
  case artifact::ArgKind::Param:
    if (arg.index < params.size() && params[arg.index])
      return address(params[arg.index]) + arg.value;
    break;
  case artifact::ArgKind::Constant:
    return arg.value;
  }
  return unsupported(format("schedule %s has an argument of kind %s, index %u, value %llu, that "
                            "refers to nothing",
                            schedule.name.c_str(), artifact::nameOf(arg.kind), arg.index,
                            static_cast<unsigned long long>(arg.value)));
}

Result<Executor::BoundSchedule> Executor::bind(const artifact::Schedule &schedule,
                                               const std::vector<const uint8_t *> &params) const {
  BoundSchedule bound{&schedule, {}};
  for (const artifact::Launch &launch : schedule.launches) {
    if (launch.kind != artifact::LaunchKind::Kernel)
      return unsupported(format("launch %s is of kind %s; device %s runs kernels only",
                                launch.label.c_str(), artifact::nameOf(launch.kind),
                                std::string(device_.name()).c_str()));
    bound.program.commands.push_back({launch.kernel,
                                      static_cast<uint32_t>(bound.program.args.size()),
                                      &launch.items, launch.label});
    for (const artifact::Arg &arg : launch.args) {
      INGOT_ASSIGN(const uint64_t slot, resolve(arg, schedule, params));
      bound.program.args.push_back(slot);
    }
  }
  return bound;
}

Status Executor::bindSchedules(const std::vector<const uint8_t *> &params, int32_t forceSchedule) {
  int32_t rank[2] = {0, 0}; // per output kind
  for (const artifact::Schedule &schedule : manifest_.plan.schedules) {
    const int32_t own = rank[static_cast<int>(schedule.output)]++;
    if (forceSchedule >= 0 && own != forceSchedule)
      continue;
    INGOT_ASSIGN(BoundSchedule bound, bind(schedule, params));
    if (schedule.output == StepOutput::Logits) // any step may turn out to need logits
      maxStepTokens_ = std::max(maxStepTokens_, schedule.maxTokens);
    schedules_.push_back(std::move(bound));
  }
  if (!choose(1, StepOutput::Logits))
    return unsupported("no schedule of the plan writes logits");
  for (const artifact::Probe &probe : manifest_.probes) {
    probes_.emplace_back();
    for (const artifact::Schedule &schedule : probe.schedules) {
      INGOT_ASSIGN(BoundSchedule bound, bind(schedule, params));
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

Result<LaunchedStep> Executor::launch(const Batch &batch, bool needsLogits) {
  const BoundSchedule *bound = nullptr;
  if (!needsLogits)
    bound = choose(batch.tokens(), StepOutput::Argmax);
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
  batchView_ = batch.view();
  for (abi::KvView &view : kvViews_) {
    view.table = batch.blockTable();
    view.tablePitch = batch.tablePitch();
  }
  const artifact::SymbolValues symbols{batchView_.tokens, batchView_.sequences,
                                       batchView_.returnedRows, batchView_.attentionItems};
  const Ticket ticket = device_.launch(bound->program, symbols);
  return LaunchedStep{ticket, bound->schedule->output, batchView_.returnedRows};
}

Status Executor::wait(const LaunchedStep &step) { return device_.wait(step.ticket); }

std::span<const float> Executor::logits(uint32_t row) const {
  const artifact::Plan &plan = manifest_.plan;
  const uint8_t *base = io_[plan.logitsBuffer]->data();
  const uint64_t rowBytes = plan.buffers[plan.logitsBuffer].rowBytes;
  return {reinterpret_cast<const float *>(base + row * rowBytes), plan.vocab};
}

uint32_t Executor::argmax(uint32_t row) const {
  const artifact::Plan &plan = manifest_.plan;
  const uint8_t *base = io_[plan.argmaxBuffer]->data();
  const uint64_t rowBytes = plan.buffers[plan.argmaxBuffer].rowBytes;
  return *reinterpret_cast<const uint32_t *>(base + row * rowBytes);
}

uint64_t Executor::kvBlockBytes() const { return manifest_.plan.kvGroups[0].blockBytes; }

} // namespace ingot
