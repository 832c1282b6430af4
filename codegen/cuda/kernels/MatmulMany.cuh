// Rows times a packed weight for many tokens: limited by the matrix units.
//
//   item     a tile of kPanels panels of 32 outputs by kTokens tokens
//   warps    kPanels along the outputs (a panel each), the others along the tokens
//   reads    blocks of 64 k of weights and rows by cp.async through kStages stages; weights
//            come out of shared memory as operand A by 16-byte loads, rows as operand B by ldmatrix
//   writes   what the epilogue stores
//   order    that of MatmulFew.cuh: slices of K are walked in order, each from +0, and added at its
//            end, so that a row's bits are the same in both
//   shared   kStages stages: weights, rows, scales
//
// On sm_90a a warpgroup multiplies (wgmma): weights as operand A in registers, rows as operand B
// where they lie, whose swizzle is chunkPlace's. The same bits, the same launch.
//
// Blocks walk the tiles tokens first: those that run together share weights, and rows fit L2.
#pragma once

#include "codegen/cuda/kernels/MatmulEpilogue.cuh"
#include "codegen/cuda/kernels/MatmulWeights.cuh"

namespace ingot::gpu {

/// Whether warpgroups multiply; tests on the host choose for themselves.
#ifndef INGOT_MATMUL_WARPGROUPS
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define INGOT_MATMUL_WARPGROUPS true
#else
#define INGOT_MATMUL_WARPGROUPS false
#endif
#endif

template <class Config, class Tile>
struct ManyShape {
  using Weights = Stream<Config>;
  static constexpr u32 kStrips = Tile::kPanels * 2;
  static constexpr u32 kTokenWarps = Tile::kThreads / kWarp / Tile::kPanels;
  /// Tiles of 8 tokens of a warp.
  static constexpr u32 kTiles = Tile::kTokens / kTokenWarps / 8;
  static constexpr u32 kWeightBytes = kStrips * Weights::kBlockBytes;
  static constexpr u32 kRowBytes = Tile::kTokens * Weights::kRowBlockBytes;
  static constexpr u32 kScaleBytes = Weights::kGroupEnds * kStrips * Weights::kGroupBytes;
  /// Rows lie at multiples of 1024, as wgmma wants them.
  static constexpr u32 kStageBytes = ceilDiv(kWeightBytes + kRowBytes + kScaleBytes, 1024) * 1024;
  static constexpr u32 kBytes = Tile::kStages * kStageBytes;
  static_assert(kTiles > 0 && kWeightBytes % 1024 == 0);
  /// A warpgroup's four warps have the four panels of the tile.
  static constexpr bool kWarpgroups =
      INGOT_MATMUL_WARPGROUPS && Tile::kPanels == 4 && !Weights::kByteRows;
  static_assert(Tile::kThreads % (Tile::kPanels * kWarp) == 0, "every panel has as many warps");
};

template <class Config, class Tile>
class ManyBlock {
  using Weights = Stream<Config>;
  using Shape = ManyShape<Config, Tile>;
  using WarpSums = Sums<2, Shape::kTiles>;
  static constexpr u32 kRowBlockBytes = Weights::kRowBlockBytes, kRowChunks = Weights::kRowChunks;

public:
  ManyBlock(const KernelArgs &args, u32 tile, u32 tokenTile, u32 rows)
      : strip_(tile * Shape::kStrips + threadIndex() / kStripChunks),
        rowsLeft_(static_cast<i32>(rows) -
                  static_cast<i32>(tokenTile * Tile::kTokens + threadIndex() / kRowChunks)) {
    const u32 thread = threadIndex();
    weights_ = args.slot[Config::kWeightSlot] + strip_ * Weights::kStripBytes +
               Weights::kScaleBytes + thread % kStripChunks * 16;
    scales_ = args.slot[Config::kWeightSlot] +
              (tile * Shape::kStrips + thread / 2) * Weights::kStripBytes + thread % 2 * 16;
    source_ = args.slot[Config::kRowsSlot] +
              (tokenTile * Tile::kTokens + thread / kRowChunks) * kSourceRowBytes +
              thread % kRowChunks * 16;
    rowPlace_ = Shape::kWeightBytes +
                chunkPlaceOf<kRowBlockBytes>(thread / kRowChunks, thread % kRowChunks);
  }

