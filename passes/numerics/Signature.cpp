#include "passes/numerics/Signature.h"

#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace ingot;

namespace {

/// A distinct computation; `text` is everything but its number and its operands' numbers.
struct Node {
  std::string head, tail; ///< "linear", "\"w\":bf16[64x64] order=chain,2 -> 64xf32"
  SmallVector<unsigned> operands;
};

/// A value as the columns of nodes side by side; with `interleave` two nodes alternate in runs.
struct Columns {
  struct Part {
    unsigned node;
    int64_t width;
  };
  SmallVector<Part, 2> parts;
  int64_t interleave = 0;
};

template <typename T>
std::string printed(T thing) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  thing.print(stream);
  return text;
}

/// "64xf32", "int4/32[64x64]": shapes without row space, which is not arithmetic.
std::string typeText(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return printed(type);
  return llvm::itostr(tensor.getShape().back()) + "x" + printed(tensor.getElementType());
}

std::string formatText(Type element) {
  if (auto weight = dyn_cast<QWeightType>(element))
    return storageFormat(element).str() + "/" +
           (weight.getGroup() == 0 ? "channel" : llvm::itostr(weight.getGroup()));
  return printed(element);
}

/// `"name":format[NxK]` of `rows` rows of a parameter.
std::string sourceText(StringRef name, RankedTensorType type, int64_t rows) {
  std::string shape = llvm::itostr(rows);
  if (type.getRank() == 2)
    shape += "x" + llvm::itostr(type.getDimSize(1));
  return "\"" + name.str() + "\":" + formatText(type.getElementType()) + "[" + shape + "]";
}

/// Inherent attributes as " name=value"; long ones (tables of frequencies) by their hash.
std::string attributesText(Operation *op) {
  std::string text;
  for (NamedAttribute attribute : op->getAttrDictionary()) {
    if (attribute.getName().strref().contains('.'))
      continue;
    std::string value = printed(attribute.getValue());
    if (value.size() > 64)
      value = "#" + format("%016llx", static_cast<unsigned long long>(hash64(value)));
    text += " " + attribute.getName().str() + "=" + value;
  }
  return text;
}

/// Walks an entry in program order and interns its computations.
class ProgramReader {
public:
  std::string read(func::FuncOp entry) {
    for (BlockArgument argument : entry.getArguments())
      bind(argument, intern({"input", " " + typeText(argument.getType()), {}}));
    Block &body = entry.getBody().front();
    readBlock(body);
    SmallVector<unsigned> roots;
    for (Value value : body.getTerminator()->getOperands())
      roots.push_back(single(value));
    return textOf(roots);
  }

private:
  void readBlock(Block &block) {
    for (Operation &op : block.without_terminator())
      readOp(&op);
  }

  void readOp(Operation *op) {
    if (auto fused = dyn_cast<FusedOp>(op))
      return readFused(fused);
    if (isa<ParamOp>(op))
      return; // read where it is used
    if (isa<SelectRowsOp, ArgmaxOp, ArgmaxPartialOp, ArgmaxFoldOp, SampleOp>(op)) {
      values_[op->getResult(0)] = values_.lookup(op->getOperand(0));
      return;
    }
    if (auto linear = dyn_cast<LinearOp>(op))
      return readLinear(linear);
    if (auto split = dyn_cast<SplitOp>(op))
      return readSplit(split);
    bind(op->getResult(0), intern(nodeOf(op)));
  }

  void readFused(FusedOp fused) {
    Block &body = fused.getBody().front();
    for (auto [argument, operand] : llvm::zip(body.getArguments(), fused.getInputs())) {
      if (ParamOp param = paramOf(operand))
        params_[argument] = param;
      else
        values_[argument] = values_.lookup(operand);
    }
    readBlock(body);
    for (auto [result, yielded] :
         llvm::zip(fused.getResults(), body.getTerminator()->getOperands()))
      values_[result] = values_.lookup(yielded);
  }

  /// One node per source of the weight: each output column is a chain of its own.
  void readLinear(LinearOp linear) {
    const unsigned input = single(linear.getInput());
    std::string attributes = attributesText(linear);
    ParamOp param = paramOf(linear.getWeight());
    if (!param)
      return bind(linear, intern(nodeOf(linear)));
    Columns columns;
    auto add = [&](std::string weight, int64_t rows) {
      std::string tail = ", " + weight + attributes + " -> " + llvm::itostr(rows) + "xf32";
      columns.parts.push_back({intern({"linear", tail, {input}}), rows});
    };
    if (auto sources = param.getSources()) {
      auto type = cast<RankedTensorType>(param.getType());
      for (auto source : sources->getAsRange<SourceAttr>())
        add(sourceText(source.getTensor(), type, source.getRows()), source.getRows());
      columns.interleave = param.getInterleave().value_or(0);
    } else {
      auto type = cast<RankedTensorType>(param.getType());
      add(sourceText(param.getName(), type, type.getDimSize(0)), type.getDimSize(0));
    }
    values_[linear.getResult()] = columns;
  }

