// What a step has left: rows become tokens, tokens text, and some requests end.
#include "runtime/base/Format.h"
#include "runtime/engine/EngineState.h"

#include <algorithm>

namespace ingot {

void Engine::sampleRows(const InFlight &inFlight) {
  const LaunchedStep &step = inFlight.step;
  results_.assign(step.rows, Sample{});
  if (step.output != artifact::StepOutput::Logits) {
    for (uint32_t row = 0; row < step.rows; ++row)
      results_[row] = chosenToken(step.output, row);
    return;
  }
  if (scratches_.size() < step.rows)
    scratches_.resize(step.rows);
  parts_.device->forEach(step.rows, [&](uint32_t row) {
    results_[row] = sampleOne(inFlight.rows[row], row, scratches_[row]);
  });
}

/// What the device has chosen.
Result<Sample> Engine::chosenToken(artifact::StepOutput output, uint32_t row) const {
  const uint32_t token = executor_->token(output, row);
  if (token == abi::kNotFinite)
    return logitsNotFinite("");
  return Sample{token, 0, {}};
}

/// Runs on any worker: reads the row, writes nothing but the scratch.
Result<Sample> Engine::sampleOne(const ReturnedRow &returned, uint32_t row,
                                 SamplerScratch &scratch) {
  const Sequence &sequence = *returned.sequence;
  const Request &request = Active::of(*returned.sequence).request;
  const uint32_t next = returned.tokenIndex + 1; // index of the token that this row predicts
  if (request.scorePrompt) {
    if (next == sequence.length())
      return Sample{}; // behind the prompt there is nothing to score
    const auto alternatives = static_cast<uint32_t>(std::max(0, request.sampling.logprobs));
    return scoreRow(executor_->logits(row), sequence.tokens[next], alternatives, scratch);
  }
  return sampleRow(executor_->logits(row), request.sampling, next, scratch);
}

void Engine::acceptRow(const ReturnedRow &row, Result<Sample> &result) {
  Active &active = Active::of(*row.sequence);
  if (active.finished)
    return;
  if (!result.isOk())
    return finishRequest(active, FinishReason::Error, result.status());
  if (active.request.scorePrompt)
    acceptScore(active, row.tokenIndex, *std::move(result));
  else
    acceptToken(active, row.tokenIndex + 1, *std::move(result));
}

void Engine::acceptScore(Active &active, uint32_t tokenIndex, Sample sample) {
  active.returnFrom = tokenIndex + 1;
  if (tokenIndex + 1 == active.length())
    return finishRequest(active, FinishReason::Length);
  eventOf(active).promptScores.push_back(std::move(sample));
}

/// `index`: of the token in its sequence, where anticipate() kept its place.
void Engine::acceptToken(Active &active, uint32_t index, Sample sample) {
  const uint32_t token = active.tokens[index] = sample.token;
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
  if (index + 1 >= active.maxLength)
    finishRequest(active, FinishReason::Length);
}

void Engine::finishRequest(Active &active, FinishReason reason, Status error) {
  if (active.finished)
    return;
  scheduler_.remove(active);
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
