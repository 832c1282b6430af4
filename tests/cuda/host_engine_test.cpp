// The tester tested: kernels with one planted mistake each, and what tells it. A mistake shows as
// an error of the launch, as NaN in the result, as results that differ between orders, or, where
// memory is touched that is not there, as a report of AddressSanitizer in a child process.
#include "codegen/cuda/host/Run.h"
#include "codegen/cuda/host/Sanitizer.h"
#include "codegen/cuda/host/State.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <memory>

#include <sys/wait.h>
#include <unistd.h>

using namespace ingot::gpu;
using Catch::Contains;
using host::Launch;
using host::Order;

namespace {

u64 address(const void *at) { return reinterpret_cast<u64>(at); }

/// What three orders of a kernel say: the first error, and about the floats in slot 0.
struct Outcome {
  std::string error;
  bool nan = false, differs = false;
};

Outcome runOrders(host::KernelFn kernel, Launch launch, std::vector<u64> more = {},
                  std::span<const host::PriorWrite> prior = {}) {
  Outcome outcome;
  std::vector<float> first, out;
  for (const Order order : host::kOrders) {
    for (u64 seed = 1; seed <= (order == Order::Random ? 4u : 1u); ++seed) {
      out.assign(1024, 0.0f);
      KernelArgs args = {{address(out.data())}};
      std::copy(more.begin(), more.end(), args.slot + 1);
      launch.order = order;
      launch.seed = seed;
      const std::string error = host::run(kernel, args, launch, prior);
      if (outcome.error.empty())
        outcome.error = error;
      if (first.empty())
        first = out;
      for (size_t i = 0; i < out.size(); ++i) {
        outcome.nan |= std::isnan(out[i]);
        outcome.differs |= std::memcmp(&out[i], &first[i], 4) != 0;
      }
    }
  }
  return outcome;
}

void isFine(const Outcome &outcome) {
  CHECK(outcome.error == "");
  CHECK_FALSE(outcome.nan);
  CHECK_FALSE(outcome.differs);
}
bool isFound(const Outcome &outcome) {
  return !outcome.error.empty() || outcome.nan || outcome.differs;
}
void isSuspicious(const Outcome &outcome) {
  CHECK(outcome.error == "");
  CHECK((outcome.nan || outcome.differs));
}

/// 1.0f, 2.0f, ... in memory of exactly this size.
std::vector<float> numbers(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(i + 1);
  return values;
}

#ifdef __SANITIZE_ADDRESS__
/// Runs `work` in a child; what it wrote to stderr, or "" when it ended well.
template <typename Work>
std::string childReport(Work work) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 2);
    ::close(ends[0]);
    ::close(ends[1]);
    work();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char part[4096];
  for (ssize_t n; (n = ::read(ends[0], part, sizeof part)) > 0;)
    text.append(part, static_cast<size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0 ? "" : text;
}
#endif

/// Neighbours exchange through shared memory.
template <bool kBarrier>
void exchangeKernel(KernelArgs args) {
  INGOT_SHARED(float, tile, 128);
  const u32 i = threadIndex();
  tile[i] = static_cast<float>(i);
  if (kBarrier)
    syncThreads();
  args.pointer<float>(0)[i] = tile[(i + 33) % 128];
}

enum class Ring { Right, NoWait, ShortWait, NoBarrierBeforeReuse, LeftOver };