  /// A split along the seams of its input gives back the parts; any other is a computation.
  void readSplit(SplitOp split) {
    const Columns input = values_.lookup(split.getInput());
    bool alongSeams = static_cast<int64_t>(split.getInterleave().value_or(0)) == input.interleave &&
                      input.parts.size() == split.getNumResults();
    for (size_t i = 0; alongSeams && i < input.parts.size(); ++i)
      alongSeams = input.parts[i].width == columnsOf(split.getResult(i));
    if (alongSeams) {
      for (auto [result, part] : llvm::zip(split.getResults(), input.parts))
        values_[result].parts = {part};
      return;
    }
    const unsigned whole = single(split.getInput());
    int64_t begin = 0;
    for (Value result : split.getResults()) {
      const std::string tail = attributesText(split) + " from=" + llvm::itostr(begin) + " -> " +
                               typeText(result.getType());
      bind(result, intern({"split", tail, {whole}}));
      begin += columnsOf(result);
    }
  }

  Node nodeOf(Operation *op) {
    Node node{op->getName().stripDialect().str(), "", {}};
    for (Value operand : op->getOperands()) {
      if (ParamOp param = paramOf(operand)) {
        auto type = cast<RankedTensorType>(param.getType());
        node.tail += ", " + sourceText(param.getName(), type, type.getDimSize(0));
      } else {
        node.operands.push_back(single(operand));
      }
    }
    node.tail += attributesText(op) + " -> " + typeText(op->getResult(0).getType());
    return node;
  }

  /// The parameter behind a value, also through an argument of a fused body.
  ParamOp paramOf(Value value) {
    auto param = value.getDefiningOp<ParamOp>();
    return param ? param : params_.lookup(value);
  }

  void bind(Value value, unsigned node) {
    const bool rows = isa<RankedTensorType>(value.getType());
    values_[value] = Columns{{{node, rows ? columnsOf(value) : 0}}, 0};
  }

  /// The node of a whole value; parts side by side become a "concat".
  unsigned single(Value value) {
    const Columns columns = values_.lookup(value);
    if (columns.parts.size() == 1)
      return columns.parts.front().node;
    Node node{"concat", "", {}};
    if (columns.interleave)
      node.tail = " interleave=" + llvm::itostr(columns.interleave);
    for (const Columns::Part &part : columns.parts)
      node.operands.push_back(part.node);
    return intern(std::move(node));
  }

  unsigned intern(Node node) {
    std::string key = node.head + "\n" + node.tail;
    for (unsigned operand : node.operands)
      key += "\n" + llvm::utostr(operand);
    auto [entry, added] = numbers_.try_emplace(key, nodes_.size());
    if (added)
      nodes_.push_back(std::move(node));
    return entry->second;
  }

  /// Numbers the nodes that the roots need, operands first.
  std::string textOf(ArrayRef<unsigned> roots) const {
    std::string text;
    std::vector<int64_t> number(nodes_.size(), -1);
    int64_t next = 0;
    SmallVector<unsigned> stack(llvm::reverse(roots));
    while (!stack.empty()) {
      const unsigned index = stack.back();
      const Node &node = nodes_[index];
      const size_t height = stack.size();
      for (unsigned operand : llvm::reverse(node.operands))
        if (number[operand] < 0)
          stack.push_back(operand);
      if (stack.size() > height)
        continue;
      stack.pop_back();
      if (number[index] >= 0)
        continue;
      number[index] = next++;
      text += "%" + llvm::itostr(number[index]) + " = " + node.head;
      for (auto [i, operand] : llvm::enumerate(node.operands))
        text += (i ? ", %" : " %") + llvm::itostr(number[operand]);
      text += node.tail + "\n";
    }
    text += "return";
    for (auto [i, root] : llvm::enumerate(roots))
      text += (i ? ", %" : " %") + llvm::itostr(number[root]);
    return text + "\n";
  }

  std::vector<Node> nodes_;
  llvm::StringMap<unsigned> numbers_;
  DenseMap<Value, Columns> values_;
  DenseMap<Value, ParamOp> params_; ///< arguments of fused bodies that are parameters
};

} // namespace

std::string NumericsSignature::hex() const {
  return format("0x%016llx", static_cast<unsigned long long>(hash));
}

NumericsSignature ingot::readNumerics(func::FuncOp entry) {
  NumericsSignature signature;
  signature.text = ProgramReader().read(entry);
  signature.hash = hash64(signature.text);
  return signature;
}
