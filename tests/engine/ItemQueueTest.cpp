#include "runtime/device/ItemQueue.h"

#include <catch2/catch.hpp>

#include <vector>

using namespace ingot;

TEST_CASE("a member alone takes its range in pieces from the front") {
  ItemQueue queue(2);
  queue.fill(0, 64);
  queue.fill(1, 64);
  const ItemRange first = queue.take(0, 64);
  REQUIRE(first.begin == 0);
  REQUIRE(first.end == 4); // an eighth of 32
  REQUIRE(queue.take(1, 64).begin == 32);
  REQUIRE(queue.take(0, 64).begin == 4);
}

TEST_CASE("who is done early takes from the end of the fullest other range") {
  ItemQueue queue(3);
  for (uint32_t member = 0; member < 3; ++member)
    queue.fill(member, 96);
  for (int i = 0; i < 8; ++i)
    queue.take(0, 96);
  queue.take(1, 96);
  const ItemRange stolen = queue.take(0, 96);
  REQUIRE(stolen.begin == 92);
  REQUIRE(stolen.end == 96);
}

TEST_CASE("small launches stay where they are") {
  ItemQueue queue(2);
  queue.fill(0, 6);
  queue.fill(1, 6);
  for (int i = 0; i < 3; ++i)
    REQUIRE(queue.take(0, 6).end == static_cast<uint32_t>(i) + 1);
  const ItemRange none = queue.take(0, 6);
  REQUIRE(none.begin == none.end);
  REQUIRE(queue.take(1, 6).begin == 3);
}

TEST_CASE("every item is taken exactly once, whatever the interleaving") {
  for (const uint32_t members : {1u, 2u, 3u, 7u})
    for (const uint32_t items : {0u, 1u, 5u, 8u, 64u, 1000u}) {
      auto team = ThreadTeam::create({members, false, 5});
      REQUIRE(team.isOk());
      ItemQueue queue(members);
      std::vector<std::atomic<uint32_t>> taken(items);
      for (uint32_t member = 0; member < members; ++member)
        queue.fill(member, items);
      (*team)->run([&](uint32_t member) {
        for (ItemRange piece; (piece = queue.take(member, items)).begin < piece.end;)
          for (uint32_t i = piece.begin; i < piece.end; ++i)
            ++taken[i];
      });
      for (const auto &count : taken)
        REQUIRE(count == 1);
    }
}
