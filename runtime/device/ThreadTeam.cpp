#include "runtime/device/ThreadTeam.h"

#include "runtime/base/Format.h"
#include "runtime/base/Mxcsr.h"

#include <chrono>
#include <pthread.h>
#include <sched.h>
#include <system_error>

namespace ingot {
namespace {

/// Spins between looks at the clock: about 2 us.
constexpr int kSpinsPerLook = 64;
/// A member that waited this long at a barrier, about 100 us, sleeps: either the others have much
/// left to do, or one of them lost its processor and spinning would keep it from getting it back.
constexpr int kLooksBeforeSleep = 50;

/// Binds the calling thread to the `index`-th processor of its affinity mask; failure is harmless.
void pinToProcessor(uint32_t index) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return;
  uint32_t seen = 0;
  const auto count = static_cast<uint32_t>(CPU_COUNT(&allowed));
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || seen++ != index % count)
      continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    return;
  }
}

} // namespace

Result<std::unique_ptr<ThreadTeam>> ThreadTeam::create(const TeamOptions &options) {
  if (options.threads == 0 || options.threads > 1024)
    return Status(ErrorClass::Usage, "threads-out-of-range",
                  format("%u threads asked for; give 1 to 1024", options.threads));
  std::unique_ptr<ThreadTeam> team(new ThreadTeam(options));
  INGOT_TRY(team->start());
  return team;
}

ThreadTeam::ThreadTeam(const TeamOptions &options) : members_(options.threads), options_(options) {}

Status ThreadTeam::start() {
  threads_.reserve(members_ - 1);
  for (uint32_t member = 1; member < members_; ++member) {
    try {
      threads_.emplace_back([this, member] { work(member); });
    } catch (const std::system_error &error) {
      return {ErrorClass::Os, "thread-create-failed",
              format("thread %u of %u could not be created (%s); use fewer threads", member,
                     members_, error.what())};
    }
  }
  return Status::ok();
}

ThreadTeam::~ThreadTeam() {
  stop_ = true;
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread &thread : threads_)
    thread.join();
}

void ThreadTeam::run(const Job &job) {
  const MxcsrGuard mode;
  job_ = &job;
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  job(0);
  barrier();
}

void ThreadTeam::work(uint32_t member) {
  if (options_.pin)
    pinToProcessor(member);
  const MxcsrGuard mode;
  for (uint32_t seen = 0;;) {
    waitForJob(seen);
    seen = generation_.load(std::memory_order_acquire);
    if (stop_)
      return;
    (*job_)(member);
    barrier();
  }
}

void ThreadTeam::waitForJob(uint32_t seen) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::microseconds(options_.spinMicroseconds);
  do {
    for (int spin = 0; spin < kSpinsPerLook; ++spin) {
      if (generation_.load(std::memory_order_acquire) != seen)
        return;
      _mm_pause();
    }
  } while (Clock::now() < end);
  generation_.wait(seen, std::memory_order_acquire);
}

void ThreadTeam::barrier() {
  if (members_ == 1)
    return;
  const uint32_t phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    phase_.notify_all();
    return;
  }
  for (int spin = 0; spin < kSpinsPerLook * kLooksBeforeSleep; ++spin) {
    if (phase_.load(std::memory_order_acquire) != phase)
      return;
    _mm_pause();
  }
  while (phase_.load(std::memory_order_acquire) == phase)
    phase_.wait(phase, std::memory_order_acquire);
}

void forEachOnTeam(ThreadTeam &team, uint32_t items, const std::function<void(uint32_t)> &fn) {
  if (items <= 1 || team.size() == 1) {
    const MxcsrGuard mode;
    for (uint32_t i = 0; i < items; ++i)
      fn(i);
    return;
  }
  std::atomic<uint32_t> next{0};
  team.run([&](uint32_t) {
    for (uint32_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < items;)
      fn(i);
  });
}

} // namespace ingot
