#include "runtime/artifact/Mma16.h"

#include "runtime/base/Numerics.h"

#include <cassert>
#include <cstring>
#include <emmintrin.h>

namespace ingot::mma16 {

// ---- Places ----

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

// ---- Packing ----

namespace {

__m128i load(const void *from) { return _mm_loadu_si128(static_cast<const __m128i *>(from)); }
void store(void *to, __m128i vector) { _mm_storeu_si128(static_cast<__m128i *>(to), vector); }

/// One pair of rows (g, g + 8) of a block of 64 k: its words of 4 lanes. `x` and `y` are the rows
/// at the block's first k, `out` is lane 4g of the block's first tile.
void packPairInt4(const int8_t *x, const int8_t *y, uint8_t *out) {
  const __m128i eight = _mm_set1_epi8(8);
  __m128i words[4]; // of 16 k each: entry t is the word of lane 4g + t
  for (int i = 0; i < 4; ++i) {
    const __m128i low = _mm_add_epi8(load(x + 16 * i), eight);
    const __m128i high = _mm_add_epi8(load(y + 16 * i), eight);
    const __m128i bytes = _mm_or_si128(low, _mm_slli_epi16(high, 4)); // k by k: row g, row g + 8
    words[i] = _mm_unpacklo_epi8(bytes, _mm_srli_si128(bytes, 8));    // k, k + 8, k + 1, k + 9
  }
  const __m128i a = _mm_unpacklo_epi32(words[0], words[1]);
  const __m128i b = _mm_unpacklo_epi32(words[2], words[3]);
  const __m128i c = _mm_unpackhi_epi32(words[0], words[1]);
  const __m128i d = _mm_unpackhi_epi32(words[2], words[3]);
  store(out, _mm_unpacklo_epi64(a, b));
  store(out + 16, _mm_unpackhi_epi64(a, b));
  store(out + 32, _mm_unpacklo_epi64(c, d));
  store(out + 48, _mm_unpackhi_epi64(c, d));
}

/// The same for bytes, 32 k; `flip` is 0x80 in every byte for int8.
void packPairBytes(const int8_t *x, const int8_t *y, __m128i flip, uint8_t *out) {
  __m128i first[2], second[2]; // of 16 k each: 8 bytes of lanes 0 and 1; 2 and 3
  for (int i = 0; i < 2; ++i) {
    const __m128i a = _mm_xor_si128(load(x + 16 * i), flip);
    const __m128i b = _mm_xor_si128(load(y + 16 * i), flip);
    const __m128i low = _mm_unpacklo_epi16(a, b), high = _mm_unpackhi_epi16(a, b);
    first[i] = _mm_unpacklo_epi32(low, high);
    second[i] = _mm_unpackhi_epi32(low, high);
  }
  store(out, _mm_unpacklo_epi64(first[0], first[1]));
  store(out + 16, _mm_unpackhi_epi64(first[0], first[1]));
  store(out + 32, _mm_unpacklo_epi64(second[0], second[1]));
  store(out + 48, _mm_unpackhi_epi64(second[0], second[1]));
}

/// The same for 16-bit floats, 16 k.
void packPairHalves(const uint16_t *x, const uint16_t *y, uint8_t *out) {
  const __m128i x0 = load(x), x1 = load(x + 8), y0 = load(y), y1 = load(y + 8);
  const __m128i a = _mm_unpacklo_epi32(x0, y0), b = _mm_unpacklo_epi32(x1, y1);
  const __m128i c = _mm_unpackhi_epi32(x0, y0), d = _mm_unpackhi_epi32(x1, y1);
  store(out, _mm_unpacklo_epi64(a, b));
  store(out + 16, _mm_unpackhi_epi64(a, b));
  store(out + 32, _mm_unpacklo_epi64(c, d));
  store(out + 48, _mm_unpackhi_epi64(c, d));
}

/// Calls pack(row g, row g + 8, lane 4g of the tile) for every tile of `step` k of a strip, in the
/// order of the bytes. `rows` [16][columns].
template <typename Value, typename Pack>
void forPairs(const Value *rows, uint64_t columns, uint64_t step, uint8_t *out, Pack pack) {
  for (uint64_t k = 0; k < columns; k += step)
    for (uint64_t g = 0; g < kStripRows / 2; ++g, out += 64)
      pack(rows + g * columns + k, rows + (g + 8) * columns + k, out);
}

/// The scales of a strip; `scales` [16][groups].
void packScales(const WeightLayout &layout, const uint16_t *scales, uint8_t *out) {
  std::memset(out, 0, scaleBytes(layout));
  for (uint64_t r = 0; r < kStripRows; ++r)
    for (uint64_t group = 0; group < layout.groups(); ++group)
      std::memcpy(out + scalePlace(r, group), scales + r * layout.groups() + group, 2);
}

} // namespace

void packPanel(const WeightLayout &layout, const int8_t *values, const uint16_t *scales,
               uint8_t *out) {
  assert(layout.kind == LayoutKind::Mma16 && layout.isQuantized());
  const uint64_t columns = layout.paddedColumns();
  for (uint64_t strip = 0; strip < kPanelStrips; ++strip, out += stripBytes(layout)) {
    packScales(layout, scales + strip * kStripRows * layout.groups(), out);
    const int8_t *rows = values + strip * kStripRows * columns;
    uint8_t *stream = out + scaleBytes(layout);
    if (layout.format == WeightFormat::Int4) {
      forPairs(rows, columns, 64, stream, packPairInt4);
      continue;
    }
    const __m128i flip = _mm_set1_epi8(layout.format == WeightFormat::Int8 ? char(0x80) : char(0));
    forPairs(rows, columns, 32, stream,
             [&](const int8_t *x, const int8_t *y, uint8_t *to) { packPairBytes(x, y, flip, to); });
  }
}

void packPanel(const WeightLayout &layout, const uint16_t *halves, uint8_t *out) {
  assert(layout.kind == LayoutKind::Mma16 && layout.isHalf());
  const uint64_t columns = layout.paddedColumns();
  for (uint64_t strip = 0; strip < kPanelStrips; ++strip)
    forPairs(halves + strip * kStripRows * columns, columns, 16, out + strip * stripBytes(layout),
             packPairHalves);
}

// ---- Padding ----

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

// ---- Reading ----

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
