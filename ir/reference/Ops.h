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
Rows evalLayerNorm(const Rows &input, const Weight &gamma, const Weight &beta, float eps);

// Rope.cpp
Rows evalRope(const Rows &input, const Rows &angles, int64_t headDim);

// Rounding.cpp; evalRound to Bf16 or F16, evalQuantize to one of the others
Rows evalRound(const Rows &input, RowKind kind = RowKind::Bf16);
Rows evalQuantize(const Rows &input, RowKind kind);

// Linear.cpp
/// How the sums of a linear are made (the op's `order`).
struct LinearOrder {
  /// Chain: Rule M. Mma: on a matrix unit in steps of `step` elements of K, ascending, in slices of
  /// `span` elements (0: one slice) that are added left to right; K counts as padded with zeros to
  /// 64. Weights with scales: a chain starts at +0 with each scale group and slice, on e4m3 rows
  /// with every kPromotion elements, too, and meets its scale in one FMA. On int8 rows the chain is
  /// an exact integer. Rows with a scale of their own: it multiplies the sum of the slices.
  enum class Kind { Chain, Mma } kind = Kind::Chain;
  int64_t step = 0, span = 0;
  matrix::MatrixUnit unit = matrix::kHopper;          ///< of 16-bit factors
  matrix::MatrixUnit fp8Unit = matrix::fp8UnitOf(90); ///< of e4m3 rows

  static constexpr int64_t kPromotion = 128;
};
/// Mma takes bf16 rows with weights of any format but fp16, fp16 rows with fp16 weights, and rows
/// of scaled int8 or e4m3 with weights of the same numbers.
Rows evalLinear(const Rows &input, const Weight &weight, const LinearOrder &order = {});

// Sample.cpp
Rows evalSample(const Rows &input, const Batch &batch);

// Select.cpp
Result<Rows> evalSelectRows(const Rows &input, const Batch &batch);
Rows evalArgmax(const Rows &input);
Rows evalArgmaxPartial(const Rows &input);
Rows evalArgmaxFold(const Rows &partials);

/// One layer of one KV group.
struct KvGeometry {
  int64_t group = 0, layer = 0;
  int64_t heads = 1, keyDim = 0, valueDim = 0;
  abi::KvFormat format = abi::KvFormat::Bf16;
};

// Cache.cpp
void evalKvAppend(KvState &state, const KvGeometry &kv, const Rows &key, const Rows &value,
                  const Batch &batch);

// Attention.cpp
struct AttentionSpec {
  int64_t heads = 1; ///< of the query
  float scale = 1;
  int64_t window = 0;           ///< positions visible; 0: all
  float softcap = 0;            ///< 0: none
  std::span<const float> sinks; ///< [heads], or empty
  /// Order attention_mma: bf16 queries, and no wide cache. Null: chains of FMAs.
  const matrix::MatrixUnit *unit = nullptr;
};
Result<Rows> evalPagedAttention(const Rows &query, KvState &state, const KvGeometry &kv,
                                const Batch &batch, const AttentionSpec &spec);

} // namespace ingot::reference
