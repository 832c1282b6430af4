// The mma16 layouts: matrices as the matrix units of GPUs take them, so that a lane's 16-byte load
// is its operand and no shuffle is left for the kernel. Strips of 16 rows (output features), two
// strips to a panel (the unit of WeightLayout), K padded with zeros to 64. A strip is one stream:
//
//   int8, int4, fp8: first the scales: [streamGroups][8][2] f16, entry (g, h) = row g + 8h of the
//   strip; then along K words of 16 bytes per lane: [tiles][lane 0..31][16 B]
//     bf16   a tile is 16 k: registers a0..a3
//     fp16   the same
//     int8   a tile is 32 k: per 16 k the bytes a0.lo a0.hi a1.lo ... a3.hi, value + 128
//     fp8    the same places, the bits of the value
//     int4   a tile is 64 k: per 16 k one u32, nibble i = ai.lo + 8, nibble i + 4 = ai.hi + 8
//   where lane 4g + t holds of each 16 k the operand A of mma.m16n8k16:
//     a0 = (row g, k 2t and 2t + 1)        a1 = (row g + 8, the same k)
//     a2 = (row g, k 2t + 8 and 2t + 9)    a3 = (row g + 8, the same k as a2)
//
// Interleave 16: strip 2p holds rows 16p.. of the first source, strip 2p + 1 those of the second.
// Padding rows and padding k hold the value 0, and scales of padding rows and groups are 0.
//
// The functions of Panel32.h take layouts of this kind, too, and come here.
#pragma once

#include "runtime/artifact/Panel32.h"
#include "runtime/artifact/WeightLayout.h"

#include <cstdint>
#include <span>

namespace ingot::mma16 {

/// Rows of a strip; strips of a panel; elements of K that the stream is padded to.
inline constexpr uint64_t kStripRows = 16, kPanelStrips = 2, kStreamK = 64;
/// Bytes of the scales of one group of a strip.
inline constexpr uint64_t kGroupScaleBytes = kStripRows * 2;

/// Groups that a strip's stream has scales for: those of K padded to 64. 0 without
/// scales.
uint64_t streamGroups(const WeightLayout &layout);
/// Bytes of one strip's stream; a panel has two.
uint64_t stripBytes(const WeightLayout &layout);
/// Where element (row of the strip, k) lies inside the strip.
struct Place {
  uint64_t byte; ///< its first
  bool high;     ///< int4: the high nibble of the byte
};
Place placeOf(const WeightLayout &layout, uint64_t row, uint64_t k);

// What the functions of the same names in Panel32.h do for this layout.
void packPanel(const WeightLayout &layout, const int8_t *values, const uint16_t *scales,
               uint8_t *out);
void packPanel(const WeightLayout &layout, const uint16_t *halves, uint8_t *out);
void setPanelScales(const WeightLayout &layout, uint16_t scale, uint8_t *panel);
void clearPanelPadding(const WeightLayout &layout, uint64_t index, uint8_t *panel);
int panelValue(const WeightLayout &layout, const uint8_t *data, uint64_t row, uint64_t k);
uint16_t panelScale(const WeightLayout &layout, const uint8_t *data, uint64_t row, uint64_t group);
uint16_t panelBf16(const WeightLayout &layout, const uint8_t *data, uint64_t row, uint64_t k);
void unpackPanel(const WeightLayout &layout, const uint8_t *panel, int8_t *values);
void unpackPanel(const WeightLayout &layout, const uint8_t *panel, float *values);

} // namespace ingot::mma16