/// A ring of two stages filled by cp.async and read by all threads.
template <Ring kRing>
void ringKernel(KernelArgs args) {
  constexpr u32 kStages = 2, kSteps = 6, kFloats = 256; // 64 threads, 16 bytes each
  auto *stages = reinterpret_cast<float *>(dynamicShared());
  const auto *from = args.pointer<const float>(1);
  const auto fill = [&](u32 step) {
    if (step < kSteps)
      copyAsync16(stages + step % kStages * kFloats + 4 * threadIndex(),
                  from + step * kFloats + 4 * threadIndex());
    copyCommit();
  };
  float sum = 0;
  fill(0);
  for (u32 step = 0; step < kSteps; ++step) {
    fill(step + 1);
    if (kRing == Ring::ShortWait)
      copyWait<2>();
    else if (kRing != Ring::NoWait)
      copyWait<1>();
    syncThreads();
    sum += stages[step % kStages * kFloats + (4 * threadIndex() + 36) % kFloats];
    if (kRing != Ring::NoBarrierBeforeReuse)
      syncThreads();
  }
  if (kRing == Ring::LeftOver)
    copyAsync16(stages + 4 * threadIndex(), from);
  copyWait<0>();
  args.pointer<float>(0)[threadIndex()] = sum;
}

enum class Pipe { Right, FewBytes, ManyBytes, NoEmptyWait, NoFullWait, NoInitFence, Polling };

/// A producer warp and a consumer warp around a ring of bulk copies.
template <Pipe kPipe>
void pipeKernel(KernelArgs args) {
  constexpr u32 kStages = 2, kSteps = 6, kBytes = 512;
  INGOT_SHARED(SharedBarrier, full, kStages);
  INGOT_SHARED(SharedBarrier, empty, kStages);
  auto *stages = dynamicShared();
  if (threadIndex() == 0) {
    for (u32 i = 0; i < kStages; ++i) {
      full[i].init(1);
      empty[i].init(32);
    }
    if (kPipe != Pipe::NoInitFence)
      fenceBarrierInit();
  }
  syncThreads();
  if (warpId() == 0) {
    for (u32 step = 0; step < kSteps && laneId() == 0; ++step) {
      const u32 s = step % kStages;
      if (step >= kStages && kPipe != Pipe::NoEmptyWait)
        empty[s].wait((step / kStages - 1) & 1);
      full[s].arriveExpect(kPipe == Pipe::FewBytes    ? kBytes - 128
                           : kPipe == Pipe::ManyBytes ? kBytes + 16
                                                      : kBytes);
      copyBulk(stages + s * kBytes, args.pointer<u8>(1) + step * kBytes, kBytes, full[s]);
    }
    return;
  }
  float sum = 0;
  for (u32 step = 0; step < kSteps; ++step) {
    const u32 s = step % kStages;
    while (kPipe == Pipe::Polling && !full[s].tryWait(step / kStages & 1)) {
    }
    if (kPipe != Pipe::NoFullWait)
      full[s].wait(step / kStages & 1);
    for (u32 i = 0; i < 4; ++i)
      sum += reinterpret_cast<float *>(stages + s * kBytes)[32 * i + laneId()];
    empty[s].arrive();
  }
  args.pointer<float>(0)[laneId()] = sum;
}

enum class Group {
  Right,
  EarlyReuse,
  NoAsyncFence,
  EarlyRead,
  NoFence,
  NoWait,
  WrittenAccumulator,
  Divided
};

/// One wgmma of m64n8k16 over ones.
template <Group kGroup>
void wgmmaKernel(KernelArgs args) {
  u8 *const a = dynamicShared(), *const b = a + 8192;
  const auto fill = [&](u16 value) {
    for (u32 i = threadIndex(); i < (8192 + 1024) / 2; i += 128)
      reinterpret_cast<u16 *>(a)[i] = value;
    if (kGroup != Group::NoAsyncFence)
      fenceAsyncShared();
    syncThreads();
  };
  fill(0x3f80);
  float d[4] = {1, 2, 3, 4};
  if (kGroup != Group::NoFence)
    wgmmaFence();
  if (kGroup != Group::Divided || warpId() != 3)
    wgmmaBf16(d, swizzledOperand(a), swizzledOperand(b), true);
  wgmmaCommit();
  float early = kGroup == Group::EarlyRead ? d[1] : 0;
  if (kGroup == Group::EarlyReuse)
    fill(0x4000);
  if (kGroup == Group::WrittenAccumulator)
    d[2] = 0;
  if (kGroup != Group::NoWait)
    wgmmaWait<0>();
  for (u32 i = 0; i < 4; ++i)
    args.pointer<float>(0)[4 * threadIndex() + i] = d[i] + early;
}

