// Units of 16 rows that read a cache alone (decode): the four warps take the tiles of a round for
// the scores and column ranges for the values, so that few rows still keep a multiprocessor busy.
//
//   round     kTiles tiles; scores of tile w by warp w, values by columns: warp w has the 16-column
//             chunks w, w + 4, ...
//   copies    keys of the next round while weights are made, values of the next after this one's
//   barriers  A: keys here, B: maxima, C: weights and values, D: round done
//   shared    SplitShared and kTiles tiles of keys and of values
#pragma once

#include "codegen/cuda/kernels/AttentionFold.h"

namespace ingot::gpu {

template <class S>
struct SplitShared {
  QueryOperands<S> query;
  u32 weights[S::kTiles][4][32][4]; ///< operands A of a tile: [k16 step][lane]
  float maximum[S::kTiles][16], sum[S::kTiles][16];
};

/// Behind SplitShared, in formats that have them: scales of two rounds; those of the next arrive
/// while values of this one are weighted.
template <class S>
using SplitScales = typename S::Scales[2][S::kTiles];

template <class S>
class SplitUnit {
public:
  static constexpr u32 kSharedAt = PartialFold<S>::kRoom;
  static constexpr u32 kScalesAt = kSharedAt + sizeof(SplitShared<S>);
  static constexpr u32 kTotalsAt = kScalesAt + (S::Format::kScaled ? sizeof(SplitScales<S>) : 0);
  /// Chunks of 16 columns of a warp; whether their totals lie in shared memory.
  static constexpr u32 kOwn = (S::kSteps + kAttentionWarps - 1) / kAttentionWarps;
  static constexpr bool kOutside = kOwn > 2;
  using Totals = float[kOwn][2][4];
  static constexpr u32 kBytes = kTotalsAt + (kOutside ? kAttentionThreads * sizeof(Totals) : 0);

  SplitUnit(const AttentionArgs &args, const AttentionWork &work, u8 *memory)
      : args_(args), work_(work), shared_(*reinterpret_cast<SplitShared<S> *>(memory + kSharedAt)),
        scales_(*reinterpret_cast<SplitScales<S> *>(memory + kScalesAt)), keys_(memory),
        values_(memory + S::kTiles * S::kTileBytes),
        outside_(reinterpret_cast<Totals *>(memory + kTotalsAt)[threadIndex()]) {
    const u32 first = work.segment * kSegmentPositions;
    const u32 last = work.split ? first + kSegmentPositions : work.end;
    begin_ = work.begin > first ? work.begin : first;
    end_ = work.end < last ? work.end : last;
  }

  void run() {
    const LaneRows rows = laneRows<S>(work_, work_.rowBase, lane_);
    ranges_ = laneRanges<S>(args_, rows);
    total_ = foldStart<S>(args_, rows);
    if constexpr (kOutside)
      for (u32 i = 0; i < kOwn * 8; ++i)
        outside_[i / 8][i / 4 % 2][i % 4] = 0.0f;
    const u32 firstRound = begin_ / kRoundPositions, rounds = (end_ - 1) / kRoundPositions + 1;
    copy(keys_, false, firstRound);
    copy(values_, true, firstRound);
    loadQuery<S>(shared_.query, args_, rows, warpId(), kAttentionWarps, lane_); // until barrier A
#pragma unroll 1
    for (u32 round = firstRound; round < rounds; ++round) {
      step(round, round + 1 < rounds);
      const bool segmentDone = (round + 1) * kRoundPositions % kSegmentPositions == 0;
      if (work_.split || !(segmentDone || round + 1 == rounds))
        continue;
      fold();
    }
    if (work_.split)
      finishSplit();
    else
      store();
  }

private:
  static constexpr u32 kRoundPositions = S::kTiles * kTilePositions;
  using Scratch = AttentionScratch<S>;

  u32 chunk(u32 i) const { return i * kAttentionWarps + warpId(); }
  bool isLive(u32 first) const { return first < end_ && first + kTilePositions > begin_; }

