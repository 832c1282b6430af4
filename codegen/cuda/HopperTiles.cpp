#include "codegen/cuda/HopperTiles.h"

#include "runtime/artifact/KernelAbi.h"

#include <algorithm>

namespace ingot::cuda {

/// Shared memory of a block on sm_90, and multiprocessors of an H100 or H200.
static constexpr uint32_t kHopperShared = 227 * 1024, kMultiprocessors = 132;
static constexpr uint32_t kMostStages = 8, kBarrierBytes = 16;
/// Below this memory is the limit, and small tiles keep more of it busy.
static constexpr uint32_t kFewestTokens = 65;

/// Scales of a group of a strip.
static constexpr uint32_t kStripGroupBytes = 32;

/// Of a whole strip: its scales, what follows them.
static uint64_t stripScaleBytes(const MatmulShape &shape) {
  if (!shape.isScaled())
    return 0;
  const uint32_t columns = shape.blocks() * 64, group = shape.group ? shape.group : columns;
  return uint64_t((columns + group - 1) / group) * kStripGroupBytes;
}
static uint64_t stripWordBytes(const MatmulShape &shape) {
  return uint64_t(shape.blocks()) * shape.words() * 512;
}

uint32_t HopperTile::stageBytes(const MatmulShape &shape) const {
  constexpr uint32_t kAlign = 1024;
  const uint32_t bytes =
      strips() * (shape.words() * 512 + shape.scaleBytes()) + tokens * shape.rowBytes();
  return (bytes + kAlign - 1) / kAlign * kAlign;
}

uint32_t HopperTile::sharedBytes(const MatmulShape &shape) const {
  return stages * (stageBytes(shape) + kBarrierBytes);
}

std::optional<HopperTile> makeHopperTile(const MatmulShape &shape, uint32_t consumers,
                                         uint32_t warpStrips, uint32_t tokens) {
  // Sums of a thread: of a chain, of a slice, of the slices before.
  constexpr uint32_t kMostSums = 192;
  const uint32_t kinds = 1 + shape.isScaled() + (shape.slices() > 1);
  if (shape.byteRows || shape.norm || (shape.wholePanels && warpStrips != 2) ||
      kinds * tokens * warpStrips / 2 > kMostSums)
    return std::nullopt;
  HopperTile tile{consumers, warpStrips, tokens, 0};
  tile.stages = std::min(kHopperShared / (tile.stageBytes(shape) + kBarrierBytes), kMostStages);
  return tile;
}

/// Cycles that a launch of `tokens` tokens takes, roughly: rounds of places over the
/// multiprocessors, each limited by the matrix unit, by shared memory or by what a multiprocessor
/// gets of the L2.
static double estimate(const MatmulShape &shape, const HopperTile &tile, uint32_t tokens) {
  constexpr double kProductsPerCycle = 2048, kSharedPerCycle = 128, kBytesPerCycle = 48;
  constexpr double kPlaceCycles = 3000;
  constexpr double kAlone = 1.25; // nobody multiplies while the only consumer waits
  const uint32_t outputTiles = (shape.panels() + tile.panels() - 1) / tile.panels();
  const uint32_t places = outputTiles * ((tokens + tile.tokens - 1) / tile.tokens);
  const double outputs = tile.strips() * 16.0, rowBytes = tile.tokens * shape.rowBytes();
  const double loaded = tile.stageBytes(shape);
  // Written once; weights are read once, rows by every wgmma of 64 outputs.
  const double shared = 2 * loaded + rowBytes * (outputs / 64 - 1);
  const double unit = outputs * tile.tokens * 64 / kProductsPerCycle;
  const double block = std::max({unit * (tile.consumers == 1 ? kAlone : 1),
                                 shared / kSharedPerCycle, loaded / kBytesPerCycle});
  const uint32_t rounds = (places + kMultiprocessors - 1) / kMultiprocessors;
  return rounds * (kPlaceCycles + shape.blocks() * block);
}

std::optional<HopperTile> chooseHopperTile(const MatmulShape &shape, TokenBound bound) {
  static constexpr HopperTile kTiles[] = {
      {2, 1, 256, 0}, {2, 1, 192, 0}, {2, 2, 128, 0}, {2, 2, 96, 0}, {2, 2, 64, 0},
      {2, 1, 128, 0}, {1, 2, 128, 0}, {1, 2, 96, 0},  {1, 2, 64, 0},
  };
  if (bound.maxTokens < kFewestTokens)
    return std::nullopt;
  std::optional<HopperTile> best;
  for (const HopperTile &t : kTiles) {
    const auto tile = makeHopperTile(shape, t.consumers, t.warpStrips, t.tokens);
    if (tile && (!best ||
                 estimate(shape, *tile, bound.maxTokens) < estimate(shape, *best, bound.maxTokens)))
      best = tile;
  }
  return best;
}

/// A view of the strips of the weight, in words: the same piece of each.
static artifact::TensorMap stripMap(const MatmulShape &shape, const HopperTile &tile, uint32_t slot,
                                    uint32_t wordBytes) {
  artifact::TensorMap map;
  map.slot = slot;
  map.elementBytes = wordBytes;
  map.rows.base = shape.panels() * 2;
  map.pitchBytes = stripScaleBytes(shape) + stripWordBytes(shape);
  map.boxRows = tile.strips();
  return map;
}

static artifact::TensorMap weightsMap(const MatmulShape &shape, const HopperTile &tile,
                                      uint32_t slot) {
  constexpr uint32_t kWordBytes = 8;
  artifact::TensorMap map = stripMap(shape, tile, slot, kWordBytes);
  map.offset = stripScaleBytes(shape);
  map.columns = stripWordBytes(shape) / kWordBytes;
  map.boxColumns = shape.words() * 512 / kWordBytes;
  return map;
}

static artifact::TensorMap scalesMap(const MatmulShape &shape, const HopperTile &tile,
                                     uint32_t slot) {
  constexpr uint32_t kWordBytes = 4;
  artifact::TensorMap map = stripMap(shape, tile, slot, kWordBytes);
  map.columns = stripScaleBytes(shape) / kWordBytes;
  map.boxColumns = kStripGroupBytes / kWordBytes;
  return map;
}

static artifact::TensorMap rowsMap(const MatmulShape &shape, const HopperTile &tile,
                                   const HopperOperands &operands) {
  artifact::TensorMap map;
  map.slot = operands.rowsSlot;
  map.elementBytes = 2;
  map.columns = abi::paddedColumns(shape.columns);
  map.rows.terms = {
      {operands.returnedRows ? artifact::Symbol::ReturnedRows : artifact::Symbol::Tokens, 1, 1}};
  map.pitchBytes = abi::bf16RowBytes(shape.columns);
  map.boxColumns = 64;
  map.boxRows = tile.tokens;
  map.swizzle = true;
  return map;
}

LaunchShape hopperLaunch(const MatmulShape &shape, const HopperTile &tile,
                         const HopperOperands &operands) {
  LaunchShape launch;
  launch.threads = tile.threads();
  launch.dynamicSharedBytes = tile.sharedBytes(shape);
  launch.itemsPerBlock = tile.panels();
  launch.tokensPerBlock = tile.tokens;
  launch.persistent = true;
  launch.maps = {rowsMap(shape, tile, operands), weightsMap(shape, tile, operands.weightSlot)};
  if (shape.isScaled())
    launch.maps.push_back(scalesMap(shape, tile, operands.weightSlot));
  return launch;
}

} // namespace ingot::cuda
