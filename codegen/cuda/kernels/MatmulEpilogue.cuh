// Point-wise ops on the outputs of a matmul while they are in registers. The emitter writes
//   struct Epilogue {
//     template <u32 kCount>
//     static void apply(const KernelArgs &args, const Spot &at, const Values<kCount> &v) { ... }
//   };
// out of these; whole warps call it. Columns of padding hold zeros and stay zero under every op.
#pragma once

#include "codegen/cuda/kernels/Device.cuh"
#include "runtime/artifact/KernelAbi.h"

namespace ingot::gpu {

/// Which outputs of which row a lane holds: columns first, first + 8, ... of a strip of 16 columns
/// or a panel of 32.
struct Spot {
  u32 row;
  u32 base;  ///< first column of the strip or panel
  u32 group; ///< 0..7, the lane's place in it
  bool live; ///< whether the row exists

  /// Column of value i; behind a split (narrow) there are half as many.
  template <bool kNarrow>
  u32 column(u32 i) const {
    return (kNarrow ? base / 2 : base) + group + 8 * i;
  }
};

/// Outputs of one lane: kCount is 2 (strip), 4 (panel), 2 again behind a split.
template <u32 kCount>
struct Values {
  float x[kCount];
};

template <u32 kCount>
inline Values<kCount> addValues(const Values<kCount> &a, const Values<kCount> &b) {
  Values<kCount> r;
  INGOT_UNROLL
  for (u32 i = 0; i < kCount; ++i)
    r.x[i] = a.x[i] + b.x[i];
  return r;
}
template <u32 kCount>
inline Values<kCount> mulValues(const Values<kCount> &a, const Values<kCount> &b) {
  Values<kCount> r;
  INGOT_UNROLL
  for (u32 i = 0; i < kCount; ++i)
    r.x[i] = a.x[i] * b.x[i];
  return r;
}
template <u32 kCount>
inline Values<kCount> siluValues(const Values<kCount> &a) {
  Values<kCount> r;
  INGOT_UNROLL
  for (u32 i = 0; i < kCount; ++i)
    r.x[i] = numerics::silu(a.x[i]);
  return r;
}
/// To bf16 and back.
template <u32 kCount>
inline Values<kCount> roundValues(const Values<kCount> &a) {
  Values<kCount> r;
  INGOT_UNROLL
  for (u32 i = 0; i < kCount; ++i)
    r.x[i] = numerics::fromBf16(numerics::toBf16(a.x[i]));
  return r;
}
/// To fp16 and back; what is beyond 65504 becomes that.
template <u32 kCount>
inline Values<kCount> roundF16Values(const Values<kCount> &a) {
  Values<kCount> r;
  INGOT_UNROLL
  for (u32 i = 0; i < kCount; ++i)
    r.x[i] = lowF16(packF16(a.x[i], 0.0f));
  return r;
}
/// Half kHalf of a panel whose halves belong to two sources (interleave 16).
template <u32 kHalf, u32 kCount>
inline Values<kCount / 2> splitValues(const Values<kCount> &a) {
  static_assert(kCount == 4, "a split needs the whole panel");
  return {{a.x[2 * kHalf], a.x[2 * kHalf + 1]}};
}

/// From float32 rows of kRowBytes; 0: a vector. Zeros where the row does not exist.
template <u64 kRowBytes, bool kNarrow, u32 kCount>
inline Values<kCount> loadValues(u64 slot, const Spot &at) {
  const auto *row = reinterpret_cast<const float *>(slot + at.row * kRowBytes);
  Values<kCount> r;
  INGOT_UNROLL
  for (u32 i = 0; i < kCount; ++i)
    r.x[i] = at.live ? row[at.column<kNarrow>(i)] : 0.0f;
  return r;
}

/// To float32 rows.
template <u64 kRowBytes, bool kNarrow, u32 kCount>
inline void storeF32(u64 slot, const Spot &at, const Values<kCount> &v) {
  auto *row = reinterpret_cast<float *>(slot + at.row * kRowBytes);
  INGOT_UNROLL
  for (u32 i = 0; i < kCount; ++i)
    if (at.live)
      row[at.column<kNarrow>(i)] = v.x[i];
}
/// To bf16 rows; the values are rounded already.
template <u64 kRowBytes, bool kNarrow, u32 kCount>
inline void storeBf16(u64 slot, const Spot &at, const Values<kCount> &v) {
  auto *row = reinterpret_cast<u16 *>(slot + at.row * kRowBytes);
  INGOT_UNROLL
  for (u32 i = 0; i < kCount; ++i)
    if (at.live)
      row[at.column<kNarrow>(i)] = static_cast<u16>(numerics::bitsOf(v.x[i]) >> 16);
}

/// To fp16 rows.
template <u64 kRowBytes, bool kNarrow, u32 kCount>
inline void storeF16(u64 slot, const Spot &at, const Values<kCount> &v) {
  auto *row = reinterpret_cast<u16 *>(slot + at.row * kRowBytes);
  INGOT_UNROLL
  for (u32 i = 0; i < kCount; ++i)
    if (at.live)
      row[at.column<kNarrow>(i)] = static_cast<u16>(packF16(v.x[i], 0.0f));
}

/// Largest of the panel's columns below kColumns and the lowest index that has it; NaN and padding
/// count as -infinity. {f32, u32} per row and panel.
template <u64 kRowBytes, u32 kColumns, u32 kCount>
inline void storeArgmaxPartial(u64 slot, const Spot &at, const Values<kCount> &v) {
  static_assert(kCount == 4, "an argmax needs the whole panel");
  float best = numerics::floatOf(0xff800000u);
  u32 index = at.base;
  INGOT_UNROLL
  for (u32 i = 0; i < kCount; ++i) {
    const u32 column = at.column<false>(i);
    if (column < kColumns && v.x[i] > best) {
      best = v.x[i];
      index = column;
    }
  }
  INGOT_UNROLL
  for (u32 distance = 4; distance < 32; distance *= 2) { // lanes 4g + t of one t: one row
    const float otherBest = shuffleXor(best, distance);
    const u32 otherIndex = shuffleXor(index, distance);
    if (otherBest > best || (otherBest == best && otherIndex < index)) {
      best = otherBest;
      index = otherIndex;
    }
  }
  if (at.live && at.group == 0)
    store64(reinterpret_cast<u8 *>(slot) + at.row * kRowBytes + at.base / 32 * 8,
            uint2{numerics::bitsOf(best), index});
}

// ---- Heads of a QKV projection ------------------------------------------------------------------
// The weight's panels hold 16 rows of each half of a head (interleave kHeadDim, WeightLayout.h), so
// that a lane's values 0 and 1 are rotated with its values 2 and 3.

/// Where a lane's four outputs of a panel lie in a head of the queries, keys or values; of a row
/// that exists.
template <u32 kHeadDim>
struct HeadSpot {
  u32 row, head;
  u32 low; ///< place of value 0 in the head

