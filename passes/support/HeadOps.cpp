#include "passes/support/HeadOps.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace ingot;

namespace {

/// What heads go through between a projection and the cache or attention.
bool isHeadOp(Operation *op) {
  auto norm = dyn_cast<RmsNormOp>(op);
  return isa<SplitOp, AddBiasOp, RopeOp, RoundOp>(op) || (norm && norm.getHeadDim());
}

/// Adds the head ops behind `value`.
void collectBehind(Value value, llvm::SetVector<Operation *> &ops) {
  Operation *op = value.getDefiningOp();
  if (!op || !isHeadOp(op) || !ops.insert(op))
    return;
  for (Value operand : op->getOperands())
    collectBehind(operand, ops);
}

} // namespace

FailureOr<SmallVector<Operation *>> ingot::headOpsBehind(KvAppendOp append, std::string &reason) {
  llvm::SetVector<Operation *> ops;
  collectBehind(append.getKey(), ops);
  collectBehind(append.getValue(), ops);
  SmallVector<Value> outputs{append.getResult()};
  for (Operation *user : append->getUsers())
    if (auto attention = dyn_cast<PagedAttentionOp>(user);
        attention && attention.getLayer() == append.getLayer()) {
      collectBehind(attention.getQuery(), ops);
      outputs.push_back(attention.getQuery());
    }
  if (ops.empty()) {
    reason = "nothing stands between the projections and the cache";
    return failure();
  }
  ops.insert(append);
  // Only the query and the cache leave the kernel: another reader would need keys in float32.
  for (Operation *op : ops)
    for (Value result : op->getResults())
      if (!llvm::is_contained(outputs, result) &&
          llvm::any_of(result.getUsers(), [&](Operation *user) { return !ops.contains(user); })) {
        reason = "a result of " + op->getName().getStringRef().str() + " is used elsewhere";
        return failure();
      }
  SmallVector<Operation *> sorted(ops.begin(), ops.end());
  llvm::sort(sorted, [](Operation *a, Operation *b) { return a != b && a->isBeforeInBlock(b); });
  return sorted;
}
