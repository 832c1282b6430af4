// The mechanics of horizontal merges: several projections of one value become one.
#pragma once

#include "ir/IngotDialect.h"

#include <string>

namespace ingot {

/// True when the projections read the same value through weights of one format that nobody else
/// uses; else `reason` says what stands in the way.
bool canMergeLinears(llvm::ArrayRef<LinearOp> linears, std::string &reason);

/// One linear over a parameter whose `sources` are the weights in order, then a split back into the
/// old results. `lastName` replaces the last part of the first weight's name ("qkv_proj");
/// `interleave` > 0 alternates runs of that many rows of two weights. Returns the bytes per row no
/// longer read, the input once per merged projection.
int64_t mergeLinears(llvm::ArrayRef<LinearOp> linears, llvm::StringRef lastName,
                     int64_t interleave);

} // namespace ingot
