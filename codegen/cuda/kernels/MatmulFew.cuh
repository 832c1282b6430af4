// Rows times a packed weight for 1 to 16 tokens: limited by the bandwidth of memory.
//
//   item     a panel of 32 outputs, or a strip of 16; all rows of the step
//   warps    kStripWarps x kSliceWarps: along outputs and along the slices of K
//   reads    weights: each byte once, 16 bytes per lane straight into registers as operand A, with
//            kDepth blocks of 64 k under way; they start before the previous launch has ended.
//            bf16 rows: through a ring of shared memory of each warp (operand B by ldmatrix); or
//            float32 rows, which every block normalizes and rounds for itself (MatmulNorm.cuh)
//   writes   what the epilogue stores
//   order    a slice is one chain of mma.m16n8k16 over ascending k from +0 (quantized
//            weights: one per scale group, F = fma(chain, scale, F)); slices are added left to
//            right. Rows of 8 bits: m16n8k32; int8, an exact integer; e4m3, a chain of 128 k. Their
//            scale multiplies last
//   shared   ring of rows and scales per warp; the slices' sums; rows of a norm
//
// `Tile` says: kStripWarps, kSliceWarps; kWarpStrips strips of a warp; kDepth; kMaxTiles tiles of 8
// tokens that the launch can have, and kRows rows.
#pragma once

#include "codegen/cuda/kernels/MatmulEpilogue.cuh"
#include "codegen/cuda/kernels/MatmulWeights.cuh"

namespace ingot::gpu {

/// Blocks of K in a warp's ring of rows.
inline constexpr u32 kFewStages = 4;

// MatmulNorm.cuh, which kernels with a norm include, too.
template <class Config, class Tile>
struct NormShared;
template <class Config, class Tile>
class NormRows;

struct NoNorm {
  NoNorm(const KernelArgs &, u32, u8 *) {}
};
/// How a kernel normalizes its rows; not at all without Config::kNorm.
template <class Config, class Tile, bool kNorm = Config::kNorm>
struct NormOf {
  using Rows = NoNorm;
  static constexpr u32 kBytes = 0;
};
template <class Config, class Tile>
struct NormOf<Config, Tile, true> {
  using Rows = NormRows<Config, Tile>;
  static constexpr u32 kBytes = NormShared<Config, Tile>::kBytes;
};

/// How a block's shared memory is cut.
template <class Config, class Tile>
struct FewShared {
  using Weights = Stream<Config>;
  static constexpr u32 kBlockStrips = Tile::kStripWarps * Tile::kWarpStrips;
  static constexpr u32 kWarps = Tile::kStripWarps * Tile::kSliceWarps;
  static constexpr u32 kRowBytes =
      Config::kNorm ? 0 : Tile::kMaxTiles * 8 * Weights::kRowBlockBytes;
  static constexpr u32 kStageBytes =
      kRowBytes + Weights::kGroupEnds * Tile::kWarpStrips * Weights::kGroupBytes;
  /// Sums of a slice of a strip and a tile of tokens: [4][32] float.
  static constexpr u32 kSumBytes = 512;
  /// A warp's stages, then its sums if it has no slice to share them with.
  static constexpr u32 kStagesBytes = kFewStages * kStageBytes;
  static constexpr u32 kOwnBytes =
      Weights::kSlices > 1 ? 0 : Tile::kWarpStrips *Tile::kMaxTiles *kSumBytes;
  static constexpr u32 kRingBytes = kStagesBytes > kOwnBytes ? kStagesBytes : kOwnBytes;
  static constexpr u32 kSumsBytes =
      Weights::kSlices > 1 ? Weights::kSlices * kBlockStrips * Tile::kMaxTiles *kSumBytes : 0;
  static constexpr u32 kNormAt = kWarps * kRingBytes + kSumsBytes;
  static constexpr u32 kBytes = kNormAt + NormOf<Config, Tile>::kBytes;
  static_assert(Weights::kSlices == 1 || kBlockStrips <= 2, "a block without work would not fold");
  static_assert(Weights::kSlices > 1 || Tile::kSliceWarps == 1, "nothing to share");
};

/// One warp's share: its strips over its slices, for kTiles tiles of 8 tokens.
template <class Config, class Tile, u32 kTiles>
class FewWarp {
  using Weights = Stream<Config>;
  using Shared = FewShared<Config, Tile>;
  using WarpSums = Sums<Tile::kWarpStrips, kTiles>;
  static constexpr u32 kStripsOfWarp = Tile::kWarpStrips;

public:
  FewWarp(const KernelArgs &args, u32 rows)
      : rows_(rows), firstStrip_(warpId() % Tile::kStripWarps * kStripsOfWarp),
        ring_(dynamicShared() + warpId() * Shared::kRingBytes),
        norm_(args, rows, dynamicShared() + Shared::kNormAt) {
    const u32 strip = blockIndex() * Shared::kBlockStrips + firstStrip_;
    exists_ = strip < Weights::kStrips;
    strips_ = args.pointer<const u8>(Config::kWeightSlot) +
              u64(exists_ ? strip : 0) * Weights::kStripBytes;
    const u32 lane = laneId();
    source_ = args.pointer<const u8>(Config::kRowsSlot) +
              lane / Weights::kRowChunks * Weights::kSourceRowBytes +
              lane % Weights::kRowChunks * 16;
    constexpr u32 kWarpSlices = ceilDiv(Weights::kSlices, Tile::kSliceWarps);
    const u32 slice = warpId() / Tile::kStripWarps * kWarpSlices;
    begin_ = slice * Weights::kSpanBlocks;
    end_ = (slice + kWarpSlices) * Weights::kSpanBlocks;
    end_ = end_ < Weights::kBlocks ? end_ : Weights::kBlocks;
    if (!exists_)
      end_ = begin_;
  }

