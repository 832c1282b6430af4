#include "runtime/artifact/Panel32.h"

#include "runtime/artifact/RowLayout.h"
#include "runtime/base/Numerics.h"
#include "runtime/base/Random.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

using namespace ingot;

namespace {

struct Case {
  const char *format;
  uint64_t rows, columns;
  uint32_t group, interleave;
};

const Case kCases[] = {{"int4", 33, 172, 32, 0},  {"int4", 33, 172, 64, 0},
                       {"int4", 64, 172, 128, 0}, {"int4", 1, 1, 0, 0},
                       {"int4", 66, 96, 0, 16},   {"int4", 2 * 40, 172, 64, 16},
                       {"int8", 33, 172, 32, 0},  {"int8", 31, 320, 128, 0},
                       {"int8", 65, 33, 0, 0},    {"int8", 2 * 17, 64, 32, 16}};

WeightLayout layoutOf(const Case &c) {
  const uint64_t shape[] = {c.rows, c.columns};
  return *WeightLayout::make(c.format, "panel32", shape, c.group, c.interleave);
}

/// Values and scales that are a function of their place.
struct Matrix {
  explicit Matrix(const WeightLayout &layout) {
    const uint64_t range = layout.format == WeightFormat::Int4 ? 16 : 256;
    for (uint64_t i = 0; i < layout.rows * layout.columns; ++i)
      values.push_back(static_cast<int8_t>(static_cast<int64_t>(mix64(i) % range) -
                                           static_cast<int64_t>(range / 2)));
    for (uint64_t i = 0; i < layout.rows * layout.groups(); ++i)
      scales.push_back(numerics::toF16(0.001f * static_cast<float>(i % 997 + 1)));
  }
  std::vector<int8_t> values;
  std::vector<uint16_t> scales;
};

} // namespace

TEST_CASE("packed integers and scales read back") {
  for (const Case &c : kCases) {
    INFO(c.format << " " << c.rows << "x" << c.columns << " group " << c.group << " interleave "
                  << c.interleave);
    const WeightLayout layout = layoutOf(c);
    const Matrix m(layout);
    std::vector<uint8_t> data(layout.bytes, 0xab);
    packPanels(layout, {m.values, m.scales}, 0, layout.units, data.data());
    std::vector<float> row(layout.columns);
    for (uint64_t r = 0; r < layout.rows; ++r) {
      unpackPanelRow(layout, data.data(), r, row.data());
      for (uint64_t k = 0; k < layout.columns; ++k) {
        REQUIRE(panelValue(layout, data.data(), r, k) == m.values[r * layout.columns + k]);
        const uint64_t g = k / 32 / layout.blocksPerGroup();
        REQUIRE(row[k] == static_cast<float>(m.values[r * layout.columns + k]) *
                              numerics::fromF16(m.scales[r * layout.groups() + g]));
      }
      for (uint64_t g = 0; g < layout.groups(); ++g)
        REQUIRE(panelScale(layout, data.data(), r, g) == m.scales[r * layout.groups() + g]);
    }
  }
}

TEST_CASE("a whole panel unpacks to what its elements are") {
  for (const Case &c : kCases) {
    const WeightLayout layout = layoutOf(c);
    const Matrix m(layout);
    std::vector<uint8_t> data(layout.bytes);
    packPanels(layout, {m.values, m.scales}, 0, layout.units, data.data());
    std::vector<int8_t> values(layout.paddedColumns() * kPanelColumns);
    for (uint64_t r = 0; r < layout.rows; ++r) {
      const uint64_t slot = layout.slotOfRow(r);
      unpackPanel(layout, data.data() + slot / 32 * layout.unitBytes, values.data());
      for (uint64_t k = 0; k < layout.columns; ++k)
        REQUIRE(values[k * 32 + slot % 32] == m.values[r * layout.columns + k]);
    }
  }
  const uint64_t shape[] = {32, 70};
  const WeightLayout bf16 = *WeightLayout::make("bf16", "panel32", shape, 0, 0);
  std::vector<uint16_t> halves(32 * 70);
  for (size_t i = 0; i < halves.size(); ++i)
    halves[i] = numerics::toBf16(static_cast<float>(i) * 0.25f);
  std::vector<uint8_t> data(bf16.bytes);
  packPanelsBf16(bf16, halves, 0, 1, data.data());
  std::vector<float> values(bf16.paddedColumns() * kPanelColumns);
  unpackPanel(bf16, data.data(), values.data());
  for (uint64_t r = 0; r < 32; ++r)
    for (uint64_t k = 0; k < 70; ++k)
      REQUIRE(values[k * 32 + r] == numerics::fromBf16(halves[r * 70 + k]));
}

