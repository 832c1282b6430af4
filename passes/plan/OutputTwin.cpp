#include "passes/plan/OutputTwin.h"

#include "passes/support/Program.h"

using namespace mlir;

namespace ingot {

void addOutputTwin(func::FuncOp entry, StringRef output, MakeIds makeIds) {
  OpBuilder builder(entry);
  builder.setInsertionPointAfter(entry);
  auto twin = cast<func::FuncOp>(builder.clone(*entry));
  twin.setName((entry.getName() + "_" + output).str());
  twin->setAttr(kOutputAttr, builder.getStringAttr(output));

  const int result = outputResultOf(twin);
  Operation *terminator = twin.getBody().front().getTerminator();
  Value logits = terminator->getOperand(result);
  builder.setInsertionPoint(terminator);
  const Type ids = rowsLike(cast<RankedTensorType>(logits.getType()), 1, builder.getI32Type());
  terminator->setOperand(result, makeIds(builder, twin, logits, ids));
  twin.setType(builder.getFunctionType(twin.getArgumentTypes(), terminator->getOperandTypes()));
}

} // namespace ingot