constexpr Launch kGroupLaunch = {.threads = 128, .sharedBytes = 8192 + 1024};

} // namespace

TEST_CASE("a missing barrier shows between orders") {
  isFine(runOrders(exchangeKernel<true>, {.threads = 128}));
  isSuspicious(runOrders(exchangeKernel<false>, {.threads = 128}));
}

TEST_CASE("mistakes around cp.async") {
  const std::vector<float> from = numbers(6 * 256);
  const Launch launch = {.threads = 64, .sharedBytes = 2048};
  const std::vector<u64> more = {address(from.data())};
  isFine(runOrders(ringKernel<Ring::Right>, launch, more));
  isSuspicious(runOrders(ringKernel<Ring::NoWait>, launch, more));
  isSuspicious(runOrders(ringKernel<Ring::ShortWait>, launch, more));
  isSuspicious(runOrders(ringKernel<Ring::NoBarrierBeforeReuse>, launch, more));
  CHECK_THAT(runOrders(ringKernel<Ring::LeftOver>, launch, more).error,
             Contains("asynchronous copies that it did not wait for"));
}

TEST_CASE("mistakes around bulk copies and mbarriers") {
  const std::vector<float> from = numbers(6 * 128);
  const Launch launch = {.threads = 64, .sharedBytes = 1024};
  const std::vector<u64> more = {address(from.data())};
  isFine(runOrders(pipeKernel<Pipe::Right>, launch, more));
  isFine(runOrders(pipeKernel<Pipe::Polling>, launch, more));
  CHECK_THAT(runOrders(pipeKernel<Pipe::NoInitFence>, launch, more).error,
             Contains("fenceBarrierInit is missing"));
  CHECK_THAT(runOrders(pipeKernel<Pipe::FewBytes>, launch, more).error,
             Contains("transaction count of -") || Contains("bulk copies are under way"));
  CHECK_THAT(runOrders(pipeKernel<Pipe::ManyBytes>, launch, more).error,
             Contains("deadlock") && Contains("wait for mbarrier") &&
                 Contains("host_engine_test.cpp"));
  CHECK(isFound(runOrders(pipeKernel<Pipe::NoEmptyWait>, launch, more)));
  CHECK(isFound(runOrders(pipeKernel<Pipe::NoFullWait>, launch, more)));
}

TEST_CASE("barrier states that cannot be") {
  const auto run = [](host::KernelFn kernel) { return runOrders(kernel, {}).error; };
  CHECK_THAT(run([](KernelArgs) {
               INGOT_SHARED(SharedBarrier, barrier, 1);
               barrier[0].arrive();
             }),
             Contains("was not initialized"));
  CHECK_THAT(run([](KernelArgs) {
               INGOT_SHARED(SharedBarrier, barrier, 1);
               if (threadIndex() == 0)
                 barrier[0].init(2);
               syncWarp();
               if (threadIndex() == 0)
                 barrier[0].arrive();
             }),
             Contains("with 1 of 2 arrivals"));
  CHECK_THAT(run([](KernelArgs) {
               INGOT_SHARED(SharedBarrier, barrier, 1);
               if (threadIndex() == 0) {
                 barrier[0].init(1);
                 barrier[0].arriveExpect(16);
                 barrier[0].arrive();
               }
             }),
             Contains("more than its 1 arrivals"));
  CHECK_THAT(run([](KernelArgs) {
               INGOT_SHARED(SharedBarrier, barrier, 1);
               if (threadIndex() == 0)
                 barrier[0].init(1);
               syncWarp();
               barrier[0].state = 5;
               syncWarp();
               barrier[0].wait(1);
             }),
             Contains("was written over"));
  CHECK_THAT(runOrders([](KernelArgs) { arriveNamed(3, 64); }, {.threads = 32}).error,
             Contains("counts multiples of 32 up to the block"));
  CHECK_THAT(runOrders(
                 [](KernelArgs) {
                   if (warpId() == 0)
                     arriveNamed(3, 64);
                 },
                 {.threads = 64})
                 .error,
             Contains("barrier 3 is left with 32 of 64 threads"));
  CHECK_THAT(
      runOrders([](KernelArgs) { syncNamed(2, warpId() == 0 ? 64 : 96); }, {.threads = 96}).error,
      Contains("barrier 2"));
}

