// Units of up to 64 rows that share the tiles they read (prefill): each warp has 16 rows of its
// own, all its state in registers; tiles are copied two ahead of the products.
//
//   shared    two stages of a tile of keys and one of values; the queries
//   barriers  per tile: copied, read
#pragma once

#include "codegen/cuda/kernels/AttentionWork.h"

namespace ingot::gpu {

template <class S>
class SharedUnit {
public:
  static constexpr u32 kStageBytes = 2 * S::kTileBytes;

  /// Chunks of 16 columns whose totals lie in shared memory: what registers do not hold.
  static constexpr u32 kOutside = S::kSteps > 6 ? 2 : 0, kInside = S::kSteps - kOutside;
  /// What a lane needs once per tile or segment.
  struct LaneSlot {
    LaneRanges ranges;
    RowStates total;
    float outside[kOutside == 0 ? 1 : kOutside][2][4];
  };
  static constexpr u32 kQueriesAt = 2 * kStageBytes;
  static constexpr u32 kLanesAt = kQueriesAt + kAttentionWarps * sizeof(QueryOperands<S>);
  static constexpr u32 kBytes = kLanesAt + kAttentionThreads * sizeof(LaneSlot);

  SharedUnit(const AttentionArgs &args, const AttentionWork &work, u8 *memory)
      : args_(args), work_(work), stages_(memory),
        query_(reinterpret_cast<QueryOperands<S> *>(memory + kQueriesAt)[warpId()]),
        slot_(reinterpret_cast<LaneSlot *>(memory + kLanesAt)[threadIndex()]) {}

  void run() {
    const bool idle = rowBase() >= work_.tokens * S::kGroup;
    const LaneRows rows = laneRows<S>(work_, rowBase(), lane_);
    slot_ = {laneRanges(args_, rows), RowStates{}, {}};
    findWarpRange();
    loadQuery<S>(query_, args_, rows, 0, 1, lane_); // a lane reads what it wrote
    const u32 firstTile = work_.begin / kTilePositions;
    const u32 tiles = (work_.end - 1) / kTilePositions + 1;
    copy(firstTile);
    for (u32 tile = firstTile; tile < tiles; ++tile) {
      if (tile + 1 < tiles)
        copy(tile + 1);
      else
        copyCommit();
      copyWait<1>();
      syncThreads();
      const u32 first = tile * kTilePositions;
      if (!idle && first < end_ && first + kTilePositions > begin_)
        attend(first);
      if ((first + kTilePositions) % kSegmentPositions == 0 || tile + 1 == tiles)
        fold();
      syncThreads();
    }
    if (!idle)
      store();
  }

private:
  u32 rowBase() const { return work_.rowBase + warpId() * 16; }

  /// Positions that any row of the warp sees.
  void findWarpRange() {
    begin_ = slot_.ranges.begin[0] < slot_.ranges.begin[1] ? slot_.ranges.begin[0]
                                                           : slot_.ranges.begin[1];
    end_ = slot_.ranges.end[0] > slot_.ranges.end[1] ? slot_.ranges.end[0] : slot_.ranges.end[1];
    for (u32 mask = 4; mask < 32; mask *= 2) {
      const u32 begin = shuffleXor(begin_, mask), end = shuffleXor(end_, mask);
      begin_ = begin < begin_ ? begin : begin_;
      end_ = end > end_ ? end : end_;
    }
  }

  u8 *stage(u32 tile) const { return stages_ + tile % 2 * kStageBytes; }

  void copy(u32 tile) {
    const u32 first = tile * kTilePositions;
    copyTile<S>(stage(tile), work_.cache, false, first, work_.begin, work_.end, lane_);
    copyTile<S>(stage(tile) + S::kTileBytes, work_.cache, true, first, work_.begin, work_.end,
                lane_);
    copyCommit();
  }

  void attend(u32 first) {
    const u8 *keys = stage(first / kTilePositions), *values = keys + S::kTileBytes;
    float s[8][4];
    tileScores<S>(s, query_, keys, lane_);
    const u32 visible = visibleBits(slot_.ranges, first, lane_);
    float maximum[2] = {state_.maximum[0], state_.maximum[1]};
    tileMaximum(s, args_.scale, visible, maximum);
    u32 p[4][4];
    float sum[2], alpha[2];
    tileWeights(s, maximum, visible, p, sum);
    INGOT_UNROLL
    for (u32 h = 0; h < 2; ++h) {
      alpha[h] = numerics::exp(state_.maximum[h] - maximum[h]);
      state_.sum[h] = std::fmaf(state_.sum[h], alpha[h], sum[h]);
      state_.maximum[h] = maximum[h];
    }
    INGOT_UNROLL
    for (u32 c = 0; c < S::kSteps; ++c) {
      scaleRows(acc_[c][0], alpha);
      scaleRows(acc_[c][1], alpha);
      addValues<S>(acc_[c], p, values, c, lane_);
    }
  }

  /// Folds the segment into the total and starts anew.
  void fold() {
    FoldFactors factors[2];
    foldStates(slot_.total, state_, factors);
    INGOT_UNROLL
    for (u32 i = 0; i < 2 * S::kSteps; ++i) {
      float (&acc)[4] = acc_[i / 2][i % 2];
      foldValues(totalsOf(i / 2)[i % 2], acc, factors);
      acc[0] = acc[1] = acc[2] = acc[3] = 0.0f;
    }
    state_ = RowStates{};
  }

  using Columns = float[2][4];
  Columns &totalsOf(u32 chunk) {
    return chunk < kInside ? totals_[chunk] : slot_.outside[chunk - kInside];
  }

  void store() {
    const LaneRows rows = laneRows<S>(work_, rowBase(), lane_);
    const float inverse[2] = {1.0f / slot_.total.sum[0], 1.0f / slot_.total.sum[1]};
    INGOT_UNROLL
    for (u32 c = 0; c < S::kSteps; ++c)
      storeColumns<S>(args_, rows, c, totalsOf(c), inverse, lane_);
    for (u32 h = 0; h < 2; ++h)
      if (rows.real[h])
        clearPadding<S>(args_, rows.token[h], rows.head[h], lane_ % 4, 4);
  }

  const AttentionArgs &args_;
  const AttentionWork &work_;
  u8 *stages_;
  QueryOperands<S> &query_;
  LaneSlot &slot_;
  const u32 lane_ = unitLane();
  u32 begin_, end_; ///< of the warp
  RowStates state_;
  float acc_[S::kSteps][2][4] = {}, totals_[kInside][2][4] = {};
};

} // namespace ingot::gpu
