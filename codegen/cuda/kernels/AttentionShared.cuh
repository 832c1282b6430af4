// Units of up to 64 rows that share the tiles they read (prefill): each warp has 16 rows of its
// own, all its state in registers; tiles are copied two ahead of the products.
//
//   shared    two stages of a tile of keys and one of values
//   barriers  per tile: copied, read
#pragma once

#include "codegen/cuda/kernels/AttentionWork.cuh"

namespace ingot::gpu {

template <class S>
class SharedUnit {
public:
  static constexpr u32 kStageBytes = 2 * S::kTileBytes;

  SharedUnit(const AttentionArgs &args, const AttentionWork &work, u8 *stages)
      : args_(args), work_(work), stages_(stages), cache_(cacheOf<S>(args, work)) {}

  void run() {
    rows_ = laneRows<S>(args_, work_, work_.rowBase + warpId() * 16);
    const bool idle = work_.rowBase + warpId() * 16 >= work_.tokens * S::kGroup;
    u32 begin = rows_.begin[0] < rows_.begin[1] ? rows_.begin[0] : rows_.begin[1];
    u32 end = rows_.end[0] > rows_.end[1] ? rows_.end[0] : rows_.end[1];
    for (u32 mask = 4; mask < 32; mask *= 2) { // of the warp
      const u32 otherBegin = shuffleXor(begin, mask), otherEnd = shuffleXor(end, mask);
      begin = otherBegin < begin ? otherBegin : begin;
      end = otherEnd > end ? otherEnd : end;
    }
    u32 q[S::kSteps][4];
    loadQuery<S>(q, args_, rows_);
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
      if (!idle && first < end && first + kTilePositions > begin)
        attend(q, first);
      if ((first + kTilePositions) % kSegmentPositions == 0 || tile + 1 == tiles)
        fold();
      syncThreads();
    }
    if (!idle)
      store();
  }

private:
  u8 *stage(u32 tile) const { return stages_ + tile % 2 * kStageBytes; }

  void copy(u32 tile) {
    const u32 first = tile * kTilePositions;
    copyTile<S>(stage(tile), cache_, false, first, work_.begin, work_.end);
    copyTile<S>(stage(tile) + S::kTileBytes, cache_, true, first, work_.begin, work_.end);
    copyCommit();
  }

  void attend(const u32 (&q)[S::kSteps][4], u32 first) {
    const u8 *keys = stage(first / kTilePositions), *values = keys + S::kTileBytes;
    float s[8][4];
    tileScores<S>(s, q, keys);
    const u32 visible = visibleBits(rows_, first);
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
      addValues<S>(acc_[c], p, values, c);
    }
  }

  /// Folds the segment into the total and starts anew.
  void fold() {
    FoldFactors factors[2];
    foldStates(total_, state_, factors);
    INGOT_UNROLL
    for (u32 i = 0; i < 2 * S::kSteps; ++i) {
      float (&acc)[4] = acc_[i / 2][i % 2];
      foldValues(totals_[i / 2][i % 2], acc, factors);
      acc[0] = acc[1] = acc[2] = acc[3] = 0.0f;
    }
    state_ = RowStates{};
  }

  void store() {
    const float inverse[2] = {1.0f / total_.sum[0], 1.0f / total_.sum[1]};
    INGOT_UNROLL
    for (u32 c = 0; c < S::kSteps; ++c)
      storeColumns<S>(args_, rows_, c, totals_[c], inverse);
    for (u32 h = 0; h < 2; ++h)
      if (rows_.real[h])
        clearPadding<S>(args_, rows_.token[h], rows_.head[h], laneId() % 4, 4);
  }

  const AttentionArgs &args_;
  const AttentionWork &work_;
  u8 *stages_;
  const AttentionCache cache_;
  LaneRows rows_;
  RowStates state_, total_;
  float acc_[S::kSteps][2][4] = {}, totals_[S::kSteps][2][4] = {};
};

} // namespace ingot::gpu
