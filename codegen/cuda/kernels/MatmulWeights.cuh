// Packed weights (layout mma16, runtime/artifact/Mma16.h) as a matmul kernel walks them: geometry
// of a strip's stream, and from a lane's 16-byte words the operand A of the matrix unit.
//
// A kernel's `Config` says what it multiplies:
//   kWeights   format                    kOutputs, kColumns  N and K of the weight
//   kRows      numbers of the rows: bf16 with all weights but fp16, else those of the weight
//   kGroup     columns per scale, 0 = all of K (ignored for bf16 and fp16)
//   kSpan      elements of K per slice, 0 = all of K; a multiple of 64 that holds whole groups
//   kReturned  whether a row belongs to a returned token instead of a token
//   kRowsSlot, kWeightSlot; rows of 8 bits have a float32 per row in slot kRowsSlot + 1
#pragma once

#include "codegen/cuda/kernels/Device.cuh"
#include "runtime/artifact/KernelAbi.h"

namespace ingot::gpu {

enum class WeightKind : u8 { Bf16, Int8, Int4, F16, E4m3 };
enum class RowNumber : u8 { Bf16, F16, Int8, E4m3 };

/// K is walked in blocks of 64 elements: four k-tiles, in two halves.
inline constexpr u32 kBlockK = 64, kHalfK = 32;
inline constexpr u32 kStripRows = 16;

constexpr u32 ceilDiv(u32 a, u32 b) { return (a + b - 1) / b; }

/// Constants of a weight's streams.
template <class Config>
struct Stream {
  static constexpr bool kScaled =
      Config::kWeights != WeightKind::Bf16 && Config::kWeights != WeightKind::F16;
  /// Rows of 8 bits, with scales of their own.
  static constexpr bool kByteRows =
      Config::kRows == RowNumber::Int8 || Config::kRows == RowNumber::E4m3;
  static constexpr bool kInteger = Config::kRows == RowNumber::Int8;
  static constexpr u32 kPaddedK = ceilDiv(Config::kColumns, kBlockK) * kBlockK;
  static constexpr u32 kBlocks = kPaddedK / kBlockK;
  /// 16-byte words of one lane in a block.
  static constexpr u32 kWords = !kScaled ? 4 : Config::kWeights == WeightKind::Int4 ? 1 : 2;
  static constexpr u32 kBlockBytes = kWords * 512;
  static constexpr u32 kGroup = kScaled && Config::kGroup != 0 ? Config::kGroup : kPaddedK;
  /// Elements of a chain, which meets its scales at its end: those of a group; e4m3 rows leave the
  /// matrix unit's short sums every 128 elements.
  static constexpr u32 kChain = Config::kRows == RowNumber::E4m3 && kGroup > 128 ? 128 : kGroup;
  /// Scales of a group of one strip; of all its groups.
  static constexpr u32 kGroupBytes = kStripRows * 2;
  static constexpr u32 kScaleBytes = kScaled ? ceilDiv(kPaddedK, kGroup) * kGroupBytes : 0;
  static constexpr u64 kStripBytes = u64(kScaleBytes) + u64(kBlocks) * kBlockBytes;
  static constexpr u32 kStrips = ceilDiv(Config::kOutputs, 2 * kStripRows) * 2;
  /// Chains that can end in one block: in the middle and at its end, or at its end only.
  static constexpr u32 kGroupEnds = !kScaled ? 0 : kChain % kBlockK != 0 ? 2 : 1;

  /// A block of a row: bytes, 16-byte chunks; bytes from row to row in memory.
  static constexpr u32 kRowBlockBytes = kByteRows ? 64 : 128, kRowChunks = kRowBlockBytes / 16;
  static constexpr u64 kSourceRowBytes =
      kByteRows ? abi::int8RowBytes(Config::kColumns) : abi::bf16RowBytes(Config::kColumns);

  static constexpr u32 kSpanBlocks = (Config::kSpan ? Config::kSpan : kPaddedK) / kBlockK;
  static constexpr u32 kSlices = ceilDiv(kBlocks, kSpanBlocks);
  static_assert(Config::kSpan % kBlockK == 0, "slices are whole blocks");
  static_assert(kSlices == 1 || !kScaled || Config::kGroup == 0 || Config::kSpan % kGroup == 0,
                "slices hold groups");
  static_assert(!kInteger || Config::kWeights == WeightKind::Int8);
  static_assert((Config::kRows == RowNumber::F16) == (Config::kWeights == WeightKind::F16));

