// The token of each returned row: temperature, min-p, top-k, top-p and a draw, without sorting.
//
//   item     one row
//   threads  kThreads: 256 for small vocabularies, else 1024
//   reads    f32 logits, the batch's abi::SampleParams; moves the row once, its weights from the
//            second-level cache for each question
//   writes   one id per row, abi::kNotFinite where the row is none; weights in place of the logits
//   order    weights by sampling::weightOf, sums of integers: exact, so the host's sampler gives
//            the same token (runtime/base/Sampling.h)
//   shared   SampleShared
//
// The least weight that is kept is found by bisection over the bits of positive floats, which are
// in order; once few candidates are left, among them alone in shared memory.
#pragma once

#include "codegen/cuda/kernels/Device.cuh"
#include "runtime/artifact/KernelAbi.h"
#include "runtime/base/Random.h"
#include "runtime/base/Sampling.h"

namespace ingot::gpu {

inline constexpr u32 kSampleWarps = 32; ///< at most
/// Candidates in shared memory.
inline constexpr u32 kSampleList = 6144;

/// What of a row is kept: how many, and the sum of their weights.
struct Kept {
  u64 sum;
  u32 count;
};

struct SampleShared {
  float list[kSampleList];
  u64 sums[kSampleWarps];
  u32 counts[kSampleWarps];
  float maxima[kSampleWarps];
  u32 listed;
};

inline u64 shuffleXor64(u64 value, u32 mask) {
  const u32 low = shuffleXor(static_cast<u32>(value), mask);
  const u32 high = shuffleXor(static_cast<u32>(value >> 32), mask);
  return static_cast<u64>(high) << 32 | low;
}

/// One row by one block.
template <u32 kVocabulary, u32 kThreads>
class RowSampler {
public:
  RowSampler(float *logits, const abi::SampleParams &params, SampleShared &shared)
      : weights_(logits), params_(params), shared_(shared) {}

  u32 run() {
    if (!findMaximum())
      return abi::kNotFinite;
    if (params_.temperature == 0.0f)
      return index_;
    makeWeights();
    const u32 k = params_.topK;
    if (k != 0 && kept_.count > k)
      keepLargest([k](const Kept &kept) { return kept.count >= k; });
    if (params_.topP < 1.0f && kept_.count > 1) {
      const u64 goal = sampling::shareOf(kept_.sum, params_.topP);
      keepLargest([goal](const Kept &kept) { return kept.sum >= goal; });
    }
    const u64 key = randomKey(params_.seed, params_.sampleIndex);
    const float draw = unitFloat(randomBits(key, params_.position));
    return locate(sampling::drawnShare(kept_.sum, draw));
  }

private:
  static constexpr u32 kWarps = kThreads / 32;

  /// The largest logit, its lowest index; false where the row is not finite.
  bool findMaximum() {
    float best = numerics::floatOf(0xff800000u);
    u32 index = 0, unusable = 0;
    INGOT_UNROLL_4
    for (u32 i = threadIndex(); i < kVocabulary; i += kThreads) {
      const float x = weights_[i];
      unusable |= !(x < numerics::floatOf(0x7f800000u));
      if (x > best)
        best = x, index = i;
    }
    for (u32 mask = 16; mask > 0; mask /= 2)
      takeBetter(best, index, shuffleXor(best, mask), shuffleXor(index, mask));
    const bool anyUnusable = ballot(unusable != 0) != 0;
    if (laneId() == 0) {
      shared_.maxima[warpId()] = best;
      shared_.counts[warpId()] = index;
      shared_.sums[warpId()] = anyUnusable;
    }
    syncThreads();
    best = shared_.maxima[0], index = shared_.counts[0];
    u64 wrong = shared_.sums[0];
    for (u32 w = 1; w < kWarps; ++w) {
      takeBetter(best, index, shared_.maxima[w], shared_.counts[w]);
      wrong |= shared_.sums[w];
    }
    syncThreads();
    maximum_ = best, index_ = index;
    return wrong == 0 && best > numerics::floatOf(0xff800000u);
  }
  static void takeBetter(float &best, u32 &index, float other, u32 otherIndex) {
    if (other > best || (other == best && otherIndex < index))
      best = other, index = otherIndex;
  }

  /// Weights in place of the logits; what min-p drops becomes 0. Counts what is left.
  void makeWeights() {
    Kept kept{0, 0};
    INGOT_LOOP // a division each
        for (u32 i = threadIndex(); i < kVocabulary; i += kThreads) {
      float weight = sampling::weightOf(weights_[i], maximum_, params_.temperature);
      weight = weight >= params_.minP ? weight : 0.0f;
      weights_[i] = weight;
      add(kept, weight);
    }
    kept_ = total(kept);
    listed_ = false;
  }
  static void add(Kept &kept, float weight) {
    kept.sum += sampling::fixedWeight(weight);
    kept.count += weight > 0.0f;
  }