  void copy(u8 *tiles, bool values, u32 round) {
#pragma unroll 1
    for (u32 i = 0; i < S::kTiles; ++i) {
      const u32 first = round * kRoundPositions + i * kTilePositions;
      if (!isLive(first))
        continue;
      copyTile<S>(tiles + i * S::kTileBytes, work_.cache, values, first, begin_, end_, lane_);
      if constexpr (S::Format::kScaled)
        if (!values)
          copyScales<S>(scales_[round % 2][i], work_.cache, first, begin_, end_, lane_);
    }
    copyCommit();
  }

  typename S::Scales &scalesOf(u32 round) { return scales_[round % 2][warpId() % S::kTiles]; }

  void step(u32 round, bool more) {
    const u32 first = round * kRoundPositions, own = first + warpId() * kTilePositions;
    const bool scores = warpId() < S::kTiles && isLive(own);
    float s[8][4];
    u32 visible = 0;
    lane_ = unitLane(); // addresses of one round do not stay in registers for the next
    copyWait<1>();
    syncThreads(); // A
    if (scores) {
      tileScores<S>(s, shared_.query, keys_ + warpId() * S::kTileBytes, lane_);
      visible = visibleBits(ranges_, own, lane_);
      float maximum[2] = {numerics::kScoreStart, numerics::kScoreStart};
      tileMaximum<S>(s, args_, scalesOf(round), visible, lane_, maximum);
      publish(shared_.maximum[warpId()], maximum);
    }
    syncThreads(); // B
    if (more)
      copy(keys_, false, round + 1);
    else
      copyCommit();
    if (scores)
      makeWeights(s, visible, first, scalesOf(round));
    copyWait<1>();
    syncThreads(); // C
#pragma unroll 1
    for (u32 i = 0; i < S::kTiles; ++i)
      if (isLive(first + i * kTilePositions))
        addTile(i);
    syncThreads(); // D
    if (more)
      copy(values_, true, round + 1);
    else
      copyCommit();
  }

  /// One number per row, from the first lane of its quad.
  void publish(float (&to)[16], const float (&value)[2]) {
    if (lane_ % 4 != 0)
      return;
    to[lane_ / 4] = value[0];
    to[lane_ / 4 + 8] = value[1];
  }

  /// The maximum after tile i of the round is that of all tiles up to it.
  void makeWeights(const float (&s)[8][4], u32 visible, u32 first,
                   const typename S::Scales &scales) {
    float maximum[2] = {state_.maximum[0], state_.maximum[1]};
    for (u32 i = 0; i <= warpId(); ++i)
      if (isLive(first + i * kTilePositions))
        for (u32 h = 0; h < 2; ++h)
          maximum[h] = larger(maximum[h], shared_.maximum[i][lane_ / 4 + 8 * h]);
    u32 p[4][4];
    float sum[2];
    tileWeights<S>(s, scales, maximum, visible, lane_, p, sum);
    publish(shared_.sum[warpId()], sum);
    for (u32 k = 0; k < 4; ++k)
      store128(shared_.weights[warpId()][k][lane_], uint4{p[k][0], p[k][1], p[k][2], p[k][3]});
  }

  /// Every warp keeps the states of all rows; the values of its columns.
  void addTile(u32 tile) {
    float alpha[2];
    for (u32 h = 0; h < 2; ++h) {
      const u32 row = lane_ / 4 + 8 * h;
      const float next = larger(state_.maximum[h], shared_.maximum[tile][row]);
      alpha[h] = numerics::exp(state_.maximum[h] - next);
      state_.sum[h] = std::fmaf(state_.sum[h], alpha[h], shared_.sum[tile][row]);
      state_.maximum[h] = next;
    }
    u32 p[4][4];
    for (u32 k = 0; k < 4; ++k) {
      const uint4 words = load128(shared_.weights[tile][k][lane_]);
      p[k][0] = words.x, p[k][1] = words.y, p[k][2] = words.z, p[k][3] = words.w;
    }
    INGOT_UNROLL
    for (u32 i = 0; i < kOwn; ++i)
      if (chunk(i) < S::kSteps) {
        scaleRows(acc_[i][0], alpha);
        scaleRows(acc_[i][1], alpha);
        addValues<S>(acc_[i], p, values_ + tile * S::kTileBytes, chunk(i), lane_);
      }
  }

