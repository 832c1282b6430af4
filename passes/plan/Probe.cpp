#include "passes/plan/Probe.h"

#include "passes/numerics/Signature.h"
#include "passes/support/Program.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace ingot {
namespace {

/// Ops (index `first`, `last`] make way: what used result `from` of op `last` takes `to`, which op
/// `first` made.
struct Cut {
  size_t first = 0, last = 0;
  Value to, from;
};

/// The top-level ops of an entry that compute something, in program order.
class Steps {
public:
  explicit Steps(func::FuncOp entry) {
    Block &body = entry.getBody().front();
    for (Operation &op : body.without_terminator())
      if (!isa<ParamOp>(op)) {
        index_[&op] = ops_.size();
        ops_.push_back(&op);
      }
    index_[body.getTerminator()] = ops_.size();
    for (Operation *op : ops_)
      if (dependsOnWeights(op))
        weighted_.insert(op);
  }

  ArrayRef<Operation *> ops() const { return ops_; }

  /// Index of the last op that uses `value`, 0 when there is none.
  size_t lastUse(Value value) const {
    size_t last = 0;
    for (Operation *user : value.getUsers())
      last = std::max(last, index_.lookup(user));
    return last;
  }

  /// Rows that the weights had a part in. Others (angles of positions) may be used in any layer.
  bool carries(Value value) const {
    return isa<RankedTensorType>(value.getType()) && weighted_.contains(value.getDefiningOp());
  }

private:
  bool dependsOnWeights(Operation *op) const {
    return llvm::any_of(op->getOperands(), [&](Value operand) {
      Operation *from = operand.getDefiningOp();
      return from && (isa<ParamOp>(from) || weighted_.contains(from));
    });
  }

  SmallVector<Operation *> ops_;
  DenseMap<Operation *, size_t> index_;
  DenseSet<Operation *> weighted_;
};

bool hasAttention(Operation *op) {
  return op->walk([](PagedAttentionOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

/// A value that is the only one to lead from what stands up to op `index` to what follows.
struct Passage {
  size_t index;
  Value value;
};

/// The passages in program order, each value once, at its first.
SmallVector<Passage> passagesOf(const Steps &steps) {
  SmallVector<Passage> passages;
  SmallVector<Value> live;
  for (auto [index, op] : llvm::enumerate(steps.ops())) {
    for (Value result : op->getResults())
      if (steps.carries(result))
        live.push_back(result);
    const size_t here = index;
    llvm::erase_if(live, [&](Value value) { return steps.lastUse(value) <= here; });
    if (live.size() == 1 && (passages.empty() || passages.back().value != live.front()))
      passages.push_back({index, live.front()});
  }
  return passages;
}

/// Where the second layer begins and the last one ends. Layers are told apart by their attention:
/// between the first two, the last passage is the end of layer one; as many passages behind the
/// last attention is the end of the last layer.
FailureOr<std::optional<Cut>> findCut(const Steps &steps, std::string &reason) {
  SmallVector<size_t> attention;
  for (auto [index, op] : llvm::enumerate(steps.ops()))
    if (hasAttention(op))
      attention.push_back(index);
  if (attention.empty()) {
    reason = "it has no attention";
    return failure();
  }
  if (attention.size() == 1)
    return std::optional<Cut>();
  SmallVector<Passage> first, last;
  for (const Passage &passage : passagesOf(steps)) {
    if (passage.index >= attention[0] && passage.index < attention[1])
      first.push_back(passage);
    if (passage.index >= attention.back())
      last.push_back(passage);
  }
  if (first.empty() || last.size() < first.size()) {
    reason = "no value alone leads from one layer to the next";
    return failure();
  }
  const Passage &begin = first.back(), &end = last[first.size() - 1];
  if (begin.value.getType() != end.value.getType()) {
    reason = "its first and its last layer end in different types";
    return failure();
  }
  return std::optional<Cut>({begin.index, end.index, begin.value, end.value});
}

/// The cache of that type as the ops up to `index` leave it.
Value cacheAt(func::FuncOp entry, const Steps &steps, size_t index, Type type) {
  for (size_t i = index + 1; i-- > 0;)
    for (Value result : steps.ops()[i]->getResults())
      if (result.getType() == type)
        return result;
  for (Value argument : entry.getArguments())
    if (argument.getType() == type)
      return argument;
  return {};
}

/// Takes the ops of the cut out of `entry`.
LogicalResult applyCut(func::FuncOp entry, const Steps &steps, const Cut &cut,
                       std::string &reason) {
  ArrayRef<Operation *> ops = steps.ops().slice(cut.first + 1, cut.last - cut.first);
  for (Operation *op : ops)
    for (Value result : op->getResults()) {
      if (steps.lastUse(result) <= cut.last)
        continue;
      Value instead = result == cut.from ? cut.to
                      : isa<KvType>(result.getType())
                          ? cacheAt(entry, steps, cut.first, result.getType())
                          : Value();
      if (!instead) {
        reason = "its layers share more than the values between them";
        return failure();
      }
      result.replaceUsesWithIf(
          instead, [&](OpOperand &use) { return !llvm::is_contained(ops, use.getOwner()); });
    }
  for (Operation *op : llvm::reverse(ops))
    op->erase();
  for (auto param : llvm::make_early_inc_range(entry.getBody().front().getOps<ParamOp>()))
    if (param->use_empty())
      param->erase();
  return success();
}

} // namespace

FailureOr<func::FuncOp> deriveProbe(func::FuncOp entry, std::string &reason) {
  OpBuilder builder(entry);
  builder.setInsertionPointAfter(entry);
  auto probe = cast<func::FuncOp>(builder.clone(*entry));
  probe.setName((entry.getName() + "_probe").str());
  const Steps steps(probe);
  FailureOr<std::optional<Cut>> cut = findCut(steps, reason);
  if (failed(cut) || (*cut && failed(applyCut(probe, steps, **cut, reason)))) {
    probe->erase();
    return failure();
  }
  probe->setAttr(kProbeAttr, builder.getUnitAttr());
  probe->setAttr(kSignatureAttr, builder.getStringAttr(readNumerics(probe).hex()));
  return probe;
}

} // namespace ingot
