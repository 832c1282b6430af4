// Vectors of up to 16 float32 lanes at places where a row or head does not fill them.
#pragma once

#include "codegen/cpu/KernelBuilder.h"

namespace ingot::cpu {

/// The first min(count, 16) float32 at `pointer` + `byteOffset`, then zeros. Reads nothing behind
/// them.
Val loadLanes(KernelBuilder &b, Val pointer, int64_t byteOffset, int64_t count);

/// Stores the first min(count, 16) lanes of a vector of 16. Writes nothing behind them.
void storeLanes(KernelBuilder &b, Val vector, Val pointer, int64_t byteOffset, int64_t count);

} // namespace ingot::cpu
