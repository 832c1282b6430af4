#include "runtime/engine/KnownAnswers.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace ingot {
namespace {

using artifact::KnownAnswer;
using artifact::Probe;
using artifact::Schedule;
using artifact::StepOutput;
using Launch = std::function<Result<LaunchedStep>(const Batch &)>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// The checker of manifests has seen all this; sessions may hold fewer tokens than the artifact.
Status checkFit(const KnownAnswer &answer, uint32_t maxLength, uint32_t vocab) {
  const auto fits = [&](const std::vector<uint32_t> &list) {
    return !list.empty() && *std::max_element(list.begin(), list.end()) < vocab;
  };
  if (fits(answer.tokenIds) && fits(answer.indices) && answer.tokenIds.size() <= maxLength &&
      answer.indices.size() == answer.logits.size())
    return Status::ok();
  return {ErrorClass::Data, "known-answer-invalid",
          format("%zu tokens, %zu indices and %zu logits do not fit a vocabulary of %u and "
                 "sequences of %u tokens",
                 answer.tokenIds.size(), answer.indices.size(), answer.logits.size(), vocab,
                 maxLength)};
}

/// Runs the tokens as one sequence on a block pool of their own, at most `chunk` per step. What the
/// last one returns stays in the executor's buffers.
Status computeLastRow(Engine &engine, const std::vector<uint32_t> &tokens, uint32_t chunk,
                      const Launch &launch) {
  SchedulerLimits limits = engine.limits();
  limits.maxChunkTokens = std::min(limits.maxChunkTokens, chunk);
  BlockPool pool(static_cast<uint32_t>(blocksForTokens(tokens.size(), limits.blockTokens)));
  Scheduler scheduler(limits, pool);
  Batch batch(limits, engine.maxLength());
  Sequence sequence;
  sequence.tokens = tokens;
  sequence.promptTokens = sequence.length();
  sequence.returnFrom = sequence.length() - 1;
  scheduler.add(sequence);
  while (sequence.pending() > 0) {
    const StepPlan plan = scheduler.plan();
    batch.assemble(plan);
    INGOT_ASSIGN(const LaunchedStep step, launch(batch));
    INGOT_TRY(engine.executor().wait(step));
    scheduler.complete(plan);
  }
  scheduler.remove(sequence);
  return Status::ok();
}

float deviationOf(const std::vector<float> &values) {
  double sum = 0, squares = 0;
  for (const float value : values)
    sum += static_cast<double>(value);
  const double mean = sum / static_cast<double>(values.size());
  for (const float value : values)
    squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
  return static_cast<float>(std::sqrt(squares / static_cast<double>(values.size())));
}

/// What every result of a vector has in common.
KnownAnswerResult resultOf(const KnownAnswer &answer, std::string what) {
  KnownAnswerResult result;
  result.what = std::move(what);
  result.tokens = static_cast<uint32_t>(answer.tokenIds.size());
  result.tolerance = answer.tolerance;
  result.deviation = deviationOf(answer.logits);
  return result;
}

void compareLogits(const KnownAnswer &answer, std::span<const float> logits,
                   KnownAnswerResult &result) {
  result.compared = static_cast<uint32_t>(answer.indices.size());
  for (size_t i = 0; i < answer.indices.size(); ++i) {
    const float error = std::fabs(logits[answer.indices[i]] - answer.logits[i]);
    result.largestError = std::max(result.largestError, error >= 0 ? error : kInfinity);
  }
}

/// A greedy schedule must choose the largest of the logits that the schedules before it left.
void compareChoice(std::span<const float> logits, uint32_t chosen, KnownAnswerResult &result) {
  const auto largest = std::max_element(logits.begin(), logits.end()) - logits.begin();
  result.compared = 1;
  result.largestError = chosen == static_cast<uint32_t>(largest) ? 0 : kInfinity;
}

Result<KnownAnswerResult> runModel(Engine &engine, const KnownAnswer &answer) {
  Executor &executor = engine.executor();
  const Launch launch = [&](const Batch &batch) {
    return executor.launch(batch, StepOutput::Logits);
  };
  INGOT_TRY(computeLastRow(engine, answer.tokenIds, ~0u, launch));
  KnownAnswerResult result = resultOf(answer, "whole model");
  compareLogits(answer, executor.logits(0), result);
  return result;
}

Result<KnownAnswerResult> runProbe(Engine &engine, const Probe &probe, size_t probeIndex,
                                   size_t scheduleIndex, bool single) {
  Executor &executor = engine.executor();
  const Schedule &schedule = probe.schedules[scheduleIndex];
  const Launch launch = [&](const Batch &batch) {
    return executor.launchProbe(probeIndex, scheduleIndex, batch);
  };
  INGOT_TRY(computeLastRow(engine, probe.answer.tokenIds, single ? 1 : schedule.maxTokens, launch));
  KnownAnswerResult result =
      resultOf(probe.answer, format("first layer, %s, %s", schedule.name.c_str(),
                                    single ? "one token per step" : "one step"));
  if (schedule.output == StepOutput::Logits)
    compareLogits(probe.answer, executor.logits(0), result);
  else
    compareChoice(executor.logits(0), executor.token(schedule.output, 0), result);
  return result;
}

} // namespace

Result<std::vector<KnownAnswerResult>> runKnownAnswers(Session &session) {
  const artifact::Manifest &manifest = session.manifest();
  Engine &engine = session.engine();
  if (manifest.knownAnswers.empty() && manifest.probes.empty())
    return Status(
        ErrorClass::Config, "known-answers-absent",
        "this artifact holds no known answers; compile it again without switching them off");
  std::vector<KnownAnswerResult> results;
  for (const KnownAnswer &answer : manifest.knownAnswers) {
    INGOT_TRY(checkFit(answer, engine.maxLength(), manifest.plan.vocab));
    INGOT_ASSIGN(KnownAnswerResult result, runModel(engine, answer));
    results.push_back(std::move(result));
  }
  for (size_t p = 0; p < manifest.probes.size(); ++p) {
    const Probe &probe = manifest.probes[p];
    INGOT_TRY(checkFit(probe.answer, engine.maxLength(), manifest.plan.vocab));
    for (size_t s = 0; s < probe.schedules.size(); ++s)
      for (const bool single : {false, true}) {
        INGOT_ASSIGN(KnownAnswerResult result, runProbe(engine, probe, p, s, single));
        results.push_back(std::move(result));
      }
  }
  return results;
}

std::string describe(const KnownAnswerResult &result) {
  return format(
      "%u %s after %u tokens, largest error %.3g, tolerance %.3g, deviation of the logits "
      "%.3g",
      result.compared, result.compared == 1 ? "value" : "values", result.tokens,
      static_cast<double>(result.largestError), static_cast<double>(result.tolerance),
      static_cast<double>(result.deviation));
}

Status checkKnownAnswers(const std::vector<KnownAnswerResult> &results) {
  for (const KnownAnswerResult &result : results)
    if (!result.passed())
      return {ErrorClass::Data, "known-answer-wrong",
              format("known answer, %s: %s; code, weights and processor together do not compute "
                     "what the compiler's reference did: compile the artifact again, or try "
                     "another --cpu and report it",
                     result.what.c_str(), describe(result).c_str())};
  return Status::ok();
}

} // namespace ingot
