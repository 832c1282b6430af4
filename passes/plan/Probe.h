// A program of one layer out of a program of many: what known answers are taken over.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>

namespace ingot {

/// Clones `entry` behind itself as @<entry>_probe and takes out all layers but the first; with one
/// layer it is a plain clone. Works at every level, op by op or fused. The cut runs through values
/// that alone lead from one layer to the next (the residual sum). The probe keeps the marks of the
/// entry, gains `ingot.probe` and has a signature of its own: equal signatures of probes of the
/// unfused and the fused program prove that both were cut at the same place.
/// Fails, without a trace, with a reason.
mlir::FailureOr<mlir::func::FuncOp> deriveProbe(mlir::func::FuncOp entry, std::string &reason);

} // namespace ingot
