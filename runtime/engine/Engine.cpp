#include "runtime/engine/Engine.h"

#include "runtime/base/Format.h"
#include "runtime/engine/StopStrings.h"
#include "runtime/text/StreamDecoder.h"

#include <algorithm>
#include <cassert>

namespace ingot {

/// A request between its submission and its last event.
struct Engine::Active {
  RequestId id = 0;
  Request request;
  Sequence sequence;
  uint32_t maxLength = 0; ///< of the sequence: prompt and answer
  std::optional<StreamDecoder> decoder;
  StopStrings stops{{}};
  bool finished = false;
  size_t event = ~size_t(0); ///< index of this step's event in events_, ~0 = none yet
};

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
  if (!plan.chunks.empty()) {
    launch(std::move(plan));
    finish(inFlight_);
  } else if (scheduler_.waiting() + scheduler_.running() > 0) {
    failAll({ErrorClass::Internal, "scheduler-stuck",
             format("%zu requests wait and none can be computed with %u of %u KV blocks free",
                    scheduler_.waiting(), pool_.freeBlocks(), pool_.totalBlocks())});
  }
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
    Sequence &sequence = active->sequence;
    active->id = sequence.id = id;
    active->request = std::move(request);
    sequence.tokens = active->request.prompt;
    sequence.promptTokens = sequence.length();
    sequence.returnFrom = active->request.scorePrompt ? 0 : sequence.promptTokens - 1;
    const uint32_t wanted = active->request.maxTokens;
    active->maxLength = wanted == 0 || wanted > maxLength_ - sequence.promptTokens
                            ? maxLength_
                            : sequence.promptTokens + wanted;
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

void Engine::launch(StepPlan plan) {
  bool needsLogits = false;
  for (const ScheduledChunk &chunk : plan.chunks) {
    const Request &request = active_.at(chunk.sequence->id)->request;
    if (chunk.returnedRows > 0)
      needsLogits |= request.scorePrompt || request.sampling.needsLogits();
  }
  batch_.assemble(plan);
  Result<LaunchedStep> step = executor_->launch(batch_, needsLogits);
  ++stats_.steps;
  stats_.tokensComputed += plan.tokens;
  stats_.preemptions += plan.preempted;
  inFlight_ = {std::move(plan), step.isOk() ? *step : LaunchedStep{}, step.status()};
}

void Engine::finish(InFlight &inFlight) {
  Status outcome = inFlight.launched;
  if (outcome.isOk())
    outcome = executor_->wait(inFlight.step);
  scheduler_.complete(inFlight.plan);
  if (outcome.isOk()) {
    sampleRows(inFlight.step);
    for (size_t row = 0; row < results_.size(); ++row)
      acceptRow(batch_.rows()[row], results_[row]);
  } else {
    // Whoever took part has lost its step; requests that wait are unharmed.
    for (const ScheduledChunk &chunk : inFlight.plan.chunks)
      finishRequest(*active_.at(chunk.sequence->id), FinishReason::Error, outcome);
  }
  inFlight = {};
}

void Engine::failAll(const Status &error) {
  for (auto &[id, active] : active_)
    finishRequest(*active, FinishReason::Error, error);
}

void Engine::bury() {
  for (const RequestId id : finished_)
    active_.erase(id);
  finished_.clear();
  for (auto &[id, active] : active_)
    active->event = ~size_t(0);
}

// ---- Results
// --------------------------------------------------------------------------------------

void Engine::sampleRows(const LaunchedStep &step) {
  results_.assign(step.rows, Sample{});
  if (scratches_.size() < step.rows)
    scratches_.resize(step.rows);
  parts_.device->forEach(
      step.rows, [&](uint32_t row) { results_[row] = sampleOne(step, row, scratches_[row]); });
}

/// Runs on any worker: reads the row, writes nothing but the scratch.
Result<Sample> Engine::sampleOne(const LaunchedStep &step, uint32_t row, SamplerScratch &scratch) {
  const ReturnedRow &returned = batch_.rows()[row];
  const Sequence &sequence = *returned.sequence;
  const Request &request = active_.at(sequence.id)->request;
  const uint32_t next = returned.tokenIndex + 1; // index of the token that this row predicts
  if (request.scorePrompt) {
    if (next == sequence.length())
      return Sample{}; // behind the prompt there is nothing to score
    const auto alternatives = static_cast<uint32_t>(std::max(0, request.sampling.logprobs));
    return scoreRow(executor_->logits(row), sequence.tokens[next], alternatives, scratch);
  }
  if (step.output == artifact::StepOutput::Argmax)
    return Sample{executor_->argmax(row), 0, {}};
  return sampleRow(executor_->logits(row), request.sampling, next, scratch);
}

void Engine::acceptRow(const ReturnedRow &row, Result<Sample> &result) {
  Active &active = *active_.at(row.sequence->id);
  if (active.finished)
    return;
  if (!result.isOk())
    return finishRequest(active, FinishReason::Error, result.status());
  if (active.request.scorePrompt)
    acceptScore(active, row.tokenIndex, *std::move(result));
  else
    acceptToken(active, *std::move(result));
}

void Engine::acceptScore(Active &active, uint32_t tokenIndex, Sample sample) {
  active.sequence.returnFrom = tokenIndex + 1;
  if (tokenIndex + 1 == active.sequence.length())
    return finishRequest(active, FinishReason::Length);
  eventOf(active).promptScores.push_back(std::move(sample));
}

void Engine::acceptToken(Active &active, Sample sample) {
  Sequence &sequence = active.sequence;
  const uint32_t token = sample.token;
  sequence.tokens.push_back(token);
  sequence.returnFrom = sequence.length() - 1;
  ++stats_.tokensGenerated;
  Event &event = eventOf(active);
  event.tokens.push_back(token);
  if (active.request.sampling.logprobs >= 0)
    event.samples.push_back(std::move(sample));

  const auto contains = [token](const std::vector<uint32_t> &ids) {
    return std::find(ids.begin(), ids.end(), token) != ids.end();
  };
  if (contains(active.request.stopIds) ||
      (!active.request.ignoreEos && contains(parts_.manifest->generation.stopIds)))
    return finishRequest(active, FinishReason::Stop);
  if (active.decoder)
    event.text += active.stops.feed(active.decoder->feed(token));
  if (active.stops.matched())
    return finishRequest(active, FinishReason::Stop);
  if (sequence.length() >= active.maxLength)
    finishRequest(active, FinishReason::Length);
}

void Engine::finishRequest(Active &active, FinishReason reason, Status error) {
  if (active.finished)
    return;
  scheduler_.remove(active.sequence);
  active.finished = true;
  finished_.push_back(active.id);
  ++stats_.requestsFinished;
  Event &event = eventOf(active);
  if (active.decoder && !active.stops.matched())
    event.text += active.stops.feed(active.decoder->flush());
  if (!active.stops.matched())
    event.text += active.stops.flush();
  event.finish = reason;
  event.error = std::move(error);
}

/// The event of this step: made on the first news of the request.
Event &Engine::eventOf(Active &active) {
  if (active.event >= events_.size() || events_[active.event].request != active.id) {
    active.event = events_.size();
    events_.emplace_back();
    events_.back().request = active.id;
  }
  return events_[active.event];
}

} // namespace ingot
