// Folds of the ops. None may change a bit of what a program computes.
#include "ir/IngotDialect.h"

using namespace mlir;
using namespace ingot;

/// A split into one part is its input.
LogicalResult SplitOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &results) {
  if (getInterleave() || getNumResults() != 1)
    return failure();
  results.push_back(getInput());
  return success();
}
