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

#include "codegen/cuda/kernels/Device.cuh"
#include "runtime/artifact/KernelAbi.h"
#include "runtime/base/Numerics.h"

namespace ingot::gpu {

/// Four neighbouring columns.
struct Quad {
  float x[4];
};

inline Quad quadFrom(const float *p) {
  const uint4 words = load128(p);
  return {{numerics::floatOf(words.x), numerics::floatOf(words.y), numerics::floatOf(words.z),
           numerics::floatOf(words.w)}};
}
inline void storeQuad(float *p, const Quad &q) {
  store128(p, uint4{numerics::bitsOf(q.x[0]), numerics::bitsOf(q.x[1]), numerics::bitsOf(q.x[2]),
                    numerics::bitsOf(q.x[3])});
}

/// Four calls of one(): for ops without a faster way.
template <class Row>
inline Quad quadOfOnes(const Row &row, u32 c) {
  return {{row.one(c), row.one(c + 1), row.one(c + 2), row.one(c + 3)}};
}

/// Columns c.. of a row, zeros behind its end. c: multiple of 4.
template <class Row>
inline Quad paddedQuad(const Row &row, u32 c) {
  if (c + 4 <= Row::kColumns)
    return row.quad(c);
  Quad q{};
  for (u32 i = 0; i < 4; ++i)
    if (c + i < Row::kColumns)
      q.x[i] = row.one(c + i);
  return q;
}

// ---- The team -----------------------------------------------------------------------------------

/// The threads of one row. kThreads: 32, or those of the block.
template <u32 kThreadsOfTeam, u32 kThreadsOfBlock>
struct Team {
  static constexpr u32 kThreads = kThreadsOfTeam;
  static constexpr u32 kTeams = kThreadsOfBlock / kThreadsOfTeam;
  static constexpr bool kWarp = kThreads == 32;
  static_assert(kWarp || kTeams == 1, "a team is a warp or the block");

  u32 thread = threadIndex() % kThreads; ///< inside the team
  /// The row this team works on.
  u32 item() const { return blockIndex() * kTeams + threadIndex() / kThreads; }
  /// `bytes` of shared memory of this team.
  u8 *shared(u32 bytes) const { return dynamicShared() + threadIndex() / kThreads * bytes; }
  void sync() const {
    if constexpr (kWarp)
      syncWarp();
    else
      syncThreads();
  }
};

inline const abi::BatchView &batchOf(const KernelArgs &args) {
  return *reinterpret_cast<const abi::BatchView *>(args.slot[0]);
}
/// The row of an embedding table of kRows rows for a token: its id, or what the step before chose.
/// What is no id (abi::kNotFinite) gives row 0: the host drops what comes of it.
template <u64 kRows>
inline u32 tokenId(const abi::BatchView &batch, u32 token) {
  u32 id = batch.tokenIds[token];
  if (id & abi::kPreviousId)
    id = batch.previousIds[id ^ abi::kPreviousId];
  return id < kRows ? id : 0;
}
/// Row `index` of a buffer with rows of `bytes`.
template <class T>
inline T *rowAt(u64 slot, u32 index, u64 bytes) {
  return reinterpret_cast<T *>(slot + index * bytes);
}

// ---- Values in memory ---------------------------------------------------------------------------

template <u32 kWidth>
struct MemoryRow {
  static constexpr u32 kColumns = kWidth;
  const float *row; ///< 16-byte aligned, global or shared
  float one(u32 c) const { return row[c]; }
  Quad quad(u32 c) const { return quadFrom(row + c); }
};

/// Columns [kFirst, kFirst + kWidth) of another value.
template <class Row, u32 kFirst, u32 kWidth>
struct RangeRow {
  static constexpr u32 kColumns = kWidth;
  Row from;
  float one(u32 c) const { return from.one(kFirst + c); }
  Quad quad(u32 c) const {
    if constexpr (kFirst % 4 == 0)
      return from.quad(kFirst + c);
    else
      return quadOfOnes(*this, c);
  }
};
template <u32 kFirst, u32 kWidth, class Row>
inline RangeRow<Row, kFirst, kWidth> range(const Row &from) {
  return {from};
}

/// One of two sources whose columns alternate in runs of kRun, a multiple of 4.
template <class Row, u32 kRun, u32 kSecond, u32 kWidth>
struct AlternateRow {
  static constexpr u32 kColumns = kWidth;
  Row from;
  static constexpr u32 place(u32 c) { return c / kRun * (2 * kRun) + c % kRun + kSecond * kRun; }
  float one(u32 c) const { return from.one(place(c)); }
  Quad quad(u32 c) const { return from.quad(place(c)); }
};
template <u32 kRun, u32 kSecond, u32 kWidth, class Row>
inline AlternateRow<Row, kRun, kSecond, kWidth> alternate(const Row &from) {
  return {from};
}

/// Storage of a matrix in the layout mma16 (runtime/artifact/Mma16.h).
enum class StripFormat { Bf16, Int8, Int4 };

/// A row of a table in the layout mma16. kScaleBytes: of the scales before a strip's blocks;
/// kGroup: columns per scale, 0 = all.
template <StripFormat kFormat, u32 kWidth, u32 kScaleBytes, u32 kGroup>
struct StripRow {
  static constexpr u32 kColumns = kWidth;
  static constexpr u32 kTile = kFormat == StripFormat::Bf16   ? 16
                               : kFormat == StripFormat::Int8 ? 32
                                                              : 64;
  const u8 *strip;
  u32 row; ///< 0..15

