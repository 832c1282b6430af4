#include "runtime/engine/KnownAnswers.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ingot {
namespace {

/// Runs `tokens` through an executor of its own state and leaves the last row's logits in the
/// buffers.
Status computeLastRow(Executor &executor, const SchedulerLimits &limits, uint32_t maxLength,
                      const std::vector<uint32_t> &tokens) {
  BlockPool pool(static_cast<uint32_t>(blocksForTokens(tokens.size(), limits.blockTokens)));
  Scheduler scheduler(limits, pool);
  Batch batch(limits, maxLength);
  Sequence sequence;
  sequence.tokens = tokens;
  sequence.promptTokens = sequence.length();
  sequence.returnFrom = sequence.length() - 1;
  scheduler.add(sequence);
  while (sequence.pending() > 0) {
    const StepPlan plan = scheduler.plan();
    batch.assemble(plan);
    INGOT_ASSIGN(const LaunchedStep step, executor.launch(batch, /*needsLogits=*/true));
    INGOT_TRY(executor.wait(step));
    scheduler.complete(plan);
  }
  scheduler.remove(sequence);
  return Status::ok();
}

Result<KnownAnswerResult> runOne(Session &session, const artifact::KnownAnswer &answer,
                                 size_t index) {
  Engine &engine = session.engine();
  const uint32_t vocab = session.manifest().plan.vocab;
  const bool tokensFit = !answer.tokenIds.empty() && answer.tokenIds.size() <= engine.maxLength() &&
                         *std::max_element(answer.tokenIds.begin(), answer.tokenIds.end()) < vocab;
  const bool indicesFit = answer.indices.size() == answer.logits.size() &&
                          !answer.indices.empty() &&
                          *std::max_element(answer.indices.begin(), answer.indices.end()) < vocab;
  if (!tokensFit || !indicesFit)
    return Status(ErrorClass::Data, "known-answer-invalid",
                  format("known answer %zu: %zu tokens, %zu indices and %zu logits do not fit a "
                         "vocabulary of %u and sequences of %u tokens",
                         index, answer.tokenIds.size(), answer.indices.size(), answer.logits.size(),
                         vocab, engine.maxLength()));
  INGOT_TRY(
      computeLastRow(engine.executor(), engine.limits(), engine.maxLength(), answer.tokenIds));
  KnownAnswerResult result{static_cast<uint32_t>(answer.tokenIds.size()),
                           static_cast<uint32_t>(answer.indices.size()), 0, answer.tolerance};
  const std::span<const float> logits = engine.executor().logits(0);
  for (size_t i = 0; i < answer.indices.size(); ++i) {
    const float error = std::fabs(logits[answer.indices[i]] - answer.logits[i]);
    // A NaN counts as an infinite error.
    result.largestError =
        std::max(result.largestError, error >= 0 ? error : std::numeric_limits<float>::infinity());
  }
  return result;
}

} // namespace

Result<std::vector<KnownAnswerResult>> runKnownAnswers(Session &session) {
  const std::vector<artifact::KnownAnswer> &answers = session.manifest().knownAnswers;
  if (answers.empty())
    return Status(
        ErrorClass::Config, "known-answers-absent",
        "this artifact holds no known answers; compile it again without switching them off");
  std::vector<KnownAnswerResult> results;
  for (size_t i = 0; i < answers.size(); ++i) {
    INGOT_ASSIGN(const KnownAnswerResult result, runOne(session, answers[i], i));
    results.push_back(result);
  }
  return results;
}

} // namespace ingot
