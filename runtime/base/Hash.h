// XXH3-64: the one hash of Ingot. Integrity of artifacts, signatures of programs; never for trust.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace ingot {

inline uint64_t hash64(const void *data, size_t bytes, uint64_t seed = 0) {
  return XXH3_64bits_withSeed(data, bytes, seed);
}
inline uint64_t hash64(std::string_view text, uint64_t seed = 0) {
  return hash64(text.data(), text.size(), seed);
}
inline uint64_t hash64(std::span<const uint8_t> bytes, uint64_t seed = 0) {
  return hash64(bytes.data(), bytes.size(), seed);
}

/// The same hash over bytes that arrive in pieces.
class StreamHash {
public:
  StreamHash() { XXH3_INITSTATE(&state_); } // begin() looks at what an earlier seed left
  void begin(uint64_t seed) { XXH3_64bits_reset_withSeed(&state_, seed); }
  void add(std::span<const uint8_t> bytes) {
    XXH3_64bits_update(&state_, bytes.data(), bytes.size());
  }
  uint64_t digest() const { return XXH3_64bits_digest(&state_); }

private:
  alignas(64) XXH3_state_t state_;
};

} // namespace ingot