TEST_CASE("bytes lie where the kernels expect them") {
  // One panel, K = 64, group 32: scales, block 0, scales, block 1.
  const uint64_t shape[] = {32, 64};
  const WeightLayout int4 = *WeightLayout::make("int4", "panel32", shape, 32, 0);
  std::vector<int8_t> values(32 * 64, 0);
  std::vector<uint16_t> scales(32 * 2, 0);
  // Column 17 = half 1, lane 1. k = 32 + 13: block 1, i = 1, high nibble (13 % 8 = 5), j = 1.
  values[17 * 64 + 45] = -3;
  scales[17 * 2 + 1] = 0x1234;
  std::vector<uint8_t> data(int4.bytes);
  packPanels(int4, {values, scales}, 0, 1, data.data());
  const size_t block1 = 64 + 512 + 64;
  CHECK(data[block1 + 256 + 64 + 4 + 1] == ((5 << 4) | 8));
  CHECK(data[block1 - 64 + 17 * 2] == 0x34);
  CHECK(data[block1 - 64 + 17 * 2 + 1] == 0x12);
  CHECK(data[block1] == 0x88); // zeros carry the offset of 8

  const WeightLayout int8 = *WeightLayout::make("int8", "panel32", shape, 32, 0);
  data.assign(int8.bytes, 0);
  packPanels(int8, {values, scales}, 0, 1, data.data());
  CHECK(data[64 + 1024 + 64 + 512 + 3 * 64 + 4 + 1] == 125); // k 13: i = 3, j = 1; -3 + 128

  const WeightLayout bf16 = *WeightLayout::make("bf16", "panel32", shape, 0, 0);
  std::vector<uint16_t> halves(32 * 64, 0);
  halves[17 * 64 + 45] = 0xbeef;
  data.assign(bf16.bytes, 0xff);
  packPanelsBf16(bf16, halves, 0, 1, data.data());
  CHECK(data[22 * 128 + 64 + 4 + 2] == 0xef); // pair 22, half 1, lane 1, second of the pair
  CHECK(data[22 * 128 + 64 + 4 + 3] == 0xbe);
  CHECK(data[0] == 0);
}

TEST_CASE("padding columns and padding k hold zero values and zero scales") {
  for (const Case &c : kCases) {
    const WeightLayout layout = layoutOf(c);
    const Matrix m(layout);
    std::vector<uint8_t> data(layout.bytes), cleared(layout.bytes);
    packPanels(layout, {m.values, m.scales}, 0, layout.units, data.data());
    for (uint64_t r = 0; r < layout.rows; ++r)
      for (uint64_t k = layout.columns; k < layout.paddedColumns(); ++k)
        REQUIRE(panelValue(layout, data.data(), r, k) == 0);
    // Clearing what is padding already changes nothing; clearing garbage gives the same padding.
    cleared = data;
    for (uint64_t p = 0; p < layout.units; ++p)
      clearPanelPadding(layout, p, cleared.data() + p * layout.unitBytes);
    REQUIRE(cleared == data);
  }
}

TEST_CASE("panels packed one by one equal panels packed together") {
  for (const Case &c : kCases) {
    const WeightLayout layout = layoutOf(c);
    const Matrix m(layout);
    std::vector<uint8_t> whole(layout.bytes), pieces(layout.bytes);
    packPanels(layout, {m.values, m.scales}, 0, layout.units, whole.data());
    for (uint64_t p = 0; p < layout.units; ++p)
      packPanels(layout, {m.values, m.scales}, p, 1, pieces.data() + p * layout.unitBytes);
    REQUIRE(whole == pieces);
  }
}

TEST_CASE("packed bf16 reads back with zero padding") {
  for (uint32_t interleave : {0u, 16u}) {
    const uint64_t shape[] = {34, 172};
    const WeightLayout layout = *WeightLayout::make("bf16", "panel32", shape, 0, interleave);
    std::vector<uint16_t> values(34 * 172);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<uint16_t>(0x3f00 + i % 255);
    std::vector<uint8_t> data(layout.bytes, 0xab);
    packPanelsBf16(layout, values, 0, layout.units, data.data());
    for (uint64_t r = 0; r < 34; ++r)
      for (uint64_t k = 0; k < 192; ++k)
        REQUIRE(panelBf16(layout, data.data(), r, k) == (k < 172 ? values[r * 172 + k] : 0));
    std::vector<float> row(172);
    unpackPanelRow(layout, data.data(), 33, row.data());
    REQUIRE(row[171] == numerics::fromBf16(values[33 * 172 + 171]));
  }
}

TEST_CASE("rows are padded with zeros to 32 columns") {
  const uint64_t shape[] = {2, 33};
  const WeightLayout layout = *WeightLayout::make("f32", "row", shape, 0, 0);
  std::vector<float> values(66);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i) + 0.5f;
  std::vector<uint8_t> data(layout.bytes, 0xff);
  packRows(layout, values, data.data());
  float row[33];
  unpackRow(layout, data.data(), 1, row);
  CHECK((row[0] == 33.5f && row[32] == 65.5f));
  for (size_t at : {33 * 4, 64 * 4 - 1, 64 * 4 + 33 * 4})
    CHECK(data[at] == 0);
}
