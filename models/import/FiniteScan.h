// Counts the numbers in a weight that are no numbers.
#pragma once

#include "ir/WeightSource.h"

namespace ingot {

struct NonFiniteCount {
  uint64_t nans = 0;
  uint64_t infinities = 0;
  uint64_t firstIndex = 0; ///< element index of the first of either
  bool any() const { return nans + infinities != 0; }
};

NonFiniteCount countNonFinite(const WeightView &view);

} // namespace ingot
