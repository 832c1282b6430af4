// Who does what in paged attention. The table of the batch (items of up to abi::kAttentionTokens
// tokens of one sequence) becomes a list of units, the same in every block:
//   shared  long runs of tokens (a prompt's chunk): up to 64 rows (32 of wide heads) share what
//           they read, over all they see. Neighbouring items of a sequence are taken together.
//   split   16 rows, one segment of 256 positions; its softmax state goes to scratch, and the last
//           of the row's units folds the segments in ascending order
//   whole   16 rows, all segments: where scratch does not hold the states of a step, or there is
//           only one
// Units change no bits. Blocks take their own index first, then whatever is left (a counter).
//
// Scratch: counters (zero before the first launch, left zero by every launch), then partial rows of
// {maximum, sum, 0, 0, values [kColumns]} f32.
#pragma once

#include "codegen/cuda/kernels/AttentionTile.h"

namespace ingot::gpu {

/// Items per window: each thread looks at one.
inline constexpr u32 kWindowItems = kAttentionThreads;

/// Layout of scratch; the emitter computes sizes from it, too.
template <class S>
struct AttentionScratch {
  /// Units with counters: tiles of 16 rows per KV head, at most one more per item than full ones.
  static constexpr u32 kCounters =
      (S::kMaxTokens * S::kGroup / 16 + S::kMaxTokens + 1) * S::kKvHeads;
  static constexpr u32 kHeaderWords = 4; ///< next unit, finished blocks
  static constexpr u32 kRowFloats = S::kColumns + 4;
  /// One size for all kernels: those of other bounds use the same memory, and no partial row may
  /// lie on another's counters.
  static constexpr u64 kCounterBytes = 2u << 20;
  static_assert((kHeaderWords + kCounters) * 4 <= kCounterBytes);
  static constexpr u64 kBytes = kCounterBytes + static_cast<u64>(S::kPartialRows) * kRowFloats * 4;

  u8 *base;
  u32 *next() const { return reinterpret_cast<u32 *>(base); }
  u32 *finished() const { return reinterpret_cast<u32 *>(base) + 1; }
  u32 *counter(u32 index) const { return reinterpret_cast<u32 *>(base) + kHeaderWords + index; }
  float *partial(u32 row) const {
    return reinterpret_cast<float *>(base + kCounterBytes) + static_cast<u64>(row) * kRowFloats;
  }
};

/// What an item costs, and the running sums over the items before and with it.
struct ItemCost {
  u32 first, tokens, begin, end;
  u32 shared;
  u32 splitUnits, wholeUnits, partialRows;
};

template <class S>
struct WorkShared {
  static constexpr u32 kWindows = (S::kMaxTokens + kWindowItems - 1) / kWindowItems;
  ItemCost items[kWindowItems]; ///< of the window at hand, sums from its start
  u32 warpSums[kAttentionWarps][3];
  u32 windowUnits[kWindows + 1], windowRows[kWindows + 1]; ///< sums before each window
  u32 windowSplit[kWindows], windowWhole[kWindows];
  AttentionWork work; ///< of the unit at hand
  u32 nextUnit;
  // Of the list; registers are dear.
  u32 units, loaded; ///< of all windows; the window at hand
  u32 split;         ///< whether scratch holds the states of the step
};

template <class S>
class WorkList {
public:
  /// An item has at most so many units per segment that it sees.
  static constexpr u32 kUnitsPerSegment =
      (abi::kAttentionTokens * S::kGroup + 15) / 16 * S::kKvHeads;

  WorkList(const AttentionArgs &args, WorkShared<S> &shared)
      : batch_(*args.batch), view_(*args.view), shared_(shared) {
    const u32 windows = (batch_.attentionItems + kWindowItems - 1) / kWindowItems;
    u32 rows = 0;
    for (u32 w = 0; w < windows; ++w) {
      loadWindow(w);
      const ItemCost &last = shared_.items[kWindowItems - 1];
      rows += last.partialRows < S::kPartialRows + 1 ? last.partialRows : S::kPartialRows + 1;
      if (threadIndex() == 0) {
        shared_.windowSplit[w] = last.splitUnits;
        shared_.windowWhole[w] = last.wholeUnits;
        shared_.windowRows[w] = rows - last.partialRows;
      }
    }
    if (threadIndex() == 0) {
      const bool split = rows <= S::kPartialRows;
      u32 units = 0;
      for (u32 w = 0; w < windows; ++w) {
        shared_.windowUnits[w] = units;
        units += split ? shared_.windowSplit[w] : shared_.windowWhole[w];
      }
      shared_.windowUnits[windows] = units;
      shared_.units = units;
      shared_.split = split;
    }
    syncThreads();
  }

  /// Looked up each time, never kept in a register.
  u32 units() const { return *const_cast<const volatile u32 *>(&shared_.units); }

  /// All threads of the block.
  const AttentionWork &unit(u32 index) {
    const u32 loaded = shared_.loaded;
    u32 window = index < shared_.windowUnits[loaded] ? 0 : loaded;
    while (index >= shared_.windowUnits[window + 1])
      ++window;
    if (window != loaded)
      loadWindow(window);
    const u32 inWindow = index - shared_.windowUnits[window];
    u32 low = 0, high = kWindowItems - 1; // the first item whose units end behind it
    while (low < high) {
      const u32 middle = (low + high) / 2;
      if (unitsEnd(middle) > inWindow)
        high = middle;
      else
        low = middle + 1;
    }
    const u32 before = low == 0 ? 0 : unitsEnd(low - 1);
    if (threadIndex() == 0)
      shared_.work = workOf(low, inWindow - before, window);
    syncThreads();
    return shared_.work;
  }

private:
  u32 unitsEnd(u32 item) const {
    return shared_.split ? shared_.items[item].splitUnits : shared_.items[item].wholeUnits;
  }

