// Counts the blocks of the paged KV cache: which are free, and how many sequences share each one
// that is not. It holds no memory and never knows why a block is taken; the executor owns the
// bytes.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ingot {

/// Index of a block in the pool: block b lies at pool + b * blockBytes.
using BlockId = uint32_t;

/// Reference-counted blocks with a free list that is a queue: a freed block is reused last, so that
/// its contents stay available to a prefix cache as long as possible.
class BlockPool {
public:
  /// Blocks 0..count-1, handed out in ascending order at first.
  explicit BlockPool(uint32_t count);
  /// Blocks handed out in the given order at first: a permutation of 0..order.size()-1.
  explicit BlockPool(std::span<const BlockId> order);

  uint32_t totalBlocks() const { return static_cast<uint32_t>(references_.size()); }
  uint32_t freeBlocks() const { return freeCount_; }
  uint32_t usedBlocks() const { return totalBlocks() - freeCount_; }
  /// How many owners block `id` has; 0 = free.
  uint32_t references(BlockId id) const { return references_[id]; }

  /// The block that has been free for longest, with one reference; nothing when none is free.
  std::optional<BlockId> tryAllocate();
  /// Adds an owner to a block that has one already.
  void retain(BlockId id);
  /// Takes one owner away; the last one puts the block at the end of the free queue.
  void release(BlockId id);

  /// Internal error when the free queue and the reference counts disagree. Linear in the pool.
  Status checkInvariants() const;

private:
  std::vector<uint32_t> references_; ///< [block] owners
  std::vector<BlockId> queue_;       ///< ring of capacity totalBlocks()
  uint32_t head_ = 0;                ///< index in queue_ of the block that is allocated next
  uint32_t freeCount_ = 0;
};

} // namespace ingot
