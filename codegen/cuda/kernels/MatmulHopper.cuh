// Rows times a packed weight for many tokens on sm_90a: persistent, warp-specialised.
//
//   place    a tile of kConsumers * 4 * kWarpStrips strips of 16 outputs by kTokens tokens; places
//            are counted tokens first, block b of the grid takes b, b + gridSize(), ...
//   threads  kConsumers warpgroups that multiply, a warp kWarpStrips strips (2: a panel), and one
//            that only loads (its first thread; it gives its registers to the others)
//   reads    per block of 64 k by tensor maps into a ring of kStages stages: map 0 the rows (bf16,
//            fp16; 64 columns x kTokens, 128-byte swizzle), map 1 the weights (a block of each
//            strip), map 2 the scales of a group of each strip. What does not exist is zeros
//   barriers `full` of a stage: its bytes have come; `empty`: all warps that multiply have read it
//   writes   what the epilogue stores, while the loads of the next place are under way
//   order    that of MatmulFew.cuh; the same bits
//   shared   the stages (weights, rows at a multiple of 1024, scales), then the barriers
//
// Weights are nobody's result: their first stages are filled before waitForPrior().
//
// What limits it, per block of 64 k of a place of two consumers, in cycles of a multiprocessor:
//                                        matrix unit  shared memory  instructions  L2 at 48 B
//   bf16, one slice   128 x 256 tokens          1024           1024           134        1024
//   bf16, one slice   256 x 128 (panels)        1024           1152           150        1024
//   bf16, slices      128 x 192                  768            832           130         853
//   int4, group 128   256 x  96 (panels)         768            616           322         427
// (rows are read once per 64 outputs, weights once, both are written once; 128 bytes a cycle). So
// the matrix unit can be busy 85 to 95 % of a long K, less what the last round of places leaves
// idle (HopperTiles.cpp counts it) and what clocks lose under load.
#pragma once

#include "codegen/cuda/kernels/MatmulEpilogue.cuh"
#include "codegen/cuda/kernels/MatmulWeights.cuh"

namespace ingot::gpu {

inline constexpr u32 kWarpgroup = 128;

template <class Config, class Tile>
struct HopperShape {
  using Weights = Stream<Config>;
  static constexpr u32 kStrips = 4 * Tile::kConsumers * Tile::kWarpStrips;
  static constexpr u32 kTiles = Tile::kTokens / 8;
  static constexpr u32 kWeightBytes = kStrips * Weights::kBlockBytes;
  static constexpr u32 kRowBytes = Tile::kTokens * kRowBlockBytes;
  static constexpr u32 kGroupBytes = kStrips * Weights::kGroupBytes; ///< scales of one group
  static constexpr u32 kStageBytes =
      ceilDiv(kWeightBytes + kRowBytes + Weights::kGroupEnds * kGroupBytes, 1024) * 1024;
  static constexpr u32 kBarriers = Tile::kStages * kStageBytes; ///< where they lie
  static constexpr u32 kBytes = kBarriers + 2 * Tile::kStages * sizeof(SharedBarrier);
  static constexpr u32 kThreads = (Tile::kConsumers + 1) * kWarpgroup;
  static constexpr u32 kOutputTiles = ceilDiv(Weights::kStrips, kStrips);
  static_assert(kWeightBytes % 1024 == 0 && !Weights::kByteRows);
};

enum HopperMap : u32 { kRowsMap, kWeightsMap, kScalesMap };

/// A stage of the ring, and how often (modulo 2) it was used before.
template <u32 kStages>
struct StageCursor {
  u32 index = 0, parity = 0;

  void next() {
    const bool wraps = ++index == kStages;
    index = wraps ? 0 : index;
    parity ^= wraps;
  }
};

/// The places of a block of the grid.
struct HopperPlaces {
  u32 count, tokenTiles;
};

template <class Config, class Tile>
inline SharedBarrier &fullBarrier(u32 stage) {
  auto *barriers = dynamicShared() + HopperShape<Config, Tile>::kBarriers;
  return reinterpret_cast<SharedBarrier *>(barriers)[stage];
}
template <class Config, class Tile>
inline SharedBarrier &emptyBarrier(u32 stage) {
  return fullBarrier<Config, Tile>(Tile::kStages + stage);
}

/// The thread that fills the stages.
template <class Config, class Tile>
class HopperProducer {
  using Weights = Stream<Config>;
  using Shape = HopperShape<Config, Tile>;

public:
  HopperProducer(const TensorMaps &maps, const HopperPlaces &places)
      : maps_(maps), places_(places) {}

