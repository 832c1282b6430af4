#include "runtime/artifact/Mma16.h"

#include "runtime/base/Numerics.h"

#include <cassert>
#include <cstring>

namespace ingot::mma16 {

// ---- Places -------------------------------------------------------------------------------------

uint64_t streamGroups(const WeightLayout &layout) {
  if (!layout.isQuantized())
    return 0;
  const uint64_t group = layout.blocksPerGroup() * kBlockK;
  return (layout.paddedColumns() + group - 1) / group;
}

/// Bytes of a strip's scales, which come first.
static uint64_t scaleBytes(const WeightLayout &layout) {
  return streamGroups(layout) * kGroupScaleBytes;
}
static bool isByte(WeightFormat format) {
  return format == WeightFormat::Int8 || format == WeightFormat::E4m3;
}
/// Bytes of 16 rows by 16 k.
static uint64_t tileBytes(WeightFormat format) {
  return format == WeightFormat::Int4 ? 128 : isByte(format) ? 256 : 512;
}

uint64_t stripBytes(const WeightLayout &layout) {
  return scaleBytes(layout) + layout.paddedColumns() / 16 * tileBytes(layout.format);
}

/// Byte and nibble of element (row, k) of 16 rows by 64 k, behind the scales; k 0..63.
static Place placeInBlock(WeightFormat format, uint64_t row, uint64_t k) {
  const uint64_t lane = row % 8 * 4 + k % 8 / 2, reg = row / 8 + k % 16 / 8 * 2, high = k % 2;
  if (format == WeightFormat::Bf16 || format == WeightFormat::F16)
    return {k / 16 * 512 + lane * 16 + reg * 4 + high * 2, false};
  if (isByte(format))
    return {k / 32 * 512 + lane * 16 + k / 16 % 2 * 8 + reg * 2 + high, false};
  const uint64_t nibble = reg + high * 4;
  return {lane * 16 + k / 16 * 4 + nibble / 2, nibble % 2 != 0};
}

Place placeOf(const WeightLayout &layout, uint64_t row, uint64_t k) {
  Place place = placeInBlock(layout.format, row, k % kStreamK);
  place.byte += scaleBytes(layout) + k / kStreamK * 4 * tileBytes(layout.format);
  return place;
}

/// placeOf as a table, for loops over many elements of one parameter.
namespace {
class Places {
public:
  explicit Places(const WeightLayout &layout)
      : scales_(scaleBytes(layout)), blockBytes_(4 * tileBytes(layout.format)) {
    for (uint64_t row = 0; row < kStripRows; ++row)
      for (uint64_t k = 0; k < kStreamK; ++k)
        inBlock_[row][k] = placeInBlock(layout.format, row, k);
  }
  Place at(uint64_t row, uint64_t k) const {
    const Place place = inBlock_[row][k % kStreamK];
    return {place.byte + scales_ + k / kStreamK * blockBytes_, place.high};
  }

private:
  uint64_t scales_, blockBytes_;
  Place inBlock_[kStripRows][kStreamK];
};
} // namespace

/// Byte of the scale of (row of the strip, group) inside the strip.
static uint64_t scalePlace(uint64_t row, uint64_t group) {
  return group * kGroupScaleBytes + row % 8 * 4 + row / 8 * 2;
}

static void setInteger(WeightFormat format, uint8_t *strip, Place place, int value) {
  uint8_t &byte = strip[place.byte];
  if (isByte(format))
    byte = static_cast<uint8_t>(format == WeightFormat::Int8 ? value + 128 : value);
  else if (place.high)
    byte = static_cast<uint8_t>((byte & 0x0f) | (value + 8) << 4);
  else
    byte = static_cast<uint8_t>((byte & 0xf0) | (value + 8));
}
static int integerAt(WeightFormat format, const uint8_t *strip, Place place) {
  const int byte = strip[place.byte];
  if (isByte(format))
    return format == WeightFormat::Int8 ? byte - 128 : static_cast<int8_t>(byte);
  return (place.high ? byte >> 4 : byte & 15) - 8;
}
/// A 16-bit float as float32.
static float widen(WeightFormat format, uint16_t bits) {
  return format == WeightFormat::F16 ? numerics::fromF16(bits) : numerics::fromBf16(bits);
}
static uint16_t bf16At(const uint8_t *strip, Place place) {
  uint16_t bits;
  std::memcpy(&bits, strip + place.byte, 2);
  return bits;
}

// ---- Packing
// --------------------------------------------------------------------------------------

/// A strip in which every value and every scale is zero.
static void clearStrip(const WeightLayout &layout, uint8_t *strip) {
  const int zero = layout.format == WeightFormat::Int4   ? 0x88
                   : layout.format == WeightFormat::Int8 ? 0x80
                                                         : 0;
  const uint64_t scales = scaleBytes(layout);
  std::memset(strip, 0, scales);
  std::memset(strip + scales, zero, stripBytes(layout) - scales);
}

void packPanels(const WeightLayout &layout, const QuantizedMatrix &matrix, uint64_t firstPanel,
                uint64_t panels, uint8_t *out) {
  assert(layout.kind == LayoutKind::Mma16 && layout.isQuantized());
  assert(matrix.values.size() == layout.rows * layout.columns);
  assert(matrix.scales.size() == layout.rows * layout.groups());
  assert(firstPanel + panels <= layout.units);
  const Places places(layout);
  for (uint64_t strip = firstPanel * 2; strip < (firstPanel + panels) * 2; ++strip) {
    clearStrip(layout, out);
    for (uint64_t r = 0; r < kStripRows; ++r) {
      const int64_t row = layout.rowAt(strip / 2, strip % 2 * kStripRows + r);
      if (row < 0)
        continue;
      const uint16_t *scales = matrix.scales.data() + row * layout.groups();
      for (uint64_t group = 0; group < layout.groups(); ++group)
        std::memcpy(out + scalePlace(r, group), scales + group, 2);
      const int8_t *values = matrix.values.data() + row * layout.columns;
      for (uint64_t k = 0; k < layout.columns; ++k)
        setInteger(layout.format, out, places.at(r, k), values[k]);
    }
    out += stripBytes(layout);
  }
}

void packPanelsBf16(const WeightLayout &layout, std::span<const uint16_t> values,
                    uint64_t firstPanel, uint64_t panels, uint8_t *out) {
  assert(layout.kind == LayoutKind::Mma16 && layout.isHalf());
  assert(values.size() == layout.rows * layout.columns);
  assert(firstPanel + panels <= layout.units);
  const Places places(layout);
  for (uint64_t strip = firstPanel * 2; strip < (firstPanel + panels) * 2; ++strip) {
    clearStrip(layout, out);
    for (uint64_t r = 0; r < kStripRows; ++r) {
      const int64_t row = layout.rowAt(strip / 2, strip % 2 * kStripRows + r);
      if (row < 0)
        continue;
      const uint16_t *source = values.data() + row * layout.columns;
      const uint64_t pairs = layout.columns / 2 * 2;
      for (uint64_t k = 0; k < pairs; k += 2) // pairs of k share a register
        std::memcpy(out + places.at(r, k).byte, source + k, 4);
      if (pairs < layout.columns)
        std::memcpy(out + places.at(r, pairs).byte, source + pairs, 2);
    }
    out += stripBytes(layout);
  }
}

// ---- Padding
// ---------------------------------------------------------------------------------------

void setPanelScales(const WeightLayout &layout, uint16_t scale, uint8_t *panel) {
  for (uint64_t strip = 0; strip < kPanelStrips; ++strip)
    for (uint64_t i = 0; i < streamGroups(layout) * kStripRows; ++i)
      std::memcpy(panel + strip * stripBytes(layout) + i * 2, &scale, 2);
}

void clearPanelPadding(const WeightLayout &layout, uint64_t index, uint8_t *panel) {
  for (uint64_t column = 0; column < kPanelColumns; ++column) {
    uint8_t *strip = panel + column / kStripRows * stripBytes(layout);
    const uint64_t r = column % kStripRows;
    const bool isPadding = layout.rowAt(index, column) < 0;
    for (uint64_t k = isPadding ? 0 : layout.columns; k < layout.paddedColumns(); ++k) {
      const Place place = placeOf(layout, r, k);
      if (layout.isQuantized())
        setInteger(layout.format, strip, place, 0);
      else
        std::memset(strip + place.byte, 0, 2);
    }
    for (uint64_t group = isPadding ? 0 : layout.groups(); group < streamGroups(layout); ++group)
      std::memset(strip + scalePlace(r, group), 0, 2);
  }
}

// ---- Reading
// ----------------------------------------------------------------------------------------

/// The strip of slot (panel * 32 + column) `slot`.
static const uint8_t *stripOf(const WeightLayout &layout, const uint8_t *data, uint64_t slot) {
  return data + slot / kStripRows * stripBytes(layout);
}

int panelValue(const WeightLayout &layout, const uint8_t *data, uint64_t row, uint64_t k) {
  assert(layout.isQuantized() && row < layout.rows && k < layout.paddedColumns());
  const uint64_t slot = layout.slotOfRow(row);
  return integerAt(layout.format, stripOf(layout, data, slot),
                   placeOf(layout, slot % kStripRows, k));
}

uint16_t panelScale(const WeightLayout &layout, const uint8_t *data, uint64_t row, uint64_t group) {
  assert(layout.isQuantized() && row < layout.rows && group < streamGroups(layout));
  const uint64_t slot = layout.slotOfRow(row);
  uint16_t bits;
  std::memcpy(&bits, stripOf(layout, data, slot) + scalePlace(slot % kStripRows, group), 2);
  return bits;
}

uint16_t panelBf16(const WeightLayout &layout, const uint8_t *data, uint64_t row, uint64_t k) {
  assert(layout.isHalf() && row < layout.rows && k < layout.paddedColumns());
  const uint64_t slot = layout.slotOfRow(row);
  return bf16At(stripOf(layout, data, slot), placeOf(layout, slot % kStripRows, k));
}

void unpackPanel(const WeightLayout &layout, const uint8_t *panel, int8_t *values) {
  assert(layout.isQuantized());
  const Places places(layout);
  for (uint64_t c = 0; c < kPanelColumns; ++c) {
    const uint8_t *strip = stripOf(layout, panel, c);
    for (uint64_t k = 0; k < layout.paddedColumns(); ++k)
      values[k * kPanelColumns + c] =
          static_cast<int8_t>(integerAt(layout.format, strip, places.at(c % kStripRows, k)));
  }
}

void unpackPanel(const WeightLayout &layout, const uint8_t *panel, float *values) {
  assert(layout.isHalf());
  const Places places(layout);
  for (uint64_t c = 0; c < kPanelColumns; ++c) {
    const uint8_t *strip = stripOf(layout, panel, c);
    for (uint64_t k = 0; k < layout.paddedColumns(); ++k)
      values[k * kPanelColumns + c] =
          widen(layout.format, bf16At(strip, places.at(c % kStripRows, k)));
  }
}

} // namespace ingot::mma16
