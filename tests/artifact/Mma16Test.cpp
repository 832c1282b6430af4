#include "runtime/artifact/Mma16.h"

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

const Case kCases[] = {
    {"int4", 33, 172, 32, 0},   {"int4", 33, 96, 32, 0},      {"int4", 64, 172, 128, 0},
    {"int4", 1, 1, 0, 0},       {"int4", 66, 96, 0, 16},      {"int4", 2 * 40, 172, 64, 16},
    {"int8", 33, 96, 32, 0},    {"int8", 31, 320, 128, 0},    {"int8", 65, 33, 0, 0},
    {"int8", 40, 200, 96, 0},   {"int8", 2 * 17, 64, 32, 16}, {"fp8", 33, 300, 128, 0},
    {"fp8", 65, 33, 0, 0},      {"fp8", 2 * 17, 64, 0, 16},   {"int4", 3 * 32, 96, 32, 32},
    {"int8", 2 * 96, 40, 0, 96}};

WeightLayout layoutOf(const Case &c) {
  const uint64_t shape[] = {c.rows, c.columns};
  return *WeightLayout::make(c.format, "mma16", shape, c.group, c.interleave);
}

/// Values and scales that are a function of their place.
struct Matrix {
  explicit Matrix(const WeightLayout &layout) {
    const uint64_t range = layout.format == WeightFormat::Int4 ? 16 : 256;
    for (uint64_t i = 0; i < layout.rows * layout.columns; ++i)
      values.push_back(static_cast<int8_t>(static_cast<int64_t>(mix64(i) % range) -
                                           static_cast<int64_t>(range / 2)));
    if (layout.format == WeightFormat::E4m3)
      for (int8_t &bits : values)
        bits = static_cast<int8_t>(bits & 0xf7); // no NaN
    for (uint64_t i = 0; i < layout.rows * layout.groups(); ++i)
      scales.push_back(numerics::toF16(0.001f * static_cast<float>(i % 997 + 1)));
  }
  std::vector<int8_t> values;
  std::vector<uint16_t> scales;
};

/// What the bits of a value stand for before its scale.
float numberOf(const WeightLayout &layout, int8_t value) {
  return layout.format == WeightFormat::E4m3 ? numerics::fromE4m3(static_cast<uint8_t>(value))
                                             : static_cast<float>(value);
}

std::vector<uint8_t> pack(const WeightLayout &layout, const Matrix &m) {
  std::vector<uint8_t> data(layout.bytes, 0xab);
  packPanels(layout, {m.values, m.scales}, 0, layout.units, data.data());
  return data;
}

} // namespace

TEST_CASE("sizes of mma16 follow the formulas") {
  const auto bytes = [](const char *format, uint64_t rows, uint64_t columns, uint32_t group) {
    const uint64_t shape[] = {rows, columns};
    return WeightLayout::make(format, "mma16", shape, group, 0)->bytes;
  };
  // 172 pads to 192; 33 rows take four strips of 16.
  CHECK(bytes("int4", 33, 172, 32) == 4 * (6 * 32 + 192 * 8));
  CHECK(bytes("int4", 33, 172, 128) == 4 * (2 * 32 + 192 * 8));
  CHECK(bytes("int8", 33, 172, 0) == 4 * (32 + 192 * 16));
  CHECK(bytes("bf16", 33, 172, 0) == 4 * 192 * 32);
  CHECK(bytes("int4", 32, 96, 32) == 2 * (4 * 32 + 128 * 8)); // the padding is a group of its own
  CHECK(bytes("int8", 32, 33, 4096) == 2 * (32 + 64 * 16));
}

TEST_CASE("integers and scales packed as mma16 read back") {
  for (const Case &c : kCases) {
    INFO(c.format << " " << c.rows << "x" << c.columns << " group " << c.group << " interleave "
                  << c.interleave);
    const WeightLayout layout = layoutOf(c);
    const Matrix m(layout);
    const std::vector<uint8_t> data = pack(layout, m);
    std::vector<float> row(layout.columns);
    std::vector<int8_t> panel(layout.paddedColumns() * kPanelColumns);
    for (uint64_t r = 0; r < layout.rows; ++r) {
      const uint64_t slot = layout.slotOfRow(r);
      unpackPanelRow(layout, data.data(), r, row.data());
      unpackPanel(layout, data.data() + slot / 32 * layout.unitBytes, panel.data());
      for (uint64_t k = 0; k < layout.paddedColumns(); ++k) {
        const int8_t value = k < layout.columns ? m.values[r * layout.columns + k] : int8_t(0);
        REQUIRE(panelValue(layout, data.data(), r, k) == value);
        REQUIRE(panel[k * 32 + slot % 32] == value);
        const uint64_t g = k / 32 / layout.blocksPerGroup();
        if (k < layout.columns)
          REQUIRE(row[k] ==
                  numberOf(layout, value) * numerics::fromF16(m.scales[r * layout.groups() + g]));
      }
      for (uint64_t g = 0; g < mma16::streamGroups(layout); ++g)
        REQUIRE(panelScale(layout, data.data(), r, g) ==
                (g < layout.groups() ? m.scales[r * layout.groups() + g] : 0));
    }
  }
}

