// The register tiles of EmitMatmul: R rows by 32 columns, in several passes over K where registers
// are few.
//
// Many rows walk K in chunks: a chunk of the panel, one byte per weight, stays in the first-level
// cache while all row tiles pass over it, and the sums wait in memory between chunks (which changes
// no bit). Few rows read the packed panel in one go.
#pragma once

#include "codegen/KernelProgram.h"
#include "codegen/cpu/KernelBuilder.h"

namespace ingot::cpu {

/// Everything about one matmul that is known when compiling.
struct MatmulShape {
  WeightFormat format;
  bool floatScale; ///< float32 activation scales
  int64_t panels;  ///< of 32 columns
  int64_t panelBytes;
  int64_t blocks;         ///< of 32 k
  int64_t blocksPerGroup; ///< blocks that share one weight scale
  int64_t rowBytes;       ///< stride of activation rows as tiles read them
  int64_t metaBytes;      ///< stride of ActGroupMeta rows (int formats)
  bool widened;           ///< bf16 without vdpbf16ps: tiles read rows widened to float32
  int64_t tallest;        ///< rows the registers hold: tiles have 1..tallest
  int64_t tallestPacked;  ///< the same for tiles of packed panels, which may keep scales too
  uint32_t lanes;         ///< columns per register: 16 or 8

  bool isQuantized() const { return format != WeightFormat::Bf16; }
  /// Activation scales are powers of two: tiles read scales prepared by definePrepare.
  bool isPrepared() const { return isQuantized() && !floatScale; }
  /// Bytes of 32 k of one activation row.
  int64_t activationBlockBytes() const { return isQuantized() ? 32 : widened ? 128 : 64; }
  /// Registers of columns that one pass over K computes for a tile of `rows` rows. Fewer than all
  /// 32 columns: the tile takes several passes.
  int64_t vectorsPerPass(int64_t rows) const;
};

MatmulShape matmulShape(const IsaInfo &isa, const ProgramValue &input, const ProgramValue &weight);

/// Blocks of K per chunk, and bytes of one block in it. Int: [2 halves][8][64 B] as int8 panels,
/// then 32 float32 scales. bf16: the panel itself.
inline constexpr int64_t kIntChunkBlocks = 16, kIntChunkBlockBytes = 1024 + 128;
inline constexpr int64_t kBf16ChunkBlocks = 8, kBf16BlockBytes = 2048;

/// Bytes of the sums of one row: 32 float32.
inline constexpr int64_t kSumBytes = 128;

/// Stride of the prepared scales of a chunk: 8 bytes per row and block.
inline constexpr int64_t kChunkScaleBytes = kIntChunkBlocks * 8;

/// Of activation scales as tiles read them, by rows: {start, unit} int32 per block if prepared,
/// else ActGroupMeta. A dot product starts at `start`, counts in the mantissa of a float, and has
/// the float `unit` taken off at the end (numerics::scaleByExponent): one subtraction instead of a
/// conversion and an addition.
///   void (ActGroupMeta rows, prepared rows, rows, blocks); strides metaBytes and `toStride`
Function definePrepare(KernelBuilder &builder, const MatmulShape &shape, std::string_view name,
                       int64_t toStride);

/// void (weights, activations, scales, sums, blocks): adds `blocks` blocks of a chunk to the sums
/// in memory.
Function defineChunkTile(KernelBuilder &builder, const MatmulShape &shape, std::string_view name,
                         int64_t rows);
/// void (weights, activations, scales, sums): sums over the whole packed int panel. Prepared scales
/// have the stride metaBytes.
Function definePackedTile(KernelBuilder &builder, const MatmulShape &shape, std::string_view name,
                          int64_t rows);
/// void (panel, first block, blocks, chunk): a chunk of an int panel.
Function defineUnpack(KernelBuilder &builder, const MatmulShape &shape, std::string_view name);
/// void (bf16 rows of `fromStride` bytes, rows, wide): widens rows to float32.
Function defineWiden(KernelBuilder &builder, const MatmulShape &shape, std::string_view name,
                     int64_t fromStride);

} // namespace ingot::cpu
