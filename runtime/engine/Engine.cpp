#include "runtime/engine/Engine.h"

#include "runtime/base/Format.h"
#include "runtime/engine/EngineState.h"

#include <algorithm>
#include <cassert>

namespace ingot {

const char *finishReasonName(FinishReason reason) {
  switch (reason) {
  case FinishReason::None:
    return "";
  case FinishReason::Stop:
    return "stop";
  case FinishReason::Length:
    return "length";
  case FinishReason::Cancelled:
    return "cancelled";
  case FinishReason::Error:
    return "error";
  }
  return "";
}

Engine::Engine(EngineParts parts, const SchedulerLimits &limits, std::vector<BlockId> blockOrder,
               uint32_t maxLength)
    : parts_(std::move(parts)), maxLength_(maxLength), pool_(std::span<const BlockId>(blockOrder)),
      scheduler_(limits, pool_), batch_(limits, maxLength) {}

Engine::~Engine() = default;

// ---- The inbox: any thread ----------------------------------------------------------------------

Result<RequestId> Engine::submit(Request request) {
  INGOT_TRY(checkRequest(request));
  const std::lock_guard lock(inboxMutex_);
  inboxRequests_.emplace_back(nextId_, std::move(request));
  return nextId_++;
}

void Engine::cancel(RequestId request) {
  const std::lock_guard lock(inboxMutex_);
  inboxCancels_.push_back(request);
}

// ---- The loop
// -------------------------------------------------------------------------------------

bool Engine::step() {
  drainInbox();
  StepPlan plan = scheduler_.plan();
  stats_.preemptions += plan.preempted;
  size_t runOn = 0; // steps whose results are not needed to plan the next one
  if (!plan.chunks.empty())
    runOn = launch(std::move(plan));
  else if (inFlight_.empty() && scheduler_.waiting() + scheduler_.running() > 0)
    failAll({ErrorClass::Internal, "scheduler-stuck",
             format("%zu requests wait and none can be computed with %u of %u KV blocks free",
                    scheduler_.waiting(), pool_.freeBlocks(), pool_.totalBlocks())});
  while (inFlight_.size() > runOn)
    finishOldest();
  bury();
  return !active_.empty();
}

void Engine::drain() {
  while (step()) {
  }
}

std::vector<Event> Engine::takeEvents() { return std::exchange(events_, {}); }

void Engine::drainInbox() {
  std::deque<std::pair<RequestId, Request>> requests;
  std::vector<RequestId> cancels;
  {
    const std::lock_guard lock(inboxMutex_);
    requests.swap(inboxRequests_);
    cancels.swap(inboxCancels_);
  }
  for (auto &[id, request] : requests) {
    auto active = std::make_unique<Active>();
    Sequence &sequence = *active;
    sequence.id = id;
    active->request = std::move(request);
    sequence.tokens = active->request.prompt;
    sequence.promptTokens = sequence.length();
    sequence.returnFrom = active->request.scorePrompt ? 0 : sequence.promptTokens - 1;
    const uint32_t wanted = active->request.maxTokens;
    active->maxLength = wanted == 0 || wanted > maxLength_ - sequence.promptTokens
                            ? maxLength_
                            : sequence.promptTokens + wanted;
    if (!active->request.scorePrompt)
      sequence.computeEnd = active->maxLength - 1;
    active->stops = StopStrings(active->request.stopStrings);
    if (parts_.tokenizer) {
      const auto visible = [&](uint32_t token) { return !parts_.tokenizer->isSpecial(token); };
      const bool continuation =
          std::any_of(sequence.tokens.begin(), sequence.tokens.end(), visible);
      active->decoder.emplace(*parts_.tokenizer, DecodeOptions{true, continuation});
    }
    scheduler_.add(sequence);
    active_.emplace(id, std::move(active));
  }
  for (const RequestId id : cancels)
    if (const auto found = active_.find(id); found != active_.end())
      finishRequest(*found->second, FinishReason::Cancelled);
}

/// What the rows of the step are wanted for.
artifact::StepOutput Engine::outputFor(const StepPlan &plan) const {
  auto output = artifact::StepOutput::Argmax;
  for (const ScheduledChunk &chunk : plan.chunks) {
    if (chunk.returnedRows == 0)
      continue;
    const Request &request = Active::of(*chunk.sequence).request;
    if (request.scorePrompt || request.sampling.needsLogits())
      return artifact::StepOutput::Logits;
    if (!request.sampling.greedy())
      output = artifact::StepOutput::Sampled;
  }
  return output;
}

/// The parameters by which a device chooses.
void Engine::setSampling() {
  const std::span<abi::SampleParams> params = batch_.sampling();
  for (size_t row = 0; row < params.size(); ++row) {
    const ReturnedRow &returned = batch_.rows()[row];
    const SamplingParams &p = Active::of(*returned.sequence).request.sampling;
    params[row] = {p.temperature,           p.minP,        p.topP, p.topK, p.seed,
                   returned.tokenIndex + 1, p.sampleIndex, 0};
  }
}

/// Hands the step to the device and returns how many of those in flight may run on while the next
/// one is planned.
size_t Engine::launch(StepPlan plan) {
  batch_.assemble(plan);
  const artifact::StepOutput wanted = outputFor(plan);
  if (wanted == artifact::StepOutput::Sampled)
    setSampling();
  Result<LaunchedStep> step = executor_->launch(batch_, wanted);
  ++stats_.steps;
  stats_.tokensComputed += plan.tokens;
  const bool goesOn = step.isOk() && executor_->keepsIds(*step);
  inFlight_.push_back(
      {std::move(plan), batch_.rows(), step.isOk() ? *step : LaunchedStep{}, step.status()});
  anticipate(inFlight_.back());
  return goesOn ? 1 : 0;
}

/// Counts the step as computed: what is launched later finds its keys and values. Each token that
/// its rows choose takes its place with the number of the row for a value.
void Engine::anticipate(const InFlight &inFlight) {
  scheduler_.complete(inFlight.plan);
  for (uint32_t row = 0; row < inFlight.rows.size(); ++row) {
    Sequence &sequence = *inFlight.rows[row].sequence;
    if (Active::of(sequence).request.scorePrompt)
      continue;
    sequence.tokens.push_back(abi::kPreviousId | row);
    sequence.returnFrom = sequence.length() - 1;
  }
}

/// Reads what the oldest step in flight has left. A request that it ends drops out of the younger
/// ones, where its rows are ignored.
void Engine::finishOldest() {
  const InFlight inFlight = std::move(inFlight_.front());
  inFlight_.pop_front();
  Status outcome = inFlight.launched;
  if (outcome.isOk())
    outcome = executor_->wait(inFlight.step);
  if (outcome.isOk()) {
    sampleRows(inFlight);
    for (size_t row = 0; row < results_.size(); ++row)
      acceptRow(inFlight.rows[row], results_[row]);
  } else {
    // Whoever took part has lost its step; requests that wait are unharmed.
    for (const ScheduledChunk &chunk : inFlight.plan.chunks)
      finishRequest(Active::of(*chunk.sequence), FinishReason::Error, outcome);
  }
}

void Engine::failAll(const Status &error) {
  for (auto &[id, active] : active_)
    finishRequest(*active, FinishReason::Error, error);
}

/// Forgets finished requests, once no step in flight refers to them.
void Engine::bury() {
  std::erase_if(finished_, [this](RequestId id) {
    for (const InFlight &inFlight : inFlight_)
      for (const ScheduledChunk &chunk : inFlight.plan.chunks)
        if (chunk.sequence->id == id)
          return false;
    active_.erase(id);
    return true;
  });
  for (auto &[id, active] : active_)
    active->event = ~size_t(0);
}

} // namespace ingot
