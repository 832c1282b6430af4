// Counter-based random numbers: a pure function of (seed, stream, counter), so that any part of a
// sequence can be made alone, in any order and by any thread, with the same bits everywhere.
#pragma once

#include <cstdint>

namespace ingot {

/// Increment of Weyl sequences: 2^64 / golden ratio, odd.
inline constexpr uint64_t kGolden64 = 0x9e3779b97f4a7c15ull;

/// A bijective mix of 64 bits in which every input bit changes every output bit with probability
/// close to one half (two multiplications, three shifts).
constexpr uint64_t mix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// Key of the stream `stream` of `seed`.
constexpr uint64_t randomKey(uint64_t seed, uint64_t stream) {
  return mix64(mix64(seed + kGolden64) + (stream + 1) * kGolden64);
}
/// 64 random bits: number `counter` of the stream with this key.
constexpr uint64_t randomBits(uint64_t key, uint64_t counter) {
  return mix64(key + (counter + 1) * kGolden64);
}
/// The upper 24 bits as a float in [0, 1), exact.
constexpr float unitFloat(uint64_t bits) { return static_cast<float>(bits >> 40) * 0x1p-24f; }

} // namespace ingot
