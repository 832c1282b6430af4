// What one attention kernel is made for, and what its units of work are told.
#pragma once

#include "codegen/cuda/kernels/AttentionFormat.h"
#include "runtime/base/Numerics.h"

namespace ingot::gpu {

/// Constants of one attention kernel. kMaxTokens: bound of the schedule; kPartialRows: softmax
/// states that its scratch holds; kWindow: positions visible, 0 = all.
template <u32 kHeadDimOf, u32 kHeadsOf, u32 kKvHeadsOf, u32 kBlockTokensOf, u32 kMaxTokensOf,
          u32 kPartialRowsOf, abi::KvFormat kFormat = abi::KvFormat::Bf16, u32 kWindowOf = 0,
          bool kSoftcapOf = false, bool kSinksOf = false>
struct AttentionShape {
  static constexpr u32 kHeadDim = kHeadDimOf, kHeads = kHeadsOf, kKvHeads = kKvHeadsOf;
  static constexpr u32 kBlockTokens = kBlockTokensOf, kMaxTokens = kMaxTokensOf;
  static constexpr u32 kPartialRows = kPartialRowsOf;
  static constexpr u32 kGroup = kHeads / kKvHeads;           ///< query heads per KV head
  static constexpr u32 kColumns = (kHeadDim + 15) / 16 * 16; ///< of a row of the cache
  static constexpr u32 kSteps = kColumns / 16;               ///< instructions along a head
  static constexpr abi::KvRowsLayout kLayout = {1, kKvHeads, kHeadDim, kBlockTokens, kFormat};
  static constexpr u32 kWindow = kWindowOf;
  static constexpr bool kSoftcap = kSoftcapOf, kSinks = kSinksOf;
  using Format = CacheFormat<kFormat>;
  using Scales = TileScales<Format::kScaled>;
  static_assert(kHeads % kKvHeads == 0 && kHeadDim % 2 == 0 && kHeadDim <= 256);
  static_assert(kBlockTokens % 16 == 0, "16 positions lie in one block");

  // A tile in shared memory: rows of 16-byte chunks, arranged so that eight rows of one chunk never
  // meet in a bank.
  static constexpr u32 kRowBytes = kLayout.rowBytes();
  static constexpr bool kSwizzled = kRowBytes % 128 == 0;
  static constexpr u32 kChunks = kRowBytes / 16;
  static constexpr u32 kRowChunks = kSwizzled ? kChunks : kChunks | 1;
  static constexpr u32 kTileBytes = 64 * kRowChunks * 16;
  template <class Byte>
  static Byte *place(Byte *tile, u32 row, u32 chunk) {
    return tile + (row * kRowChunks + (kSwizzled ? chunk ^ (row & 7u) : chunk)) * 16;
  }

  static constexpr bool kRounded = false; ///< results are float32 rows

  /// Split way: tiles in shared memory at once.
  static constexpr u32 kTiles = kRowBytes <= 128 ? 4 : kRowBytes <= 256 ? 2 : 1;
  /// Whether long runs of tokens share tiles (AttentionShared.h); rows of such a unit, and warps
  /// that share 16 rows, each with part of the columns.
  static constexpr bool kSharing = kMaxTokens > 16;
  static constexpr u32 kSharers = kColumns <= 128 ? 1 : 2, kSharedRows = 64 / kSharers;
};

/// A shape whose kernel rounds its results to bf16 rows.
template <class S>
struct RoundedResults : S {
  static constexpr bool kRounded = true;
};

inline constexpr u32 kAttentionThreads = 128, kAttentionWarps = kAttentionThreads / 32;
inline constexpr u32 kTilePositions = numerics::kAttentionTile;
inline constexpr u32 kSegmentPositions = numerics::kAttentionSegment;
static_assert(kTilePositions == 64 && kSegmentPositions == 256);

/// Device addresses and numbers of the launch.
struct AttentionArgs {
  const abi::BatchView *batch;
  const abi::KvView *view;
  const u8 *queries; ///< bf16 rows
  u8 *results;       ///< f32 rows, or bf16 where the shape says kRounded
  u8 *scratch;
  float scale;
  float softcap, softcapInverse; ///< where the shape says kSoftcap
  const float *sinks;            ///< [heads], where the shape says kSinks
};

/// The cache of one sequence and KV head.
struct AttentionCache {
  const u8 *head; ///< of block 0
  const u32 *blocks;
  u64 blockBytes;
};

/// What a unit of work attends: rows of tokens of one sequence, over part of what they see. Lies in
/// shared memory: registers are dear.
struct AttentionWork {
  AttentionCache cache;
  u32 first, tokens; ///< of the batch
  u32 kvHead;
  u32 rowBase;    ///< first of the unit's rows
  u32 begin, end; ///< positions that any of the tokens sees
  u32 segment;    ///< split: the unit's own segment
  u32 segments;   ///< from that of `begin` to that of `end`
  u32 partial;    ///< split: first partial row of (segment 0, KV head 0)
  bool shared;    ///< 64 rows share tiles; else 16 rows
  bool split;     ///< the unit is one of several segments
};

} // namespace ingot::gpu
