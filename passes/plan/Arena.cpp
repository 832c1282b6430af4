#include "passes/plan/Arena.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace ingot {

static uint64_t alignTo(uint64_t value, uint64_t align) {
  return (value + align - 1) / align * align;
}

/// The lowest offset of the tightest gap between `taken` (sorted, may overlap each other).
static uint64_t bestFit(const std::vector<std::pair<uint64_t, uint64_t>> &taken, uint64_t bytes,
                        uint64_t align) {
  uint64_t end = 0, best = 0, bestGap = ~uint64_t(0);
  for (auto [begin, takenEnd] : taken) {
    const uint64_t at = alignTo(end, align);
    if (at + bytes <= begin && begin - at < bestGap) {
      best = at;
      bestGap = begin - at;
    }
    end = std::max(end, takenEnd);
  }
  return bestGap == ~uint64_t(0) ? alignTo(end, align) : best;
}

ArenaPlan placeInArena(const std::vector<ArenaRequest> &requests) {
  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (requests[a].bytes != requests[b].bytes)
      return requests[a].bytes > requests[b].bytes;
    return requests[a].first < requests[b].first;
  });
  ArenaPlan plan;
  plan.offsets.resize(requests.size());
  std::vector<size_t> placed;
  for (size_t index : order) {
    const ArenaRequest &request = requests[index];
    std::vector<std::pair<uint64_t, uint64_t>> taken;
    for (size_t other : placed)
      if (requests[other].first <= request.last && request.first <= requests[other].last)
        taken.push_back({plan.offsets[other], plan.offsets[other] + requests[other].bytes});
    std::sort(taken.begin(), taken.end());
    plan.offsets[index] = bestFit(taken, request.bytes, request.align);
    plan.bytes = std::max(plan.bytes, plan.offsets[index] + request.bytes);
    placed.push_back(index);
  }
  return plan;
}

} // namespace ingot
