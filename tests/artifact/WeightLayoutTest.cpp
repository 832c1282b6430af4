#include "runtime/artifact/WeightLayout.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

using namespace ingot;

static Result<WeightLayout> make(const char *format, const char *layout,
                                 std::vector<uint64_t> shape, uint32_t group = 0,
                                 uint32_t interleave = 0) {
  return WeightLayout::make(format, layout, shape, group, interleave);
}

TEST_CASE("sizes of odd shapes follow the formulas") {
  // K = 172 pads to 192 = 6 blocks; N = 33 takes two panels.
  CHECK(make("int4", "panel32", {33, 172}, 32)->bytes == 2 * (6 * 64 + 6 * 512));
  CHECK(make("int4", "panel32", {33, 172}, 64)->bytes == 2 * (3 * 64 + 6 * 512));
  CHECK(make("int4", "panel32", {33, 172}, 128)->bytes == 2 * (2 * 64 + 6 * 512)); // 4 + 2 blocks
  CHECK(make("int4", "panel32", {33, 172}, 0)->bytes == 2 * (64 + 6 * 512));
  CHECK(make("int8", "panel32", {33, 172}, 32)->bytes == 2 * (6 * 64 + 6 * 1024));
  CHECK(make("bf16", "panel32", {33, 172})->bytes == 2 * 192 * 64);
  CHECK(make("f32", "row", {172})->bytes == 192 * 4);
  CHECK(make("f32", "row", {3, 33})->bytes == 3 * 64 * 4);
  CHECK(make("int8", "panel32", {1, 1}, 4096)->bytes == 64 + 1024); // a group longer than the row
}

TEST_CASE("a group that does not divide the row has a short last one") {
  const auto layout = make("int8", "panel32", {32, 320}, 128);
  CHECK(layout->blocks() == 10);
  CHECK(layout->blocksPerGroup() == 4);
  CHECK(layout->groups() == 3);
}

TEST_CASE("interleaved panels take the number of rows up to a multiple of 32 outputs") {
  CHECK(make("int4", "panel32", {2 * 32, 32}, 32, 16)->units == 2);
  CHECK(make("int4", "panel32", {2 * 33, 32}, 32, 16)->units == 4);
  CHECK(make("int4", "panel32", {2 * 172, 64}, 32, 16)->units == 12); // 16 * 12 = 192
}

TEST_CASE("every row has its own slot and rowAt is the inverse") {
  for (uint32_t interleave : {0u, 16u, 32u, 96u})
    for (uint64_t rows : {2, 32, 34, 64, 66, 130, 192, 288}) {
      if (interleave > 16 && rows % interleave != 0)
        continue;
      const auto layout = make("int8", "panel32", {rows, 40}, 32, interleave);
      std::set<uint64_t> slots;
      for (uint64_t row = 0; row < rows; ++row) {
        const uint64_t slot = layout->slotOfRow(row);
        REQUIRE(slot < layout->units * kPanelColumns);
        REQUIRE(slots.insert(slot).second);
        REQUIRE(layout->rowAt(slot / 32, slot % 32) == static_cast<int64_t>(row));
      }
      uint64_t padding = 0;
      for (uint64_t slot = 0; slot < layout->units * 32; ++slot)
        padding += layout->rowAt(slot / 32, slot % 32) < 0;
      REQUIRE(padding == layout->units * 32 - rows);
    }
}

TEST_CASE("interleaving puts gate rows left and up rows right in each panel") {
  const auto layout = make("int4", "panel32", {2 * 40, 32}, 32, 16);
  CHECK(layout->rowAt(0, 0) == 0);
  CHECK(layout->rowAt(0, 16) == 40);
  CHECK(layout->rowAt(1, 3) == 19);
  CHECK(layout->rowAt(1, 19) == 59);
  CHECK(layout->rowAt(2, 8) == -1); // gate row 40 does not exist
  CHECK(layout->rowAt(2, 24) == -1);
}

TEST_CASE("heads are interleaved so that a panel holds rows of both halves of one head") {
  const auto layout = make("bf16", "mma16", {3 * 64, 40}, 0, 64);
  CHECK(layout->units == 6);
  CHECK(layout->rowAt(0, 0) == 0);
  CHECK(layout->rowAt(0, 16) == 32);
  CHECK(layout->rowAt(1, 3) == 19);
  CHECK(layout->rowAt(1, 31) == 63);
  CHECK(layout->rowAt(4, 0) == 128);
  CHECK(layout->rowAt(5, 17) == 128 + 32 + 17);
}

TEST_CASE("combinations without a layout are refused with the reason") {
  const auto reason = [](const Result<WeightLayout> &layout) {
    REQUIRE(layout.status().id() == "weight-layout");
    return layout.status().message();
  };
  CHECK(reason(make("int3", "panel32", {32, 32})).find("int3") != std::string::npos);
  CHECK(reason(make("int4", "tile", {32, 32})).find("tile") != std::string::npos);
  CHECK_FALSE(make("f32", "panel32", {32, 32}).isOk());
  CHECK_FALSE(make("int8", "row", {32, 32}).isOk());
  CHECK_FALSE(make("int8", "panel32", {32, 32}, 48).isOk());
  CHECK_FALSE(make("bf16", "panel32", {32, 32}, 32).isOk());
  CHECK_FALSE(make("bf16", "panel32", {33, 32}, 0, 16).isOk()); // odd rows
  CHECK_FALSE(make("bf16", "panel32", {32, 32}, 0, 8).isOk());
  CHECK(reason(make("bf16", "mma16", {96, 32}, 0, 64)).find("whole heads") != std::string::npos);
  CHECK_FALSE(make("f32", "row", {64}, 0, 64).isOk());
  CHECK_FALSE(make("f32", "row", {}).isOk());
  CHECK_FALSE(make("f32", "row", {1, 2, 3}).isOk());
  CHECK_FALSE(make("f32", "row", {0}).isOk());
}

TEST_CASE("dimensions near 2^64 do not wrap") {
  for (uint64_t big : {~uint64_t(0), uint64_t(1) << 63, (uint64_t(1) << 32) + 1, uint64_t(1) << 32})
    for (const char *format : {"int4", "int8", "bf16"}) {
      CHECK_FALSE(make(format, "panel32", {big, big}).isOk());
      CHECK_FALSE(make(format, "panel32", {big, uint64_t(1) << 20}).isOk());
      CHECK_FALSE(make(format, "panel32", {uint64_t(1) << 20, big}).isOk());
    }
}
