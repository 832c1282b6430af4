// One plain evaluation per op of the dialect, MLIR-free. They define what the ops mean to the last
// bit (runtime/base/Numerics.h); targets are compared with them. They expect round to nearest with
// FTZ and DAZ (MxcsrGuard) and shapes as the ops' verifiers demand.
#pragma once

#include "ir/reference/Values.h"
#include "runtime/base/MatrixUnit.h"
#include "runtime/base/Status.h"

#include <span>
#include <vector>

namespace ingot::reference {

// Embed.cpp
Result<Rows> evalEmbed(const Batch &batch, const Weight &table);
Rows evalRopeAngles(const Batch &batch, std::span<const float> invFreq, float attentionFactor);

// Pointwise.cpp
Rows evalAdd(const Rows &lhs, const Rows &rhs);
Rows evalMul(const Rows &lhs, const Rows &rhs);
Rows evalAddBias(const Rows &input, const Weight &bias);
Rows evalSilu(const Rows &input);
/// Column ranges of `widths`; interleave n > 0: two results whose columns alternate in runs of n.
std::vector<Rows> evalSplit(const Rows &input, std::span<const int64_t> widths, int64_t interleave);

// Norm.cpp; headDim 0: over the whole row
Rows evalRmsNorm(const Rows &input, const Weight &gamma, float eps, int64_t headDim);

// Rope.cpp
Rows evalRope(const Rows &input, const Rows &angles, int64_t headDim);

// Rounding.cpp; kind: Int8Pow2 or Int8F32
Rows evalRound(const Rows &input);
Rows evalQuantize(const Rows &input, RowKind kind);

// Linear.cpp
/// How the sums of a linear are made (the op's `order`).
struct LinearOrder {
  /// Chain: Rule M. Mma: on a matrix unit in steps of `step` elements of K, ascending, in slices of
  /// `span` elements (0: one slice) that are added left to right; K counts as padded with zeros to
  /// 64. Integer weights: the chain of each scale group starts at +0 and meets its scale in one
  /// FMA.
  enum class Kind { Chain, Mma } kind = Kind::Chain;
  int64_t step = 0, span = 0;
  matrix::MatrixUnit unit = matrix::kHopper;
};
/// Mma takes bf16 rows with bf16 or integer weights.
Rows evalLinear(const Rows &input, const Weight &weight, const LinearOrder &order = {});

// Select.cpp
Result<Rows> evalSelectRows(const Rows &input, const Batch &batch);
Rows evalArgmax(const Rows &input);
Rows evalArgmaxPartial(const Rows &input);
Rows evalArgmaxFold(const Rows &partials);

/// One layer of one KV group.
struct KvGeometry {
  int64_t group = 0, layer = 0;
  int64_t heads = 1, keyDim = 0, valueDim = 0;
};

// Cache.cpp
void evalKvAppend(KvState &state, const KvGeometry &kv, const Rows &key, const Rows &value,
                  const Batch &batch);

// Attention.cpp; with a matrix unit: order attention_mma, on bf16 queries and a bf16 cache
Result<Rows> evalPagedAttention(const Rows &query, KvState &state, const KvGeometry &kv,
                                const Batch &batch, int64_t heads, float scale,
                                const matrix::MatrixUnit *unit = nullptr);

} // namespace ingot::reference
