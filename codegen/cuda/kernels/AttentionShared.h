// Units of up to 64 rows that share the tiles they read (prefill): each warp has 16 rows of its
// own. Heads wider than 128 columns: units of 32 rows, two warps for the same 16, each with half of
// the columns of the values (both make the scores).
//
// Heads of up to 96 columns have two stages of a tile of keys and one of values, copied one ahead
// of the products; wider ones a single stage, where each of the two is copied while the other is in
// use. What segments add up to lies in shared memory, as far as there is room: registers have to
// hold the segment at hand and the scores.
//
//   shared    stages; the queries; what a lane needs seldom
//   barriers  per tile: copied, read; with one stage both for keys and for values
#pragma once

#include "codegen/cuda/kernels/AttentionWork.h"

namespace ingot::gpu {

template <class S>
class SharedUnit {
public:
  static constexpr u32 kStages = S::kColumns > 96 ? 1 : 2;
  static constexpr u32 kStageBytes = 2 * S::kTileBytes;
  static constexpr u32 kRowGroups = kAttentionWarps / S::kSharers;
  static constexpr u32 kQueriesAt = kStages * kStageBytes;
  static constexpr u32 kLanesAt = kQueriesAt + kRowGroups * sizeof(QueryOperands<S>);

  /// Chunks of 16 columns of a warp's values, and those whose totals lie in shared memory, of which
  /// every target has 99 KiB.
  static constexpr u32 kOwn = (S::kSteps + S::kSharers - 1) / S::kSharers;
  static constexpr u32 kScaleBytes = S::Format::kScaled ? 2 * sizeof(typename S::Scales) : 0;
  static constexpr u32 kTaken = kLanesAt + kScaleBytes + (sizeof(WorkShared<S>) + 15) / 16 * 16;
  static constexpr u32 kRoom = ((99u << 10) - kTaken) / (kAttentionThreads * 32) - 1;
  static constexpr u32 kOutside = kOwn <= 4 ? 0 : kOwn < kRoom ? kOwn : kRoom;
  static constexpr u32 kInside = kOwn - kOutside;
  /// What a lane needs once per tile or segment.
  struct LaneSlot {
    LaneRanges ranges;
    RowStates total;
    float outside[kOutside == 0 ? 1 : kOutside][2][4];
  };
  static constexpr u32 kScalesAt = kLanesAt + kAttentionThreads * sizeof(LaneSlot);
  static constexpr u32 kBytes = kScalesAt + kScaleBytes;

  SharedUnit(const AttentionArgs &args, const AttentionWork &work, u8 *memory)
      : args_(args), work_(work), memory_(memory),
        query_(reinterpret_cast<QueryOperands<S> *>(memory + kQueriesAt)[rowGroup()]),
        slot_(reinterpret_cast<LaneSlot *>(memory + kLanesAt)[threadIndex()]) {}

  void run() {
    const bool idle = rowBase() >= work_.tokens * S::kGroup;
    const LaneRows rows = laneRows<S>(work_, rowBase(), lane_);
    slot_ = {laneRanges<S>(args_, rows), foldStart<S>(args_, rows), {}};
    findWarpRange();
    // Until the first barrier, although where nobody shares a lane reads what it wrote.
    loadQuery<S>(query_, args_, rows, sharer(), S::kSharers, lane_);
    const u32 firstTile = work_.begin / kTilePositions;
    const u32 tiles = (work_.end - 1) / kTilePositions + 1;
    if constexpr (kStages == 1)
      walkOneStage(firstTile, tiles, idle);
    else
      walk(firstTile, tiles, idle);
    if (!idle)
      store();
  }

private:
  u32 rowGroup() const { return warpId() / S::kSharers; }
  u32 sharer() const { return warpId() % S::kSharers; }
  u32 rowBase() const { return work_.rowBase + rowGroup() * 16; }
  /// Chunk of columns i of this warp; those from kSteps on do not exist.
  u32 chunk(u32 i) const { return sharer() * kOwn + i; }
  bool hasChunk(u32 i) const { return S::kSteps % S::kSharers == 0 || chunk(i) < S::kSteps; }

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
  bool sees(u32 first) const { return first < end_ && first + kTilePositions > begin_; }

  u8 *keysOf(u32 tile) const { return memory_ + tile % kStages * kStageBytes; }
  u8 *valuesOf(u32 tile) const { return keysOf(tile) + S::kTileBytes; }
  typename S::Scales &scalesOf(u32 tile) const {
    return reinterpret_cast<typename S::Scales *>(memory_ + kScalesAt)[tile % 2];
  }

  void copy(u32 tile, bool values) {
    const u32 first = tile * kTilePositions;
    copyTile<S>(values ? valuesOf(tile) : keysOf(tile), work_.cache, values, first, work_.begin,
                work_.end, lane_);
    if constexpr (S::Format::kScaled)
      if (!values)
        copyScales<S>(scalesOf(tile), work_.cache, first, work_.begin, work_.end, lane_);
  }
  void copyBoth(u32 tile) {
#pragma unroll 1
    for (u32 i = 0; i < 2; ++i)
      copy(tile, i != 0);
    copyCommit();
  }
  /// Whether the segment ends with the tile.
  static bool endsSegment(u32 tile, u32 tiles) {
    return (tile + 1) * kTilePositions % kSegmentPositions == 0 || tile + 1 == tiles;
  }