  /// Sum over the block, for all threads.
  Kept total(Kept kept) {
    for (u32 mask = 16; mask > 0; mask /= 2) {
      kept.sum += shuffleXor64(kept.sum, mask);
      kept.count += shuffleXor(kept.count, mask);
    }
    if (laneId() == 0) {
      shared_.sums[warpId()] = kept.sum;
      shared_.counts[warpId()] = kept.count;
    }
    syncThreads();
    kept = {0, 0};
    for (u32 w = 0; w < kWarps; ++w) {
      kept.sum += shared_.sums[w];
      kept.count += shared_.counts[w];
    }
    syncThreads();
    return kept;
  }

  /// What is kept of the weights >= threshold, a normal number.
  Kept keptFrom(float threshold) {
    const float *from = listed_ ? shared_.list : weights_;
    const u32 count = listed_ ? listedCount_ : kVocabulary;
    Kept kept{0, 0};
    INGOT_UNROLL_4
    for (u32 i = threadIndex(); i < count; i += kThreads)
      if (from[i] >= threshold)
        add(kept, from[i]);
    return total(kept);
  }

  /// Raises the threshold to the largest whose kept weights are enough.
  template <class Enough>
  void keepLargest(const Enough &enough) {
    u32 reached = numerics::bitsOf(threshold_), missed = numerics::bitsOf(1.0f) + 1;
    while (missed - reached > 1) {
      const u32 middle = reached + (missed - reached) / 2;
      const Kept kept = keptFrom(numerics::floatOf(middle));
      if (!enough(kept)) {
        missed = middle;
        continue;
      }
      reached = middle;
      kept_ = kept;
      if (!listed_ && kept.count <= kSampleList)
        makeList(numerics::floatOf(middle));
    }
    threshold_ = numerics::floatOf(reached);
  }

  /// The weights >= threshold in shared memory, in any order.
  void makeList(float threshold) {
    if (threadIndex() == 0)
      shared_.listed = 0;
    syncThreads();
    INGOT_LOOP
    for (u32 i = threadIndex(); i < kVocabulary; i += kThreads)
      if (weights_[i] >= threshold)
        shared_.list[atomicAdd(&shared_.listed, 1)] = weights_[i];
    syncThreads();
    listed_ = true;
    listedCount_ = shared_.listed;
  }

  float keptWeight(u32 i) const { return weights_[i] >= threshold_ ? weights_[i] : 0.0f; }

  /// The first token at which the running sum of kept weights exceeds `goal`: the range is cut into
  /// a piece per warp until one warp has it.
  u32 locate(u64 goal) {
    syncThreads(); // weights of other threads
    u32 begin = 0, end = kVocabulary;
    while (end - begin > 32) {
      const u32 piece = (end - begin + kWarps - 1) / kWarps;
      const u32 first = begin + warpId() * piece;
      u64 sum = 0;
      INGOT_UNROLL_4
      for (u32 i = first + laneId(); i < first + piece && i < end; i += 32)
        sum += sampling::fixedWeight(keptWeight(i));
      for (u32 mask = 16; mask > 0; mask /= 2)
        sum += shuffleXor64(sum, mask);
      if (laneId() == 0)
        shared_.sums[warpId()] = sum;
      syncThreads();
      u32 w = 0;
      while (w + 1 < kWarps && shared_.sums[w] <= goal)
        goal -= shared_.sums[w++];
      syncThreads();
      begin = begin + w * piece;
      end = begin + piece < end ? begin + piece : end;
    }
    u64 sum = 0;
    INGOT_LOOP
    for (u32 i = begin; i + 1 < end; ++i) {
      sum += sampling::fixedWeight(keptWeight(i));
      if (sum > goal)
        return i;
    }
    return end - 1;
  }

  float *weights_; ///< logits at first
  const abi::SampleParams &params_;
  SampleShared &shared_;
  float maximum_ = 0, threshold_ = 0x1p-126f; ///< below every weight but 0
  u32 index_ = 0, listedCount_ = 0;
  bool listed_ = false;
  Kept kept_{0, 0};
};

/// Slots: 1 logits, which become weights, 2 ids [R].
template <u32 kVocabulary, u32 kThreads>
inline void sample(const KernelArgs &args) {
  constexpr u64 kRowBytes = abi::f32RowBytes(kVocabulary);
  waitForPrior();
  allowNext();
  const u32 row = blockIndex();
  const auto &batch = *args.pointer<const abi::BatchView>(0);
  if (row >= batch.returnedRows)
    return;
  auto &shared = *reinterpret_cast<SampleShared *>(dynamicShared());
  RowSampler<kVocabulary, kThreads> sampler(
      reinterpret_cast<float *>(args.slot[1] + row * kRowBytes), batch.sampling[row], shared);
  const u32 token = sampler.run();
  if (threadIndex() == 0)
    args.pointer<u32>(2)[row] = token;
}

} // namespace ingot::gpu
