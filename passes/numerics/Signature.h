// The numerics signature: what one row of an entry computes, independent of fusion, schedule and
// batch.
#pragma once

#include "passes/support/Program.h"

#include <cstdint>
#include <string>

namespace ingot {

/// One line per distinct value, in the order in which the entry's results need them:
///   %4 = linear %3, "model.layers.0.self_attn.q_proj.weight":int4/32[64x64] order=chain,32 ->
///   64xf32
/// Fused bodies are read through; a merged weight is the list of its sources, and a split of its
/// result gives back the parts; select_rows and argmax leave no trace (which rows are returned, and
/// that only their argmax is, changes no row's arithmetic).
struct NumericsSignature {
  std::string text;
  uint64_t hash = 0; ///< hash64(text)

  /// "0x" and 16 digits.
  std::string hex() const;
};

NumericsSignature readNumerics(mlir::func::FuncOp entry);

} // namespace ingot
