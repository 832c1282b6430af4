// How a linear on the matrix unit is cut along K.
#pragma once

#include "ir/IngotDialect.h"

namespace ingot {

/// Elements of K per slice; 0: all of K. A function of the shape alone, never of the number of
/// tokens: it decides bits (profile invariant).
int64_t sliceOf(LinearOp linear);

/// The same for steps of at most `maxTokens` tokens (0: any number), whose bits those of other
/// steps need not be (profile fast).
int64_t sliceOf(LinearOp linear, int64_t maxTokens);

} // namespace ingot