  /// Whether a chain that meets scales ends behind half `half` of block `block`.
  static constexpr bool endsGroup(u32 block, u32 half) {
    const u32 end = block * kBlockK + (half + 1) * kHalfK;
    return kScaled && (kChain % kBlockK == 0 && half == 0 ? false
                       : half == 1 && endsSlice(block)    ? true
                                                          : end % kChain == 0);
  }
  /// The group that holds the last element of half `half` of block `block`.
  static constexpr u32 groupOf(u32 block, u32 half) {
    return (block * kBlockK + (half + 1) * kHalfK - 1) / kGroup;
  }
  /// Whether a slice ends with block `block`.
  static constexpr bool endsSlice(u32 block) {
    return block + 1 == kBlocks || (kSlices > 1 && (block + 1) % kSpanBlocks == 0);
  }
};

// ---- Integers as bf16 ---------------------------------------------------------------------------
// bf16 0x4300 + i is 128 + i for i of 0..127: bits of an integer put into the fraction, then one
// exact sum takes the offset away.

/// Two nibbles (value + 8) at bits 0..3 and 16..19.
inline u32 decodeNibbles(u32 bits) {
  constexpr u32 kOne = 0x3f803f80u, kMinus136 = 0xc308c308u;
  return fmaBf16x2(logic3<0xea>(bits, 0x000f000fu, 0x43004300u), kOne, kMinus136);
}
/// Two bytes (value + 128) at bits 0..7 and 16..23. The upper bit of a byte chooses what is taken
/// away: with it 128, without it 256.
inline u32 decodeBytes(u32 bits) {
  constexpr u32 kOne = 0x3f803f80u;
  const u32 low = logic3<0xea>(bits, 0x007f007fu, 0x43004300u);    // (bits & low seven) | 128.0
  const u32 offset = logic3<0x6a>(bits, 0x00800080u, 0xc380c380u); // (bits & upper) ^ -256.0
  return fmaBf16x2(low, kOne, offset);
}

/// Two e4m3 at bits 0..7 and 16..23: their exponent and fraction in the places of bf16's make a
/// number 2^-120 times as large, denormal ones too.
inline u32 decodeE4m3(u32 bits) {
  constexpr u32 k2To120 = 0x7b807b80u, kMinusZero = 0x80008000u;
  return fmaBf16x2((bits & 0x007f007fu) << 4 | (bits & 0x00800080u) << 8, k2To120, kMinusZero);
}
template <WeightKind kWeights>
inline u32 decodePair(u32 bits) {
  return kWeights == WeightKind::E4m3 ? decodeE4m3(bits) : decodeBytes(bits);
}

/// Operand A of k-tile `tile` (0..3, of 16 k) of a block from this lane's words of the block.
template <WeightKind kWeights, u32 kWords>
inline void decodeTile(u32 (&a)[4], const uint4 (&words)[kWords], u32 tile) {
  if constexpr (kWords == 4) {
    const uint4 w = words[tile];
    a[0] = w.x, a[1] = w.y, a[2] = w.z, a[3] = w.w;
  } else if constexpr (kWords == 2) {
    const uint4 w = words[tile / 2];
    const u32 low = tile % 2 ? w.z : w.x, high = tile % 2 ? w.w : w.y;
    a[0] = decodePair<kWeights>(permuteBytes(low, 0, 0x4140));
    a[1] = decodePair<kWeights>(permuteBytes(low, 0, 0x4342));
    a[2] = decodePair<kWeights>(permuteBytes(high, 0, 0x4140));
    a[3] = decodePair<kWeights>(permuteBytes(high, 0, 0x4342));
  } else {
    const uint4 w = words[0];
    const u32 bits = tile == 0 ? w.x : tile == 1 ? w.y : tile == 2 ? w.z : w.w;
    INGOT_UNROLL
    for (u32 i = 0; i < 4; ++i)
      a[i] = decodeNibbles(bits >> 4 * i);
  }
}

/// Operand A of a k-tile of 32 bytes: mma.m16n8k32, whose order of k is that of rows of 8 bits
/// (abi::operandPlace).
template <WeightKind kWeights>
inline void operandBytes(u32 (&a)[4], const uint4 &word) {
  constexpr u32 kSign = kWeights == WeightKind::Int8 ? 0x80808080u : 0; // value + 128 to value
  a[0] = permuteBytes(word.x, word.y, 0x5410) ^ kSign;
  a[1] = permuteBytes(word.x, word.y, 0x7632) ^ kSign;
  a[2] = permuteBytes(word.z, word.w, 0x5410) ^ kSign;
  a[3] = permuteBytes(word.z, word.w, 0x7632) ^ kSign;
}

/// d += A B by one instruction on rows of these numbers.
template <RowNumber kRows, typename T>
inline void multiplyTile(T (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  if constexpr (kRows == RowNumber::Bf16)
    mmaBf16(d, a, b0, b1);
  else if constexpr (kRows == RowNumber::F16)
    mmaF16(d, a, b0, b1);
  else if constexpr (kRows == RowNumber::Int8)
    mmaS8(d, a, b0, b1);
  else
    mmaE4m3(d, a, b0, b1);
}

// ---- Sums ---------------------------------------------------------------------------------------

/// Sums of kStrips strips by kTiles tiles of 8 tokens, as mma.m16n8k16 leaves them: of tile n,
/// [0] and [1] are row g, tokens 2t and 2t + 1; [2] and [3] row g + 8 (lane 4g + t).
template <u32 kStrips, u32 kTiles, typename T = float>
struct Sums {
  T x[kStrips][kTiles][4];

  void clear() {
    INGOT_UNROLL
    for (u32 s = 0; s < kStrips; ++s)
      INGOT_UNROLL
    for (u32 n = 0; n < kTiles; ++n)
      INGOT_UNROLL
    for (u32 i = 0; i < 4; ++i)
      x[s][n][i] = T(0);
  }
  /// this += other
  void add(const Sums &other) {
    INGOT_UNROLL
    for (u32 s = 0; s < kStrips; ++s)
      INGOT_UNROLL
    for (u32 n = 0; n < kTiles; ++n)
      INGOT_UNROLL
    for (u32 i = 0; i < 4; ++i)
      x[s][n][i] += other.x[s][n][i];
  }
  /// this = fma(chain, scales, this) for one strip; `scales`: f16 of rows g and g + 8. A chain of
  /// integers is rounded to float32 once.
  template <typename Chain>
  void addScaled(const Sums<kStrips, kTiles, Chain> &chain, u32 strip, u32 scales) {
    const float scale[2] = {lowF16(scales), highF16(scales)};
    INGOT_UNROLL
    for (u32 n = 0; n < kTiles; ++n)
      INGOT_UNROLL
    for (u32 i = 0; i < 4; ++i)
      x[strip][n][i] =
          std::fmaf(static_cast<float>(chain.x[strip][n][i]), scale[i / 2], x[strip][n][i]);
  }
};

template <bool kInteger>
struct ChainType {
  using Type = float;
};
template <>
struct ChainType<true> {
  using Type = i32;
};
/// What a chain is kept in.
template <class Config>
using ChainOf = typename ChainType<Stream<Config>::kInteger>::Type;

// ---- Rows of activations in shared memory -------------------------------------------------------

/// A block of a row: 64 bf16. The 16-byte chunks of row r lie at chunk ^ (r % 8), so that ldmatrix
/// meets every bank once.
inline constexpr u32 kRowBlockBytes = 128, kRowChunks = 8;

inline u32 chunkPlace(u32 row, u32 chunk) { return row * kRowBlockBytes + (chunk ^ row % 8) * 16; }
/// The same for blocks of 64 8-bit numbers, two rows to 128 bytes.
template <u32 kBytes>
inline u32 chunkPlaceOf(u32 row, u32 chunk) {
  return kBytes == kRowBlockBytes ? chunkPlace(row, chunk)
                                  : row * kBytes + (chunk ^ row / 2 % 4) * 16;
}
/// Operand B of both k-tiles of half `half` for tokens [8 * tile, 8 * tile + 8): b[0], b[1] of the
/// first k-tile, b[2], b[3] of the second.
inline void loadRowsTile(u32 (&b)[4], const u8 *rows, u32 tile, u32 half) {
  const u32 lane = laneId();
  ldmatrix4(b, rows + chunkPlace(tile * 8 + lane % 8, half * 4 + lane / 8));
}

/// Operand B of both k-tiles of a block of 8-bit rows.
inline void loadByteRowsTile(u32 (&b)[4], const u8 *rows, u32 tile) {
  const u32 lane = laneId();
  ldmatrix4(b, rows + chunkPlaceOf<64>(tile * 8 + lane % 8, lane / 8));
}

/// Whether chunk `chunk` of block `block` lies in the row buffer; behind it are zeros.
template <class Config>
inline bool isChunkInside(u32 block, u32 chunk) {
  constexpr u32 kInside = static_cast<u32>(abi::paddedColumns(Config::kColumns));
  if constexpr (kInside % kBlockK == 0)
    return true;
  return block * kBlockK + chunk * (kBlockK / Stream<Config>::kRowChunks) < kInside;
}

/// Rows of 8 bits: multiplies the sums of a row with its scale.
template <class Config, u32 kCount>
inline void scaleRow(const KernelArgs &args, u32 row, bool live, float (&x)[kCount]) {
  if constexpr (Stream<Config>::kByteRows) {
    const float scale = live ? args.pointer<const float>(Config::kRowsSlot + 1)[row] : 0.0f;
    INGOT_UNROLL
    for (u32 i = 0; i < kCount; ++i)
      x[i] = x[i] * scale;
  }
}

template <class Config>
inline u32 rowsOf(const KernelArgs &args) {
  const auto *batch = args.pointer<const abi::BatchView>(0);
  return Config::kReturned ? batch->returnedRows : batch->tokens;
}

} // namespace ingot::gpu
