// Places buffers with known lifetimes in one arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ingot {

/// A buffer that lives at launches [first, last].
struct ArenaRequest {
  uint64_t bytes = 0;
  uint64_t align = 64;
  size_t first = 0, last = 0;
};

struct ArenaPlan {
  std::vector<uint64_t> offsets; ///< per request
  uint64_t bytes = 0;
};

/// Greedy best fit: largest request first (ties: earlier, then in order), each into the smallest
/// gap that holds it between the placed requests alive with it, at the lowest offset among equals.
ArenaPlan placeInArena(const std::vector<ArenaRequest> &requests);

} // namespace ingot