  void run() {
    constexpr u32 kEarly = Weights::kBlocks < Tile::kStages ? Weights::kBlocks : Tile::kStages;
    const u32 first = blockIndex();
    StageCursor<Tile::kStages> at;
    for (u32 map = 0; map < (Weights::kScaled ? 3 : 2); ++map)
      prefetchTensorMap(maps_.map[map]);
    for (u32 block = 0; block < kEarly; ++block)
      loadWeights(first, block, block);
    waitForPrior();
    for (u32 block = 0; block < kEarly; ++block, at.next())
      loadRows(first, block, block);
    u32 block = kEarly;
    INGOT_LOOP
    for (u32 place = first; place < places_.count; place += gridSize(), block = 0)
      INGOT_LOOP
    for (; block < Weights::kBlocks; ++block, at.next()) {
      emptyBarrier<Config, Tile>(at.index).wait(at.parity ^ 1);
      loadWeights(place, block, at.index);
      loadRows(place, block, at.index);
    }
  }

private:
  u8 *stage(u32 index) const { return dynamicShared() + index * Shape::kStageBytes; }

  /// Announces all bytes of the stage and asks for those that belong to the weight.
  void loadWeights(u32 place, u32 block, u32 index) {
    SharedBarrier &barrier = fullBarrier<Config, Tile>(index);
    const u32 groups = Weights::endsGroup(block, 0) + Weights::endsGroup(block, 1);
    barrier.arriveExpect(Shape::kWeightBytes + Shape::kRowBytes + groups * Shape::kGroupBytes);
    const u32 strip = place / places_.tokenTiles * Shape::kStrips;
    load(kWeightsMap, stage(index), block * (Weights::kBlockBytes / 8), strip, barrier);
    u8 *scales = stage(index) + Shape::kWeightBytes + Shape::kRowBytes;
    INGOT_UNROLL
    for (u32 half = 0; half < 2; ++half) {
      const u32 e = Weights::kGroupEnds == 2 ? half : 0;
      if (Weights::endsGroup(block, half))
        load(kScalesMap, scales + e * Shape::kGroupBytes,
             Weights::groupOf(block, half) * (Weights::kGroupBytes / 4), strip, barrier);
    }
  }

  void loadRows(u32 place, u32 block, u32 index) {
    load(kRowsMap, stage(index) + Shape::kWeightBytes, block * kBlockK,
         place % places_.tokenTiles * Tile::kTokens, fullBarrier<Config, Tile>(index));
  }

  void load(HopperMap map, u8 *to, u32 column, u32 row, SharedBarrier &barrier) {
    copyTensor2d(to, &maps_.map[map], static_cast<i32>(column), static_cast<i32>(row), barrier);
  }

  const TensorMaps &maps_;
  const HopperPlaces &places_;
};

/// A warpgroup that multiplies: its panels times the rows of a place.
template <class Config, class Tile>
class HopperConsumer {
  using Weights = Stream<Config>;
  using Shape = HopperShape<Config, Tile>;
  static constexpr u32 kWarpStrips = Tile::kWarpStrips;
  using WarpSums = Sums<kWarpStrips, Shape::kTiles>;
  /// Chains end in the middle of blocks.
  static constexpr bool kShortChains = Weights::kGroupEnds == 2;
  /// Blocks of a chain: those of a scale group, or of a slice.
  static constexpr u32 kGroupBlocks = kShortChains || !Weights::kScaled || Config::kGroup == 0
                                          ? Weights::kSpanBlocks
                                          : Config::kGroup / kBlockK;
  static constexpr u32 kChainBlocks =
      kGroupBlocks < Weights::kSpanBlocks ? kGroupBlocks : Weights::kSpanBlocks;
  /// k-tiles whose operands are made at once; fewer where sums take most registers.
  static constexpr u32 kStep =
      kWarpStrips == 2 && (Weights::kScaled || Weights::kSlices > 1) ? 1 : 2;
  static constexpr u32 kSteps = kBlockK / 16 / kStep; ///< of a block

public:
  HopperConsumer() : strip_(warpId() * kWarpStrips) {}