  void run(WarpSums &result) {
    INGOT_UNROLL
    for (u32 i = 0; i < Tile::kStages - 1; ++i)
      copyWeights(i, dynamicShared() + i * Shape::kStageBytes);
    waitForPrior();
    INGOT_UNROLL
    for (u32 i = 0; i < Tile::kStages - 1; ++i) {
      copyRows(i, dynamicShared() + i * Shape::kStageBytes);
      copyCommit();
    }
    chain_.clear();
    INGOT_LOOP
    for (u32 block = 0; block < Weights::kBlocks;) {
      sum_.clear();
      const u32 end = block + Weights::kSpanBlocks;
      runSlice(block, end < Weights::kBlocks ? end : Weights::kBlocks);
      addSlice(block == 0, result);
      chain_.clear();
      block = end;
    }
    copyWait<0>();
  }

private:
  static constexpr u32 kStripChunks = Weights::kBlockBytes / 16;
  static constexpr u64 kSourceRowBytes = Weights::kSourceRowBytes;

  void addSlice(bool first, WarpSums &result) const {
    const WarpSums *slice = &sum_;
    if constexpr (!Weights::kScaled)
      slice = &chain_;
    if (first)
      result = *slice;
    else
      result.add(*slice);
  }

  /// Blocks [block, end): one slice.
  void runSlice(u32 block, u32 end) {
    INGOT_LOOP
    for (; block < end; ++block) {
      copyWait<Tile::kStages - 2>();
      if constexpr (Shape::kWarpgroups)
        fenceAsyncShared();
      syncThreads(); // the stage is filled, and the one before it was read by all warps
      copyWeights(block + Tile::kStages - 1, dynamicShared() + write_);
      copyRows(block + Tile::kStages - 1, dynamicShared() + write_);
      copyCommit();
      multiply(dynamicShared() + read_, block);
      write_ = read_;
      read_ = read_ + Shape::kStageBytes == Shape::kBytes ? 0 : read_ + Shape::kStageBytes;
    }
  }

  /// Whether strip `strip` (of the weight) exists; the last tile may be cut.
  static bool isStrip(u32 strip) {
    return Weights::kStrips % Shape::kStrips == 0 || strip < Weights::kStrips;
  }

  /// Starts to fill the weights and scales of a stage; nothing behind the last block.
  void copyWeights(u32 block, u8 *stage) {
    if (block >= Weights::kBlocks)
      return;
    constexpr u32 kStripsPerStep = Tile::kThreads / kStripChunks;
    const u32 thread = threadIndex();
    const u64 from = weights_ + block * Weights::kBlockBytes;
    INGOT_UNROLL
    for (u32 strip = 0; strip < Shape::kStrips; strip += kStripsPerStep)
      if (kStripsPerStep <= Shape::kStrips || thread < Shape::kStrips * kStripChunks)
        copyOrZero(stage + strip * Weights::kBlockBytes + thread * 16,
                   from + strip * Weights::kStripBytes, isStrip(strip_ + strip));
    if constexpr (Weights::kScaled)
      copyScales(block, stage + Shape::kWeightBytes + Shape::kRowBytes);
  }
  /// [end of group][strip][row g: f16 of g and g + 8]
  void copyScales(u32 block, u8 *to) {
    const u32 strip = threadIndex() / 2;
    INGOT_UNROLL
    for (u32 e = 0; e < Weights::kGroupEnds; ++e) {
      const u32 half = Weights::kGroupEnds == 2 ? e : 1;
      if (Weights::endsGroup(block, half) && strip < Shape::kStrips)
        copyOrZero(to + e * Shape::kStrips * Weights::kGroupBytes + threadIndex() * 16,
                   scales_ + Weights::groupOf(block, half) * Weights::kGroupBytes,
                   isStrip(strip_ - threadIndex() / kStripChunks + strip));
    }
  }

  void copyRows(u32 block, u8 *stage) {
    if (block >= Weights::kBlocks)
      return;
    constexpr u32 kRowsPerStep = Tile::kThreads / kRowChunks;
    const bool inside = isChunkInside<Config>(block, threadIndex() % kRowChunks);
    INGOT_UNROLL
    for (u32 row = 0; row < Tile::kTokens; row += kRowsPerStep)
      copyOrZero(stage + rowPlace_ + row * kRowBlockBytes,
                 source_ + row * kSourceRowBytes + block * kRowBlockBytes,
                 inside && rowsLeft_ > static_cast<i32>(row));
  }