TEST_CASE("deadlock says where every thread waits") {
  const std::string error = runOrders(
                                [](KernelArgs) {
                                  if (warpId() == 1)
                                    syncThreads();
                                  else
                                    syncNamed(4, 96);
                                },
                                {.threads = 96})
                                .error;
  CHECK_THAT(error, Contains("deadlock in block (0, 0)"));
  CHECK_THAT(error, Contains("threads 0-31, 64-95 wait for named barrier 4 at"));
  CHECK_THAT(error, Contains("threads 32-63 wait for syncThreads 0 at"));
  CHECK_THAT(runOrders(
                 [](KernelArgs) {
                   if (warpId() == 0)
                     syncThreads();
                 },
                 {.threads = 64})
                 .error,
             Contains("deadlock") && Contains("threads 32-63 have left"));
}

TEST_CASE("waiting for a flag that nobody raises ends") {
  const auto kernel = [](KernelArgs args) {
    while (loadAcquire(args.pointer<u32>(0)) == 0) {
    }
  };
  u32 flag = 0;
  CHECK_THAT(host::run(kernel, {{address(&flag)}}, {}), Contains("memory that nobody changes"));
}

TEST_CASE("a warp that is divided at a collective is told") {
  const auto early = [](KernelArgs) {
    if (laneId() >= 7)
      shuffleXor(1u, 1);
  };
  CHECK_THAT(runOrders(early, {}).error, Contains("have left") || Contains("has left"));
  const auto different = [](KernelArgs) {
    if (laneId() % 2)
      shuffleXor(1u, 1);
    else
      ballot(true);
  };
  CHECK_THAT(runOrders(different, {}).error, Contains("instead"));
  const auto barrier = [](KernelArgs) {
    if (laneId() % 2)
      syncThreads();
    else
      syncWarp();
  };
  CHECK_THAT(runOrders(barrier, {}).error, Contains("deadlock"));
}

TEST_CASE("mistakes around wgmma") {
  isFine(runOrders(wgmmaKernel<Group::Right>, kGroupLaunch));
  isSuspicious(runOrders(wgmmaKernel<Group::EarlyReuse>, kGroupLaunch));
  isSuspicious(runOrders(wgmmaKernel<Group::EarlyRead>, kGroupLaunch));
  CHECK_THAT(runOrders(wgmmaKernel<Group::NoFence>, kGroupLaunch).error,
             Contains("without wgmmaFence"));
  CHECK_THAT(runOrders(wgmmaKernel<Group::NoAsyncFence>, kGroupLaunch).error,
             Contains("none has called fenceAsyncShared"));
  CHECK_THAT(runOrders(wgmmaKernel<Group::NoWait>, kGroupLaunch).error,
             Contains("wgmma that it did not wait for"));
  CHECK_THAT(runOrders(wgmmaKernel<Group::WrittenAccumulator>, kGroupLaunch).error,
             Contains("was written before wgmmaWait"));
  CHECK_THAT(runOrders(wgmmaKernel<Group::Divided>, kGroupLaunch).error,
             Contains("did not issue the same wgmma"));
  Launch older = kGroupLaunch;
  older.architecture = 80;
  CHECK_THAT(runOrders(wgmmaKernel<Group::Right>, older).error, Contains("sm_90a"));
}

TEST_CASE("registers that a multiprocessor does not have are told") {
  const auto greedy = [](KernelArgs) { claimRegisters<240>(); };
  isFine(runOrders(greedy, {.threads = 256}));
  CHECK_THAT(runOrders(greedy, {.threads = 384}).error, Contains("registers of 65536"));
}

