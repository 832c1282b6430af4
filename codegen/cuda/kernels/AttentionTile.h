// One tile of attention on tensor cores: 16 query rows of one KV head against 64 positions of the
// paged cache. Rows are tokens x query heads of the KV group: row r is token r / group, head
// r % group. A row's bits are a function of its query and what it sees:
//   scores    chain of k16 steps of the matrix unit from +0 (int8: times the position's scale),
//             times scale; a softcap behind it
//   softmax   maximum over the visible, exp(s - maximum), exactly +0 where nothing is visible
//   row sum   lane t of a quad adds its 16 p in ascending position; then lanes by xor 1, xor 2
//   values    chain of k16 steps over the positions, p (int8: times the position's scale) rounded
//             to the unit's factors, V of what no row of the work sees counts as zero (values that
//             another row sees must be finite)
// Fragments: codegen/cuda/ptx/Matrix.h. Lane 4g + t has rows g and g + 8.
#pragma once

#include "codegen/cuda/kernels/AttentionShape.h"

namespace ingot::gpu {

/// This lane's number, as something that only this unit knows: addresses made from laneId() would
/// be kept in registers across units of both kinds.
inline u32 unitLane() { return shuffle(laneId(), laneId()); }

/// The block of position `base` at the cache's KV head.
template <class S>
inline const u8 *blockOf(const AttentionCache &cache, u32 base) {
  return cache.head + cache.blocks[base / S::kBlockTokens] * cache.blockBytes;
}

/// Starts copies of the tile at position `first`: zeros outside [begin, end), which is never read.
/// Warp w copies rows 16w..; all four take part.
template <class S>
inline void copyTile(u8 *tile, const AttentionCache &cache, bool values, u32 first, u32 begin,
                     u32 end, u32 lane) {
  const u32 base = first + warpId() * 16;
  const u8 *from = cache.head;
  if (base < end && base + 16 > begin)
    from = blockOf<S>(cache, base) + base % S::kBlockTokens * S::kRowBytes +
           (values ? S::kLayout.valuesAt() : 0);
#pragma unroll 1 // addresses of many rows would cost registers
  for (u32 i = lane; i < 16 * S::kChunks; i += 32) {
    const u32 row = i / S::kChunks, chunk = i % S::kChunks;
    const bool valid = base + row >= begin && base + row < end;
    copyAsync16OrZero(S::place(tile, warpId() * 16 + row, chunk),
                      valid ? from + row * S::kRowBytes + chunk * 16 : cache.head, valid);
  }
}

/// The same for the scales of its keys and values. Four positions travel together: of those that
/// nobody sees, any number may arrive.
template <class S>
inline void copyScales(typename S::Scales &scales, const AttentionCache &cache, u32 first,
                       u32 begin, u32 end, u32 lane) {
  if constexpr (S::Format::kScaled) {
    const u32 row = warpId() * 16 + lane % 4 * 4, base = first + row;
    if (lane >= 8)
      return;
    const bool values = lane >= 4, valid = base < end && base + 4 > begin;
    const u8 *from = cache.head;
    if (valid)
      from = blockOf<S>(cache, base) + base % S::kBlockTokens * 4 +
             (values ? S::kLayout.valueScalesAt() : S::kLayout.scalesAt());
    copyAsync16OrZero((values ? scales.values : scales.keys) + row, from, valid);
  }
}

/// First position that a token sees.
template <class S>
inline u32 visibleFrom(const abi::BatchView &batch, u32 token) {
  const u32 begin = batch.visibleBegin[token];
  if constexpr (S::kWindow != 0) {
    const u32 end = batch.visibleEnd[token];
    const u32 last = end > S::kWindow ? end - S::kWindow : 0;
    return begin > last ? begin : last;
  }
  return begin;
}

/// What the two rows of a lane see.
struct LaneRanges {
  u32 begin[2], end[2];
};
/// The two rows of a lane. Rows behind the last are computed like it, from a query of zeros.
struct LaneRows {
  u32 token[2], head[2];
  bool real[2];
};
template <class S>
inline LaneRows laneRows(const AttentionWork &work, u32 rowBase, u32 lane) {
  LaneRows rows;
  INGOT_UNROLL
  for (u32 h = 0; h < 2; ++h) {
    const u32 row = rowBase + lane / 4 + 8 * h, count = work.tokens * S::kGroup;
    const u32 known = row < count ? row : count - 1;
    rows.real[h] = row < count;
    rows.token[h] = work.first + known / S::kGroup;
    rows.head[h] = work.kvHead * S::kGroup + known % S::kGroup;
  }
  return rows;
}
template <class S>
inline LaneRanges laneRanges(const AttentionArgs &args, const LaneRows &rows) {
  return {{visibleFrom<S>(*args.batch, rows.token[0]), visibleFrom<S>(*args.batch, rows.token[1])},
          {args.batch->visibleEnd[rows.token[0]], args.batch->visibleEnd[rows.token[1]]}};
}

/// Operands A of the scores of a tile's rows, in shared memory: [k16 step][lane].
template <class S>
using QueryOperands = u32[S::kSteps][32][4];

/// Writes those of steps `begin`, begin + stride ... of this warp's lanes.
template <class S>
inline void loadQuery(QueryOperands<S> &q, const AttentionArgs &args, const LaneRows &rows,
                      u32 begin, u32 stride, u32 lane) {
  constexpr u64 kRowBytes = abi::bf16RowBytes(S::kHeads * S::kHeadDim);
#pragma unroll 1
  for (u32 k = begin; k < S::kSteps; k += stride) {
    u32 a[4];
    INGOT_UNROLL
    for (u32 i = 0; i < 4; ++i) {
      const u32 h = i % 2, d = 16 * k + i / 2 * 8 + lane % 4 * 2;
      const u8 *from = args.queries + rows.token[h] * kRowBytes + rows.head[h] * (S::kHeadDim * 2);
      a[i] = rows.real[h] && d < S::kHeadDim ? S::Format::query(load32(from + d * 2)) : 0u;
    }
    store128(q[k][lane], uint4{a[0], a[1], a[2], a[3]});
  }
}

/// s[n][e]: position 8n + 2t + e % 2 of row g + 8 (e / 2), without the scale.
template <class S>
inline void tileScores(float (&s)[8][4], const QueryOperands<S> &q, const u8 *keys, u32 lane) {
  INGOT_UNROLL
  for (u32 n = 0; n < 8; ++n)
    s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0.0f;
#pragma unroll 2 // more only makes code
  for (u32 k = 0; k < S::kSteps; ++k) {
    const uint4 words = load128(q[k][lane]);
    const u32 a[4] = {words.x, words.y, words.z, words.w};
    if constexpr (S::Format::kBytes) {
      INGOT_UNROLL
      for (u32 n = 0; n < 8; n += 4) {
        u32 bytes[4];
        ldmatrix4(bytes, S::place(keys, n * 8 + lane, k));
        INGOT_UNROLL
        for (u32 j = 0; j < 4; ++j) {
          u32 b[2];
          S::Format::keyPairs(bytes[j], b[0], b[1]);
          S::Format::multiply(s[n + j], a, b[0], b[1]);
        }
      }
    } else {
      INGOT_UNROLL
      for (u32 n = 0; n < 4; ++n) {
        u32 b[4];
        ldmatrix4(b, S::place(keys, n * 16 + lane % 8 + lane / 16 * 8, 2 * k + lane / 8 % 2));
        S::Format::multiply(s[2 * n], a, b[0], b[1]);
        S::Format::multiply(s[2 * n + 1], a, b[2], b[3]);
      }
    }
  }
}

/// Bits below bit `count`, which may be any number.
inline u32 bitsBelow(i32 count) { return count <= 0 ? 0 : count >= 32 ? ~0u : (1u << count) - 1; }
/// Bits 8n + o of positions 0..31 (o = 0, 1) in the places 4n + o.
inline u32 pairsOfEight(u32 positions) {
  u32 bits = positions & 0x03030303u;
  bits = (bits | bits >> 4) & 0x00330033u;
  return (bits | bits >> 8) & 0x3333u;
}

/// Bit 4n + e: the row of s[n][e] sees its position.
inline u32 visibleBits(const LaneRanges &rows, u32 first, u32 lane) {
  u32 bits = 0;
  INGOT_UNROLL
  for (u32 h = 0; h < 2; ++h) {
    const i32 origin = static_cast<i32>(first + lane % 4 * 2);
    const i32 begin = static_cast<i32>(rows.begin[h]) - origin,
              end = static_cast<i32>(rows.end[h]) - origin;
    const u32 low = pairsOfEight(bitsBelow(end) & ~bitsBelow(begin));
    const u32 high = pairsOfEight(bitsBelow(end - 32) & ~bitsBelow(begin - 32));
    bits |= (low | high << 16) << 2 * h;
  }
  return bits;
}

inline float larger(float a, float b) { return b > a ? b : a; }

/// The numbers of positions 8n + 2t and the next.
struct ScalePair {
  float x[2];
};
inline ScalePair scalesOf(const float (&scales)[64], u32 n, u32 lane) {
  const uint2 words = load64(scales + 8 * n + lane % 4 * 2);
  return {{numerics::floatOf(words.x), numerics::floatOf(words.y)}};
}

/// Scales the scores; maximum[h] over the visible of the tile and what it held before.
template <class S>
inline void tileMaximum(float (&s)[8][4], const AttentionArgs &args,
                        const typename S::Scales &scales, u32 visible, u32 lane,
                        float (&maximum)[2]) {
  INGOT_UNROLL
  for (u32 i = 0; i < 32; ++i) {
    float &score = s[i / 4][i % 4];
    if constexpr (S::Format::kScaled)
      score = score * scalesOf(scales.keys, i / 4, lane).x[i % 2];
    score = score * args.scale;
    if constexpr (S::kSoftcap)
      score = numerics::softcapped(score, args.softcap, args.softcapInverse);
    const float seen = visible >> i & 1u ? score : numerics::kScoreStart;
    maximum[i / 2 % 2] = larger(maximum[i / 2 % 2], seen);
  }
  INGOT_UNROLL
  for (u32 h = 0; h < 2; ++h) {
    maximum[h] = larger(maximum[h], shuffleXor(maximum[h], 1));
    maximum[h] = larger(maximum[h], shuffleXor(maximum[h], 2));
  }
}

/// Scores become p, rounded into operands A of the product with V; sum[h]: sum of the row's p.
template <class S>
inline void tileWeights(const float (&s)[8][4], const typename S::Scales &scales,
                        const float (&maximum)[2], u32 visible, u32 lane, u32 (&p)[4][4],
                        float (&sum)[2]) {
  sum[0] = sum[1] = 0.0f;
  INGOT_UNROLL
  for (u32 n = 0; n < 8; ++n) {
    float e[4];
    INGOT_UNROLL
    for (u32 i = 0; i < 4; ++i) {
      const float weight = numerics::exp(s[n][i] - maximum[i / 2]);
      const bool seen = (visible >> (4 * n + i) & 1u) != 0;
      e[i] = seen ? weight : 0.0f;
      sum[i / 2] = sum[i / 2] + e[i];
      if constexpr (S::Format::kScaled)
        e[i] = seen ? weight * scalesOf(scales.values, n, lane).x[i % 2] : 0.0f;
    }
    p[n / 2][n % 2 * 2] = S::Format::pack(e[0], e[1]);
    p[n / 2][n % 2 * 2 + 1] = S::Format::pack(e[2], e[3]);
  }
  INGOT_UNROLL
  for (u32 h = 0; h < 2; ++h) {
    sum[h] = sum[h] + shuffleXor(sum[h], 1);
    sum[h] = sum[h] + shuffleXor(sum[h], 2);
  }
}

/// acc = acc * alpha.
inline void scaleRows(float (&acc)[4], const float (&alpha)[2]) {
  INGOT_UNROLL
  for (u32 i = 0; i < 4; ++i)
    acc[i] = acc[i] * alpha[i / 2];
}

/// Columns 16 c.. of the tile's values into the accumulators of those columns (accColumns).
template <class S>
inline void addValues(float (&acc)[2][4], const u32 (&p)[4][4], const u8 *values, u32 c, u32 lane) {
  if constexpr (S::Format::kBytes) {
    INGOT_UNROLL
    for (u32 k = 0; k < 4; k += 2) {
      u32 bytes[4];
      ldmatrix4Transposed(bytes, S::place(values, k * 16 + lane, c));
      INGOT_UNROLL
      for (u32 j = 0; j < 2; ++j) {
        u32 first[2], second[2]; // of columns 2g and 2g + 1
        S::Format::valuePairs(bytes[2 * j], first[0], second[0]);
        S::Format::valuePairs(bytes[2 * j + 1], first[1], second[1]);
        S::Format::multiply(acc[0], p[k + j], first[0], first[1]);
        S::Format::multiply(acc[1], p[k + j], second[0], second[1]);
      }
    }
  } else {
    INGOT_UNROLL
    for (u32 k = 0; k < 4; ++k) {
      u32 b[4];
      ldmatrix4Transposed(b, S::place(values, k * 16 + lane % 16, 2 * c + lane / 16));
      S::Format::multiply(acc[0], p[k], b[0], b[1]);
      S::Format::multiply(acc[1], p[k], b[2], b[3]);
    }
  }
}

/// Two neighbouring columns of row g + 8h in the accumulators of 16 columns: pair i (0, 1).
struct ColumnPair {
  u32 column; ///< of the 16
  float a, b;
};
template <class S>
inline ColumnPair columnPair(const float (&acc)[2][4], u32 i, u32 h, u32 lane) {
  if constexpr (S::Format::kBytes)
    return {lane % 4 * 4 + 2 * i, acc[0][2 * h + i], acc[1][2 * h + i]};
  else
    return {8 * i + lane % 4 * 2, acc[i][2 * h], acc[i][2 * h + 1]};
}

// ---- Segments -----------------------------------------------------------------------------------

/// Softmax state of a lane's rows, without the weighted values.
struct RowStates {
  float maximum[2] = {numerics::kScoreStart, numerics::kScoreStart};
  float sum[2] = {0.0f, 0.0f};
};

/// What the fold of a lane's rows starts from.
template <class S>
inline RowStates foldStart(const AttentionArgs &args, const LaneRows &rows) {
  if constexpr (S::kSinks)
    return {{args.sinks[rows.head[0]], args.sinks[rows.head[1]]}, {1.0f, 1.0f}};
  return {};
}

/// Factors of one fold: total = fma(total, before, segment * here).
struct FoldFactors {
  float before, here;
};
inline FoldFactors foldRow(float &totalMaximum, float &totalSum, float maximum, float sum) {
  const float next = larger(totalMaximum, maximum);
  const FoldFactors factors = {numerics::exp(totalMaximum - next), numerics::exp(maximum - next)};
  totalSum = std::fmaf(totalSum, factors.before, sum * factors.here);
  totalMaximum = next;
  return factors;
}

/// Folds a segment's state into the total; gives the factors of both rows.
inline void foldStates(RowStates &total, const RowStates &segment, FoldFactors (&factors)[2]) {
  INGOT_UNROLL
  for (u32 h = 0; h < 2; ++h)
    factors[h] = foldRow(total.maximum[h], total.sum[h], segment.maximum[h], segment.sum[h]);
}
inline void foldValues(float (&total)[4], const float (&segment)[4],
                       const FoldFactors (&factors)[2]) {
  INGOT_UNROLL
  for (u32 i = 0; i < 4; ++i)
    total[i] = std::fmaf(total[i], factors[i / 2].before, segment[i] * factors[i / 2].here);
}

// ---- Results ------------------------------------------------------------------------------------

/// A row of results.
template <class S>
struct ResultRow {
  static constexpr u32 kWidth = S::kHeads * S::kHeadDim;
  static constexpr u64 kRowBytes =
      S::kRounded ? abi::bf16RowBytes(kWidth) : abi::f32RowBytes(kWidth);

