#include "passes/support/FuseRegion.h"

#include "ir/KernelSpec.h"
#include "passes/support/Program.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace ingot;

namespace {

/// What crosses the border of a set of ops.
struct Border {
  SmallVector<Operation *> ops; ///< program order
  llvm::SetVector<Value> operands;
  llvm::SetVector<Value> results;
};

Border borderOf(ArrayRef<Operation *> given) {
  Border border;
  border.ops.append(given.begin(), given.end());
  llvm::sort(border.ops,
             [](Operation *a, Operation *b) { return a != b && a->isBeforeInBlock(b); });
  DenseSet<Operation *> members(given.begin(), given.end());
  for (Operation *op : border.ops) {
    for (Value operand : op->getOperands())
      if (!members.contains(operand.getDefiningOp()))
        border.operands.insert(operand);
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !members.contains(user); }))
        border.results.insert(result);
  }
  return border;
}

/// The region is computed where its last op stands; nobody may need a result before.
LogicalResult checkUsers(const Border &border, std::string &reason) {
  DenseSet<Operation *> members(border.ops.begin(), border.ops.end());
  for (Value result : border.results)
    for (Operation *user : result.getUsers())
      if (!members.contains(user) && user->isBeforeInBlock(border.ops.back())) {
        reason = user->getName().getStringRef().str() + " needs a result before " +
                 border.ops.back()->getName().getStringRef().str() + " has been computed";
        return failure();
      }
  return success();
}

/// The fused op with a copy of the ops; the originals stay.
FusedOp cloneInto(const Border &border, StringRef name) {
  Operation *last = border.ops.back();
  OpBuilder builder(last->getContext());
  builder.setInsertionPointAfter(last);
  SmallVector<Location> locations;
  for (Operation *op : border.ops)
    locations.push_back(op->getLoc());
  SmallVector<Type> types =
      llvm::map_to_vector(border.results, [](Value v) { return v.getType(); });
  auto fused =
      FusedOp::create(builder, builder.getFusedLoc(locations), types, name, labelOf(border.ops),
                      /*variant=*/StringAttr(), border.operands.getArrayRef());
  Block &body = fused.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value operand : border.operands)
    mapping.map(operand, body.addArgument(operand.getType(), operand.getLoc()));
  builder.setInsertionPointToEnd(&body);
  for (Operation *op : border.ops)
    builder.clone(*op, mapping);
  YieldOp::create(builder, last->getLoc(),
                  llvm::map_to_vector(border.results, [&](Value v) { return mapping.lookup(v); }));
  return fused;
}

/// Each use inside the region was a read, each value that no longer leaves it a write.
int64_t savedBytes(const Border &border) {
  DenseSet<Operation *> members(border.ops.begin(), border.ops.end());
  int64_t bytes = 0;
  for (Operation *op : border.ops)
    for (Value result : op->getResults()) {
      const int64_t rowBytes = rowBytesOf(result.getType());
      for (Operation *user : result.getUsers())
        bytes += members.contains(user) ? rowBytes : 0;
      bytes += border.results.contains(result) ? 0 : rowBytes;
    }
  return bytes;
}

} // namespace

int64_t ingot::rowBytesOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() != 2 || !tensor.isDynamicDim(0))
    return 0;
  const int64_t columns = tensor.getDimSize(1);
  if (auto act = dyn_cast<QActType>(tensor.getElementType()))
    return columns + (act.isRowScaled() ? 4 : (columns + 31) / 32 * 8);
  return columns * tensor.getElementTypeBitWidth() / 8;
}

FailureOr<FusedRegion> ingot::fuseRegion(ArrayRef<Operation *> ops, StringRef name,
                                         std::string &reason, unsigned maxOperands) {
  Border border = borderOf(ops);
  if (border.operands.size() > maxOperands) {
    reason = "needs " + std::to_string(border.operands.size()) + " operands, the limit is " +
             std::to_string(maxOperands);
    return failure();
  }
  if (failed(checkUsers(border, reason)))
    return failure();
  FusedOp fused = cloneInto(border, name);
  if (failed(readKernelSpec(fused, reason))) {
    fused.erase();
    return failure();
  }
  const int64_t saved = savedBytes(border);
  for (auto [result, replacement] : llvm::zip(border.results.takeVector(), fused.getResults()))
    result.replaceAllUsesWith(replacement);
  for (Operation *op : llvm::reverse(border.ops))
    op->erase();
  return FusedRegion{fused, saved};
}
