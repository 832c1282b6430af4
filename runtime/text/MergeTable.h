// Byte pair merging: the pair with the lowest rank first, the leftmost of equals, in O(n log n).
#pragma once

#include "runtime/text/TokenizerData.h"

#include <cstdint>
#include <vector>

namespace ingot {

/// Merges by pair. Refers to the list it was built from, which must outlive it.
class MergeTable {
public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  MergeTable() = default;
  /// The rank of the first merge whose pair is already there, or kNone when all pairs are unique.
  uint32_t build(const std::vector<TokenMerge> &merges);

  /// Rank of the merge of two tokens, or kNone.
  uint32_t rank(uint32_t left, uint32_t right) const;
  uint32_t result(uint32_t rank) const { return merges_[rank].result; }

private:
  const TokenMerge *merges_ = nullptr;
  std::vector<uint32_t> slots_; ///< open addressing, a power of two; ranks or kNone
  uint32_t mask_ = 0;
};

/// Merges one piece after the other; keeps its memory between pieces. Not shared between threads.
class Merger {
public:
  explicit Merger(const MergeTable &table) : table_(table) {}

  /// Merges `symbols` (token ids) completely and appends what is left to `out`.
  void merge(const std::vector<uint32_t> &symbols, std::vector<uint32_t> &out);

private:
  static constexpr uint32_t kEnd = ~uint32_t{0};

  /// Doubly linked list over places of the piece; `id` is kEnd once merged into its left neighbour.
  struct Symbol {
    uint32_t id;
    uint32_t previous;
    uint32_t next;
  };
  void consider(uint32_t left, uint32_t right);
  void join(uint32_t left, uint32_t rank);

  const MergeTable &table_;
  std::vector<Symbol> list_;
  std::vector<uint64_t> heap_; ///< rank << 32 | place, smallest first
};

} // namespace ingot