  bool exists() const { return exists_; }

  /// Leaves the sums of its slices in shared memory: with several slices in the block's part, else
  /// in its own ring.
  void run() {
    uint4 words[Tile::kDepth][kStripsOfWarp][Weights::kWords];
    INGOT_UNROLL
    for (u32 i = 0; i < Tile::kDepth; ++i)
      loadWeights(words[i], begin_ + i);
    if constexpr (Config::kNorm)
      norm_.begin();
    waitForPrior();
    if constexpr (Config::kNorm)
      norm_.compute();
    INGOT_UNROLL
    for (u32 i = 0; i < kFewStages - 1; ++i)
      copyRows(begin_ + i, i);
    chain_.clear();
    WarpSums result;
    result.clear();
    INGOT_LOOP
    for (u32 block = begin_; block < end_; block += Tile::kDepth)
      INGOT_UNROLL
    for (u32 i = 0; i < Tile::kDepth; ++i) {
      if (block + i >= end_)
        break;
      if constexpr (Shared::kStageBytes != 0) {
        copyWait<kFewStages - 2>();
        syncWarp(); // the stage is filled, and the one before it was read by all lanes
      }
      multiply(words[i], block + i, result);
      loadWeights(words[i], block + i + Tile::kDepth);
      copyRows(block + i + kFewStages - 1, block + i + kFewStages - 1 - begin_);
    }
    copyWait<0>();
    if constexpr (Weights::kSlices == 1) {
      syncWarp(); // the stages were read
      store(reinterpret_cast<float *>(ring_), result);
    }
  }
  const float *ownSums() const { return reinterpret_cast<const float *>(ring_); }

private:
  /// One block of K of the strips, if there is one.
  void loadWeights(uint4 (&words)[kStripsOfWarp][Weights::kWords], u32 block) {
    if (block >= end_)
      return;
    const u8 *from = strips_ + Weights::kScaleBytes + block * Weights::kBlockBytes + laneId() * 16;
    INGOT_UNROLL
    for (u32 s = 0; s < kStripsOfWarp; ++s)
      INGOT_UNROLL
    for (u32 w = 0; w < Weights::kWords; ++w)
      words[s][w] = load128Streaming(from + s * Weights::kStripBytes + w * 512);
  }

  u8 *stage(u32 index) const { return ring_ + index % kFewStages * Shared::kStageBytes; }

  /// Starts to fill a stage: block `block` of the rows and the scales of groups that end there.
  /// Rows of a tile that do not exist stay what they were: their columns of the sums are never
  /// stored.
  void copyRows(u32 block, u32 index) {
    if (Shared::kStageBytes == 0)
      return;
    if (block < end_) {
      if constexpr (!Config::kNorm)
        copyBlock(block, stage(index));
      if constexpr (Weights::kScaled)
        copyScales(block, stage(index) + Shared::kRowBytes);
    }
    copyCommit();
  }

