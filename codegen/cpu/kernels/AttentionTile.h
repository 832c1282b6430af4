// The functions of EmitAttention: one tile of 64 positions against a few query rows. A row is one
// query head of one token; the rows of an item lie one behind the other in every array.
//
// Keys and values of a tile are widened once and then serve all rows of the item.
#pragma once

#include "codegen/KernelProgram.h"
#include "codegen/cpu/KernelBuilder.h"
#include "runtime/base/Numerics.h"

namespace ingot::cpu {

inline constexpr int64_t kAttentionTile = numerics::kAttentionTile; ///< positions
inline constexpr int64_t kSubTile = abi::kKvTile; ///< positions per vector of keys
inline constexpr int64_t kSubTiles = kAttentionTile / kSubTile;

/// Softmax state of a row beside its weighted values: {maximum, sum, factor of the last tile's
/// rescaling, unused} float32.
inline constexpr int64_t kScalarBytes = 16;
inline constexpr int64_t kSumAt = 4, kFactorAt = 8;
/// Bytes of the probabilities of one row.
inline constexpr int64_t kProbabilityBytes = kAttentionTile * 4;

/// What the functions know when compiling.
struct AttentionShape {
  int64_t headDim;     ///< columns of a head, even
  int64_t stride;      ///< columns of a row of values: headDim rounded up to 16
  float scale;         ///< of scores
  bool pairs;          ///< scores from pairs of bf16 (vdpbf16ps); else from float32
  int64_t rowsPerCall; ///< rows whose sums the registers hold
  int64_t vectors;     ///< vectors of values that one pass sums, per row

  /// Bytes of one query row, of the keys of a tile and of its values, as the functions read them.
  int64_t queryBytes() const { return (headDim * (pairs ? 2 : 4) + 63) / 64 * 64; }
  int64_t keyPairBytes() const { return kAttentionTile * (pairs ? 4 : 8); }
  int64_t keyBytes() const { return headDim / 2 * keyPairBytes(); }
  int64_t valueRowBytes() const { return stride * 4; }
  int64_t valueBytes() const { return kAttentionTile * valueRowBytes(); }
};

AttentionShape attentionShape(const IsaInfo &isa, const abi::KvLayout &kv, float scale);

/// void (bf16 query, query row): prepares one row.
Function defineQuery(KernelBuilder &builder, const AttentionShape &shape, const std::string &name);
/// void (pointers to the key sub-tiles, keys): the keys of a tile, [pair][sub-tile]: even and odd
/// column as float32 vectors, or pairs as they lie.
Function defineKeys(KernelBuilder &builder, const AttentionShape &shape, const std::string &name);
/// void (bf16 values of a sub-tile, values): 16 positions as float32.
Function defineValues(KernelBuilder &builder, const AttentionShape &shape, const std::string &name);

/// void (queries, keys, scalars, probabilities, lo, hi) for `rows` rows: positions [lo, hi) of the
/// tile are visible. New maximum, sum, factor and probabilities.
Function defineScores(KernelBuilder &builder, const AttentionShape &shape, const std::string &name,
                      int64_t rows);
/// void (values, probabilities, scalars, state, positions) for `rows` rows: state times factor,
/// then plus p v, positions ascending.
Function defineWeighted(KernelBuilder &builder, const AttentionShape &shape,
                        const std::string &name, int64_t rows);

/// void (scalars, state, total scalars, total state, rows): folds a segment into the total and
/// clears it.
Function defineFold(KernelBuilder &builder, const AttentionShape &shape, const std::string &name);
/// Sets one row to the state before any position.
void clearState(KernelBuilder &builder, const AttentionShape &shape, Val scalars, Val state);

} // namespace ingot::cpu
