#include "models/ProgramFile.h"

#include "ir/IngotDialect.h"
#include "models/ProgramCheck.h"
#include "models/import/Json.h"
#include "runtime/base/Format.h"
#include "runtime/base/Limits.h"
#include "runtime/base/Suggest.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <set>

using namespace mlir;

namespace ingot {
namespace {

constexpr const char *kInfoName = "ingot.model";
constexpr uint64_t kMaxProgramBytes = 256'000'000;
constexpr int kMaxNesting = 256; ///< brackets; the parser descends into each with its own stack

Status invalid(const std::string &path, const std::string &what) {
  return Status(ErrorClass::Data, "program-invalid", path + ": " + what);
}

std::string diagnosticText(Diagnostic &diagnostic) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (auto place = dyn_cast<FileLineColLoc>(diagnostic.getLocation()))
    stream << "line " << place.getLine() << " column " << place.getColumn() << ": ";
  stream << diagnostic;
  return text;
}

/// The deepest nesting of brackets outside texts and comments.
int nestingOf(std::string_view text) {
  int depth = 0, deepest = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i)
        i += text[i] == '\\';
    } else if (text.substr(i, 2) == "//") {
      i = std::min(text.find('\n', i), text.size());
    } else if (text.substr(i, 2) == "->") {
      ++i;
    } else if (c == '(' || c == '[' || c == '{' || c == '<') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ')' || c == ']' || c == '}' || c == '>') {
      --depth;
    }
  }
  return deepest;
}

/// The program's text, safe to give to the parser.
Result<std::string> readProgram(const std::string &path) {
  INGOT_ASSIGN(std::string text, readTextFile(path, kMaxProgramBytes));
  if (text.starts_with("ML\xefR"))
    return invalid(path, "is MLIR bytecode; give the program as text");
  if (const int depth = nestingOf(text); depth > kMaxNesting)
    return invalid(path,
                   format("brackets are nested %d deep, at most %d are read", depth, kMaxNesting));
  return text;
}

/// The entry, with the signature that every model program has.
func::FuncOp findEntry(ModuleOp module) {
  auto entry = module.lookupSymbol<func::FuncOp>("forward");
  if (!entry || entry.isExternal())
    return {};
  const FunctionType type = entry.getFunctionType();
  if (type.getNumInputs() < 2 || !isa<BatchType>(type.getInput(0)) || type.getNumResults() < 1)
    return {};
  for (Type input : type.getInputs().drop_front())
    if (!isa<KvType>(input))
      return {};
  auto logits = dyn_cast<RankedTensorType>(type.getResult(0));
  return logits && logits.getRank() == 2 ? entry : func::FuncOp();
}

/// Fails for entries of ingot.model that nothing reads, or of another type.
Status checkInfo(DictionaryAttr attributes, const std::string &path) {
  const std::vector<std::string> known = {"architecture", "max_context", "name"};
  for (const NamedAttribute entry : attributes) {
    const std::string name = entry.getName().str();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const auto nearest = nearestName(name, known);
      return invalid(path, "ingot.model has no entry '" + name + "'" +
                               (nearest ? "; did you mean " + *nearest + "?"
                                        : "; known: architecture, max_context, name"));
    }
    if (name != "max_context" && !isa<StringAttr>(entry.getValue()))
      return invalid(path, "ingot.model: '" + name + "' must be a text");
  }
  auto context = attributes.getAs<IntegerAttr>("max_context");
  if (!context || !context.getType().isSignlessInteger(64) || context.getInt() < 1 ||
      context.getInt() > limits::kContext)
    return invalid(path, format("ingot.model: max_context must be an i64 from 1 to %lld",
                                static_cast<long long>(limits::kContext)));
  return Status::ok();
}

int64_t widthOfEmbedding(func::FuncOp entry) {
  int64_t width = 0;
  entry.walk([&](EmbedOp embed) {
    width = cast<RankedTensorType>(embed.getResult().getType()).getDimSize(1);
  });
  return width;
}

} // namespace

Result<OwningOpRef<ModuleOp>> parseProgram(const std::string &path, MLIRContext &context) {
  INGOT_ASSIGN(const std::string text, readProgram(path));
  context.loadDialect<IngotDialect, func::FuncDialect>();
  std::string first;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (first.empty())
      first = diagnosticText(diagnostic);
    return success();
  });
  auto module = parseSourceString<ModuleOp>(text, ParserConfig(&context), path);
  if (!module)
    return invalid(path, first.empty() ? "cannot be read" : first);
  return module;
}

void writeProgramInfo(ModuleOp module, const ModelInfo &info) {
  Builder builder(module.getContext());
  module->setAttr(
      kInfoName,
      builder.getDictionaryAttr({
          builder.getNamedAttr("architecture", builder.getStringAttr(info.architecture)),
          builder.getNamedAttr("max_context", builder.getI64IntegerAttr(info.maxContext)),
          builder.getNamedAttr("name", builder.getStringAttr(info.name)),
      }));
}

Result<ModelInfo> readProgramInfo(ModuleOp module, const std::string &path) {
  func::FuncOp entry = findEntry(module);
  if (!entry)
    return invalid(path, "needs an entry @forward(!ingot.batch, !ingot.kv<...>) that returns "
                         "logits and cache");
  auto attributes = module->getAttrOfType<DictionaryAttr>(kInfoName);
  if (!attributes)
    return invalid(path, "the module needs the attribute ingot.model = {architecture = \"...\", "
                         "max_context = N, name = \"...\"}");
  INGOT_TRY(checkInfo(attributes, path));
  if (const std::string problem = programProblem(module, entry); !problem.empty())
    return invalid(path, problem);
  ModelInfo info;
  auto architecture = attributes.getAs<StringAttr>("architecture");
  auto name = attributes.getAs<StringAttr>("name");
  info.architecture = architecture ? architecture.str() : "program";
  info.maxContext = attributes.getAs<IntegerAttr>("max_context").getInt();
  info.vocab = cast<RankedTensorType>(entry.getFunctionType().getResult(0)).getDimSize(1);
  info.hidden = widthOfEmbedding(entry);
  for (Type input : entry.getFunctionType().getInputs().drop_front())
    info.layers += cast<KvType>(input).getLayers();
  info.parameters = countParameters(module);
  info.name = name ? name.str() : modelName("program", info.parameters);
  return info;
}

uint64_t countParameters(ModuleOp module) {
  std::set<std::string> seen;
  uint64_t elements = 0;
  module.walk([&](ParamOp param) {
    if (seen.insert(param.getName().str()).second)
      elements += cast<RankedTensorType>(param.getResult().getType()).getNumElements();
  });
  return elements;
}

std::string modelName(const std::string &modelType, uint64_t parameters) {
  if (parameters >= 1'000'000'000)
    return modelType + format("-%.1fB", static_cast<double>(parameters) / 1e9);
  if (parameters >= 1'000'000)
    return modelType + format("-%.1fM", static_cast<double>(parameters) / 1e6);
  return modelType + format("-%.0fK", static_cast<double>(parameters) / 1e3);
}

} // namespace ingot
