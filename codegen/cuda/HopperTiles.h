// How a matmul for many tokens is cut on sm_90a (codegen/cuda/kernels/MatmulHopper.cuh). Speed
// only: no choice here moves a bit.
#pragma once

#include "codegen/cuda/MatmulTiles.h"

#include <optional>

namespace ingot::cuda {

/// `Tile` of MatmulHopper.cuh.
struct HopperTile {
  uint32_t consumers, warpStrips, tokens, stages;

  uint32_t strips() const { return 4 * consumers * warpStrips; }
  uint32_t panels() const { return strips() / 2; }
  uint32_t threads() const { return (consumers + 1) * 128; }
  uint32_t stageBytes(const MatmulShape &shape) const;
  uint32_t sharedBytes(const MatmulShape &shape) const;
};

/// The tile of these numbers and as many stages as shared memory holds; none when its
/// sums do not fit the registers.
std::optional<HopperTile> makeHopperTile(const MatmulShape &shape, uint32_t consumers,
                                         uint32_t warpStrips, uint32_t tokens);

/// The tile that should take the least time at the bound; none where MatmulMany.cuh does better or
/// the kernel is none for these rows.
std::optional<HopperTile> chooseHopperTile(const MatmulShape &shape, TokenBound bound);

/// Where the operands of a kernel lie.
struct HopperOperands {
  uint32_t rowsSlot, weightSlot;
  bool returnedRows;
};

/// The launch of the kernel with this tile.
LaunchShape hopperLaunch(const MatmulShape &shape, const HopperTile &tile,
                         const HopperOperands &operands);

} // namespace ingot::cuda
