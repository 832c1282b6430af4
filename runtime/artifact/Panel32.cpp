#include "runtime/artifact/Panel32.h"

#include "runtime/artifact/Mma16.h"
#include "runtime/base/Numerics.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <vector>

namespace ingot {

/// Bytes of the 32 f16 scales of a group.
static constexpr uint64_t kScaleBytes = kPanelColumns * 2;

uint64_t panelBlockBytes(WeightFormat format) {
  return format == WeightFormat::Int4 ? 512 : format == WeightFormat::Int8 ? 1024 : 2048;
}

// ---- Places ----

/// Byte offset of block `block` inside an int panel.
static uint64_t blockOffset(const WeightLayout &layout, uint64_t block) {
  const uint64_t scalesBefore = block / layout.blocksPerGroup() + 1;
  return scalesBefore * kScaleBytes + block * panelBlockBytes(layout.format);
}
/// Byte offset of the scales of `group` inside an int panel.
static uint64_t scaleOffset(const WeightLayout &layout, uint64_t group) {
  return group * (kScaleBytes + layout.blocksPerGroup() * panelBlockBytes(layout.format));
}
/// Byte of (column, k) inside an int4 block; k 0..31. The nibble is high when k % 8 >= 4.
static uint64_t int4Byte(uint64_t column, uint64_t k) {
  return column / 16 * 256 + k / 8 * 64 + column % 16 * 4 + k % 4;
}
static uint64_t int8Byte(uint64_t column, uint64_t k) {
  return column / 16 * 512 + k / 4 * 64 + column % 16 * 4 + k % 4;
}
/// Byte of the bf16 of (column, k) inside a panel.
static uint64_t bf16Byte(uint64_t column, uint64_t k) {
  return k / 2 * 128 + column / 16 * 64 + column % 16 * 4 + k % 2 * 2;
}

static const uint8_t *panelOf(const WeightLayout &layout, const uint8_t *data, uint64_t slot) {
  return data + slot / kPanelColumns * layout.unitBytes;
}

// ---- Packing ----

// The columns of a panel lie a power of two apart in memory and evict each other from the cache: a
// line is read whole or it would be read again.

/// Calls pack(32 values, column, block) for every block and column of a panel, two blocks (a cache
/// line of values) at a time. `values` [32][columns].
template <typename Pack>
static void forBlocks(const WeightLayout &layout, const int8_t *values, uint8_t *panel, Pack pack) {
  const uint64_t columns = layout.paddedColumns();
  for (uint64_t first = 0; first < layout.blocks(); first += 2) {
    const uint64_t count = std::min<uint64_t>(2, layout.blocks() - first);
    uint8_t *blocks[2] = {};
    for (uint64_t i = 0; i < count; ++i)
      blocks[i] = panel + blockOffset(layout, first + i);
    for (uint64_t column = 0; column < kPanelColumns; ++column)
      for (uint64_t i = 0; i < count; ++i)
        pack(values + column * columns + (first + i) * kBlockK, column, blocks[i]);
  }
}

static void packInt4(const int8_t *values, uint64_t column, uint8_t *block) {
  for (uint64_t k = 0; k < kBlockK; k += 8) {
    uint64_t bytes;
    std::memcpy(&bytes, values + k, 8);
    bytes = (bytes & 0x0f0f0f0f0f0f0f0full) ^ 0x0808080808080808ull; // + 8 in each nibble
    const uint32_t word = static_cast<uint32_t>(bytes | bytes >> 28);
    std::memcpy(block + int4Byte(column, k), &word, 4);
  }
}

static void packInt8(const int8_t *values, uint64_t column, uint8_t *block) {
  for (uint64_t k = 0; k < kBlockK; k += 4) {
    uint32_t word;
    std::memcpy(&word, values + k, 4);
    word ^= 0x80808080u; // + 128
    std::memcpy(block + int8Byte(column, k), &word, 4);
  }
}

void packPanel(const WeightLayout &layout, const int8_t *values, const uint16_t *scales,
               uint8_t *out) {
  if (layout.kind == LayoutKind::Mma16)
    return mma16::packPanel(layout, values, scales, out);
  assert(layout.kind == LayoutKind::Panel32 && layout.isQuantized());
  for (uint64_t group = 0; group < layout.groups(); ++group)
    for (uint64_t column = 0; column < kPanelColumns; ++column)
      std::memcpy(out + scaleOffset(layout, group) + column * 2,
                  scales + column * layout.groups() + group, 2);
  if (layout.format == WeightFormat::Int4)
    forBlocks(layout, values, out, packInt4);
  else
    forBlocks(layout, values, out, packInt8);
}

void packPanel(const WeightLayout &layout, const uint16_t *halves, uint8_t *out) {
  if (layout.kind == LayoutKind::Mma16)
    return mma16::packPanel(layout, halves, out);
  assert(layout.kind == LayoutKind::Panel32 && layout.format == WeightFormat::Bf16);
  const uint64_t columns = layout.paddedColumns();
  for (uint64_t line = 0; line < columns; line += kBlockK)
    for (uint64_t column = 0; column < kPanelColumns; ++column)
      for (uint64_t k = line; k < line + kBlockK; k += 2)
        std::memcpy(out + bf16Byte(column, k), halves + column * columns + k, 4);
}

/// Copies the rows of a panel, `width` entries each, to `to` [32][paddedWidth]; the rest is 0.
template <typename Entry>
static void gatherPanel(const WeightLayout &layout, uint64_t panel, const Entry *matrix,
                        uint64_t width, uint64_t paddedWidth, std::vector<Entry> &to) {
  to.assign(kPanelColumns * paddedWidth, Entry(0));
  for (uint64_t column = 0; column < kPanelColumns; ++column)
    if (const int64_t row = layout.rowAt(panel, column); row >= 0)
      std::copy_n(matrix + static_cast<uint64_t>(row) * width, width,
                  to.data() + column * paddedWidth);
}

void packPanels(const WeightLayout &layout, const QuantizedMatrix &matrix, uint64_t firstPanel,
                uint64_t panels, uint8_t *out) {
  assert(matrix.values.size() == layout.rows * layout.columns);
  assert(matrix.scales.size() == layout.rows * layout.groups());
  assert(firstPanel + panels <= layout.units);
  std::vector<int8_t> values;
  std::vector<uint16_t> scales;
  for (uint64_t p = firstPanel; p < firstPanel + panels; ++p, out += layout.unitBytes) {
    gatherPanel(layout, p, matrix.values.data(), layout.columns, layout.paddedColumns(), values);
    gatherPanel(layout, p, matrix.scales.data(), layout.groups(), layout.groups(), scales);
    packPanel(layout, values.data(), scales.data(), out);
  }
}

void packPanelsBf16(const WeightLayout &layout, std::span<const uint16_t> values,
                    uint64_t firstPanel, uint64_t panels, uint8_t *out) {
  assert(values.size() == layout.rows * layout.columns);
  assert(firstPanel + panels <= layout.units);
  std::vector<uint16_t> halves;
  for (uint64_t p = firstPanel; p < firstPanel + panels; ++p, out += layout.unitBytes) {
    gatherPanel(layout, p, values.data(), layout.columns, layout.paddedColumns(), halves);
    packPanel(layout, halves.data(), out);
  }
}

// ---- Padding ----
// ---------------------------------------------------------------------------------------

void setPanelScales(const WeightLayout &layout, uint16_t scale, uint8_t *panel) {
  if (layout.kind == LayoutKind::Mma16)
    return mma16::setPanelScales(layout, scale, panel);
  uint16_t scales[kPanelColumns];
  std::fill_n(scales, kPanelColumns, scale);
  for (uint64_t group = 0; group < layout.groups(); ++group)
    std::memcpy(panel + scaleOffset(layout, group), scales, kScaleBytes);
}

/// Sets element (column, k) to the value 0.
static void clearElement(const WeightLayout &layout, uint64_t column, uint64_t k, uint8_t *panel) {
  if (layout.format == WeightFormat::Bf16) {
    std::memset(panel + bf16Byte(column, k), 0, 2);
  } else if (layout.format == WeightFormat::Int8) {
    panel[blockOffset(layout, k / kBlockK) + int8Byte(column, k % kBlockK)] = 0x80;
  } else {
    uint8_t &byte = panel[blockOffset(layout, k / kBlockK) + int4Byte(column, k % kBlockK)];
    byte = static_cast<uint8_t>(k % 8 < 4 ? (byte & 0xf0u) | 0x08u : (byte & 0x0fu) | 0x80u);
  }
}

void clearPanelPadding(const WeightLayout &layout, uint64_t index, uint8_t *panel) {
  if (layout.kind == LayoutKind::Mma16)
    return mma16::clearPanelPadding(layout, index, panel);
  for (uint64_t column = 0; column < kPanelColumns; ++column) {
    const bool isPadding = layout.rowAt(index, column) < 0;
    for (uint64_t k = isPadding ? 0 : layout.columns; k < layout.paddedColumns(); ++k)
      clearElement(layout, column, k, panel);
    for (uint64_t group = 0; isPadding && layout.isQuantized() && group < layout.groups(); ++group)
      std::memset(panel + scaleOffset(layout, group) + column * 2, 0, 2);
  }
}

// ---- Reading ----

int panelValue(const WeightLayout &layout, const uint8_t *data, uint64_t row, uint64_t k) {
  if (layout.kind == LayoutKind::Mma16)
    return mma16::panelValue(layout, data, row, k);
  assert(layout.isQuantized() && row < layout.rows && k < layout.paddedColumns());
  const uint64_t slot = layout.slotOfRow(row), column = slot % kPanelColumns;
  const uint8_t *block = panelOf(layout, data, slot) + blockOffset(layout, k / kBlockK);
  if (layout.format == WeightFormat::Int8)
    return static_cast<int>(block[int8Byte(column, k % kBlockK)]) - 128;
  const uint8_t byte = block[int4Byte(column, k % kBlockK)];
  return static_cast<int>(k % 8 < 4 ? byte & 15u : byte >> 4) - 8;
}

uint16_t panelScale(const WeightLayout &layout, const uint8_t *data, uint64_t row, uint64_t group) {
  if (layout.kind == LayoutKind::Mma16)
    return mma16::panelScale(layout, data, row, group);
  assert(layout.isQuantized() && row < layout.rows && group < layout.groups());
  const uint64_t slot = layout.slotOfRow(row);
  uint16_t bits;
  std::memcpy(&bits,
              panelOf(layout, data, slot) + scaleOffset(layout, group) + slot % kPanelColumns * 2,
              2);
  return bits;
}

uint16_t panelBf16(const WeightLayout &layout, const uint8_t *data, uint64_t row, uint64_t k) {
  if (layout.kind == LayoutKind::Mma16)
    return mma16::panelBf16(layout, data, row, k);
  assert(layout.format == WeightFormat::Bf16 && row < layout.rows && k < layout.paddedColumns());
  const uint64_t slot = layout.slotOfRow(row);
  uint16_t bits;
  std::memcpy(&bits, panelOf(layout, data, slot) + bf16Byte(slot % kPanelColumns, k), 2);
  return bits;
}

/// One block of 32 k.
static void unpackBlock(WeightFormat format, const uint8_t *block, int8_t *values) {
  for (uint64_t half = 0; half < 2; ++half)
    for (uint64_t c = 0; c < 16; ++c)
      for (uint64_t k = 0; k < kBlockK; ++k) {
        int value = 0;
        if (format == WeightFormat::Int4) {
          const uint8_t pair = block[half * 256 + k / 8 * 64 + c * 4 + k % 4];
          value = (k % 8 < 4 ? pair & 15 : pair >> 4) - 8;
        } else {
          value = block[half * 512 + k / 4 * 64 + c * 4 + k % 4] - 128;
        }
        values[k * kPanelColumns + half * 16 + c] = static_cast<int8_t>(value);
      }
}

void unpackPanel(const WeightLayout &layout, const uint8_t *panel, int8_t *values) {
  if (layout.kind == LayoutKind::Mma16)
    return mma16::unpackPanel(layout, panel, values);
  assert(layout.isQuantized());
  const uint64_t blockBytes = panelBlockBytes(layout.format), scales = 2 * kPanelColumns;
  for (uint64_t b = 0; b < layout.blocks(); ++b) {
    const uint64_t groups = b / layout.blocksPerGroup() + 1; // whose scales lie before the block
    unpackBlock(layout.format, panel + groups * scales + b * blockBytes,
                values + b * kBlockK * kPanelColumns);
  }
}

void unpackPanel(const WeightLayout &layout, const uint8_t *panel, float *values) {
  if (layout.kind == LayoutKind::Mma16)
    return mma16::unpackPanel(layout, panel, values);
  assert(layout.format == WeightFormat::Bf16);
  std::vector<uint16_t> halves(layout.paddedColumns() * kPanelColumns);
  std::memcpy(halves.data(), panel, halves.size() * sizeof(uint16_t));
  for (uint64_t k = 0; k < layout.paddedColumns(); ++k) // pairs of k side by side
    for (uint64_t c = 0; c < kPanelColumns; ++c)
      values[k * kPanelColumns + c] =
          numerics::fromBf16(halves[(k / 2 * kPanelColumns + c) * 2 + k % 2]);
}

void unpackPanelRow(const WeightLayout &layout, const uint8_t *data, uint64_t row, float *out) {
  for (uint64_t k = 0; k < layout.columns; ++k) {
    if (layout.isHalf()) {
      const uint16_t bits = panelBf16(layout, data, row, k);
      out[k] =
          layout.format == WeightFormat::F16 ? numerics::fromF16(bits) : numerics::fromBf16(bits);
      continue;
    }
    const uint64_t group = k / kBlockK / layout.blocksPerGroup();
    const int value = panelValue(layout, data, row, k);
    out[k] = (layout.format == WeightFormat::E4m3 ? numerics::fromE4m3(static_cast<uint8_t>(value))
                                                  : static_cast<float>(value)) *
             numerics::fromF16(panelScale(layout, data, row, group));
  }
}

} // namespace ingot
