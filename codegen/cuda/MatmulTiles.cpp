#include "codegen/cuda/MatmulTiles.h"

#include <algorithm>

namespace ingot::cuda {

/// Warps that keep a large device's memory busy: eight on each of 128 multiprocessors.
static constexpr uint32_t kBusyWarps = 1024;
/// Multiprocessors that a launch should fill.
static constexpr uint32_t kBusyBlocks = 128;
/// Most warps of a block along K.
static constexpr uint32_t kMaxSliceWarps = 16;

/// Bytes of a row in float32.
static uint32_t wideRowBytes(const MatmulShape &shape) { return (shape.columns + 31) / 32 * 128; }

/// NormShared of MatmulNorm.cuh.
static uint32_t normBytes(const MatmulShape &shape, const FewTile &tile) {
  constexpr uint32_t kRowBytes = 128;
  const uint32_t row = wideRowBytes(shape);
  return shape.blocks() * tile.rows * kRowBytes + tile.stagedRows * row +
         (tile.stagedRows + 3) / 4 * 16 + (tile.stagesGain ? row : 0);
}

uint32_t FewTile::sharedBytes(const MatmulShape &shape) const {
  constexpr uint32_t kStages = 4, kSumBytes = 512;
  const uint32_t stage =
      (shape.norm ? 0 : maxTiles * 8 * shape.rowBytes()) + warpStrips * shape.scaleBytes();
  const uint32_t own = shape.slices() > 1 ? 0 : warpStrips * maxTiles * kSumBytes;
  const uint32_t rings = stripWarps * sliceWarps * std::max(kStages * stage, own);
  const uint32_t sums =
      shape.slices() > 1 ? shape.slices() * blockStrips() * maxTiles * kSumBytes : 0;
  return rings + sums + (shape.norm ? normBytes(shape, *this) : 0);
}

/// Gives up, until a block has the room, what costs least: the gain beside the rows of a norm, rows
/// normalized at once, warps.
static void makeFit(FewTile &tile, const MatmulShape &shape) {
  const auto isLarge = [&] { return tile.sharedBytes(shape) > kMostSharedBytes; };
  if (shape.norm && isLarge())
    tile.stagesGain = false;
  while (shape.norm && isLarge() && tile.stagedRows > 1)
    tile.stagedRows = (tile.stagedRows + 1) / 2;
  while (isLarge() && tile.sliceWarps > 1)
    tile.sliceWarps = (tile.sliceWarps + 1) / 2;
}

FewTile chooseFewTile(const MatmulShape &shape, TokenBound bound) {
  FewTile tile{};
  const uint32_t panels = shape.panels(), slices = shape.slices();
  tile.maxTiles = bound.maxTokens > 8 ? 2 : 1;
  tile.rows = std::max(1u, bound.maxTokens);
  tile.sliceWarps = std::min(slices, kMaxSliceWarps);
  // A panel per warp shares its rows between two strips; where that leaves the device idle, a warp
  // takes one strip.
  const bool many = panels * slices >= kBusyWarps;
  if (slices == 1) {
    tile.warpStrips = many || shape.wholePanels ? 2 : 1;
    tile.stripWarps = panels >= 4 * kBusyBlocks ? 4 : panels >= 2 * kBusyBlocks ? 2 : 1;
  } else {
    tile.warpStrips = many ? 2 : 1;
    tile.stripWarps = !many && shape.wholePanels ? 2 : 1;
  }
  // Sixteen 16-byte loads of a lane under way (8 KiB of a warp), eight where warps are plenty.
  const uint32_t loads = shape.isScaled() && many ? 8 : 16;
  tile.depth = std::clamp(loads / (shape.words() * tile.warpStrips), 1u, 8u);
  // The gain comes along with the rows, unless both are long.
  constexpr uint32_t kStaged = 32 * 1024;
  tile.stagedRows = std::clamp(kStaged / wideRowBytes(shape), 1u, tile.rows);
  tile.stagesGain = shape.columns <= 4096;
  makeFit(tile, shape);
  return tile;
}

uint32_t ManyTile::stageBytes(const MatmulShape &shape) const {
  constexpr uint32_t kAlign = 1024;
  const uint32_t bytes =
      panels * 2 * (shape.words() * 512 + shape.scaleBytes()) + tokens * shape.rowBytes();
  return (bytes + kAlign - 1) / kAlign * kAlign;
}

ManyTile chooseManyTile(const MatmulShape &shape, TokenBound bound) {
  ManyTile tile{4, 128, 2, 256};
  // Sums of a group, of a slice and of the slices before: three sets of registers.
  // mma.sync of fp8 is several instructions on sm_90 and keeps more of them.
  const bool threeSums =
      shape.isScaled() &&
      (shape.slices() > 1 || (shape.byteRows && shape.format == WeightFormat::E4m3));
  if (bound.maxTokens <= 64 || threeSums)
    tile.tokens = 64;
  // Up to 64 tokens memory is the limit still: rather small tiles than idle multiprocessors.
  const auto blocks = [&] { return (shape.panels() + tile.panels - 1) / tile.panels; };
  if (bound.maxTokens <= 64 && blocks() < kBusyBlocks)
    tile.panels = 2;
  if (bound.maxTokens <= 64 && blocks() < kBusyBlocks)
    tile.panels = 1, tile.threads = 128;
  tile.stages =
      std::clamp(kMostSharedBytes / tile.stageBytes(shape), 2u, tile.panels == 4 ? 4u : 6u);
  return tile;
}

} // namespace ingot::cuda
