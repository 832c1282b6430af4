// The last unit of a split row folds the softmax states of its segments, ascending, kFoldSegments
// at a time. The maxima before and with each segment are a prefix maximum, which has one value
// however it is made, so that all factors are made side by side; what is left in order is one FMA
// per segment for the sum and each column.
#pragma once

#include "codegen/cuda/kernels/AttentionWork.h"

namespace ingot::gpu {

/// Partial row of a row of the work and its segment.
template <class S>
inline u32 partialRow(const AttentionWork &work, u32 segment, u32 row) {
  return work.partial + (segment * S::kKvHeads + work.kvHead) * (work.tokens * S::kGroup) + row;
}

template <class S>
class PartialFold {
public:
  static constexpr u32 kRoom = 2 * S::kTiles * S::kTileBytes; ///< shared memory: that of the tiles
  using Scratch = AttentionScratch<S>;

  PartialFold(const AttentionArgs &args, const AttentionWork &work, u8 *memory)
      : args_(args), work_(work), memory_(memory) {}

  /// A row and four of its columns per thread and pass.
  void run(const Scratch &scratch) {
    auto &fold = *reinterpret_cast<FoldShared *>(memory_);
    const u32 rows = foldRows();
#pragma unroll 1
    for (u32 base = 0; base < rows * kQuads; base += kAttentionThreads) {
      const u32 row = (base + threadIndex()) / kQuads, column = (base + threadIndex()) % kQuads * 4;
      float total[4] = {};
#pragma unroll 1
      for (u32 first = 0; first < work_.segments; first += kFoldSegments) {
        const u32 left = work_.segments - first;
        const u32 count = left < kFoldSegments ? left : kFoldSegments;
        if (base == 0 || work_.segments > kFoldSegments)
          makeFactors(scratch, fold, rows, first, count);
        if (row < rows)
          foldQuad(scratch, fold, row, column, first, count, total);
      }
      if (row < rows)
        storeQuad(work_.rowBase + row, column, total, 1.0f / fold.sum[row]);
    }
  }

private:
  static constexpr u32 kFoldSegments = kRoom >= 16384 ? 64 : 32;
  struct FoldShared {
    float maximum[16], sum[16]; ///< of the total
    float here[16][kFoldSegments];
    FoldFactors factors[16][kFoldSegments];
  };
  static_assert(sizeof(FoldShared) <= kRoom, "lies where the tiles were");
  static constexpr u32 kQuads = S::kColumns / 4; ///< of a row

  u32 foldRows() const {
    const u32 left = work_.tokens * S::kGroup - work_.rowBase;
    return left < 16 ? left : 16;
  }
  u64 segmentStride() const {
    return static_cast<u64>(S::kKvHeads) * (work_.tokens * S::kGroup) * Scratch::kRowFloats;
  }

  /// Factors of segments first.. of all rows; the sums of the total up to them.
  void makeFactors(const Scratch &scratch, FoldShared &fold, u32 rows, u32 first, u32 count) {
    syncThreads(); // what was there has been read
    if (threadIndex() < rows && first == 0) {
      float maximum = numerics::kScoreStart, sum = 0.0f;
      if constexpr (S::kSinks)
        maximum = args_.sinks[headOf(work_.rowBase + threadIndex())], sum = 1.0f;
      fold.maximum[threadIndex()] = maximum, fold.sum[threadIndex()] = sum;
    }
    syncThreads();
#pragma unroll 1
    for (u32 row = warpId(); row < rows; row += kAttentionWarps)
      rowFactors(scratch, fold, row, first, count);
    syncThreads();
    if (threadIndex() < rows)
      foldSum(fold, threadIndex(), count);
    syncThreads();
  }

  /// Factors of a row's segments, a lane for each. One warp.
  void rowFactors(const Scratch &scratch, FoldShared &fold, u32 row, u32 first, u32 count) {
    const float *from = scratch.partial(partialRow<S>(work_, first, work_.rowBase + row));
    float before = fold.maximum[row];
#pragma unroll 1
    for (u32 base = 0; base < count; base += 32) {
      const u32 segment = base + lane_;
      uint2 state = {numerics::bitsOf(numerics::kScoreStart), 0};
      if (segment < count)
        state = load64(from + segment * segmentStride());
      const float maximum = numerics::floatOf(state.x);
      float upTo = maximum; // largest of the lanes up to this one
      for (u32 d = 1; d < 32; d *= 2) {
        const float other = shuffle(upTo, lane_ - d);
        upTo = lane_ >= d ? larger(upTo, other) : upTo;
      }
      const float with = larger(before, upTo), last = shuffle(with, lane_ - 1);
      if (segment < count) {
        const FoldFactors factors = {numerics::exp((lane_ == 0 ? before : last) - with),
                                     numerics::exp(maximum - with)};
        fold.factors[row][segment] = factors;
        fold.here[row][segment] = numerics::floatOf(state.y) * factors.here;
      }
      before = shuffle(with, 31);
    }
    if (lane_ == 0)
      fold.maximum[row] = before;
  }

  static void foldSum(FoldShared &fold, u32 row, u32 count) {
    float sum = fold.sum[row];
    for (u32 segment = 0; segment < count; ++segment)
      sum = std::fmaf(sum, fold.factors[row][segment].before, fold.here[row][segment]);
    fold.sum[row] = sum;
  }

  void foldQuad(const Scratch &scratch, const FoldShared &fold, u32 row, u32 column, u32 first,
                u32 count, float (&total)[4]) {
    constexpr u32 kAhead = 8; // segments whose loads are under way
    const float *from =
        scratch.partial(partialRow<S>(work_, first, work_.rowBase + row)) + 4 + column;
#pragma unroll 1
    for (u32 segment = 0; segment < count; segment += kAhead) {
      uint4 values[kAhead];
      INGOT_UNROLL
      for (u32 i = 0; i < kAhead; ++i)
        if (segment + i < count)
          values[i] = load128(from + (segment + i) * segmentStride());
      INGOT_UNROLL
      for (u32 i = 0; i < kAhead; ++i)
        if (segment + i < count) {
          const FoldFactors factors = fold.factors[row][segment + i];
          const u32 words[4] = {values[i].x, values[i].y, values[i].z, values[i].w};
          for (u32 j = 0; j < 4; ++j)
            total[j] =
                std::fmaf(total[j], factors.before, numerics::floatOf(words[j]) * factors.here);
        }
    }
  }

  u32 headOf(u32 row) const { return work_.kvHead * S::kGroup + row % S::kGroup; }

  void storeQuad(u32 row, u32 column, const float (&total)[4], float inverse) {
    const u32 token = work_.first + row / S::kGroup, head = headOf(row);
    for (u32 j = 0; j < 4; ++j)
      if (column + j < S::kHeadDim)
        resultRow<S>(args_, token).set(head * S::kHeadDim + column + j, total[j] * inverse + 0.0f);
    if (column == 0)
      clearPadding<S>(args_, token, head, 0, 1);
  }

  const AttentionArgs &args_;
  const AttentionWork &work_;
  u8 *memory_;
  const u32 lane_ = laneId();
};

} // namespace ingot::gpu
