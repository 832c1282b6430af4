// Weights made of nothing but a seed, for benchmarks of real shapes in files of a few megabytes.
#pragma once

#include "runtime/artifact/Manifest.h"
#include "runtime/artifact/WeightLayout.h"

#include <cstdint>

namespace ingot {

/// The one algorithm there is: 64-bit word w of a parameter is randomBits(randomKey(seed, stream),
/// w) (runtime/base/Random.h), read as
///   int4   16 nibbles; nibble 0 becomes 8 so that values lie in -7..7
///   int8   8 bytes; byte 0 becomes 128 so that values lie in -127..127
///   bf16   4 signed 16-bit numbers x: bf16(f32(x) * f32(scale * sqrt(3) / 32768))
///   f32    not used: every element is 1.0 (norm gains)
/// All scales of int formats are f16(scale / standard deviation of the integers). Padding is then
/// set to what WeightLayout demands.
inline constexpr uint32_t kRandomGenerator = 1;

/// Fills units [firstUnit, firstUnit + units) of the parameter into `out` (units *
/// layout.unitBytes). Deterministic, and independent of how the units are divided. At least 1 GB/s
/// per thread.
void fillRandomUnits(const WeightLayout &layout, const artifact::Generator &generator,
                     uint64_t firstUnit, uint64_t units, uint8_t *out);

/// hash64 of the first min(1 MiB, layout.bytes) bytes of the parameter, for
/// Generator::firstMibHash.
uint64_t randomFirstMibHash(const WeightLayout &layout, const artifact::Generator &generator);

/// Fails with id "random-weights" when the generator is unknown or its scale is not finite,
/// positive and representable for this format.
Status checkGenerator(const WeightLayout &layout, const artifact::Generator &generator);

} // namespace ingot