TEST_CASE("what an earlier launch writes is not there before waitForPrior") {
  std::vector<float> input = numbers(32);
  const host::PriorWrite prior[] = {{input.data(), input.size() * 4}};
  const std::vector<u64> more = {address(input.data())};
  const auto right = [](KernelArgs args) {
    waitForPrior();
    args.pointer<float>(0)[threadIndex()] = args.pointer<float>(1)[threadIndex()];
  };
  const auto early = [](KernelArgs args) {
    const float value = args.pointer<float>(1)[threadIndex()];
    waitForPrior();
    args.pointer<float>(0)[threadIndex()] = value;
  };
  isFine(runOrders(right, {}, more, prior));
  CHECK(runOrders(early, {}, more, prior).nan);
  CHECK(input == numbers(32));
}

TEST_CASE("unaligned and misplaced addresses of instructions are told") {
  static const auto run = [](host::KernelFn kernel) {
    return runOrders(kernel, {.sharedBytes = 1024}).error;
  };
  CHECK_THAT(run([](KernelArgs) {
               u32 r[4];
               ldmatrix4(r, dynamicShared() + 8 * laneId());
             }),
             Contains("ldmatrix") && Contains("not a multiple of 16"));
  CHECK_THAT(run([](KernelArgs) {
               u32 r[4];
               ldmatrix4(r, dynamicShared() + 1024 - 16 * laneId());
             }),
             Contains("outside of shared memory"));
  CHECK_THAT(run([](KernelArgs args) { load128(args.pointer<u8>(0) + 4); }),
             Contains("load128") && Contains("not a multiple of 16"));
  CHECK_THAT(run([](KernelArgs args) {
               copyAsync16(dynamicShared() + 1016, args.pointer<u8>(0));
               copyWait<0>();
             }),
             Contains("outside of shared memory"));
  CHECK_THAT(run([](KernelArgs args) {
               u8 local[16];
               copyAsync16(local, args.pointer<u8>(0));
             }),
             Contains("outside of shared memory"));
}

TEST_CASE("shared memory is NaN at the start of every block") {
  const auto kernel = [](KernelArgs args) {
    INGOT_SHARED(float, tile, 32);
    auto *out = args.pointer<float>(0) + blockIndex() * 64;
    out[threadIndex()] = std::isnan(tile[threadIndex()]) ? 1.0f : 0.0f;
    out[32 + threadIndex()] =
        std::isnan(reinterpret_cast<float *>(dynamicShared())[threadIndex()]) ? 1.0f : 0.0f;
    tile[threadIndex()] = 0;
    reinterpret_cast<float *>(dynamicShared())[threadIndex()] = 0;
  };
  std::vector<float> out(3 * 64);
  const KernelArgs args = {{address(out.data())}};
  REQUIRE(host::run(kernel, args, {.gridX = 3, .sharedBytes = 128}) == "");
  CHECK(std::all_of(out.begin(), out.end(), [](float x) { return x == 1.0f; }));
}

namespace {

void sharedOverflow(KernelArgs args) {
  INGOT_SHARED(float, tile, 32);
  INGOT_SHARED(float, other, 32);
  other[threadIndex()] = 0;
  float *const first = tile;
  first[threadIndex() + args.slot[1]] = 1;
}
void dynamicOverflow(KernelArgs) { dynamicShared()[4 * threadIndex() + 4] = 1; }

} // namespace

