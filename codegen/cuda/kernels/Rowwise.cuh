// Chains of row-wise ops over rows of activations.
//
//   item     one row: a token, or a returned row
//   threads  a team works on a row: a warp with others beside it in the block (short rows), or the
//            whole block
//   reads    operand rows (KernelAbi.h strides), 16 bytes at a time; tables of the batch
//   writes   the yielded rows with zeros in their padding; keys and values into the cache
//   order    every op is exact or follows Numerics.h (Rule R for norms): the bits of the CPU,
//            whatever the team
//   shared   values that are used more than once and cost more than a load; scales of norms
//
// A value is a small struct that gives any of its columns: one(c), and quad(c) for four from a
// multiple of 4 on. Ops on values make values; nothing is computed before a sink (store..., keep,
// quantizeRow, appendKv, argmax...) asks for columns. Columns behind kColumns are never asked for.
#pragma once

#include "codegen/cuda/kernels/RowwiseCache.h"
#include "codegen/cuda/kernels/RowwiseNorms.h"
#include "codegen/cuda/kernels/RowwiseValues.h"

namespace ingot::gpu {

// ---- Rotation -----------------------------------------------------------------------------------

/// cos | sin of position * frequency, each times factor.
template <u32 kWidth>
struct AnglesRow {
  static constexpr u32 kColumns = kWidth;
  const u32 *frequencies; ///< [kWidth / 2] bits of float32
  float position, factor;
  float one(u32 c) const {
    const bool isSine = c >= kWidth / 2;
    const float angle = position * numerics::floatOf(frequencies[isSine ? c - kWidth / 2 : c]);
    const numerics::SinCos point = numerics::sinCos(angle);
    return (isSine ? point.sin : point.cos) * factor;
  }
  Quad quad(u32 c) const { return quadOfOnes(*this, c); }
};
template <u32 kWidth>
inline AnglesRow<kWidth> angles(const u32 *frequencies, u32 position, float factor) {
  return {frequencies, static_cast<float>(position), factor};
}

/// The halves of each head rotated by a row of cos | sin.
template <class Row, class Angles, u32 kHeadDim>
struct RopeRow {
  static constexpr u32 kColumns = Row::kColumns, kHalf = kHeadDim / 2;
  Row from;
  Angles turn;
  float one(u32 c) const {
    const u32 i = c % kHeadDim;
    if (i < kHalf)
      return numerics::rotateLow(from.one(c), from.one(c + kHalf), turn.one(i),
                                 turn.one(kHalf + i));
    return numerics::rotateHigh(from.one(c - kHalf), from.one(c), turn.one(i - kHalf), turn.one(i));
  }
  Quad quad(u32 c) const {
    if constexpr (kHalf % 4 != 0) {
      return quadOfOnes(*this, c);
    } else {
      const bool low = c % kHeadDim < kHalf;
      const u32 i = low ? c % kHeadDim : c % kHeadDim - kHalf;
      const Quad lo = from.quad(low ? c : c - kHalf), hi = from.quad(low ? c + kHalf : c);
      const Quad cosine = turn.quad(i), sine = turn.quad(kHalf + i);
      Quad out;
      for (u32 j = 0; j < 4; ++j)
        out.x[j] = low ? numerics::rotateLow(lo.x[j], hi.x[j], cosine.x[j], sine.x[j])
                       : numerics::rotateHigh(lo.x[j], hi.x[j], cosine.x[j], sine.x[j]);
      return out;
    }
  }
};
template <u32 kHeadDim, class Row, class Angles>
inline RopeRow<Row, Angles, kHeadDim> rope(const Row &from, const Angles &turn) {
  return {from, turn};
}

// ---- Sinks --------------------------------------------------------------------------------------

template <class T, class Row>
inline void storeRow(const T &team, const Row &row, float *to) {
  for (u32 c = team.thread * 4; c < abi::paddedColumns(Row::kColumns); c += T::kThreads * 4)
    storeQuad(to + c, paddedQuad(row, c));
}

/// The value's columns in shared memory, computed once.
template <class T, class Row>
inline MemoryRow<Row::kColumns> keep(const T &team, const Row &row, float *shared) {
  storeRow(team, row, shared);
  team.sync();
  return {shared};
}

template <bool kF16, class T, class Row>
inline void storeRowHalf(const T &team, const Row &row, u16 *to) {
  for (u32 c = team.thread * 8; c < abi::paddedColumns(Row::kColumns); c += T::kThreads * 8) {
    const Quad a = paddedQuad(row, c), b = paddedQuad(row, c + 4);
    store128(to + c, kF16 ? packEightF16(a, b) : packEight(a, b));
  }
}
template <class T, class Row>
inline void storeRowBf16(const T &team, const Row &row, u16 *to) {
  storeRowHalf<false>(team, row, to);
}
template <class T, class Row>
inline void storeRowF16(const T &team, const Row &row, u16 *to) {
  storeRowHalf<true>(team, row, to);
}

/// The largest of all threads of a team; `slots`: 4 bytes per warp of shared memory.
template <class T>
inline u32 teamMax(const T &team, u32 value, u32 *slots) {
  for (u32 mask = 16; mask > 0; mask /= 2) {
    const u32 other = shuffleXor(value, mask);
    value = other > value ? other : value;
  }
  if constexpr (!T::kWarp) {
    if (laneId() == 0)
      slots[team.thread / 32] = value;
    team.sync();
    for (u32 i = 0; i < T::kThreads / 32; ++i)
      value = slots[i] > value ? slots[i] : value;
  }
  return value;
}

/// 8 bits with one scale per row (int8, or e4m3 with kE4m3), 16 columns per thread at a time in
/// the order of abi::operandPlace.
template <bool kE4m3, class T, class Row>
inline void quantizeRowByScale(const T &team, const Row &row, u8 *to, float *scaleTo, u32 *slots) {
  constexpr u32 kPadded = abi::paddedColumns(Row::kColumns);
  u32 largest = 0;
  for (u32 c = team.thread * 4; c < kPadded; c += T::kThreads * 4) {
    const Quad q = paddedQuad(row, c);
    for (u32 i = 0; i < 4; ++i) {
      const u32 bits = numerics::magnitudeBits(q.x[i]);
      largest = bits > largest ? bits : largest;
    }
  }
  const numerics::RowScale scale =
      numerics::rowScale(numerics::floatOf(teamMax(team, largest, slots)),
                         kE4m3 ? numerics::kE4m3Limit : numerics::kInt8Limit);
  for (u32 c = team.thread * 16; c < kPadded; c += T::kThreads * 16) {
    u32 words[4] = {};
    INGOT_UNROLL
    for (u32 part = 0; part < 4; ++part) {
      const Quad q = paddedQuad(row, c + part * 4);
      INGOT_UNROLL
      for (u32 i = 0; i < 4; ++i) {
        const u32 place = static_cast<u32>(abi::operandPlace(part * 4 + i));
        const u32 byte = kE4m3 ? numerics::toE4m3(q.x[i] * scale.inverse)
                               : static_cast<u8>(numerics::roundToInt8(q.x[i], scale.inverse));
        words[place / 4] |= byte << 8 * (place % 4);
      }
    }
    store128(to + c, uint4{words[0], words[1], words[2], words[3]});
  }
  if (team.thread == 0)
    *scaleTo = scale.scale;
}

/// int8 with one scale per 32 columns: eight lanes hold a group, its maximum and its sum are the
/// same in any order.
template <bool kFloatScale, class T, class Row>
inline void quantizeRow(const T &team, const Row &row, u8 *to, numerics::ActGroupMeta *meta) {
  constexpr u32 kPadded = abi::paddedColumns(Row::kColumns);
  for (u32 at = team.thread / 32 * 128; at < kPadded; at += T::kThreads * 4) {
    const u32 c = at + laneId() * 4; // lanes behind the row hold zeros
    const Quad q = c < kPadded ? paddedQuad(row, c) : Quad{};
    float largest = 0.0f;
    for (u32 i = 0; i < 4; ++i)
      largest = std::fabs(q.x[i]) > largest ? std::fabs(q.x[i]) : largest;
    for (u32 mask = 1; mask < 8; mask *= 2) {
      const float other = shuffleXor(largest, mask);
      largest = other > largest ? other : largest;
    }
    const numerics::ActGroupScale scale =
        kFloatScale ? numerics::actGroupScaleF32(largest) : numerics::actGroupScale(largest);
    i32 total = 0;
    u32 word = 0;
    for (u32 i = 0; i < 4; ++i) {
      const i32 value = static_cast<i32>(std::nearbyintf(q.x[i] * scale.inverse));
      total += static_cast<i32>(static_cast<signed char>(value));
      word |= (static_cast<u32>(value) & 255u) << (8 * i);
    }
    for (u32 mask = 1; mask < 8; mask *= 2)
      total += shuffleXor(total, mask);
    if (c >= kPadded)
      continue;
    *reinterpret_cast<u32 *>(to + c) = word;
    if (laneId() % 8 == 0)
      meta[c / 32] = {scale.exponent, -8 * total};
  }
}

// ---- Argmax: ties to the lowest index, NaN never wins
// ---------------------------------------------

struct Best {
  float value;
  u32 index;
};
inline constexpr u32 kMinusInfinity = 0xff800000u;

/// The better of two; equal values by index.
inline Best betterOf(const Best &a, const Best &b) {
  const bool second = b.value > a.value || (b.value == a.value && b.index < a.index);
  return second ? b : a;
}

/// The best of all threads of a team, in thread 0; `slots`: 8 bytes per warp of shared memory.
template <class T>
inline Best teamBest(const T &team, Best best, Best *slots) {
  for (u32 mask = 16; mask > 0; mask /= 2)
    best = betterOf(best, Best{shuffleXor(best.value, mask), shuffleXor(best.index, mask)});
  if constexpr (!T::kWarp) {
    if (laneId() == 0)
      slots[team.thread / 32] = best;
    team.sync();
    if (team.thread == 0)
      for (u32 i = 1; i < T::kThreads / 32; ++i)
        best = betterOf(best, slots[i]);
  }
  return best;
}

template <class T, class Row>
inline void argmaxRow(const T &team, const Row &row, u32 *to, Best *slots) {
  Best best{numerics::floatOf(kMinusInfinity), 0};
  for (u32 c = team.thread * 4; c < Row::kColumns; c += T::kThreads * 4) {
    const Quad q = paddedQuad(row, c);
    for (u32 i = 0; i < 4; ++i)
      if (c + i < Row::kColumns && q.x[i] > best.value)
        best = {q.x[i], c + i};
  }
  best = teamBest(team, best, slots);
  if (team.thread == 0)
    *to = best.index;
}

/// The best of each run of 32 columns, a run per thread.
template <class T, class Row>
inline void argmaxRuns(const T &team, const Row &row, Best *to) {
  for (u32 run = team.thread; run < (Row::kColumns + 31) / 32; run += T::kThreads) {
    Best best{numerics::floatOf(kMinusInfinity), run * 32};
    for (u32 c = run * 32; c < run * 32 + 32; c += 4) {
      const Quad q = paddedQuad(row, c);
      for (u32 i = 0; i < 4; ++i)
        if (c + i < Row::kColumns && q.x[i] > best.value)
          best = {q.x[i], c + i};
    }
    to[run] = best;
  }
}

/// The best of kRuns partials, which never hold a NaN.
template <u32 kRuns, class T>
inline void argmaxFold(const T &team, const Best *from, u32 *to, Best *slots) {
  Best best = from[0];
  for (u32 i = team.thread; i < kRuns; i += T::kThreads)
    best = betterOf(best, from[i]);
  best = teamBest(team, best, slots);
  if (team.thread == 0)
    *to = best.index;
}

} // namespace ingot::gpu