  void copyBlock(u32 block, u8 *to) {
    constexpr u32 kRowsPerStep = kWarp / Weights::kRowChunks;
    const u32 lane = laneId(), chunk = lane % Weights::kRowChunks;
    const bool inside = isChunkInside<Config>(block, chunk);
    INGOT_UNROLL
    for (u32 i = 0; i < kTiles * 8 / kRowsPerStep; ++i) {
      const u32 row = i * kRowsPerStep + lane / Weights::kRowChunks;
      if (row < rows_)
        copyAsync16OrZero(to + chunkPlaceOf<Weights::kRowBlockBytes>(row, chunk),
                          source_ + i * kRowsPerStep * Weights::kSourceRowBytes +
                              (inside ? block * Weights::kRowBlockBytes : 0),
                          inside);
    }
  }

  /// [end of group][strip][row g: f16 of g and g + 8]
  void copyScales(u32 block, u8 *to) {
    INGOT_UNROLL
    for (u32 e = 0; e < Weights::kGroupEnds; ++e) {
      const u32 half = Weights::kGroupEnds == 2 ? e : 1;
      const u32 strip = laneId() / 2, part = laneId() % 2 * 16;
      if (Weights::endsGroup(block, half) && strip < kStripsOfWarp)
        copyAsync16(to + (e * kStripsOfWarp + strip) * Weights::kGroupBytes + part,
                    strips_ + strip * Weights::kStripBytes +
                        Weights::groupOf(block, half) * Weights::kGroupBytes + part);
    }
  }

  void multiply(const uint4 (&words)[kStripsOfWarp][Weights::kWords], u32 block, WarpSums &result) {
    const u8 *from = stage(block - begin_);
    u32 b[kTiles][4]; // of a half; of both halves of 8-bit rows
    INGOT_UNROLL
    for (u32 half = 0; half < 2; ++half) {
      loadRows(b, from, block, half);
      if constexpr (Weights::kByteRows)
        multiplyBytes(words, b, half);
      else
        multiplyHalf(words, b, half);
      if (Weights::endsGroup(block, half))
        endGroup(from + Shared::kRowBytes, half, result);
    }
    if (Weights::endsSlice(block))
      endSlice(block / Weights::kSpanBlocks, result);
  }

  void loadRows(u32 (&b)[kTiles][4], const u8 *from, u32 block, u32 half) {
    INGOT_UNROLL
    for (u32 n = 0; n < kTiles; ++n)
      if constexpr (Config::kNorm)
        norm_.load(b[n], block, n, half);
      else if constexpr (!Weights::kByteRows)
        loadRowsTile(b[n], from, n, half);
      else if (half == 0)
        loadByteRowsTile(b[n], from, n);
  }
  /// Two k-tiles of 16.
  void multiplyHalf(const uint4 (&words)[kStripsOfWarp][Weights::kWords], const u32 (&b)[kTiles][4],
                    u32 half) {
    INGOT_UNROLL
    for (u32 step = 0; step < 2; ++step)
      INGOT_UNROLL
    for (u32 s = 0; s < kStripsOfWarp; ++s) {
      u32 a[4];
      decodeTile<Config::kWeights>(a, words[s], half * 2 + step);
      INGOT_UNROLL
      for (u32 n = 0; n < kTiles; ++n)
        multiplyTile<Config::kRows>(chain_.x[s][n], a, b[n][2 * step], b[n][2 * step + 1]);
    }
  }
  /// One k-tile of 32.
  void multiplyBytes(const uint4 (&words)[kStripsOfWarp][Weights::kWords],
                     const u32 (&b)[kTiles][4], u32 half) {
    INGOT_UNROLL
    for (u32 s = 0; s < kStripsOfWarp; ++s) {
      u32 a[4];
      operandBytes<Config::kWeights>(a, words[s][half]);
      INGOT_UNROLL
      for (u32 n = 0; n < kTiles; ++n)
        multiplyTile<Config::kRows>(chain_.x[s][n], a, b[n][2 * half], b[n][2 * half + 1]);
    }
  }

  void endGroup(const u8 *scales, u32 half, WarpSums &result) {
    const u32 e = Weights::kGroupEnds == 2 ? half : 0;
    INGOT_UNROLL
    for (u32 s = 0; s < kStripsOfWarp; ++s)
      result.addScaled(
          chain_, s,
          load32(scales + (e * kStripsOfWarp + s) * Weights::kGroupBytes + laneId() / 4 * 4));
    chain_.clear();
  }