TEST_CASE("lanes find the operand of the matrix unit in their 16 bytes") {
  // Element (row 8 + 5, k 64 + 27) of strip 1: register 3 (row >= 8, k % 16 >= 8) of the tile of
  // 16 k that starts at 80; lane 4 * 5 + (27 % 8) / 2 = 21; k is odd: the upper half.
  const uint64_t shape[] = {32, 128};
  std::vector<int8_t> values(32 * 128, 0);
  std::vector<uint16_t> scales(32 * 2, 0);
  values[(16 + 13) * 128 + 64 + 27] = -3;
  scales[(16 + 13) * 2 + 1] = 0x1234;
  const WeightLayout int4 = *WeightLayout::make("int4", "mma16", shape, 64, 0);
  std::vector<uint8_t> data(int4.bytes);
  packPanels(int4, {values, scales}, 0, 1, data.data());
  const uint8_t *strip = data.data() + 64 + 2 * 512;
  CHECK(strip[32 + 5 * 4 + 2] == 0x34); // group 1, row 5 + 8
  CHECK(strip[32 + 5 * 4 + 3] == 0x12);
  CHECK(strip[64 + 512 + 21 * 16 + 4 + 3] == ((5 << 4) | 8)); // nibble 3 + 4
  CHECK(strip[64] == 0x88);

  const WeightLayout int8 = *WeightLayout::make("int8", "mma16", shape, 64, 0);
  data.assign(int8.bytes, 0);
  packPanels(int8, {values, scales}, 0, 1, data.data());
  strip = data.data() + 64 + 4 * 512;
  CHECK(strip[64 + 2 * 512 + 21 * 16 + 8 + 3 * 2 + 1] == 125);

  const WeightLayout bf16 = *WeightLayout::make("bf16", "mma16", shape, 0, 0);
  std::vector<uint16_t> halves(32 * 128, 0);
  halves[(16 + 13) * 128 + 64 + 27] = 0xbeef;
  data.assign(bf16.bytes, 0xff);
  packPanelsBf16(bf16, halves, 0, 1, data.data());
  strip = data.data() + 8 * 512;
  CHECK(strip[5 * 512 + 21 * 16 + 3 * 4 + 2] == 0xef);
  CHECK(strip[5 * 512 + 21 * 16 + 3 * 4 + 3] == 0xbe);
}

TEST_CASE("padding of mma16 holds zero values and zero scales") {
  for (const Case &c : kCases) {
    const WeightLayout layout = layoutOf(c);
    const Matrix m(layout);
    const std::vector<uint8_t> data = pack(layout, m);
    std::vector<uint8_t> cleared = data;
    for (uint64_t p = 0; p < layout.units; ++p)
      clearPanelPadding(layout, p, cleared.data() + p * layout.unitBytes);
    REQUIRE(cleared == data);
    // Garbage everywhere but in real elements and scales is brought to the same bytes.
    std::vector<uint8_t> garbage(layout.bytes, 0x5a);
    for (uint64_t p = 0; p < layout.units; ++p)
      clearPanelPadding(layout, p, garbage.data() + p * layout.unitBytes);
    for (uint64_t i = 0; i < layout.bytes; ++i)
      if (garbage[i] != 0x5a && (garbage[i] & 0xf0) != 0x50 && (garbage[i] & 0x0f) != 0x0a)
        REQUIRE(garbage[i] == data[i]);
  }
}

TEST_CASE("mma16 panels packed one by one equal panels packed together") {
  for (const Case &c : kCases) {
    const WeightLayout layout = layoutOf(c);
    const Matrix m(layout);
    std::vector<uint8_t> pieces(layout.bytes);
    for (uint64_t p = 0; p < layout.units; ++p)
      packPanels(layout, {m.values, m.scales}, p, 1, pieces.data() + p * layout.unitBytes);
    REQUIRE(pack(layout, m) == pieces);
  }
}

TEST_CASE("16-bit floats packed as mma16 read back with zero padding") {
  for (auto [format, interleave] : {std::pair("bf16", 0u), std::pair("bf16", 16u),
                                    std::pair("fp16", 0u), std::pair("fp16", 16u)}) {
    const uint64_t shape[] = {34, 172};
    const WeightLayout layout = *WeightLayout::make(format, "mma16", shape, 0, interleave);
    const bool half = layout.format == WeightFormat::F16;
    std::vector<uint16_t> values(34 * 172);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<uint16_t>(0x3f00 + i % 255);
    std::vector<uint8_t> data(layout.bytes, 0xab);
    packPanelsBf16(layout, values, 0, layout.units, data.data());
    std::vector<float> panel(layout.paddedColumns() * kPanelColumns);
    for (uint64_t r = 0; r < 34; ++r) {
      const uint64_t slot = layout.slotOfRow(r);
      unpackPanel(layout, data.data() + slot / 32 * layout.unitBytes, panel.data());
      for (uint64_t k = 0; k < 192; ++k) {
        const uint16_t bits = k < 172 ? values[r * 172 + k] : uint16_t(0);
        REQUIRE(panelBf16(layout, data.data(), r, k) == bits);
        REQUIRE(panel[k * 32 + slot % 32] ==
                (half ? numerics::fromF16(bits) : numerics::fromBf16(bits)));
      }
    }
  }
}

TEST_CASE("layouts of CPUs and wrong groups refuse the formats of GPUs") {
  const auto refusal = [](const char *format, const char *kind, uint32_t group) {
    const uint64_t shape[] = {64, 256};
    const auto made = WeightLayout::make(format, kind, shape, group, 0);
    return made.isOk() ? std::string() : made.status().message();
  };
  CHECK(refusal("fp8", "mma16", 0).empty());
  CHECK(refusal("fp8", "mma16", 128).empty());
  CHECK(refusal("fp8", "panel32", 0).find("compile for cuda") != std::string::npos);
  CHECK(refusal("fp16", "panel32", 0).find("compile for cuda") != std::string::npos);
  CHECK(refusal("fp8", "mma16", 64).find("fp8 one of 128") != std::string::npos);
  CHECK(refusal("fp16", "mma16", 32).find("others 0") != std::string::npos);
}
