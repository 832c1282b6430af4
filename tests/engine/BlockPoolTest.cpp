#include "runtime/kv/BlockTable.h"

#include <catch2/catch.hpp>

#include <array>
#include <random>

using namespace ingot;

TEST_CASE("blocks come in ascending order at first and count down") {
  BlockPool pool(3);
  REQUIRE(pool.freeBlocks() == 3);
  REQUIRE(pool.tryAllocate() == 0u);
  REQUIRE(pool.tryAllocate() == 1u);
  REQUIRE(pool.tryAllocate() == 2u);
  REQUIRE_FALSE(pool.tryAllocate().has_value());
  REQUIRE(pool.usedBlocks() == 3);
  REQUIRE(pool.checkInvariants().isOk());
}

TEST_CASE("freed blocks are reused last") {
  BlockPool pool(4);
  REQUIRE(pool.tryAllocate() == 0u);
  REQUIRE(pool.tryAllocate() == 1u);
  pool.release(1);
  pool.release(0);
  REQUIRE(pool.tryAllocate() == 2u);
  REQUIRE(pool.tryAllocate() == 3u);
  REQUIRE(pool.tryAllocate() == 1u);
  REQUIRE(pool.tryAllocate() == 0u);
  REQUIRE(pool.checkInvariants().isOk());
}

TEST_CASE("a shared block is free when its last owner has gone") {
  BlockPool pool(1);
  const BlockId id = *pool.tryAllocate();
  pool.retain(id);
  REQUIRE(pool.references(id) == 2);
  pool.release(id);
  REQUIRE(pool.freeBlocks() == 0);
  pool.release(id);
  REQUIRE(pool.freeBlocks() == 1);
  REQUIRE(pool.checkInvariants().isOk());
}

TEST_CASE("a pool without blocks refuses politely") {
  BlockPool pool(0u);
  REQUIRE_FALSE(pool.tryAllocate().has_value());
  REQUIRE(pool.checkInvariants().isOk());
}

TEST_CASE("the first hand-out follows a given order") {
  const std::array<BlockId, 4> order = {2, 0, 3, 1};
  BlockPool pool{std::span<const BlockId>(order)};
  for (const BlockId expected : order)
    REQUIRE(pool.tryAllocate() == expected);
}

TEST_CASE("tables grow whole or not at all") {
  BlockPool pool(4);
  BlockTable a, b;
  REQUIRE(a.tryGrow(3, pool));
  REQUIRE_FALSE(b.tryGrow(2, pool));
  REQUIRE(b.empty());
  REQUIRE(pool.freeBlocks() == 1);
  REQUIRE(a.tryGrow(2, pool));
  REQUIRE(a.size() == 3);
  a.releaseAll(pool);
  REQUIRE(a.empty());
  REQUIRE(pool.freeBlocks() == 4);
}

TEST_CASE("blocks for tokens rounds up") {
  REQUIRE(blocksForTokens(0, 16) == 0);
  REQUIRE(blocksForTokens(1, 16) == 1);
  REQUIRE(blocksForTokens(16, 16) == 1);
  REQUIRE(blocksForTokens(17, 16) == 2);
}

TEST_CASE("invariants hold along a random walk and no block is given out twice") {
  std::mt19937 random(7);
  BlockPool pool(23);
  std::vector<BlockId> owned;
  for (int step = 0; step < 5000; ++step) {
    const uint32_t choice = random() % 3;
    if (choice == 0 || owned.empty()) {
      const auto id = pool.tryAllocate();
      REQUIRE(id.has_value() == (std::count(owned.begin(), owned.end(), id.value_or(0)) == 0));
      if (id)
        owned.push_back(*id);
      else
        REQUIRE(pool.freeBlocks() == 0);
    } else {
      const size_t victim = random() % owned.size();
      if (choice == 1) {
        pool.retain(owned[victim]);
        owned.push_back(owned[victim]);
      } else {
        pool.release(owned[victim]);
        owned.erase(owned.begin() + static_cast<ptrdiff_t>(victim));
      }
    }
    if (owned.size() > 60) {
      for (const BlockId id : owned)
        pool.release(id);
      owned.clear();
    }
  }
  REQUIRE(pool.checkInvariants().isOk());
}