  static void copyOrZero(u8 *to, u64 from, bool valid) {
    copyAsync16OrZero(to, reinterpret_cast<const void *>(from), valid);
  }

  void multiply(const u8 *stage, u32 block) {
    if constexpr (Weights::kByteRows)
      multiplyBytes(stage, block);
    else
      multiplyHalves(stage, block);
  }

  void multiplyHalves(const u8 *stage, u32 block) {
    const u32 panel = warpId() % Tile::kPanels,
              firstTile = warpId() / Tile::kPanels * Shape::kTiles;
    const u8 *strips = stage + panel * 2 * Weights::kBlockBytes + laneId() * 16;
    uint4 words[2][Weights::kWords];
    u32 operands[2][2][2][4]; // [half][k-tile][strip]
    INGOT_UNROLL
    for (u32 half = 0; half < 2; ++half) {
      auto &a = operands[half];
      INGOT_UNROLL
      for (u32 s = 0; s < 2; ++s) {
        loadWords(words[s], strips + s * Weights::kBlockBytes, half);
        INGOT_UNROLL
        for (u32 step = 0; step < 2; ++step)
          decodeTile<Config::kWeights>(a[step][s], words[s], half * 2 + step);
      }
      if constexpr (Shape::kWarpgroups)
        startHalf(a, stage + Shape::kWeightBytes + firstTile * 8 * kRowBlockBytes, half);
      else
        multiplyHalf(a, stage + Shape::kWeightBytes, firstTile, half);
      if (Shape::kWarpgroups && (half == 1 || Weights::kGroupEnds == 2))
        finishHalves();
      if (Weights::endsGroup(block, half))
        endGroup(stage + Shape::kWeightBytes + Shape::kRowBytes, half);
    }
  }
  /// A block of 8-bit rows: a k-tile of 32 in each half.
  void multiplyBytes(const u8 *stage, u32 block) {
    const u8 *rows = stage + Shape::kWeightBytes;
    const u8 *strips = stage + warpId() % Tile::kPanels * 2 * Weights::kBlockBytes + laneId() * 16;
    u32 a[2][2][4]; // [half][strip]
    INGOT_UNROLL
    for (u32 half = 0; half < 2; ++half)
      INGOT_UNROLL
    for (u32 s = 0; s < 2; ++s)
      operandBytes<Config::kWeights>(a[half][s],
                                     load128(strips + s * Weights::kBlockBytes + half * 512));
    // A chain may end in the middle: then the rows of a tile are read once per half.
    constexpr u32 kPasses = Weights::kGroupEnds == 2 ? 2 : 1;
    INGOT_UNROLL
    for (u32 pass = 0; pass < kPasses; ++pass) {
      INGOT_UNROLL
      for (u32 n = 0; n < Shape::kTiles; ++n) {
        u32 b[4];
        loadByteRowsTile(b, rows, warpId() / Tile::kPanels * Shape::kTiles + n);
        INGOT_UNROLL
        for (u32 half = pass; half < (kPasses == 2 ? pass + 1 : 2); ++half)
          INGOT_UNROLL
        for (u32 s = 0; s < 2; ++s)
          multiplyTile<Config::kRows>(chain_.x[s][n], a[half][s], b[2 * half], b[2 * half + 1]);
      }
      const u32 half = kPasses == 2 ? pass : 1;
      if (Weights::endsGroup(block, half))
        endGroup(rows + Shape::kRowBytes, half);
    }
  }
  /// Adds two k-tiles: `a` [k-tile][strip] times the rows of tiles from `firstTile` on.
  void multiplyHalf(const u32 (&a)[2][2][4], const u8 *rows, u32 firstTile, u32 half) {
    INGOT_UNROLL
    for (u32 n = 0; n < Shape::kTiles; ++n) {
      u32 b[4];
      loadRowsTile(b, rows, firstTile + n, half);
      INGOT_UNROLL
      for (u32 step = 0; step < 2; ++step)
        INGOT_UNROLL
      for (u32 s = 0; s < 2; ++s)
        multiplyTile<Config::kRows>(chain_.x[s][n], a[step][s], b[2 * step], b[2 * step + 1]);
    }
  }
  /// The same by the warpgroup, done after finishHalves: its warps' strips s are 64 rows of A.
  void startHalf(const u32 (&a)[2][2][4], const u8 *rows, u32 half) {
    wgmmaHold(accumulators(0));
    wgmmaHold(accumulators(1));
    wgmmaFence();
    INGOT_UNROLL
    for (u32 step = 0; step < 2; ++step)
      INGOT_UNROLL
    for (u32 s = 0; s < 2; ++s)
      if constexpr (Config::kRows == RowNumber::F16)
        wgmmaF16(accumulators(s), a[step][s], swizzledOperand(rows + (half * 2 + step) * 32), true);
      else
        wgmmaBf16(accumulators(s), a[step][s], swizzledOperand(rows + (half * 2 + step) * 32),
                  true);
    wgmmaCommit();
  }
  void finishHalves() {
    wgmmaWait<0>();
    wgmmaHold(accumulators(0));
    wgmmaHold(accumulators(1));
  }
  /// The sums of a strip as wgmma takes them.
  auto accumulators(u32 strip) -> float (&)[Shape::kTiles * 4] {
    return reinterpret_cast<float (&)[Shape::kTiles * 4]>(chain_.x[strip]);
  }
  /// Those of a lane's words that half `half` starts to need.
  static void loadWords(uint4 (&words)[Weights::kWords], const u8 *from, u32 half) {
    constexpr u32 kPerHalf = Weights::kWords / 2;
    if constexpr (Weights::kWords == 1) {
      if (half == 0)
        words[0] = load128(from);
    } else {
      INGOT_UNROLL
      for (u32 w = 0; w < kPerHalf; ++w)
        words[half * kPerHalf + w] = load128(from + (half * kPerHalf + w) * 512);
    }
  }

