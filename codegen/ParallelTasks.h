// Independent pieces of work over a few threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace ingot {

/// Calls work(i) once for every i < count on `threads` threads, the caller's among them. `progress`
/// gets the share done, from the caller's thread only; it may be empty.
inline void runTasks(size_t count, unsigned threads, const std::function<void(size_t)> &work,
                     const std::function<void(double)> &progress) {
  std::atomic<size_t> next{0}, done{0};
  const auto member = [&](bool reports) {
    for (size_t i; (i = next.fetch_add(1)) < count;) {
      work(i);
      const size_t finished = done.fetch_add(1) + 1;
      if (reports && progress)
        progress(static_cast<double>(finished) / static_cast<double>(count));
    }
  };
  std::vector<std::thread> workers;
  for (unsigned i = 1; i < threads; ++i)
    workers.emplace_back(member, false);
  member(true);
  for (std::thread &worker : workers)
    worker.join();
}

} // namespace ingot