  /// Folds the segment into the total and starts anew.
  void fold() {
    FoldFactors factors[2];
    foldStates(total_, state_, factors);
    INGOT_UNROLL
    for (u32 i = 0; i < kOwn; ++i)
      for (u32 n = 0; n < 2; ++n) {
        foldValues(totals()[i][n], acc_[i][n], factors);
        acc_[i][n][0] = acc_[i][n][1] = acc_[i][n][2] = acc_[i][n][3] = 0.0f;
      }
    state_ = RowStates{};
  }

  void store() {
    const LaneRows rows = laneRows<S>(work_, work_.rowBase, lane_);
    INGOT_UNROLL
    for (u32 h = 0; h < 2; ++h) {
      if (!rows.real[h])
        continue;
      const float inverse = 1.0f / total_.sum[h];
      const ResultRow<S> row = resultRow<S>(args_, rows.token[h]);
      INGOT_UNROLL
      for (u32 i = 0; i < kOwn; ++i)
        if (chunk(i) < S::kSteps)
          storeColumns<S>(row, rows.head[h], chunk(i), totals()[i], h, inverse, lane_);
      if (warpId() == 0)
        clearPadding<S>(args_, rows.token[h], rows.head[h], lane_ % 4, 4);
    }
  }

  Totals &totals() {
    if constexpr (kOutside)
      return outside_;
    else
      return totals_;
  }

  // ---- split: states to scratch, the last unit folds ----

  void finishSplit() {
    const Scratch scratch{args_.scratch};
    writePartial(scratch);
    threadFence();
    syncThreads();
    u32 *counter = scratch.counter(((work_.first * S::kGroup + work_.rowBase) / 16 + work_.first) *
                                       S::kKvHeads +
                                   work_.kvHead);
    if (threadIndex() == 0) {
      const bool last = atomicAdd(counter, 1) == work_.segments - 1;
      if (last)
        *counter = 0;
      shared_.sum[0][0] = last ? 1.0f : 0.0f;
    }
    syncThreads();
    const bool last = shared_.sum[0][0] != 0.0f;
    if (last) {
      threadFence();
      PartialFold<S>(args_, work_, keys_).run(scratch);
    }
    syncThreads();
  }

  void writePartial(const Scratch &scratch) {
    const u32 segment = work_.segment - work_.begin / kSegmentPositions;
    INGOT_UNROLL
    for (u32 h = 0; h < 2; ++h) {
      const u32 row = work_.rowBase + lane_ / 4 + 8 * h;
      if (row >= work_.tokens * S::kGroup)
        continue;
      float *to = scratch.partial(partialRow<S>(work_, segment, row));
      if (warpId() == 0 && lane_ % 4 == 0)
        store128(to,
                 uint4{numerics::bitsOf(state_.maximum[h]), numerics::bitsOf(state_.sum[h]), 0, 0});
      INGOT_UNROLL
      for (u32 i = 0; i < 2 * kOwn; ++i)
        if (chunk(i / 2) < S::kSteps) {
          const ColumnPair pair = columnPair<S>(acc_[i / 2], i % 2, h, lane_);
          store64(to + 4 + 16 * chunk(i / 2) + pair.column,
                  uint2{numerics::bitsOf(pair.a), numerics::bitsOf(pair.b)});
        }
    }
  }

  const AttentionArgs &args_;
  const AttentionWork &work_;
  SplitShared<S> &shared_;
  SplitScales<S> &scales_;
  u8 *keys_, *values_;
  Totals &outside_;
  u32 begin_, end_; ///< positions of the unit
  u32 lane_ = unitLane();
  LaneRanges ranges_;
  RowStates state_, total_;
  float acc_[kOwn][2][4] = {}, totals_[kOwn][2][4] = {};
};

} // namespace ingot::gpu
