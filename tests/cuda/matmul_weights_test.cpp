// What lanes make of packed weights: integers as bf16, the geometry of a strip's stream.
#include "codegen/cuda/MatmulTiles.h"
#include "codegen/cuda/kernels/MatmulFew.cuh"
#include "codegen/cuda/kernels/MatmulMany.cuh"
#include "runtime/artifact/Mma16.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::gpu;

static float lower(u32 pair) { return numerics::fromBf16(static_cast<u16>(pair)); }
static float upper(u32 pair) { return numerics::fromBf16(static_cast<u16>(pair >> 16)); }

TEST_CASE("every pair of nibbles becomes the pair of its values") {
  for (u32 lo = 0; lo < 16; ++lo)
    for (u32 hi = 0; hi < 16; ++hi) {
      const u32 pair = decodeNibbles(0xfff0fff0u | lo | hi << 16); // what lies beside is no matter
      REQUIRE(lower(pair) == static_cast<float>(lo) - 8.0f);
      REQUIRE(upper(pair) == static_cast<float>(hi) - 8.0f);
      REQUIRE((pair & 0x7fffu ? true : (pair & 0x8000u) == 0)); // zero is +0
    }
}

TEST_CASE("every pair of bytes becomes the pair of its values") {
  for (u32 lo = 0; lo < 256; ++lo)
    for (u32 hi = 0; hi < 256; ++hi) {
      const u32 pair = decodeBytes(lo | hi << 16);
      REQUIRE(lower(pair) == static_cast<float>(lo) - 128.0f);
      REQUIRE(upper(pair) == static_cast<float>(hi) - 128.0f);
    }
}

TEST_CASE("every pair of e4m3 becomes the pair of its values") {
  for (u32 lo = 0; lo < 256; ++lo)
    for (u32 hi = 0; hi < 256; ++hi) {
      if ((lo & 0x7f) == 0x7f || (hi & 0x7f) == 0x7f) // weights hold no NaN
        continue;
      const u32 pair = decodeE4m3(lo | hi << 16);
      REQUIRE(lower(pair) == numerics::fromE4m3(static_cast<u8>(lo)));
      REQUIRE(upper(pair) == numerics::fromE4m3(static_cast<u8>(hi)));
    }
}

template <WeightKind kKind, u32 kN, u32 kK, u32 kScaleGroup, u32 kSlice>
struct Shape {
  static constexpr WeightKind kWeights = kKind;
  static constexpr RowNumber kRows = kKind == WeightKind::F16 ? RowNumber::F16 : RowNumber::Bf16;
  static constexpr u32 kOutputs = kN, kColumns = kK, kGroup = kScaleGroup, kSpan = kSlice;
};

template <class Config>
static void checkStream(const char *format) {
  using Weights = Stream<Config>;
  const uint64_t shape[] = {Config::kOutputs, Config::kColumns};
  const WeightLayout layout = *WeightLayout::make(format, "mma16", shape, Config::kGroup, 0);
  CHECK(Weights::kStripBytes == mma16::stripBytes(layout));
  CHECK(Weights::kStrips == layout.units * mma16::kPanelStrips);
  CHECK(u64(Weights::kStrips) * Weights::kStripBytes == layout.bytes);
  u32 groups = 0, slices = 0;
  for (u32 block = 0; block < Weights::kBlocks; ++block) {
    for (u32 half = 0; half < 2; ++half)
      if (Weights::endsGroup(block, half)) {
        CHECK(Weights::groupOf(block, half) == groups);
        ++groups;
      }
    slices += Weights::endsSlice(block);
  }
  CHECK(groups == mma16::streamGroups(layout));
  CHECK(slices == Weights::kSlices);
}

TEST_CASE("kernels and packers agree about strips") {
  checkStream<Shape<WeightKind::Bf16, 33, 70, 0, 0>>("bf16");
  checkStream<Shape<WeightKind::Bf16, 64, 320, 0, 128>>("bf16");
  checkStream<Shape<WeightKind::Int8, 33, 130, 0, 0>>("int8");
  checkStream<Shape<WeightKind::Int8, 17, 200, 96, 0>>("int8");
  checkStream<Shape<WeightKind::Int4, 40, 96, 32, 0>>("int4");
  checkStream<Shape<WeightKind::Int4, 64, 512, 128, 256>>("int4");
  checkStream<Shape<WeightKind::Int4, 31, 100, 4096, 0>>("int4");
  checkStream<Shape<WeightKind::F16, 33, 70, 0, 0>>("fp16");
  checkStream<Shape<WeightKind::E4m3, 33, 200, 128, 0>>("fp8");
  checkStream<Shape<WeightKind::E4m3, 33, 200, 0, 0>>("fp8");
}

TEST_CASE("operand A of the packed integers is that of their values as bf16") {
  const uint64_t shape[] = {32, 64};
  std::vector<int8_t> values;
  std::vector<uint16_t> halves, scales(32, 0);
  for (int i = 0; i < 32 * 64; ++i) {
    values.push_back(static_cast<int8_t>(i * 7 % 16 - 8));
    halves.push_back(numerics::toBf16(values.back()));
  }
  const auto pack = [&](const char *format) {
    const WeightLayout layout = *WeightLayout::make(format, "mma16", shape, 0, 0);
    std::vector<uint8_t> bytes(layout.bytes);
    if (layout.isQuantized())
      packPanels(layout, {values, scales}, 0, 1, bytes.data());
    else
      packPanelsBf16(layout, halves, 0, 1, bytes.data());
    return bytes;
  };
  const std::vector<uint8_t> bf16 = pack("bf16"), int8 = pack("int8"), int4 = pack("int4");
  for (u32 lane = 0; lane < 32; ++lane) {
    uint4 wide[4], bytes[2], nibbles[1];
    for (u32 w = 0; w < 4; ++w)
      wide[w] = load128(bf16.data() + w * 512 + lane * 16);
    for (u32 w = 0; w < 2; ++w)
      bytes[w] = load128(int8.data() + 32 + w * 512 + lane * 16);
    nibbles[0] = load128(int4.data() + 32 + lane * 16);
    for (u32 tile = 0; tile < 4; ++tile) {
      u32 a[4], fromBytes[4], fromNibbles[4];
      decodeTile<WeightKind::Bf16>(a, wide, tile);
      decodeTile<WeightKind::Int8>(fromBytes, bytes, tile);
      decodeTile<WeightKind::Int4>(fromNibbles, nibbles, tile);
      for (u32 i = 0; i < 4; ++i) {
        REQUIRE(fromBytes[i] == a[i]);
        REQUIRE(fromNibbles[i] == a[i]);
      }
      // Element a0.lo: row g, k = 16 tile + 2t.
      REQUIRE(static_cast<u16>(a[0]) == halves[lane / 4 * 64 + tile * 16 + lane % 4 * 2]);
    }
  }
}