  void walk(u32 firstTile, u32 tiles, bool idle) {
    copyBoth(firstTile);
#pragma unroll 1
    for (u32 tile = firstTile; tile < tiles; ++tile) {
      if (tile + 1 < tiles)
        copyBoth(tile + 1);
      else
        copyCommit();
      copyWait<1>();
      syncThreads();
      if (!idle && sees(tile * kTilePositions)) {
        float s[8][4];
        tileScores<S>(s, query_, keysOf(tile), lane_);
        addTile(s, tile);
      }
      if (endsSegment(tile, tiles))
        fold();
      syncThreads();
    }
  }

  void walkOneStage(u32 firstTile, u32 tiles, bool idle) {
    copy(firstTile, false);
    copyCommit();
    copy(firstTile, true);
    copyCommit();
#pragma unroll 1
    for (u32 tile = firstTile; tile < tiles; ++tile) {
      const bool more = tile + 1 < tiles, seen = !idle && sees(tile * kTilePositions);
      float s[8][4];
      lane_ = unitLane(); // addresses of one tile do not stay in registers for the next
      copyWait<1>();
      syncThreads(); // keys are here
      if (seen)
        tileScores<S>(s, query_, keysOf(tile), lane_);
      syncThreads(); // and read
      if (more)
        copy(tile + 1, false);
      copyCommit();
      copyWait<1>();
      syncThreads(); // values are here
      if (seen)
        addTile(s, tile);
      if (endsSegment(tile, tiles))
        fold();
      syncThreads(); // and read
      if (more)
        copy(tile + 1, true);
      copyCommit();
    }
  }

  /// A tile's scores into the state and its weighted values into the accumulators.
  void addTile(float (&s)[8][4], u32 tile) {
    const u8 *values = valuesOf(tile);
    const u32 visible = visibleBits(slot_.ranges, tile * kTilePositions, lane_);
    float maximum[2] = {state_.maximum[0], state_.maximum[1]};
    tileMaximum<S>(s, args_, scalesOf(tile), visible, lane_, maximum);
    u32 p[4][4];
    float sum[2], alpha[2];
    tileWeights<S>(s, scalesOf(tile), maximum, visible, lane_, p, sum);
    INGOT_UNROLL
    for (u32 h = 0; h < 2; ++h) {
      alpha[h] = numerics::exp(state_.maximum[h] - maximum[h]);
      state_.sum[h] = std::fmaf(state_.sum[h], alpha[h], sum[h]);
      state_.maximum[h] = maximum[h];
    }
    INGOT_UNROLL
    for (u32 i = 0; i < kOwn; ++i)
      if (hasChunk(i)) {
        scaleRows(acc_[i][0], alpha);
        scaleRows(acc_[i][1], alpha);
        addValues<S>(acc_[i], p, values, chunk(i), lane_);
      }
  }

  /// Folds the segment into the total and starts anew.
  void fold() {
    FoldFactors factors[2];
    foldStates(slot_.total, state_, factors);
    INGOT_UNROLL
    for (u32 i = 0; i < 2 * kOwn; ++i) {
      float (&acc)[4] = acc_[i / 2][i % 2];
      foldValues(totalsOf(i / 2)[i % 2], acc, factors);
      acc[0] = acc[1] = acc[2] = acc[3] = 0.0f;
    }
    state_ = RowStates{};
  }

  using Columns = float[2][4];
  Columns &totalsOf(u32 i) { return i < kInside ? totals_[i] : slot_.outside[i - kInside]; }

  void store() {
    const LaneRows rows = laneRows<S>(work_, rowBase(), lane_);
    INGOT_UNROLL
    for (u32 h = 0; h < 2; ++h) {
      if (!rows.real[h])
        continue;
      const float inverse = 1.0f / slot_.total.sum[h];
      const ResultRow<S> row = resultRow<S>(args_, rows.token[h]);
      INGOT_UNROLL
      for (u32 i = 0; i < kOwn; ++i)
        if (hasChunk(i))
          storeColumns<S>(row, rows.head[h], chunk(i), totalsOf(i), h, inverse, lane_);
      if (sharer() == 0)
        clearPadding<S>(args_, rows.token[h], rows.head[h], lane_ % 4, 4);
    }
  }

  const AttentionArgs &args_;
  const AttentionWork &work_;
  u8 *memory_;
  QueryOperands<S> &query_;
  LaneSlot &slot_;
  u32 lane_ = unitLane();
  u32 begin_, end_; ///< of the warp
  RowStates state_;
  float acc_[kOwn][2][4] = {}, totals_[kInside == 0 ? 1 : kInside][2][4] = {};
};

} // namespace ingot::gpu
