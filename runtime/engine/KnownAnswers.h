// Known answers: token ids and a few of the logits they must give, stored in the artifact. They
// prove kernels, weights and machine together before anybody relies on them. Every schedule of a
// probe runs twice, all tokens in one step and one token per step, so that the code of decode and
// prefill, of both heads and of the cache all get their turn.
#pragma once

#include "runtime/engine/Session.h"

namespace ingot {

/// Outcome of one vector on one schedule.
struct KnownAnswerResult {
  std::string what;       ///< "whole model", "first layer, decode, one token per step"
  uint32_t tokens = 0;    ///< of the input
  uint32_t compared = 0;  ///< logits; 1 for the choice of a greedy schedule
  float largestError = 0; ///< absolute; infinite for a logit that is no number and a wrong choice
  float tolerance = 0;
  float deviation = 0; ///< standard deviation of the logits in the vector
  bool passed() const { return largestError <= tolerance; }
};

/// Computes every known answer of the artifact, the whole model's first. The session must have no
/// request in work. Fails with id "known-answers-absent" when there are none, or with what stopped
/// the computation.
Result<std::vector<KnownAnswerResult>> runKnownAnswers(Session &session);

/// "66 values after 5 tokens, largest error 0, ...".
std::string describe(const KnownAnswerResult &result);

/// The first result that does not pass as an error "known-answer-wrong".
Status checkKnownAnswers(const std::vector<KnownAnswerResult> &results);

} // namespace ingot
