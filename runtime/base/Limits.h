// The largest sizes that configs, programs and artifacts may name: far above any model, and low
// enough that 32-bit fields hold each and 64-bit ones the products that are taken of them.
#pragma once

#include <cstdint>

namespace ingot::limits {

inline constexpr int64_t kLayers = 4096;                 ///< of one KV group
inline constexpr int64_t kHeads = 4096;                  ///< of queries, of keys
inline constexpr int64_t kHeadDim = 4096;                ///< columns of a head
inline constexpr int64_t kBlockTokens = 4096;            ///< positions of a KV block
inline constexpr int64_t kContext = int64_t(1) << 28;    ///< positions of a sequence, of a window
inline constexpr int64_t kStep = int64_t(1) << 20;       ///< tokens of a step, sequences
inline constexpr int64_t kVocab = int64_t(1) << 26;      ///< columns of logits
inline constexpr int64_t kDimension = int64_t(1) << 28;  ///< columns of a row; rows of a matrix
inline constexpr int64_t kElements = int64_t(1) << 40;   ///< of a parameter
inline constexpr double kLeastEps = 1e-30, kMostEps = 1; ///< of a norm
/// Its reciprocal, too, is far from the ends of float32.
inline constexpr double kLeastSoftcap = 1e-6, kMostSoftcap = 1e6;

static_assert(kHeads * kHeadDim <= kDimension);
static_assert(kLayers * kHeads * kHeadDim * kBlockTokens <= INT64_MAX / 8, "bytes of a KV block");

} // namespace ingot::limits
