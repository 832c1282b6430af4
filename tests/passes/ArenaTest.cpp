#include "passes/plan/Arena.h"

#include <catch2/catch.hpp>

#include <random>

using namespace ingot;

static bool overlap(uint64_t a, uint64_t aBytes, uint64_t b, uint64_t bBytes) {
  return a < b + bBytes && b < a + aBytes;
}

static void requireApart(const std::vector<ArenaRequest> &requests, const ArenaPlan &plan) {
  for (size_t i = 0; i < requests.size(); ++i) {
    CHECK(plan.offsets[i] % requests[i].align == 0);
    CHECK(plan.offsets[i] + requests[i].bytes <= plan.bytes);
    for (size_t j = 0; j < i; ++j) {
      const bool together =
          requests[i].first <= requests[j].last && requests[j].first <= requests[i].last;
      if (together)
        CHECK(!overlap(plan.offsets[i], requests[i].bytes, plan.offsets[j], requests[j].bytes));
    }
  }
}

TEST_CASE("an empty arena has no bytes") { CHECK(placeInArena({}).bytes == 0); }

TEST_CASE("buffers that never live together share bytes") {
  const ArenaPlan plan = placeInArena({{128, 64, 0, 1}, {128, 64, 2, 3}});
  CHECK(plan.offsets == std::vector<uint64_t>{0, 0});
  CHECK(plan.bytes == 128);
}

TEST_CASE("a launch's input and output live together") {
  const ArenaPlan plan = placeInArena({{128, 64, 0, 1}, {64, 64, 1, 2}});
  CHECK(plan.offsets == std::vector<uint64_t>{0, 128});
}

TEST_CASE("the tightest gap is taken, not the first") {
  // At launch 5 only the two long-lived buffers and the newcomer live: gaps of 256 and of 128
  // bytes.
  const ArenaPlan plan = placeInArena({
      {512, 64, 0, 9}, // at 0
      {256, 64, 0, 4}, // at 512, gone at launch 5
      {192, 64, 0, 9}, // at 768
      {128, 64, 0, 4}, // at 960, gone at launch 5
      {96, 64, 0, 9},  // at 1088
      {80, 64, 5, 6},  // fits both gaps: the one of 128 is tighter
  });
  CHECK(plan.offsets == std::vector<uint64_t>{0, 512, 768, 960, 1088, 960});
}

TEST_CASE("random lifetimes never overlap, and the plan repeats") {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<ArenaRequest> requests;
    for (int i = 0; i < 60; ++i) {
      const size_t first = random() % 50;
      requests.push_back(
          {1 + random() % 5000, uint64_t(64) << (random() % 3), first, first + random() % 10});
    }
    const ArenaPlan plan = placeInArena(requests);
    requireApart(requests, plan);
    CHECK(placeInArena(requests).offsets == plan.offsets);
  }
}
