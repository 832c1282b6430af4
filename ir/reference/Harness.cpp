#include "ir/reference/Harness.h"

#include "ir/IngotDialect.h"
#include "ir/reference/Evaluator.h"
#include "ir/reference/Ops.h"
#include "ir/reference/SeededWeights.h"
#include "ir/reference/WeightLoader.h"
#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"
#include "runtime/base/Random.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <algorithm>

using namespace mlir;

namespace ingot::reference {
namespace {

using Sequences = std::vector<std::vector<uint32_t>>;

/// Tokens of seeded sequences: ids below every embedding table of the program.
Sequences seededSequences(func::FuncOp function, uint64_t seed) {
  int64_t vocabulary = 1 << 16;
  function->getParentOfType<ModuleOp>().walk([&](EmbedOp embed) {
    vocabulary =
        std::min(vocabulary, cast<RankedTensorType>(embed.getTable().getType()).getDimSize(0));
  });
  Sequences sequences{std::vector<uint32_t>(7), std::vector<uint32_t>(4)};
  uint64_t counter = 0;
  for (std::vector<uint32_t> &tokens : sequences)
    for (uint32_t &token : tokens)
      token =
          static_cast<uint32_t>(randomBits(randomKey(seed, 0), counter++) % uint64_t(vocabulary));
  return sequences;
}

Result<Sequences> sequencesOf(func::FuncOp function, const RunOptions &options) {
  if (!options.sequences.empty())
    return options.sequences;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (auto text = function.getArgAttrOfType<StringAttr>(i, "ingot.tokens"))
      return parseSequences(text.getValue());
  return seededSequences(function, options.seed);
}

/// Dense attribute or seeded numbers as float rows; `rows` for dynamic dimensions.
Result<Rows> floatInput(func::FuncOp function, unsigned index, int64_t rows, uint64_t seed) {
  auto type = cast<RankedTensorType>(function.getArgumentTypes()[index]);
  auto given = function.getArgAttrOfType<DenseFPElementsAttr>(index, "ingot.value");
  ShapedType shape = given ? given.getType() : ShapedType(type);
  const int64_t columns = shape.getDimSize(shape.getRank() - 1);
  Rows result = Rows::ofFloats(
      shape.getRank() == 1 ? 1 : (shape.isDynamicDim(0) ? rows : shape.getDimSize(0)), columns);
  if (columns != type.getDimSize(type.getRank() - 1))
    return Status(ErrorClass::Data, "input-shape",
                  format("@%s argument %u: the value has %lld columns",
                         function.getName().str().c_str(), index, static_cast<long long>(columns)));
  if (given) {
    size_t next = 0;
    for (APFloat value : given.getValues<APFloat>())
      result.floats[next++] = static_cast<float>(value.convertToDouble());
    return result;
  }
  const uint64_t key = randomKey(seed, hash64(function.getName().str()) + index);
  for (size_t i = 0; i < result.floats.size(); ++i)
    result.floats[i] = 2.0f * unitFloat(randomBits(key, i)) - 1.0f;
  return result;
}

/// `rows` in the form of the argument's element type.
Rows asElement(Rows rows, Type element) {
  if (element.isBF16() || element.isF16())
    return evalRound(rows, element.isF16() ? RowKind::F16 : RowKind::Bf16);
  if (auto quantized = dyn_cast<QActType>(element))
    return evalQuantize(rows, rowKindOf(quantized));
  return rows;
}

/// True when dimension 0 of the type is the number of tokens or returned rows.
bool hasRowSpace(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 && tensor.isDynamicDim(0);
}

/// The steps of a run: which tokens of which sequence each takes.
struct Step {
  Batch batch;
  std::vector<int64_t> tokenIndex; ///< per row: its number among all tokens, sequences in order
};

std::vector<Step> planSteps(const Sequences &sequences, const RunOptions &options) {
  size_t longest = 0;
  for (const auto &tokens : sequences)
    longest = std::max(longest, tokens.size());
  const size_t chunk = options.chunk > 0 ? static_cast<size_t>(options.chunk) : longest;
  std::vector<Step> steps;
  for (size_t first = 0; first < longest; first += chunk) {
    Step step;
    int64_t before = 0; // tokens of earlier sequences
    for (size_t s = 0; s < sequences.size(); ++s) {
      const size_t count = sequences[s].size();
      for (size_t t = first; t < std::min(first + chunk, count); ++t)
        step.tokenIndex.push_back(before + static_cast<int64_t>(t));
      if (first < count)
        step.batch.append(static_cast<uint32_t>(s), static_cast<uint32_t>(first),
                          std::span(sequences[s]).subspan(first, std::min(chunk, count - first)),
                          options.returnAll);
      before += static_cast<int64_t>(count);
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

/// The rows of `all` that stand for the tokens of the step.
Rows pickRows(const Rows &all, const std::vector<int64_t> &index) {
  Rows result = Rows::ofFloats(static_cast<int64_t>(index.size()), all.columns, all.kind);
  for (int64_t r = 0; r < result.rows; ++r)
    std::copy_n(all.row(index[r]), all.columns, result.row(r));
  return result;
}

/// Collects the rows of a result over the steps, by token.
class Collector {
public:
  void add(const Rows &rows, const std::vector<int64_t> &labels) {
    for (int64_t r = 0; r < rows.rows; ++r)
      places_.push_back({labels[r], parts_.size(), r});
    parts_.push_back(rows);
  }
  Rows finish() {
    if (parts_.size() == 1 || parts_.empty())
      return parts_.empty() ? Rows() : std::move(parts_[0]);
    std::sort(places_.begin(), places_.end());
    Rows result;
    result.kind = parts_[0].kind;
    result.columns = parts_[0].columns;
    result.rows = static_cast<int64_t>(places_.size());
    for (const auto &[label, part, row] : places_)
      appendRow(parts_[part], row, result);
    return result;
  }

private:
  template <typename T>
  static void copyRow(const std::vector<T> &from, int64_t rows, int64_t row, std::vector<T> &to) {
    const int64_t width = static_cast<int64_t>(from.size()) / rows;
    to.insert(to.end(), from.begin() + row * width, from.begin() + (row + 1) * width);
  }
  static void appendRow(const Rows &from, int64_t row, Rows &to) {
    copyRow(from.floats, from.rows, row, to.floats);
    copyRow(from.ints, from.rows, row, to.ints);
    copyRow(from.int8, from.rows, row, to.int8);
    copyRow(from.meta, from.rows, row, to.meta);
  }

  struct Place {
    int64_t label;
    size_t part;
    int64_t row;
    auto operator<=>(const Place &) const = default;
  };
  std::vector<Rows> parts_;
  std::vector<Place> places_;
};

/// All inputs of an entry for a run over `tokens` tokens.
Result<std::vector<Rows>> inputsOf(func::FuncOp function, int64_t tokens, uint64_t seed) {
  std::vector<Rows> inputs;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (isa<RankedTensorType>(function.getArgumentTypes()[i])) {
      INGOT_ASSIGN(Rows rows, floatInput(function, i, tokens, seed));
      inputs.push_back(std::move(rows));
    }
  return inputs;
}

/// What the step sees of the inputs: token rows are cut to its tokens, then rounded as typed.
std::vector<Rows> inputsOfStep(func::FuncOp function, const std::vector<Rows> &inputs,
                               const Step &step, bool cut) {
  std::vector<Rows> result;
  for (Type type : function.getArgumentTypes()) {
    if (!isa<RankedTensorType>(type))
      continue;
    const Rows &all = inputs[result.size()];
    const bool tokens = cut && hasRowSpace(type) && rowSpaceOf(type) == RowSpace::tokens;
    auto element = cast<RankedTensorType>(type).getElementType();
    result.push_back(hasRowSpace(type) || cast<RankedTensorType>(type).getRank() == 2
                         ? asElement(tokens ? pickRows(all, step.tokenIndex) : all, element)
                         : all);
  }
  return result;
}

Result<EntryOutputs> runEntry(func::FuncOp function, Evaluator &evaluator,
                              const RunOptions &options) {
  const bool hasBatch = llvm::any_of(function.getArgumentTypes(), llvm::IsaPred<BatchType>);
  INGOT_ASSIGN(const Sequences sequences, sequencesOf(function, options));
  std::vector<Step> steps = planSteps(sequences, options);
  int64_t tokens = 0;
  for (const Step &step : steps)
    tokens += step.batch.tokens();
  if (!hasBatch)
    steps.resize(1);
  INGOT_ASSIGN(const std::vector<Rows> inputs, inputsOf(function, tokens, options.seed));

  std::vector<Collector> collectors;
  KvState state;
  for (const Step &step : steps) {
    const std::vector<Rows> seen = inputsOfStep(function, inputs, step, hasBatch);
    INGOT_ASSIGN(std::vector<Rows> results,
                 evaluator.run(function.getName().str(), step.batch, state, seen));
    collectors.resize(results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      std::vector<int64_t> labels(results[i].rows, 0);
      if (hasBatch && results[i].rows == step.batch.tokens())
        labels = step.tokenIndex;
      else if (hasBatch && results[i].rows == static_cast<int64_t>(step.batch.returnRows.size()))
        for (int64_t r = 0; r < results[i].rows; ++r)
          labels[r] = step.tokenIndex[step.batch.returnRows[r]];
      collectors[i].add(results[i], labels);
    }
  }
  EntryOutputs outputs{function.getName().str(), {}};
  for (Collector &collector : collectors)
    outputs.results.push_back(collector.finish());
  return outputs;
}

} // namespace

Result<Sequences> parseSequences(std::string_view text) {
  constexpr uint32_t kMostTokens = 1 << 20; // of one repetition: a slip of the finger, not a text
  Sequences sequences;
  SmallVector<StringRef> parts, numbers;
  StringRef(text).split(parts, ';');
  for (StringRef part : parts) {
    numbers.clear();
    part.split(numbers, ',');
    std::vector<uint32_t> tokens;
    for (StringRef number : numbers) {
      const auto [id, times] = number.split('*');
      uint32_t token = 0, count = 1;
      if (id.trim().getAsInteger(10, token) ||
          (number.contains('*') && times.trim().getAsInteger(10, count)) || count > kMostTokens)
        return Status(ErrorClass::Usage, "token-list",
                      format("\"%s\" is not a token id; write ids like \"1,2,3*10;4,5\"",
                             number.str().c_str()));
      tokens.insert(tokens.end(), count, token);
    }
    sequences.push_back(std::move(tokens));
  }
  return sequences;
}

Result<std::vector<EntryOutputs>> runProgram(ModuleOp module, const RunOptions &options) {
  const SeededWeights seeded(module, options.seed);
  Evaluator evaluator(module, options.weights ? *options.weights : seeded);
  std::vector<EntryOutputs> outputs;
  for (auto function : module.getOps<func::FuncOp>()) {
    const bool wanted =
        options.entries.empty() || llvm::is_contained(options.entries, function.getName().str());
    if (!wanted || function.isExternal())
      continue;
    INGOT_ASSIGN(EntryOutputs result, runEntry(function, evaluator, options));
    outputs.push_back(std::move(result));
  }
  if (outputs.empty() || (!options.entries.empty() && outputs.size() < options.entries.size()))
    return Status(ErrorClass::Usage, "entry-missing",
                  "the program lacks an entry that was asked for");
  return outputs;
}

} // namespace ingot::reference
