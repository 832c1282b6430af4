// The arithmetic of a draw, shared by the sampler on the host and on devices. Weights are summed as
// integers: their sums are exact, so every order and every machine gives the same token. Compiles
// without a standard library, like Numerics.h.
#pragma once

#include "runtime/base/Numerics.h"

namespace ingot::sampling {

/// Weight of a logit: exp((x - max) / temperature), 0 for one at -inf. 1 for the largest.
inline float weightOf(float x, float max, float temperature) {
  if (numerics::bitsOf(x) == 0xff800000u)
    return 0.0f;
  return numerics::exp((x - max) / temperature);
}

/// A weight of 0..1 in units of 2^-40, cut: what is a trillionth of the likeliest counts as
/// nothing. Sums of 2^23 weights fit 64 bits.
inline uint64_t fixedWeight(float weight) { return static_cast<uint64_t>(weight * 0x1p40f); }

/// What the kept weights must reach for top-p.
inline uint64_t shareOf(uint64_t total, float topP) {
  return static_cast<uint64_t>(static_cast<double>(total) * static_cast<double>(topP));
}

/// floor(total * draw) for a draw of 24 bits in [0, 1): the token drawn is the first, in token
/// order, whose running sum exceeds it.
inline uint64_t drawnShare(uint64_t total, float draw) {
  const uint64_t parts = static_cast<uint64_t>(draw * 0x1p24f);
  return (total >> 24) * parts + (((total & 0xffffffu) * parts) >> 24);
}

} // namespace ingot::sampling
