// --ingot-verify-numerics: see Passes.td.
#include "passes/Passes.h"
#include "passes/numerics/Signature.h"

#define DEBUG_TYPE "ingot-verify-numerics"

namespace ingot {
#define GEN_PASS_DEF_VERIFYNUMERICSPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// "line 4 was `...`, is `...`" for the first line in which the texts differ.
std::string firstDifference(StringRef was, StringRef is) {
  for (unsigned line = 1;; ++line) {
    auto [wasLine, wasRest] = was.split('\n');
    auto [isLine, isRest] = is.split('\n');
    if (wasLine != isLine)
      return "line " + std::to_string(line) + " was `" + wasLine.str() + "`, is `" + isLine.str() +
             "`";
    if (wasRest.empty() && isRest.empty())
      return "no line differs";
    was = wasRest;
    is = isRest;
  }
}

struct VerifyNumericsPass : public ingot::impl::VerifyNumericsPassBase<VerifyNumericsPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    auto texts = getOperation()->getAttrOfType<DictionaryAttr>(kNumericsAttr);
    for (func::FuncOp entry : functionsOf(getOperation()))
      if (failed(verifyEntry(entry, texts)))
        return signalPassFailure();
  }

private:
  LogicalResult verifyEntry(func::FuncOp entry, DictionaryAttr texts) {
    auto recorded = entry->getAttrOfType<StringAttr>(kSignatureAttr);
    if (!recorded)
      return entry.emitOpError("has no numerics signature; run ingot-fix-numerics first");
    const NumericsSignature now = readNumerics(entry);
    if (now.hex() == recorded.getValue())
      return success();
    auto error = entry.emitOpError()
                 << "computes other numbers than ingot-fix-numerics signed: signature "
                 << recorded.getValue() << " became " << now.hex();
    if (auto text = texts ? texts.getAs<StringAttr>(recorded.getValue()) : StringAttr())
      error.attachNote()
          << firstDifference(text.getValue(), now.text)
          << "; after ingot-fix-numerics no pass may add, drop or move a rounding point "
             "or change an order";
    return failure();
  }
};

} // namespace
