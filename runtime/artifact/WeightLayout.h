// Where the elements of a packed parameter lie: sizes and index arithmetic. The layouts are
//   row      RowLayout.h: f32 vectors and matrices (norm gains)
//   panel32  Panel32.h: matrices and embedding tables as kernels on CPUs read them
//   mma16    Mma16.h: the same as kernels on GPUs read them
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace ingot {

enum class WeightFormat : uint8_t { F32, Bf16, Int8, Int4, F16, E4m3 };
enum class LayoutKind : uint8_t { Row, Panel32, Mma16 };

const char *formatName(WeightFormat format); ///< "f32", "bf16", "int8", "int4", "fp16", "fp8"
const char *layoutName(LayoutKind kind);     ///< "row", "panel32", "mma16"

/// Output columns of a panel, elements of K in a block.
inline constexpr uint64_t kPanelColumns = 32;
inline constexpr uint64_t kBlockK = 32;
/// Columns per scale of fp8 are multiples of this (or all of K).
inline constexpr uint64_t kE4m3Group = 128;
/// Columns of a panel that belong to one of the two runs of rows which an interleaved weight brings
/// together.
inline constexpr uint64_t kInterleave = 16;
/// Every parameter starts at a multiple of this inside its segment.
inline constexpr uint64_t kParamAlign = 64;

/// Geometry of one packed parameter. Checked when made: no later arithmetic can overflow.
///
/// A parameter is a sequence of `units` equal pieces of `unitBytes`: rows of the row layout, panels
/// of 32 rows of panel32 and mma16. Units are what writers stream and generators fill
/// independently.
struct WeightLayout {
  WeightFormat format = WeightFormat::F32;
  LayoutKind kind = LayoutKind::Row;
  uint64_t rows = 0;    ///< N: output features; 1 for a vector
  uint64_t columns = 0; ///< K: input features; the length of a vector
  uint32_t group = 0;   ///< columns per scale, a multiple of 32; 0 = per channel
  /// Which rows share a panel: 0, neighbours; kInterleave, those of the two halves of the weight
  /// (gate and up); H, a multiple of 32: those of the two halves of every H rows (a rotary head).
  uint32_t interleave = 0;
  uint64_t units = 0;
  uint64_t unitBytes = 0;
  uint64_t bytes = 0; ///< units * unitBytes

  /// Fails with id "weight-layout" and the reason when the combination has no layout.
  static Result<WeightLayout> make(std::string_view format, std::string_view layout,
                                   std::span<const uint64_t> shape, uint32_t group,
                                   uint32_t interleave);

  /// K rounded up to 32, or to 64 in mma16.
  uint64_t paddedColumns() const {
    const uint64_t step = kind == LayoutKind::Mma16 ? 2 * kBlockK : kBlockK;
    return (columns + step - 1) / step * step;
  }
  /// Blocks of 32 along K.
  uint64_t blocks() const { return paddedColumns() / kBlockK; }
  /// Blocks that share one scale, at least one; the last group may have fewer.
  uint64_t blocksPerGroup() const { return group == 0 ? blocks() : group / kBlockK; }
  /// Scales per row (formats with scales). The stream of a layout may have more: those of padding.
  uint64_t groups() const { return group == 0 ? 1 : (columns + group - 1) / group; }
  /// Stored in panels of 32 rows: panel32, mma16.
  bool isPaneled() const { return kind != LayoutKind::Row; }
  /// Has scales: int8, int4, fp8.
  bool isQuantized() const {
    return format == WeightFormat::Int8 || format == WeightFormat::Int4 ||
           format == WeightFormat::E4m3;
  }
  /// 16-bit floats without scales.
  bool isHalf() const { return format == WeightFormat::Bf16 || format == WeightFormat::F16; }
  uint32_t bitsPerValue() const {
    return format == WeightFormat::F32 ? 32 : isHalf() ? 16 : format == WeightFormat::Int4 ? 4 : 8;
  }

  /// Rows that are interleaved among themselves: all, or those of a head.
  uint64_t interleavedRows() const { return interleave == kInterleave ? rows : interleave; }

  /// Panels: the logical row in `column` of `panel`, or -1 for padding. Plain: 32 * panel +
  /// column. Interleaved with F rows in each half: columns 0..15 of panel p hold rows 16 * p +
  /// column of the first half, columns 16..31 the same rows of the second, F behind them; heads
  /// one after the other.
  int64_t rowAt(uint64_t panel, uint64_t column) const;
  /// Inverse of rowAt: panel * 32 + column of a logical row.
  uint64_t slotOfRow(uint64_t row) const;
};

} // namespace ingot
