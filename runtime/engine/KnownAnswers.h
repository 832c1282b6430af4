// Known answers: token ids and a few of the logits they must give, stored in the artifact. They
// prove kernels, weights and machine together before anybody relies on them.
#pragma once

#include "runtime/engine/Session.h"

namespace ingot {

/// Outcome of one vector.
struct KnownAnswerResult {
  uint32_t tokens = 0;    ///< of the input
  uint32_t compared = 0;  ///< logits
  float largestError = 0; ///< absolute
  float tolerance = 0;
  bool passed() const { return largestError <= tolerance; }
};

/// Computes every known answer of the artifact. The session must have no request in work. Fails
/// with id "known-answers-absent" when there are none, or with what stopped the computation.
Result<std::vector<KnownAnswerResult>> runKnownAnswers(Session &session);

} // namespace ingot
