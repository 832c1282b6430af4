// What an engine remembers of a request and of a launched step; for its own sources.
#pragma once

#include "runtime/engine/Engine.h"
#include "runtime/engine/StopStrings.h"
#include "runtime/text/StreamDecoder.h"

namespace ingot {

/// A request between its submission and its last event: its sequence, and what the scheduler need
/// not know. Every sequence of an engine is one.
struct Engine::Active : Sequence {
  Request request;
  uint32_t maxLength = 0; ///< of the sequence: prompt and answer
  std::optional<StreamDecoder> decoder;
  StopStrings stops{{}};
  bool finished = false;
  size_t event = ~size_t(0); ///< index of this step's event in events_, ~0 = none yet

  static Active &of(Sequence &sequence) { return static_cast<Active &>(sequence); }
};

} // namespace ingot
