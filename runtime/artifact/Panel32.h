// The panel32 layouts: panels of 32 output columns (rows of the checkpoint's [N, K] weight), K in
// blocks of 32, one linear stream per panel. The same bytes serve one row and many and every
// instruction-set level. With nb = blocks, all integers little endian:
//
//   int4   per group: [32] f16 scales (64 B), then its blocks of 512 B.
//          block byte v*256 + i*64 + c*4 + j   (v 0..1 column half, i 0..3, c 0..15, j 0..3)
//            low nibble  = w[k = i*8 + j] + 8,  high nibble = w[k = i*8 + 4 + j] + 8
//            of column v*16 + c
//          panel bytes = groups * 64 + nb * 512
//   int8   the same with blocks of 1024 B:
//          block byte v*512 + i*64 + c*4 + j   (i 0..7) = w[k = i*4 + j] + 128
//          panel bytes = groups * 64 + nb * 1024
//   bf16   [paddedK / 2][v 0..1][c 0..15][2] bf16: 128 B per pair of k, no scales
//          panel bytes = paddedK * 64
//
// Padding columns and padding k hold the value 0 (nibble 8, byte 128) and padding columns scale 0.
//
// The functions take every layout of panels: those of kind mma16 are passed on to Mma16.h.
#pragma once

#include "runtime/artifact/WeightLayout.h"

#include <cstdint>
#include <span>

namespace ingot {

/// Bytes of one block of 32 columns by 32 k without scales.
uint64_t panelBlockBytes(WeightFormat format);

/// A quantized matrix in row-major order.
struct QuantizedMatrix {
  std::span<const int8_t> values;   ///< [rows][columns]; int4: -8..7, int8: -128..127, fp8: bits
  std::span<const uint16_t> scales; ///< [rows][groups] f16 bits
};

/// Packs one panel into `out` (unitBytes): `values` [32][paddedColumns] in the order of the panel's
/// columns, 0 where there is padding; `scales` [32][groups] f16 bits, 0 for padding rows.
void packPanel(const WeightLayout &layout, const int8_t *values, const uint16_t *scales,
               uint8_t *out);
/// The same for bf16 or fp16 bits.
void packPanel(const WeightLayout &layout, const uint16_t *halves, uint8_t *out);

/// Packs panels [firstPanel, firstPanel + panels) of a whole matrix into `out` (panels *
/// unitBytes). Sizes are asserted.
void packPanels(const WeightLayout &layout, const QuantizedMatrix &matrix, uint64_t firstPanel,
                uint64_t panels, uint8_t *out);
/// The same for bf16 or fp16 bits [rows][columns].
void packPanelsBf16(const WeightLayout &layout, std::span<const uint16_t> values,
                    uint64_t firstPanel, uint64_t panels, uint8_t *out);

/// Gives every group and column of one int panel the same scale.
void setPanelScales(const WeightLayout &layout, uint16_t scale, uint8_t *panel);
/// Sets what is padding in the bytes of panel `index` to zero values and zero scales.
void clearPanelPadding(const WeightLayout &layout, uint64_t index, uint8_t *panel);

/// Integer value of logical element (row, k) of a packed int4 or int8 parameter; fp8: its bits.
int panelValue(const WeightLayout &layout, const uint8_t *data, uint64_t row, uint64_t k);
/// f16 bits of the scale of (row, group).
uint16_t panelScale(const WeightLayout &layout, const uint8_t *data, uint64_t row, uint64_t group);
/// Bits of element (row, k) of a packed bf16 or fp16 parameter.
uint16_t panelBf16(const WeightLayout &layout, const uint8_t *data, uint64_t row, uint64_t k);
/// The integers of one panel, k by k: values [paddedColumns][32].
void unpackPanel(const WeightLayout &layout, const uint8_t *panel, int8_t *values);
/// The same of a bf16 or fp16 panel, widened.
void unpackPanel(const WeightLayout &layout, const uint8_t *panel, float *values);
/// Writes the `columns` dequantized values of a logical row of any format.
void unpackPanelRow(const WeightLayout &layout, const uint8_t *data, uint64_t row, float *out);

} // namespace ingot
