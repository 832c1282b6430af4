// What a program that people wrote must keep beyond what the dialect's verifiers ask of each op.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace ingot {

/// The first rule that a program breaks, with its place: attributes that nothing reads, functions
/// beside @forward, ops of other dialects, rows of a fixed number, caches and logits that no plan
/// holds. Empty for a good program. `entry` is the program's @forward.
std::string programProblem(mlir::ModuleOp module, mlir::func::FuncOp entry);

} // namespace ingot
