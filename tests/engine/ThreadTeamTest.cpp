#include "runtime/device/ThreadTeam.h"
#include "runtime/base/Mxcsr.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <numeric>

using namespace ingot;

namespace {
std::unique_ptr<ThreadTeam> makeTeam(uint32_t threads, bool pin = false) {
  auto team = ThreadTeam::create({threads, pin, 5});
  REQUIRE(team.isOk());
  return *std::move(team);
}
} // namespace

TEST_CASE("every member runs each job once") {
  const uint32_t threads = GENERATE(1u, 2u, 3u, 7u);
  auto team = makeTeam(threads);
  std::vector<uint32_t> runs(threads, 0);
  for (int job = 0; job < 200; ++job)
    team->run([&](uint32_t member) { ++runs[member]; });
  REQUIRE(runs == std::vector<uint32_t>(threads, 200));
}

TEST_CASE("a barrier separates the phases of a job") {
  const uint32_t threads = GENERATE(1u, 2u, 3u, 7u);
  auto team = makeTeam(threads);
  constexpr int kPhases = 300;
  std::vector<uint32_t> written(threads, 0);
  std::atomic<int> mistakes{0};
  team->run([&](uint32_t member) {
    for (uint32_t phase = 1; phase <= kPhases; ++phase) {
      written[member] = phase;
      team->barrier();
      for (const uint32_t value : written)
        mistakes += value != phase;
      team->barrier();
    }
  });
  REQUIRE(mistakes == 0);
}

TEST_CASE("members sleep between jobs and wake for the next one") {
  auto team = makeTeam(3);
  std::atomic<uint32_t> sum{0};
  for (int job = 0; job < 3; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5)); // longer than the spin
    team->run([&](uint32_t member) { sum += member + 1; });
  }
  REQUIRE(sum == 18);
}

TEST_CASE("jobs see the step's floating-point mode and a hostile caller gets its own back") {
  const uint32_t threads = GENERATE(1u, 2u, 3u);
  auto team = makeTeam(threads);
  const unsigned before = _mm_getcsr();
  // Round toward zero, denormals kept, some sticky flags set.
  const unsigned hostile = 0x1f80u | 0x6000u | 0x0021u;
  std::vector<unsigned> seen(threads, 0);
  _mm_setcsr(hostile);
  team->run([&](uint32_t member) {
    seen[member] = _mm_getcsr();
    volatile float tiny = 1e-38f;
    tiny = tiny * 0.01f; // raises underflow flags inside
  });
  const unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  REQUIRE(after == hostile);
  for (const unsigned mode : seen)
    REQUIRE((mode & ~0x3fu) == kKernelMxcsr);
}

TEST_CASE("item ranges are contiguous, complete and balanced") {
  for (uint32_t members : {1u, 2u, 3u, 7u})
    for (uint32_t items : {0u, 1u, 2u, 6u, 7u, 8u, 1000u}) {
      uint32_t next = 0;
      for (uint32_t member = 0; member < members; ++member) {
        const ItemRange range = itemRangeOf(items, member, members);
        REQUIRE(range.begin == next);
        REQUIRE(range.end - range.begin <= items / members + 1);
        next = range.end;
      }
      REQUIRE(next == items);
    }
}

TEST_CASE("impossible team sizes are refused") {
  REQUIRE(ThreadTeam::create({0, false, 0}).status().id() == "threads-out-of-range");
  REQUIRE(ThreadTeam::create({5000, false, 0}).status().id() == "threads-out-of-range");
}

TEST_CASE("a pinned team works like any other") {
  auto team = makeTeam(2, true);
  std::atomic<int> runs{0};
  team->run([&](uint32_t) { ++runs; });
  REQUIRE(runs == 2);
}
