#include "models/ProgramCheck.h"

#include "ir/IngotDialect.h"
#include "runtime/base/Limits.h"
#include "runtime/base/Suggest.h"

using namespace mlir;

namespace ingot {
namespace {

std::string placeOf(Operation *op) {
  auto place = dyn_cast<FileLineColLoc>(op->getLoc());
  const std::string where = place ? "line " + std::to_string(place.getLine()) + " column " +
                                        std::to_string(place.getColumn()) + ": "
                                  : "";
  return where + "'" + op->getName().getStringRef().str() + "' ";
}

/// "unknown attribute 'windw'; did you mean window?", or the names that there are.
std::string unknownName(StringRef name, const std::vector<std::string> &known) {
  std::string text = "unknown attribute '" + name.str() + "'";
  if (const auto nearest = nearestName(name.str(), known))
    return text + "; did you mean " + *nearest + "?";
  text += known.empty() ? "; it takes none" : "; known:";
  for (const std::string &each : known)
    text += " " + each;
  return text;
}

std::vector<std::string> namesOf(ArrayRef<StringAttr> names) {
  std::vector<std::string> known;
  for (StringAttr name : names)
    known.push_back(name.str());
  return known;
}

/// An attribute of an op that nothing reads. Those of other dialects ("mine.note") are notes.
std::string unreadAttribute(Operation *op, ArrayRef<StringAttr> known) {
  for (const NamedAttribute attribute : op->getDiscardableAttrs()) {
    const StringRef name = attribute.getName();
    const bool isNote = name.contains('.') && !name.starts_with("ingot.");
    if (!isNote && !llvm::is_contained(known, attribute.getName()))
      return placeOf(op) + unknownName(name, namesOf(known));
  }
  return {};
}

/// Ops that plans take, rows whose number a step decides.
std::string opProblem(Operation *op) {
  if (isa<func::ReturnOp>(op))
    return {};
  if (!isa<IngotDialect>(op->getDialect()))
    return placeOf(op) + "is no op of the dialect ingot; @forward holds those alone";
  for (Value result : op->getResults())
    if (auto rows = dyn_cast<RankedTensorType>(result.getType());
        rows && !isa<ParamOp>(op) && !rows.isDynamicDim(0))
      return placeOf(op) + "makes " + std::to_string(rows.getDimSize(0)) +
             " rows; their number is that of the step, so the type begins with ?";
  return unreadAttribute(op, op->getName().getAttributeNames());
}

std::string entryProblem(func::FuncOp entry) {
  const FunctionType type = entry.getFunctionType();
  if (type.getNumInputs() != 2)
    return placeOf(entry) + "@forward takes " + std::to_string(type.getNumInputs() - 1) +
           " caches; one holds all layers";
  if (auto kv = cast<KvType>(type.getInput(1)); kv.getGroup() != 0)
    return placeOf(entry) + "the cache is group " + std::to_string(kv.getGroup()) +
           "; groups are counted from 0";
  auto logits = cast<RankedTensorType>(type.getResult(0));
  if (rowSpaceOf(logits) != RowSpace::returned || !logits.getElementType().isF32())
    return placeOf(entry) + "@forward returns logits as float32 rows of the returned tokens: "
                            "tensor<?xVxf32, #ingot.rows<returned>>";
  if (logits.getDimSize(1) > limits::kVocab)
    return placeOf(entry) + "logits have " + std::to_string(logits.getDimSize(1)) +
           " columns, at most " + std::to_string(limits::kVocab);
  return {};
}

} // namespace

std::string programProblem(ModuleOp module, func::FuncOp entry) {
  Builder builder(module.getContext());
  if (std::string problem = unreadAttribute(module, builder.getStringAttr("ingot.model"));
      !problem.empty())
    return problem;
  for (Operation &op : module.getOps())
    if (&op != entry.getOperation())
      return placeOf(&op) + "stands beside @forward, and nothing calls it; take it out";
  std::string problem = entryProblem(entry);
  if (problem.empty())
    problem = unreadAttribute(entry, {});
  if (problem.empty() && !entry.getBody().hasOneBlock())
    problem = placeOf(entry) + "@forward is one block";
  if (problem.empty())
    entry.getBody().walk([&](Operation *op) {
      problem = opProblem(op);
      return problem.empty() ? WalkResult::advance() : WalkResult::interrupt();
    });
  return problem;
}

} // namespace ingot
