// The blocks of one sequence, in the order of its positions.
#pragma once

#include "runtime/kv/BlockPool.h"

namespace ingot {

/// Blocks needed to hold `tokens` positions.
constexpr uint64_t blocksForTokens(uint64_t tokens, uint32_t blockTokens) {
  return (tokens + blockTokens - 1) / blockTokens;
}

/// Entry i holds positions [i * blockTokens, (i + 1) * blockTokens). The table never frees by
/// itself: whoever drops it calls releaseAll first.
class BlockTable {
public:
  uint32_t size() const { return static_cast<uint32_t>(ids_.size()); }
  bool empty() const { return ids_.empty(); }
  std::span<const BlockId> ids() const { return ids_; }

  /// Grows to `blocks` entries, or changes nothing and returns false when the pool has too few.
  bool tryGrow(uint32_t blocks, BlockPool &pool);
  /// Gives every block back; the first positions become free first.
  void releaseAll(BlockPool &pool);

private:
  std::vector<BlockId> ids_;
};

} // namespace ingot