  u32 place(u32 i) const { return low + i % 2 * 8 + i / 2 * (kHeadDim / 2); }
  u32 column(u32 i) const { return head * kHeadDim + place(i); }
};
/// `first`: first output of the queries, keys or values.
template <u32 kHeadDim>
inline HeadSpot<kHeadDim> headSpot(const Spot &at, u32 first) {
  const u32 output = at.base - first;
  return {at.row, output / kHeadDim, output % kHeadDim / 2 + at.group};
}

/// Of a vector with a value per column.
template <u32 kHeadDim>
inline Values<4> loadHeads(u64 slot, const HeadSpot<kHeadDim> &at) {
  const auto *vector = reinterpret_cast<const float *>(slot);
  Values<4> r;
  INGOT_UNROLL
  for (u32 i = 0; i < 4; ++i)
    r.x[i] = vector[at.column(i)];
  return r;
}

/// Turns the halves by the row's angles: kHeadDim / 2 cosines, then the sines.
template <u32 kHeadDim>
inline Values<4> rotateValues(const Values<4> &v, u64 angles, const HeadSpot<kHeadDim> &at) {
  const auto *turn =
      reinterpret_cast<const float *>(angles + at.row * abi::f32RowBytes(kHeadDim)) + at.low;
  Values<4> r;
  INGOT_UNROLL
  for (u32 i = 0; i < 2; ++i) {
    const float cosine = turn[i * 8], sine = turn[i * 8 + kHeadDim / 2];
    r.x[i] = numerics::rotateLow(v.x[i], v.x[i + 2], cosine, sine);
    r.x[i + 2] = numerics::rotateHigh(v.x[i], v.x[i + 2], cosine, sine);
  }
  return r;
}

/// The head in rows of queries.
template <u64 kRowBytes, u32 kHeadDim>
inline u16 *queryHead(u64 slot, const HeadSpot<kHeadDim> &at) {
  return reinterpret_cast<u16 *>(slot + at.row * kRowBytes) + at.head * kHeadDim;
}
/// The token's place in the cache, for keys or values.
template <u32 kHeads, u32 kBlockTokens, u32 kHeadDim>
inline u16 *cacheHead(const KernelArgs &args, u64 slot, const HeadSpot<kHeadDim> &at,
                      bool isValue) {
  constexpr abi::KvRowsLayout kLayout = {1, kHeads, kHeadDim, kBlockTokens};
  static_assert(kLayout.rowElements() == kHeadDim, "heads have no padding");
  const auto &batch = *args.pointer<const abi::BatchView>(0);
  const auto &view = *reinterpret_cast<const abi::KvView *>(slot);
  const u32 position = batch.kvPositions[at.row];
  const u32 block =
      view.table[batch.tokenSequence[at.row] * view.tablePitch + position / kBlockTokens];
  return reinterpret_cast<u16 *>(
      view.pool + block * view.blockBytes + at.head * kLayout.headBytes() +
      position % kBlockTokens * kLayout.rowBytes() + (isValue ? kLayout.valuesAt() : 0));
}

/// Rounds to bf16.
template <u32 kHeadDim>
inline void storeHead(u16 *head, const HeadSpot<kHeadDim> &at, const Values<4> &v) {
  INGOT_UNROLL
  for (u32 i = 0; i < 4; ++i)
    head[at.place(i)] = numerics::toBf16(v.x[i]);
}

} // namespace ingot::gpu
