// Clones of an entry that return token ids in place of its logits.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace ingot {

/// Makes the ids, of the given type, from the logits of the twin.
using MakeIds = llvm::function_ref<mlir::Value(mlir::OpBuilder &builder, mlir::func::FuncOp twin,
                                               mlir::Value logits, mlir::Type ids)>;

/// Clones `entry`, which must return logits, behind itself: "<name>_<output>", marked with
/// `output`.
void addOutputTwin(mlir::func::FuncOp entry, llvm::StringRef output, MakeIds makeIds);

} // namespace ingot