  /// Sums of one place.
  WarpSums &multiply() {
    if constexpr (Weights::kSlices > 1)
      clearTotal();
    INGOT_LOOP
    for (u32 block = 0; block < Weights::kBlocks;) {
      const u32 end = block + kChainBlocks;
      block = runChain(block, end < Weights::kBlocks ? end : Weights::kBlocks);
      if (Weights::kSlices > 1 && Weights::endsSlice(block - 1))
        total_.add(slice());
    }
    if constexpr (Weights::kSlices > 1)
      return total_;
    else
      return slice();
  }

private:
  WarpSums &slice() {
    if constexpr (Weights::kScaled)
      return sum_;
    else
      return chain_;
  }

  /// -0 adds nothing, to -0 either.
  void clearTotal() {
    INGOT_UNROLL
    for (auto &strip : total_.x)
      INGOT_UNROLL
    for (auto &tile : strip)
      INGOT_UNROLL
    for (float &sum : tile)
      sum = -0.0f;
  }

  /// Blocks [first, end): one chain, or one slice of short chains. Two steps are under way at most:
  /// one is multiplied while the operands of the next are made.
  u32 runChain(u32 first, u32 end) {
    if (Weights::kScaled && (kShortChains || first % Weights::kSpanBlocks == 0))
      sum_.clear();
    u32 held = 0; // the stage that the unit may still read
    INGOT_LOOP
    for (u32 block = first; block < end; ++block, at_.next()) {
      fullBarrier<Config, Tile>(at_.index).wait(at_.parity);
      const u8 *stage = dynamicShared() + at_.index * Shape::kStageBytes;
      uint4 words[kWarpStrips][Weights::kWords];
      INGOT_UNROLL
      for (u32 step = 0; step < kSteps; ++step) {
        u32 a[kStep][kWarpStrips][4]; // [k-tile][strip]
        loadOperands(a, words, stage, step);
        const bool fresh = kShortChains ? fresh_ : step == 0 && block == first;
        start(a, stage + Shape::kWeightBytes, step, !fresh);
        if constexpr (kShortChains) {
          finish();
          endShortChain(stage, block, step);
        } else {
          wgmmaWait<1>();
          if (step == 0 && block != first)
            release(held);
        }
      }
      held = at_.index;
      if constexpr (kShortChains)
        release(held);
    }
    if constexpr (!kShortChains) {
      finish();
      if constexpr (Weights::kScaled)
        addChain(dynamicShared() + held * Shape::kStageBytes, 0);
      release(held);
    }
    return end;
  }

  /// Operand A of the k-tiles of a step.
  void loadOperands(u32 (&a)[kStep][kWarpStrips][4], uint4 (&words)[kWarpStrips][Weights::kWords],
                    const u8 *stage, u32 step) {
    constexpr u32 kTilesPerWord = 4 / Weights::kWords;
    INGOT_UNROLL
    for (u32 s = 0; s < kWarpStrips; ++s)
      INGOT_UNROLL
    for (u32 k = 0; k < kStep; ++k) {
      const u32 tile = step * kStep + k, word = tile / kTilesPerWord;
      if (tile % kTilesPerWord == 0)
        words[s][word] =
            load128(stage + (strip_ + s) * Weights::kBlockBytes + laneId() * 16 + word * 512);
      decodeTile<Config::kWeights>(a[k][s], words[s], tile);
    }
  }

  void start(const u32 (&a)[kStep][kWarpStrips][4], const u8 *rows, u32 step, bool accumulate) {
    wgmmaFence();
    INGOT_UNROLL
    for (u32 k = 0; k < kStep; ++k) {
      const u64 b = swizzledOperand(rows + (step * kStep + k) * 32);
      INGOT_UNROLL
      for (u32 s = 0; s < kWarpStrips; ++s)
        if constexpr (Config::kRows == RowNumber::F16)
          wgmmaF16(accumulators(s), a[k][s], b, accumulate || k > 0);
        else
          wgmmaBf16(accumulators(s), a[k][s], b, accumulate || k > 0);
    }
    wgmmaCommit();
  }
  void finish() {
    wgmmaWait<0>();
    INGOT_UNROLL
    for (u32 s = 0; s < kWarpStrips; ++s)
      wgmmaHold(accumulators(s));
  }
  /// The sums of a strip as wgmma takes them.
  auto accumulators(u32 strip) -> float (&)[Shape::kTiles * 4] {
    return reinterpret_cast<float (&)[Shape::kTiles * 4]>(chain_.x[strip]);
  }

