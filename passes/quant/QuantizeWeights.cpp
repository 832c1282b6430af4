// --ingot-quantize-weights: see Passes.td.
#include "passes/Passes.h"
#include "passes/support/Program.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/GlobPattern.h"

#define DEBUG_TYPE "ingot-quantize-weights"

namespace ingot {
#define GEN_PASS_DEF_QUANTIZEWEIGHTSPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// Storage of a matrix: floats of 16 bits, or numbers with a scale per `group` columns (0: per
/// row).
struct Scheme {
  std::string name = "bf16";
  int64_t group = 0;

  bool isInteger() const { return name == "int4" || name == "int8"; }

  Type elementType(MLIRContext *context) const {
    if (name == "bf16")
      return BFloat16Type::get(context);
    if (name == "fp16")
      return Float16Type::get(context);
    return QWeightType::get(context, name == "int4" ? 4 : 8, group,
                            name == "fp8" ? WeightNumber::e4m3 : WeightNumber::integer);
  }
};

/// "bf16", "fp16", "int8", "int4:128", "int8:channel", "fp8:128".
std::optional<Scheme> parseScheme(StringRef text) {
  auto [name, group] = text.split(':');
  Scheme scheme{name.str(), 0};
  if (name == "bf16" || name == "fp16")
    return group.empty() ? std::optional(scheme) : std::nullopt;
  if (name != "int8" && name != "int4" && name != "fp8")
    return std::nullopt;
  const int64_t step = name == "fp8" ? 128 : 32;
  if (group.empty() && scheme.isInteger())
    scheme.group = 32;
  else if (group != "channel" && !group.empty() &&
           (group.getAsInteger(10, scheme.group) || scheme.group < step ||
            scheme.group % step != 0))
    return std::nullopt;
  return scheme;
}

/// What a parameter is used for; the larger value decides the scheme of a shared one.
enum class Role { Linear, Embedding, Head };

/// All ops of one parameter name (an entry and its clones each have one).
struct Matrix {
  SmallVector<ParamOp> ops;
  Role role = Role::Linear;
};

struct Override {
  std::string text;
  llvm::GlobPattern pattern;
  Scheme scheme;
  bool used = false;

  bool matches(StringRef name) const {
    return pattern.match(name) || (name.consume_back(".weight") && pattern.match(name));
  }
};

struct QuantizeWeightsPass : public ingot::impl::QuantizeWeightsPassBase<QuantizeWeightsPass> {
  using QuantizeWeightsPassBase::QuantizeWeightsPassBase;

  void runOnOperation() override {
    if (failed(readOptions()))
      return signalPassFailure();
    for (auto &[name, matrix] : collectMatrices())
      apply(schemeOf(name, matrix.role), matrix);
    for (const Override &entry : overrides_)
      if (!entry.used) {
        getOperation().emitError()
            << "override '" << entry.text
            << "' matches no matrix of the model; patterns are matched against "
               "parameter names, with and without a last '.weight'";
        return signalPassFailure();
      }
  }

private:
  LogicalResult readScheme(StringRef option, StringRef text, Scheme &scheme) {
    std::optional<Scheme> parsed = parseScheme(text);
    if (!parsed)
      return getOperation().emitError()
             << option << ": '" << text
             << "' is no scheme; write bf16, fp16, int8[:GROUP] or int4[:GROUP] with GROUP a "
                "multiple of 32 or 'channel', or fp8[:GROUP] with a multiple of 128 or 'channel'";
    scheme = *parsed;
    return success();
  }

  LogicalResult readOptions() {
    overrides_.clear();
    if (failed(readScheme("linear", linear, linear_)) || failed(readScheme("head", head, head_)) ||
        failed(readScheme("embedding", embedding, embedding_)))
      return failure();
    for (const std::string &text : overrides) {
      auto [pattern, schemeText] = StringRef(text).rsplit('=');
      Scheme scheme;
      if (failed(readScheme("override '" + text + "'", schemeText, scheme)))
        return failure();
      llvm::Expected<llvm::GlobPattern> glob = llvm::GlobPattern::create(pattern);
      if (!glob)
        return getOperation().emitError()
               << "override '" << text << "': " << llvm::toString(glob.takeError());
      overrides_.push_back({text, *glob, scheme});
    }
    return success();
  }

  llvm::MapVector<StringRef, Matrix> collectMatrices() {
    llvm::MapVector<StringRef, Matrix> matrices;
    for (func::FuncOp entry : functionsOf(getOperation())) {
      LinearOp headLinear = headOf(entry);
      for (ParamOp param : entry.getOps<ParamOp>()) {
        if (cast<RankedTensorType>(param.getType()).getRank() != 2)
          continue;
        Matrix &matrix = matrices[param.getName()];
        matrix.ops.push_back(param);
        for (Operation *user : param->getUsers())
          matrix.role = std::max(matrix.role, user == headLinear   ? Role::Head
                                              : isa<EmbedOp>(user) ? Role::Embedding
                                                                   : Role::Linear);
      }
    }
    return matrices;
  }

  Scheme schemeOf(StringRef name, Role role) {
    for (Override &entry : overrides_)
      if (entry.matches(name)) {
        entry.used = true;
        return entry.scheme;
      }
    return role == Role::Head ? head_ : role == Role::Embedding ? embedding_ : linear_;
  }

  void apply(const Scheme &scheme, Matrix &matrix) {
    for (ParamOp param : matrix.ops) {
      auto type = cast<RankedTensorType>(param.getType());
      param.getResult().setType(
          RankedTensorType::get(type.getShape(), scheme.elementType(&getContext())));
      param.setClipSearch(clipSearch && scheme.isInteger());
    }
    ++(scheme.name == "int4"   ? numInt4
       : scheme.name == "int8" ? numInt8
       : scheme.name == "fp8"  ? numFp8
       : scheme.name == "fp16" ? numFp16
                               : numBf16);
  }

  Scheme linear_, head_, embedding_;
  std::vector<Override> overrides_;
};

} // namespace
