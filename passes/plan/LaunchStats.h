// How many launches a step takes and what they move: the measure of fusion.
#pragma once

#include "passes/support/Program.h"

#include <cstdint>

namespace ingot {

struct LaunchStats {
  uint32_t launches = 0;    ///< per step
  double perLayer = 0;      ///< mean over the layers of the cache
  uint64_t rowBytes = 0;    ///< activations read and written, per row
  uint64_t weightBytes = 0; ///< packed parameters read, per step
};

/// Every op at the top of the entry but parameters is a launch, fused or not. Rows of the cache and
/// of embedding tables are not counted.
LaunchStats computeLaunchStats(mlir::func::FuncOp entry);

} // namespace ingot
