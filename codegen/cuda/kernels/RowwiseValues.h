// Values of a row and the team that works on it: what the chains of Rowwise.cuh are made of.
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
enum class StripFormat { Bf16, Int8, Int4, F16, E4m3 };

/// A row of a table in the layout mma16. kScaleBytes: of the scales before a strip's blocks;
/// kGroup: columns per scale, 0 = all.
template <StripFormat kFormat, u32 kWidth, u32 kScaleBytes, u32 kGroup>
struct StripRow {
  static constexpr u32 kColumns = kWidth;
  static constexpr bool kHalf = kFormat == StripFormat::Bf16 || kFormat == StripFormat::F16;
  static constexpr u32 kTile = kHalf ? 16 : kFormat == StripFormat::Int4 ? 64 : 32;
  const u8 *strip;
  u32 row; ///< 0..15

  float one(u32 c) const {
    const u32 lane = row % 8 * 4 + c % 8 / 2, word = c % 16 / 8 * 2 + row / 8, high = c % 2;
    const u8 *at = strip + kScaleBytes + c / kTile * 512 + lane * 16;
    if constexpr (kHalf) {
      const u16 bits = reinterpret_cast<const u16 *>(at)[word * 2 + high];
      return kFormat == StripFormat::F16 ? numerics::fromF16(bits) : numerics::fromBf16(bits);
    }
    float value;
    if constexpr (kFormat != StripFormat::Int4) {
      const u8 byte = at[c / 16 % 2 * 8 + word * 2 + high];
      value = kFormat == StripFormat::E4m3 ? numerics::fromE4m3(byte)
                                           : static_cast<float>(static_cast<int>(byte) - 128);
    } else {
      const u32 nibbles = reinterpret_cast<const u32 *>(at)[c / 16 % 4];
      value = static_cast<float>(static_cast<int>(nibbles >> (4 * (word + 4 * high)) & 15u) - 8);
    }
    const u32 group = kGroup == 0 ? 0 : c / (kGroup == 0 ? 1 : kGroup);
    const auto *scales = reinterpret_cast<const u16 *>(strip);
    return value * numerics::fromF16(scales[group * 16 + row % 8 * 2 + row / 8]);
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

} // namespace ingot::gpu
