// One request as the scheduler sees it: tokens, how far they are computed, and its blocks.
#pragma once

#include "runtime/kv/BlockTable.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace ingot {

enum class SequenceState : uint8_t {
  Waiting,  ///< in the scheduler's queue, owns no block (new, or preempted)
  Running,  ///< admitted: owns blocks for all its known tokens
  Finished, ///< out of the scheduler, owns no block
};

/// Plain state; the only logic is derived numbers. A token's row is the model's output at that
/// token: the row of token i predicts token i + 1. While that row is computed the token has no
/// value yet but abi::kPreviousId and the number of the row.
struct Sequence {
  uint64_t id = 0;              ///< arrival order: a smaller id is older
  std::vector<uint32_t> tokens; ///< prompt, then generated tokens
  uint32_t promptTokens = 0;    ///< of `tokens`
  uint32_t computed = 0;        ///< leading tokens whose keys and values are in the cache
  uint32_t returnFrom = 0;      ///< rows of tokens with this index or a later one are returned
  uint32_t computeEnd = ~0u;    ///< tokens from this index on are never computed: nobody asks what
                                ///< follows them
  SequenceState state = SequenceState::Waiting;
  BlockTable blocks;
  uint32_t preemptions = 0; ///< how often its blocks were taken away

  uint32_t length() const { return static_cast<uint32_t>(tokens.size()); }
  uint32_t pending() const { return std::min(length(), computeEnd) - computed; }
  uint32_t generated() const { return length() - promptTokens; }
};

} // namespace ingot