  AttentionWork workOf(u32 item, u32 index, u32 window) const {
    const ItemCost &cost = shared_.items[item];
    AttentionWork work;
    work.first = cost.first, work.tokens = cost.tokens;
    work.begin = cost.begin, work.end = cost.end;
    work.segments = segmentsOf(cost);
    work.shared = cost.shared != 0;
    work.split = shared_.split && !work.shared && work.segments > 1;
    // Innermost the rows, which read the same positions.
    const u32 tileRows = work.shared ? S::kSharedRows : 16;
    const u32 tiles = (cost.tokens * S::kGroup + tileRows - 1) / tileRows;
    work.rowBase = index % tiles * tileRows;
    work.kvHead = index / tiles % S::kKvHeads;
    work.segment = cost.begin / kSegmentPositions + (work.split ? index / tiles / S::kKvHeads : 0);
    const u32 rows = item == 0 ? 0 : shared_.items[item - 1].partialRows;
    work.partial = shared_.windowRows[window] + rows;
    const u32 sequence = batch_.tokenSequence[cost.first];
    work.cache = {view_.pool + work.kvHead * S::kLayout.headBytes(),
                  view_.table + static_cast<u64>(sequence) * view_.tablePitch, view_.blockBytes};
    return work;
  }

  static u32 segmentsOf(const ItemCost &cost) {
    return (cost.end + kSegmentPositions - 1) / kSegmentPositions - cost.begin / kSegmentPositions;
  }

  struct TableItem {
    u32 first, tokens, sequence;
  };
  TableItem tableItem(u32 i) const {
    const u32 first = batch_.attentionTable[2 * i];
    return {first, batch_.attentionTable[2 * i + 1], batch_.tokenSequence[first]};
  }

  /// Items that are taken together: those of a sequence in an aligned run of this many.
  static constexpr u32 kTogether = S::kGroup >= 8 ? 1 : S::kGroup >= 4 ? 2 : S::kGroup >= 2 ? 4 : 8;

  /// Cost of item i of the table: nothing where another item stands for it.
  ItemCost costOf(u32 i) const {
    ItemCost cost{};
    if (i >= batch_.attentionItems)
      return cost;
    const TableItem item = tableItem(i);
    cost.first = item.first, cost.tokens = item.tokens;
    if constexpr (S::kSharing) {
      const bool follows = i > 0 && tableItem(i - 1).sequence == item.sequence;
      const bool leads =
          i + 1 < batch_.attentionItems && tableItem(i + 1).sequence == item.sequence;
      cost.shared = follows || leads || item.tokens * S::kGroup > 16;
      if (cost.shared != 0) {
        if (follows && i % kTogether != 0)
          return ItemCost{};
        for (u32 j = i + 1; j % kTogether != 0 && j < batch_.attentionItems; ++j) {
          const TableItem other = tableItem(j);
          if (other.sequence != item.sequence)
            break;
          cost.tokens += other.tokens;
        }
      }
    }
    addRange(cost);
    const u32 rows = cost.tokens * S::kGroup;
    const u32 tileRows = cost.shared != 0 ? S::kSharedRows : 16;
    const u32 tiles = (rows + tileRows - 1) / tileRows;
    const u32 segments = segmentsOf(cost);
    cost.wholeUnits = cost.splitUnits = tiles * S::kKvHeads;
    if (cost.shared == 0) {
      cost.splitUnits *= segments;
      cost.partialRows = segments > 1 ? rows * segments * S::kKvHeads : 0;
    }
    return cost;
  }

  void addRange(ItemCost &cost) const {
    cost.begin = ~0u;
    for (u32 t = cost.first; t < cost.first + cost.tokens; ++t) {
      const u32 begin = visibleFrom<S>(batch_, t), end = batch_.visibleEnd[t];
      cost.begin = begin < cost.begin ? begin : cost.begin;
      cost.end = end > cost.end ? end : cost.end;
    }
  }

  static u32 inclusiveSum(u32 value) {
    for (u32 d = 1; d < 32; d *= 2) {
      const u32 other = shuffle(value, laneId() - d);
      value += laneId() >= d ? other : 0;
    }
    return value;
  }

  /// Costs and sums of a window into shared memory.
  void loadWindow(u32 window) {
    syncThreads(); // the window before is no longer read
    ItemCost cost = costOf(window * kWindowItems + threadIndex());
    cost.splitUnits = inclusiveSum(cost.splitUnits);
    cost.wholeUnits = inclusiveSum(cost.wholeUnits);
    cost.partialRows = inclusiveSum(cost.partialRows);
    if (laneId() == 31) {
      shared_.warpSums[warpId()][0] = cost.splitUnits;
      shared_.warpSums[warpId()][1] = cost.wholeUnits;
      shared_.warpSums[warpId()][2] = cost.partialRows;
    }
    syncThreads();
    for (u32 w = 0; w < warpId(); ++w) {
      cost.splitUnits += shared_.warpSums[w][0];
      cost.wholeUnits += shared_.warpSums[w][1];
      cost.partialRows += shared_.warpSums[w][2];
    }
    shared_.items[threadIndex()] = cost;
    if (threadIndex() == 0)
      shared_.loaded = window;
    syncThreads();
  }

  const abi::BatchView &batch_;
  const abi::KvView &view_;
  WorkShared<S> &shared_;
};

} // namespace ingot::gpu