  void endGroup(const u8 *scales, u32 half) {
    const u32 e = Weights::kGroupEnds == 2 ? half : 0, panel = warpId() % Tile::kPanels;
    INGOT_UNROLL
    for (u32 s = 0; s < 2; ++s)
      sum_.addScaled(chain_, s,
                     load32(scales + (e * Shape::kStrips + panel * 2 + s) * Weights::kGroupBytes +
                            laneId() / 4 * 4));
    chain_.clear();
  }

  // Addresses of what this thread copies first; steps of a copy lie at constant distances.
  u32 strip_;    ///< strip of its weights
  i32 rowsLeft_; ///< rows of the step from its first on
  u64 weights_, scales_, source_;
  u32 rowPlace_;                                                    ///< of its first row in a stage
  u32 read_ = 0, write_ = (Tile::kStages - 1) * Shape::kStageBytes; ///< stages in use
  Sums<2, Shape::kTiles, ChainOf<Config>> chain_;                   ///< at hand
  WarpSums sum_; ///< weights with scales: chains of the slice at hand
};

/// The kernel. grid.x: ceil(panels / kPanels), grid.y: ceil(tokens / kTokens) of the schedule.
template <class Config, class Tile, class Epilogue>
inline void matmulMany(const KernelArgs &args) {
  using Shape = ManyShape<Config, Tile>;
  allowNext();
  const u32 rows = rowsOf<Config>(args);
  const u32 tokenTiles = ceilDiv(rows, Tile::kTokens);
  const u32 index = blockIndexY() * gridSize() + blockIndex();
  if (index >= gridSize() * tokenTiles)
    return;
  const u32 tile = index / tokenTiles, tokenTile = index % tokenTiles;
  ManyBlock<Config, Tile> block(args, tile, tokenTile, rows);
  Sums<2, Shape::kTiles> sums;
  block.run(sums);
  const u32 panel = tile * Tile::kPanels + warpId() % Tile::kPanels;
  if (panel * 2 >= Stream<Config>::kStrips)
    return;
  const u32 firstRow = tokenTile * Tile::kTokens + warpId() / Tile::kPanels * Shape::kTiles * 8;
  INGOT_UNROLL
  for (u32 n = 0; n < Shape::kTiles; ++n)
    INGOT_UNROLL
  for (u32 second = 0; second < 2; ++second) {
    const u32 row = firstRow + n * 8 + laneId() % 4 * 2 + second;
    Values<4> v{{sums.x[0][n][second], sums.x[0][n][second + 2], sums.x[1][n][second],
                 sums.x[1][n][second + 2]}};
    scaleRow<Config>(args, row, row < rows, v.x);
    Epilogue::template apply<4>(args, Spot{row, panel * 32, laneId() / 4, row < rows}, v);
  }
}

} // namespace ingot::gpu