  void endSlice(u32 slice, WarpSums &result) {
    if constexpr (!Weights::kScaled) {
      result = chain_;
      chain_.clear();
    }
    if constexpr (Weights::kSlices > 1) {
      auto *sums = reinterpret_cast<float *>(dynamicShared() + Shared::kWarps * Shared::kRingBytes);
      store(sums + (slice * Shared::kBlockStrips + firstStrip_) * kTiles * 4 * kWarp, result);
      result.clear();
    }
  }
  /// [strip][tile][4][lane]
  static void store(float *to, const WarpSums &sums) {
    INGOT_UNROLL
    for (u32 s = 0; s < kStripsOfWarp; ++s)
      INGOT_UNROLL
    for (u32 n = 0; n < kTiles; ++n)
      INGOT_UNROLL
    for (u32 i = 0; i < 4; ++i)
      to[((s * kTiles + n) * 4 + i) * kWarp + laneId()] = sums.x[s][n][i];
  }

  u32 rows_, firstStrip_, begin_, end_;
  bool exists_;
  const u8 *strips_; ///< streams of the warp's strips
  const u8 *source_; ///< row lane / 8, chunk lane % 8
  u8 *ring_;
  typename NormOf<Config, Tile>::Rows norm_;
  Sums<kStripsOfWarp, kTiles, ChainOf<Config>> chain_; ///< of the group or slice under way
};

/// Left fold of the slices of kStrips strips, the scale of 8-bit rows and the epilogue, for tasks
/// first, first + step, ... of a tile's tokens: task 2n + i is token i of the two that a lane has
/// in tile n. sums: [slice][strip][tile][4][lane].
template <class Config, class Epilogue, u32 kSlices, u32 kStrips, u32 kTiles>
inline void finishFew(const KernelArgs &args, const float *sums, u32 column, u32 rows, u32 first,
                      u32 step) {
  constexpr u32 kCount = kStrips * 2;
  const u32 lane = laneId();
  INGOT_LOOP
  for (u32 task = first; task < kTiles * 2; task += step) {
    const u32 n = task / 2, second = task % 2;
    Values<kCount> total;
    INGOT_UNROLL
    for (u32 slice = 0; slice < kSlices; ++slice)
      INGOT_UNROLL
    for (u32 i = 0; i < kCount; ++i) {
      const u32 strip = slice * kStrips + i / 2;
      const float sum = sums[((strip * kTiles + n) * 4 + second + i % 2 * 2) * kWarp + lane];
      total.x[i] = slice == 0 ? sum : total.x[i] + sum;
    }
    const u32 row = n * 8 + lane % 4 * 2 + second;
    scaleRow<Config>(args, row, row < rows, total.x);
    Epilogue::template apply<kCount>(args, Spot{row, column, lane / 4, row < rows}, total);
  }
}

template <class Config, class Tile, class Epilogue, u32 kTiles>
inline void multiplyFew(const KernelArgs &args, u32 rows) {
  using Shared = FewShared<Config, Tile>;
  constexpr u32 kSlices = Stream<Config>::kSlices;
  FewWarp<Config, Tile, kTiles> warp(args, rows);
  warp.run();
  const u32 strip = blockIndex() * Shared::kBlockStrips;
  if constexpr (kSlices > 1) {
    syncThreads();
    finishFew<Config, Epilogue, kSlices, Shared::kBlockStrips, kTiles>(
        args,
        reinterpret_cast<const float *>(dynamicShared() + Shared::kWarps * Shared::kRingBytes),
        strip * kStripRows, rows, warpId(), Shared::kWarps);
  } else if (warp.exists()) {
    finishFew<Config, Epilogue, 1, Tile::kWarpStrips, kTiles>(
        args, warp.ownSums(), (strip + warpId() * Tile::kWarpStrips) * kStripRows, rows, 0, 1);
  }
}

/// The kernel. At most 8 * Tile::kMaxTiles rows.
template <class Config, class Tile, class Epilogue>
inline void matmulFew(const KernelArgs &args) {
  allowNext();
  const u32 rows = rowsOf<Config>(args);
  if (rows == 0)
    return;
  if constexpr (Tile::kMaxTiles > 1)
    if (rows > 8)
      return multiplyFew<Config, Tile, Epilogue, 2>(args, rows);
  multiplyFew<Config, Tile, Epilogue, 1>(args, rows);
}

} // namespace ingot::gpu
