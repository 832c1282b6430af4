#include "passes/support/Program.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ingot;

SmallVector<func::FuncOp> ingot::entriesOf(ModuleOp module) {
  SmallVector<func::FuncOp> entries;
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isExternal() &&
        llvm::any_of(function.getArgumentTypes(), llvm::IsaPred<BatchType>))
      entries.push_back(function);
  return entries;
}

SmallVector<func::FuncOp> ingot::functionsOf(ModuleOp module) {
  auto functions = llvm::make_filter_range(module.getOps<func::FuncOp>(),
                                           [](func::FuncOp f) { return !f.isExternal(); });
  return SmallVector<func::FuncOp>(functions.begin(), functions.end());
}

int64_t ingot::columnsOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

Type ingot::elementOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

int ingot::outputResultOf(func::FuncOp entry) {
  for (auto [index, type] : llvm::enumerate(entry.getResultTypes()))
    if (isa<RankedTensorType>(type))
      return static_cast<int>(index);
  return -1;
}

LinearOp ingot::headOf(func::FuncOp entry) {
  const int output = outputResultOf(entry);
  if (output < 0 || rowSpaceOf(entry.getResultTypes()[output]) != RowSpace::returned)
    return {};
  Value value = entry.getBody().front().getTerminator()->getOperand(output);
  while (Operation *op = value.getDefiningOp()) {
    if (auto linear = dyn_cast<LinearOp>(op))
      return linear;
    if (!isa<SelectRowsOp, ArgmaxOp, ArgmaxFoldOp, ArgmaxPartialOp, SampleOp>(op))
      return {};
    value = op->getOperand(0);
  }
  return {};
}

std::string ingot::labelOfParam(StringRef name) {
  name.consume_front("model.");
  name.consume_back(".weight");
  return name.str();
}

namespace {

std::string labelOfValue(Value value) {
  auto param = value.getDefiningOp<ParamOp>();
  return param ? labelOfParam(param.getName()) : "";
}

/// The label that an op carries itself, or "".
std::string ownLabel(Operation *op) {
  if (auto fused = dyn_cast<FusedOp>(op))
    return fused.getLabel().str();
  if (auto linear = dyn_cast<LinearOp>(op)) {
    auto entry = op->getParentOfType<func::FuncOp>();
    return entry && headOf(entry) == linear ? "lm_head" : labelOfValue(linear.getWeight());
  }
  if (auto append = dyn_cast<KvAppendOp>(op))
    return "layers." + llvm::utostr(append.getLayer()) + ".self_attn";
  if (auto attention = dyn_cast<PagedAttentionOp>(op))
    return "layers." + llvm::utostr(attention.getLayer()) + ".self_attn";
  if (auto norm = dyn_cast<RmsNormOp>(op))
    return labelOfValue(norm.getGamma());
  if (auto norm = dyn_cast<LayerNormOp>(op))
    return labelOfValue(norm.getGamma());
  if (auto bias = dyn_cast<AddBiasOp>(op))
    return labelOfValue(bias.getBias());
  if (auto embed = dyn_cast<EmbedOp>(op))
    return labelOfValue(embed.getTable());
  if (isa<RopeAnglesOp>(op))
    return "rope_angles";
  return "";
}

/// Kinds of ops by how well they name a place, best first.
int labelRank(Operation *op) {
  if (isa<LinearOp>(op))
    return 0;
  return isa<KvAppendOp, PagedAttentionOp>(op) ? 1 : 2;
}

/// Breadth first along uses (or definitions) until an op has a label.
std::string labelNear(ArrayRef<Operation *> ops, bool forward) {
  SmallVector<Operation *> queue(ops);
  DenseSet<Operation *> seen(ops.begin(), ops.end());
  for (size_t i = 0; i < queue.size() && i < 64; ++i) {
    if (std::string label = ownLabel(queue[i]); !label.empty())
      return label;
    SmallVector<Operation *> next;
    if (forward)
      next.append(queue[i]->user_begin(), queue[i]->user_end());
    else
      for (Value operand : queue[i]->getOperands())
        if (Operation *definition = operand.getDefiningOp())
          next.push_back(definition);
    // Use lists have no meaningful order; the program has. Nearest first.
    llvm::sort(next, [&](Operation *a, Operation *b) {
      return a != b && a->isBeforeInBlock(b) == forward;
    });
    for (Operation *op : next)
      if (seen.insert(op).second)
        queue.push_back(op);
  }
  return "";
}

} // namespace

std::string ingot::labelOf(ArrayRef<Operation *> ops) {
  std::string best;
  int bestRank = 3;
  for (Operation *op : ops)
    if (std::string label = ownLabel(op); !label.empty() && labelRank(op) < bestRank) {
      best = label;
      bestRank = labelRank(op);
    }
  // A rounding point serves its reader, everything else belongs to what it continues.
  const bool forward = isa<RoundOp, QuantizeOp, SelectRowsOp>(ops.front());
  if (best.empty())
    best = labelNear(ops, forward);
  if (best.empty())
    best = labelNear(ops, !forward);
  return best.empty() ? ops.front()->getName().stripDialect().str() : best;
}

std::optional<int64_t> ingot::layerOfLabel(StringRef label) {
  int64_t layer = 0;
  if (!label.consume_front("layers.") || label.consumeInteger(10, layer))
    return std::nullopt;
  return layer;
}