  u8 *row;
  void set(u32 c, float value) const {
    if constexpr (S::kRounded)
      reinterpret_cast<u16 *>(row)[c] = numerics::toBf16(value);
    else
      reinterpret_cast<float *>(row)[c] = value;
  }
  /// Columns c and c + 1; c even.
  void set(u32 c, float a, float b) const {
    if constexpr (S::kRounded)
      *reinterpret_cast<u32 *>(row + c * 2) = packBf16(a, b);
    else
      store64(row + c * 4, uint2{numerics::bitsOf(a), numerics::bitsOf(b)});
  }
};
template <class S>
inline ResultRow<S> resultRow(const AttentionArgs &args, u32 token) {
  return {args.results + token * ResultRow<S>::kRowBytes};
}

/// The row with a token's last head writes the padding behind it; `lane` of `lanes` that share it.
template <class S>
inline void clearPadding(const AttentionArgs &args, u32 token, u32 head, u32 lane, u32 lanes) {
  constexpr u32 kWidth = S::kHeads * S::kHeadDim, kPadded = abi::paddedColumns(kWidth);
  if constexpr (kWidth != kPadded)
    if (head == S::kHeads - 1)
      for (u32 c = kWidth + lane; c < kPadded; c += lanes)
        resultRow<S>(args, token).set(c, 0.0f);
}

/// Writes total / sum + 0 of a row's 16 columns from 16 c on: row g + 8h of the lane.
template <class S>
inline void storeColumns(const ResultRow<S> &row, u32 head, u32 c, const float (&total)[2][4],
                         u32 h, float inverse, u32 lane) {
  INGOT_UNROLL
  for (u32 i = 0; i < 2; ++i) {
    const ColumnPair pair = columnPair<S>(total, i, h, lane);
    const u32 d = 16 * c + pair.column;
    if (S::kHeadDim % 16 == 0 || d < S::kHeadDim)
      row.set(head * S::kHeadDim + d, pair.a * inverse + 0.0f, pair.b * inverse + 0.0f);
  }
}

} // namespace ingot::gpu
