// How the members of a team share the items of one launch: each has a contiguous range, the same in
// every step, and takes it in pieces from the front; whoever is done early takes pieces from the
// end of others. Which member computes an item changes no bit: an item is computed whole by one of
// them.
#pragma once

#include "runtime/device/ThreadTeam.h"

#include <algorithm>
#include <atomic>
#include <memory>

namespace ingot {

/// Ranges of all members for one launch.
class ItemQueue {
public:
  explicit ItemQueue(uint32_t members) : members_(members), ranges_(new Range[members]) {}

  /// Gives `member` its share of `items`. All shares are filled before anyone takes.
  void fill(uint32_t member, uint32_t items) {
    const ItemRange own = itemRangeOf(items, member, members_);
    ranges_[member].packed.store(pack(own), std::memory_order_relaxed);
  }

  /// The next piece for `member`: of its own range, else of the fullest other one that holds enough
  /// to share. Empty (begin == end) when there is none.
  ItemRange take(uint32_t member, uint32_t items) {
    const uint32_t share = items / members_;
    const uint32_t piece = std::max(1u, share / kPieces);
    const ItemRange own = takeFrom(member, piece, 1, /*front=*/true);
    // Small launches are over sooner than their data could move to another processor.
    if (own.begin < own.end || share < kLeastShare)
      return own;
    for (uint32_t victim = fullest(); victim != members_; victim = fullest()) {
      const ItemRange stolen = takeFrom(victim, piece, kLeastToSteal, /*front=*/false);
      if (stolen.begin < stolen.end)
        return stolen;
    }
    return {0, 0};
  }

private:
  static constexpr uint32_t kPieces =
      8; ///< of a share: what is left to steal is one of them at least
  static constexpr uint32_t kLeastShare = 4;   ///< items per member from which pieces are stolen
  static constexpr uint32_t kLeastToSteal = 2; ///< items that must be left in a range

  struct alignas(64) Range {
    std::atomic<uint64_t> packed{0}; ///< begin << 32 | end
  };
  static uint64_t pack(ItemRange range) { return uint64_t(range.begin) << 32 | range.end; }
  static ItemRange unpack(uint64_t packed) {
    return {static_cast<uint32_t>(packed >> 32), static_cast<uint32_t>(packed)};
  }

  ItemRange takeFrom(uint32_t member, uint32_t piece, uint32_t least, bool front) {
    std::atomic<uint64_t> &packed = ranges_[member].packed;
    uint64_t before = packed.load(std::memory_order_relaxed);
    for (;;) {
      const ItemRange range = unpack(before);
      const uint32_t left = range.end - range.begin;
      if (left < least)
        return {0, 0};
      const uint32_t count = std::min(piece, left);
      const ItemRange rest = front ? ItemRange{range.begin + count, range.end}
                                   : ItemRange{range.begin, range.end - count};
      if (packed.compare_exchange_weak(before, pack(rest), std::memory_order_relaxed))
        return front ? ItemRange{range.begin, range.begin + count}
                     : ItemRange{range.end - count, range.end};
    }
  }

  /// The member with most items left, if enough to steal from; members_ when there is none.
  uint32_t fullest() const {
    uint32_t best = members_, most = kLeastToSteal - 1;
    for (uint32_t member = 0; member < members_; ++member) {
      const ItemRange range = unpack(ranges_[member].packed.load(std::memory_order_relaxed));
      if (range.end - range.begin > most) {
        most = range.end - range.begin;
        best = member;
      }
    }
    return best;
  }

  uint32_t members_;
  std::unique_ptr<Range[]> ranges_; ///< [member], a cache line each
};

} // namespace ingot
