// A fixed team of threads that walks a launch list together. The caller is member 0; the others are
// created here and nowhere else.
#pragma once

#include "runtime/base/Status.h"

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace ingot {

struct TeamOptions {
  uint32_t threads = 1;           ///< members, the caller included
  bool pin = false;               ///< bind member i to the i-th processor this process may use
  uint32_t spinMicroseconds = 50; ///< how long a member without a job spins before it sleeps
};

/// [begin, end) of a member's share of `items`: contiguous, balanced, the same in every step; the
/// first members take the remainder.
struct ItemRange {
  uint32_t begin, end;
};
constexpr ItemRange itemRangeOf(uint32_t items, uint32_t member, uint32_t members) {
  const uint32_t share = items / members, rest = items % members;
  const uint32_t begin = member * share + (member < rest ? member : rest);
  return {begin, begin + share + (member < rest ? 1 : 0)};
}

class ThreadTeam {
public:
  using Job = std::function<void(uint32_t member)>;

  static Result<std::unique_ptr<ThreadTeam>> create(const TeamOptions &options);
  ~ThreadTeam();

  uint32_t size() const { return members_; }
  /// Runs `job` once on every member, each in the step's floating-point mode, and returns when all
  /// are done. Only one thread at a time may call it; jobs must not throw.
  void run(const Job &job);
  /// Inside a job: waits until every member has arrived. All members must make the same calls.
  void barrier();

private:
  explicit ThreadTeam(const TeamOptions &options);
  Status start();
  void work(uint32_t member);
  void waitForJob(uint32_t seen);

  const uint32_t members_;
  const TeamOptions options_;
  const Job *job_ = nullptr;                        ///< published by generation_
  bool stop_ = false;                               ///< published by generation_
  alignas(64) std::atomic<uint32_t> generation_{0}; ///< counts jobs
  alignas(64) std::atomic<uint32_t> arrived_{0};    ///< members at the barrier
  alignas(64) std::atomic<uint32_t> phase_{0};      ///< counts barriers
  std::vector<std::thread> threads_;                ///< members 1..members_-1
};

/// Calls fn(i) once for every i < items on the members of the team, in no order; in the step's
/// floating-point mode.
void forEachOnTeam(ThreadTeam &team, uint32_t items, const std::function<void(uint32_t)> &fn);

} // namespace ingot
