// What a step must move and compute at least, read off the plan: the numerators of the distance to
// the walls.
#pragma once

#include "runtime/artifact/Artifact.h"

namespace ingot::tools {

struct ModelWork {
  uint64_t weightBytes = 0;   ///< parameters that a step reads whole, once each
  uint64_t gatheredBytes = 0; ///< embedding rows, per token
  uint64_t kvBytes = 0;       ///< cache read per token of context of a sequence
  uint64_t opsPerToken = 0;   ///< 2 x elements of the matrices applied to every token
  uint64_t opsPerRow = 0;     ///< 2 x elements of the matrices applied to returned rows (the head)

  /// Least bytes of a step that decodes `sequences` tokens at this context length each.
  double decodeBytes(uint64_t sequences, uint64_t context) const {
    return static_cast<double>(weightBytes + sequences * (gatheredBytes + context * kvBytes));
  }
};

/// From the schedule that a decode step of `tokens` tokens uses.
ModelWork modelWork(const artifact::Manifest &manifest, uint32_t tokens);

} // namespace ingot::tools
