// How a matmul is cut into blocks and warps. Speed only: no choice here moves a bit.
#pragma once

#include "codegen/cuda/CudaKernel.h"
#include "runtime/artifact/WeightLayout.h"

#include <cstdint>

namespace ingot::cuda {

/// A weight as its kernel walks it; the numbers of Stream in
/// codegen/cuda/kernels/MatmulWeights.cuh.
struct MatmulShape {
  WeightFormat format = WeightFormat::Bf16;
  uint32_t outputs = 0, columns = 0; ///< N, K
  uint32_t group = 0;                ///< columns per scale; 0: all of K
  uint32_t span = 0;                 ///< elements of K per slice; 0: all of K
  bool wholePanels = false;          ///< the epilogue needs both strips of a panel in one lane
  bool byteRows = false;             ///< rows of 8 bits
  bool norm = false;                 ///< the kernel normalizes its rows (MatmulNorm.cuh)

  uint32_t panels() const { return (outputs + 31) / 32; }
  uint32_t blocks() const { return (columns + 63) / 64; } ///< of 64 k
  uint32_t slices() const { return span == 0 ? 1 : (blocks() * 64 + span - 1) / span; }
  bool isScaled() const { return format != WeightFormat::Bf16 && format != WeightFormat::F16; }
  /// Bytes of a block of 64 k of a row.
  uint32_t rowBytes() const { return byteRows ? 64 : 128; }
  /// 16-byte words of a lane per strip and block.
  uint32_t words() const { return !isScaled() ? 4 : format == WeightFormat::Int4 ? 1 : 2; }
  /// Scale bytes per strip and block in shared memory: of groups that end in the block.
  uint32_t scaleBytes() const { return !isScaled() ? 0 : group % 64 != 0 ? 64 : 32; }
};

/// Shared memory that a block may take on every device.
inline constexpr uint32_t kMostSharedBytes = 96 * 1024;

/// `Tile` of MatmulFew.cuh.
struct FewTile {
  uint32_t stripWarps, sliceWarps, warpStrips, depth, maxTiles, rows;
  uint32_t stagedRows; ///< of a norm, at once
  bool stagesGain;
  uint32_t blockStrips() const { return stripWarps * warpStrips; }
  uint32_t threads() const { return stripWarps * sliceWarps * 32; }
  uint32_t sharedBytes(const MatmulShape &shape) const;
};
/// Takes no more than kMostSharedBytes wherever the rounded rows of a norm fill a third of them at
/// most (--ingot-fuse-norm-prologue takes no more: max-elements).
FewTile chooseFewTile(const MatmulShape &shape, TokenBound bound);

/// `Tile` of MatmulMany.cuh.
struct ManyTile {
  uint32_t panels, tokens, stages, threads;
  uint32_t stageBytes(const MatmulShape &shape) const;
  uint32_t sharedBytes(const MatmulShape &shape) const { return stages * stageBytes(shape); }
};
ManyTile chooseManyTile(const MatmulShape &shape, TokenBound bound);

} // namespace ingot::cuda
