// What stands between a projection and the cache or attention.
#pragma once

#include "ir/IngotDialect.h"

#include <string>

namespace ingot {

/// The write of a layer's keys and values, and all that happens to queries, keys and values since
/// the projection, in program order; fails with the reason when somebody else needs a part of it.
mlir::FailureOr<llvm::SmallVector<mlir::Operation *>> headOpsBehind(KvAppendOp append,
                                                                    std::string &reason);

} // namespace ingot