#ifdef __SANITIZE_ADDRESS__
TEST_CASE("memory that is not there is reported by AddressSanitizer") {
  const auto run = [](host::KernelFn kernel, std::vector<u64> more) {
    return childReport([&] { runOrders(kernel, {.sharedBytes = 128}, more); });
  };
  CHECK(run(sharedOverflow, {0}) == "");
  CHECK_THAT(run(sharedOverflow, {1}), Contains("use-after-poison") && Contains("sharedOverflow"));
  CHECK_THAT(run(dynamicOverflow, {}), Contains("use-after-poison"));
  const auto exact = std::make_unique<float[]>(32);
  const auto read = [](KernelArgs args) {
    args.pointer<float>(0)[threadIndex()] = args.pointer<float>(1)[threadIndex() + 1];
  };
  CHECK_THAT(run(read, {address(exact.get())}), Contains("AddressSanitizer: heap-"));
  const auto copy = [](KernelArgs args) {
    INGOT_SHARED(float, tile, 128);
    copyAsync16(tile + 4 * threadIndex(), args.pointer<float>(1) + 4 * threadIndex());
    copyWait<0>();
  };
  CHECK_THAT(run(copy, {address(exact.get())}), Contains("AddressSanitizer: heap-"));
  const auto wide = [](KernelArgs args) { load128(args.pointer<float>(1) + 4 * threadIndex()); };
  CHECK_THAT(run(wide, {address(exact.get())}), Contains("AddressSanitizer: heap-"));
  const auto bulk = [](KernelArgs args) {
    INGOT_SHARED(SharedBarrier, barrier, 1);
    INGOT_SHARED(float, tile, 64);
    if (threadIndex() == 0) {
      barrier[0].init(1);
      fenceBarrierInit();
      barrier[0].arriveExpect(256);
      copyBulk(tile, args.pointer<float>(1), 256, barrier[0]);
    }
    syncWarp();
    barrier[0].wait(0);
  };
  CHECK_THAT(run(bulk, {address(exact.get())}), Contains("AddressSanitizer: heap-"));
}
#else
TEST_CASE("writes beyond shared memory are found when the block ends") {
  CHECK(runOrders(sharedOverflow, {}, {0}).error == "");
  CHECK_THAT(runOrders(sharedOverflow, {}, {1}).error, Contains("bytes beyond the end of tile"));
  CHECK_THAT(runOrders(dynamicOverflow, {.sharedBytes = 128}).error,
             Contains("beyond the end of dynamic shared memory"));
}
#endif

TEST_CASE("launches that no device would take are refused") {
  const auto nothing = [](KernelArgs) {};
  CHECK_THAT(host::run(nothing, {}, {.threads = 33}), Contains("multiple of 32"));
  CHECK_THAT(host::run(nothing, {}, {.threads = 1056}), Contains("1024"));
  CHECK_THAT(host::run(nothing, {}, {.sharedBytes = 232449}), Contains("232448"));
  const auto huge = [](KernelArgs) {
    INGOT_SHARED(float, tile, 1024);
    tile[0] = 0;
  };
  CHECK_THAT(host::run(huge, {}, {.sharedBytes = 230000}), Contains("does not fit"));
}

TEST_CASE("a failed launch leaves the next one alone") {
  CHECK_FALSE(runOrders(pipeKernel<Pipe::ManyBytes>, {.threads = 64, .sharedBytes = 1024},
                        {address(numbers(6 * 128).data())})
                  .error.empty());
  isFine(runOrders(exchangeKernel<true>, {.threads = 128}));
}

#ifdef INGOT_ASAN
TEST_CASE("stacks that are given back are poisoned nowhere") {
  auto arena = std::make_unique<host::Arena>();
  REQUIRE(arena->stacks != nullptr);
  for (u32 thread : {0u, 7u, 1023u}) {
    const char *frame = arena->stackEnd(thread) - 256;
    host::poison(frame, 64); // as the frame of a thread that never came back
    REQUIRE(__asan_address_is_poisoned(frame));
  }
  const char *first = arena->stackEnd(0), *last = arena->stackEnd(1023);
  arena.reset();
  CHECK(__asan_region_is_poisoned(const_cast<char *>(first) - 4096, 4096) == nullptr);
  CHECK(__asan_region_is_poisoned(const_cast<char *>(last) - 4096, 4096) == nullptr);
}
#endif