  /// Chains of half blocks: where one ends, the next is fresh.
  void endShortChain(const u8 *stage, u32 block, u32 step) {
    const u32 half = (step + 1) * kStep / 2 - 1;
    const bool ends = (step + 1) * kStep % 2 == 0 && Weights::endsGroup(block, half);
    if (ends)
      addChain(stage, half);
    fresh_ = ends;
  }

  /// The chain meets its scales, which came with the block in which its group ends: the first or
  /// (`second`) the second that a block can hold.
  void addChain(const u8 *stage, u32 second) {
    const u8 *scales = stage + Shape::kWeightBytes + Shape::kRowBytes + second * Shape::kGroupBytes;
    INGOT_UNROLL
    for (u32 s = 0; s < kWarpStrips; ++s)
      sum_.addScaled(chain_, s,
                     load32(scales + (strip_ + s) * Weights::kGroupBytes + laneId() / 4 * 4));
  }

  /// All lanes have read the stage, and so has the unit for this warp.
  void release(u32 stage) {
    if (laneId() == 0)
      emptyBarrier<Config, Tile>(stage).arrive();
  }

  u32 strip_;         ///< first one of this warp in the place
  bool fresh_ = true; ///< short chains: the next one starts
  StageCursor<Tile::kStages> at_;
  WarpSums chain_ = {}; ///< of the group or slice at hand
  WarpSums sum_;        ///< integer weights: groups of the slice at hand
  WarpSums total_;      ///< several slices
};

/// Gives the sums of a warp's strips to the epilogue, those of a panel together.
template <class Epilogue, u32 kStrips, u32 kTiles>
inline void storeHopperTile(const KernelArgs &args, const Sums<kStrips, kTiles> &sums, u32 strip,
                            u32 firstRow, u32 rows) {
  INGOT_UNROLL
  for (u32 n = 0; n < kTiles; ++n) {
    if (firstRow + n * 8 >= rows)
      continue; // and tiles stay apart: there are no registers for several at once
    INGOT_UNROLL
    for (u32 second = 0; second < 2; ++second) {
      const u32 row = firstRow + n * 8 + laneId() % 4 * 2 + second;
      Values<2 * kStrips> v;
      INGOT_UNROLL
      for (u32 i = 0; i < 2 * kStrips; ++i)
        v.x[i] = sums.x[i / 2][n][second + i % 2 * 2];
      Epilogue::template apply<2 * kStrips>(
          args, Spot{row, strip * kStripRows, laneId() / 4, row < rows}, v);
    }
  }
}

template <class Config, class Tile>
inline void initHopperBarriers() {
  if (threadIndex() == 0) {
    for (u32 i = 0; i < Tile::kStages; ++i) {
      fullBarrier<Config, Tile>(i).init(1);
      emptyBarrier<Config, Tile>(i).init(Tile::kConsumers * 4);
    }
    fenceBarrierInit();
  }
  syncThreads();
}

/// The kernel: kThreads threads, kBytes of dynamic shared memory, any grid of one row.
template <class Config, class Tile, class Epilogue>
inline void matmulHopper(const KernelArgs &args, const TensorMaps &maps) {
  using Shape = HopperShape<Config, Tile>;
  // What the loading warpgroup keeps, and the others get: 128 * 24 + 256 * 240 registers.
  constexpr bool kShares = Tile::kConsumers == 2;
  allowNext();
  const u32 rows = rowsOf<Config>(args), tokenTiles = ceilDiv(rows, Tile::kTokens);
  const HopperPlaces places{Shape::kOutputTiles * tokenTiles, tokenTiles};
  if (blockIndex() >= places.count)
    return;
  initHopperBarriers<Config, Tile>();
  if (threadIndex() >= Tile::kConsumers * kWarpgroup) {
    if constexpr (kShares)
      releaseRegisters<24>();
    if (threadIndex() == Tile::kConsumers * kWarpgroup)
      HopperProducer<Config, Tile>(maps, places).run();
    return;
  }
  if constexpr (kShares)
    claimRegisters<240>();
  HopperConsumer<Config, Tile> consumer;
  INGOT_LOOP
  for (u32 place = blockIndex(); place < places.count; place += gridSize()) {
    auto &sums = consumer.multiply();
    waitForPrior(); // for this thread: the epilogue touches what earlier launches use
    const u32 strip = place / tokenTiles * Shape::kStrips + warpId() * Tile::kWarpStrips;
    if (strip < Stream<Config>::kStrips)
      storeHopperTile<Epilogue>(args, sums, strip, place % tokenTiles * Tile::kTokens, rows);
  }
}

} // namespace ingot::gpu