  float one(u32 c) const {
    const u32 lane = row % 8 * 4 + c % 8 / 2, word = c % 16 / 8 * 2 + row / 8, high = c % 2;
    const u8 *at = strip + kScaleBytes + c / kTile * 512 + lane * 16;
    if constexpr (kFormat == StripFormat::Bf16)
      return numerics::fromBf16(reinterpret_cast<const u16 *>(at)[word * 2 + high]);
    int value;
    if constexpr (kFormat == StripFormat::Int8) {
      value = static_cast<int>(at[c / 16 % 2 * 8 + word * 2 + high]) - 128;
    } else {
      const u32 nibbles = reinterpret_cast<const u32 *>(at)[c / 16 % 4];
      value = static_cast<int>(nibbles >> (4 * (word + 4 * high)) & 15u) - 8;
    }
    const u32 group = kGroup == 0 ? 0 : c / (kGroup == 0 ? 1 : kGroup);
    const auto *scales = reinterpret_cast<const u16 *>(strip);
    return static_cast<float>(value) *
           numerics::fromF16(scales[group * 16 + row % 8 * 2 + row / 8]);
  }
  Quad quad(u32 c) const { return quadOfOnes(*this, c); }
};
/// Row `index` of the table at `slot`, whose strips have kStripBytes.
template <class Row, u64 kStripBytes>
inline Row stripRow(u64 slot, u32 index) {
  return {reinterpret_cast<const u8 *>(slot) + index / 16 * kStripBytes, index % 16};
}

// ---- Point-wise ---------------------------------------------------------------------------------

template <class Left, class Right>
struct SumRow {
  static constexpr u32 kColumns = Left::kColumns;
  Left left;
  Right right;
  float one(u32 c) const { return left.one(c) + right.one(c); }
  Quad quad(u32 c) const {
    Quad a = left.quad(c);
    const Quad b = right.quad(c);
    for (u32 i = 0; i < 4; ++i)
      a.x[i] = a.x[i] + b.x[i];
    return a;
  }
};
template <class Left, class Right>
inline SumRow<Left, Right> sum(const Left &left, const Right &right) {
  return {left, right};
}

template <class Left, class Right>
struct ProductRow {
  static constexpr u32 kColumns = Left::kColumns;
  Left left;
  Right right;
  float one(u32 c) const { return left.one(c) * right.one(c); }
  Quad quad(u32 c) const {
    Quad a = left.quad(c);
    const Quad b = right.quad(c);
    for (u32 i = 0; i < 4; ++i)
      a.x[i] = a.x[i] * b.x[i];
    return a;
  }
};
template <class Left, class Right>
inline ProductRow<Left, Right> product(const Left &left, const Right &right) {
  return {left, right};
}

template <class Row>
struct SiluRow {
  static constexpr u32 kColumns = Row::kColumns;
  Row from;
  float one(u32 c) const { return numerics::silu(from.one(c)); }
  Quad quad(u32 c) const {
    Quad a = from.quad(c);
    for (u32 i = 0; i < 4; ++i)
      a.x[i] = numerics::silu(a.x[i]);
    return a;
  }
};
template <class Row>
inline SiluRow<Row> silu(const Row &from) {
  return {from};
}

// ---- Norms --------------------------------------------------------------------------------------

/// Two neighbouring columns from an even one on; kWhole: both exist.
struct Pair {
  float x, y;
};
template <class Row>
inline Pair pairOf(const Row &row, u32 c) {
  return {row.one(c), row.one(c + 1)};
}
template <u32 kWidth>
inline Pair pairOf(const MemoryRow<kWidth> &row, u32 c) {
  const uint2 both = load64(row.row + c);
  return {numerics::floatOf(both.x), numerics::floatOf(both.y)};
}

/// Rule R over columns [first, first + kWidth), first even, by one warp: lane l holds the logical
/// lanes 2l and 2l + 1. Every lane gets 1 / sqrt(mean of squares + eps).
template <u32 kWidth, class Row>
inline float warpRmsScale(const Row &row, u32 first, float eps) {
  static_assert(numerics::kReduceLanes == 64);
  const u32 lane = laneId();
  float x = 0.0f, y = 0.0f;
  constexpr u32 kWhole = kWidth / 64 * 64, kAhead = 8; // loads under way
  for (u32 c = 0; c < kWhole; c += 64 * kAhead) {
    Pair p[kAhead];
    INGOT_UNROLL
    for (u32 i = 0; i < kAhead; ++i) // a column of zero changes nothing
      p[i] = c + 64 * i < kWhole ? pairOf(row, first + c + 64 * i + 2 * lane) : Pair{0.0f, 0.0f};
    INGOT_UNROLL
    for (u32 i = 0; i < kAhead; ++i) {
      x = std::fmaf(p[i].x, p[i].x, x);
      y = std::fmaf(p[i].y, p[i].y, y);
    }
  }
  if (kWhole + 2 * lane < kWidth) {
    const float last = row.one(first + kWhole + 2 * lane);
    x = std::fmaf(last, last, x);
  }
  if (kWhole + 2 * lane + 1 < kWidth) {
    const float last = row.one(first + kWhole + 2 * lane + 1);
    y = std::fmaf(last, last, y);
  }
  for (u32 mask = 16; mask > 0; mask /= 2) {
    x = x + shuffleXor(x, mask);
    y = y + shuffleXor(y, mask);
  }
  return 1.0f / std::sqrt((x + y) / static_cast<float>(kWidth) + eps);
}

/// Scale of the whole row; `slot`: one float of shared memory that nothing else uses.
template <class T, class Row>
inline float rowScale(const T &team, const Row &row, float eps, float *slot) {
  if constexpr (T::kWarp) {
    return warpRmsScale<Row::kColumns>(row, 0, eps);
  } else {
    if (team.thread < 32) {
      const float scale = warpRmsScale<Row::kColumns>(row, 0, eps);
      if (team.thread == 0)
        *slot = scale;
    }
    team.sync();
    return *slot;
  }
}

/// Scales of heads of kHeadDim columns into shared memory [heads].
template <u32 kHeadDim, class T, class Row>
inline const float *headScales(const T &team, const Row &row, float eps, float *scales) {
  for (u32 head = team.thread / 32; head < Row::kColumns / kHeadDim; head += T::kThreads / 32) {
    const float scale = warpRmsScale<kHeadDim>(row, head * kHeadDim, eps);
    if (laneId() == 0)
      scales[head] = scale;
  }
  team.sync();
  return scales;
}

template <class Row>
struct NormRow {
  static constexpr u32 kColumns = Row::kColumns;
  Row from;
  float scale;
  const float *gamma;
  float one(u32 c) const { return from.one(c) * scale * gamma[c]; }
  Quad quad(u32 c) const {
    Quad a = from.quad(c);
    const Quad g = quadFrom(gamma + c);
    for (u32 i = 0; i < 4; ++i)
      a.x[i] = a.x[i] * scale * g.x[i];
    return a;
  }
};
template <class Row>
inline NormRow<Row> norm(const Row &from, float scale, const float *gamma) {
  return {from, scale, gamma};
}

template <class Row, u32 kHeadDim>
struct HeadNormRow {
  static constexpr u32 kColumns = Row::kColumns;
  Row from;
  const float *scales, *gamma; ///< [heads], [kHeadDim]
  float one(u32 c) const { return from.one(c) * scales[c / kHeadDim] * gamma[c % kHeadDim]; }
  Quad quad(u32 c) const {
    if constexpr (kHeadDim % 4 != 0) {
      return quadOfOnes(*this, c);
    } else {
      Quad a = from.quad(c);
      const Quad g = quadFrom(gamma + c % kHeadDim);
      const float scale = scales[c / kHeadDim];
      for (u32 i = 0; i < 4; ++i)
        a.x[i] = a.x[i] * scale * g.x[i];
      return a;
    }
  }
};
template <u32 kHeadDim, class Row>
inline HeadNormRow<Row, kHeadDim> headNorm(const Row &from, const float *scales,
                                           const float *gamma) {
  return {from, scales, gamma};
}

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

/// Eight columns as bfloat16.
inline uint4 packEight(const Quad &a, const Quad &b) {
  return uint4{packBf16(a.x[0], a.x[1]), packBf16(a.x[2], a.x[3]), packBf16(b.x[0], b.x[1]),
               packBf16(b.x[2], b.x[3])};
}

template <class T, class Row>
inline void storeRowBf16(const T &team, const Row &row, u16 *to) {
  for (u32 c = team.thread * 8; c < abi::paddedColumns(Row::kColumns); c += T::kThreads * 8)
    store128(to + c, packEight(paddedQuad(row, c), paddedQuad(row, c + 4)));
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

/// Rounds the token's keys and values to bfloat16 and writes them to its place in the cache, with
/// zeros behind each head.
template <u32 kHeads, u32 kHeadDim, u32 kBlockTokens, class T, class Keys, class Values>
inline void appendKv(const T &team, const abi::BatchView &batch, u32 token, u64 slot,
                     const Keys &keys, const Values &values) {
  constexpr abi::KvRowsLayout kLayout = {1, kHeads, kHeadDim, kBlockTokens};
  constexpr u32 kChunks = kLayout.rowElements() / 8; // of a row of one head
  const auto &view = *reinterpret_cast<const abi::KvView *>(slot);
  const u32 position = batch.kvPositions[token];
  const u32 block =
      view.table[batch.tokenSequence[token] * view.tablePitch + position / kBlockTokens];
  u8 *place = view.pool + block * view.blockBytes + position % kBlockTokens * kLayout.rowBytes();
  const auto write = [&](const auto &row, u32 head, u32 d, u8 *to) {
    if constexpr (kHeadDim % 8 == 0) {
      if (d < kHeadDim)
        store128(to, packEight(row.quad(head * kHeadDim + d), row.quad(head * kHeadDim + d + 4)));
      else
        store128(to, uint4{0, 0, 0, 0});
    } else {
      Quad q[2] = {};
      for (u32 i = 0; i < 8; ++i)
        if (d + i < kHeadDim)
          q[i / 4].x[i % 4] = row.one(head * kHeadDim + d + i);
      store128(to, packEight(q[0], q[1]));
    }
  };
  for (u32 i = team.thread; i < kHeads * kChunks; i += T::kThreads) {
    const u32 head = i / kChunks, d = i % kChunks * 8;
    u8 *to = place + head * kLayout.headBytes() + d * 2;
    write(keys, head, d, to);
    write(values, head, d, to + kLayout.valuesAt());
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
