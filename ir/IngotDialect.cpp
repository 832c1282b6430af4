#include "ir/IngotDialect.h"

#include "runtime/base/Limits.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ingot;

#include "ir/IngotDialect.cpp.inc"

#include "ir/IngotEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "ir/IngotAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "ir/IngotTypes.cpp.inc"

#include "ir/IngotInterfaces.cpp.inc"

void IngotDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/IngotAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "ir/IngotTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/IngotOps.cpp.inc"
      >();
}

CodeTarget ingot::targetOf(Operation *op) {
  auto module = isa<ModuleOp>(op) ? cast<ModuleOp>(op) : op->getParentOfType<ModuleOp>();
  auto name = module ? module->getAttrOfType<StringAttr>(kTargetAttr) : StringAttr();
  return name && name.getValue() == "cuda" ? CodeTarget::Cuda : CodeTarget::Cpu;
}

StringRef ingot::storageFormat(Type element) {
  if (auto weight = dyn_cast<QWeightType>(element))
    return weight.getNumber() == WeightNumber::e4m3 ? "fp8"
           : weight.getBits() == 4                  ? "int4"
                                                    : "int8";
  return element.isBF16() ? "bf16" : element.isF16() ? "fp16" : "";
}

static_assert(limits::kDimension == int64_t(1) << 28, "the number that IngotOps.td names");
bool ingot::hasRowShape(Type type) {
  const int64_t columns = cast<ShapedType>(type).getDimSize(1); // negative where it is open
  return columns >= 1 && columns <= limits::kDimension;
}

RowSpace ingot::rowSpaceOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto rows = tensor ? dyn_cast_or_null<RowsAttr>(tensor.getEncoding()) : RowsAttr();
  return rows ? rows.getSpace() : RowSpace::tokens;
}

RankedTensorType ingot::rowsLike(RankedTensorType type, int64_t columns, Type elementType) {
  return RankedTensorType::get({type.getDimSize(0), columns},
                               elementType ? elementType : type.getElementType(),
                               type.getEncoding());
}

/// A part of a type or an attribute, and what it may be.
struct Part {
  const char *name;
  int64_t value, least, most;
};

static LogicalResult inRange(function_ref<InFlightDiagnostic()> emitError, ArrayRef<Part> parts) {
  for (const Part &part : parts)
    if (part.value < part.least || part.value > part.most)
      return emitError() << part.name << " must be from " << part.least << " to " << part.most
                         << ", is " << part.value;
  return success();
}

LogicalResult KvType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t group,
                             int64_t layers, int64_t heads, int64_t keyDim, int64_t valueDim,
                             int64_t blockTokens, KvFormat) {
  if (keyDim % 2 != 0)
    return emitError() << "kv key width must be even, is " << keyDim;
  if (blockTokens % 16 != 0)
    return emitError() << "kv block must be a multiple of 16 positions, is " << blockTokens;
  return inRange(emitError, {{"kv group", group, 0, limits::kLayers - 1},
                             {"kv layers", layers, 1, limits::kLayers},
                             {"kv heads", heads, 1, limits::kHeads},
                             {"kv key width", keyDim, 2, limits::kHeadDim},
                             {"kv value width", valueDim, 1, limits::kHeadDim},
                             {"kv block", blockTokens, 16, limits::kBlockTokens}});
}

LogicalResult QWeightType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t bits,
                                  int64_t group, WeightNumber number) {
  if (bits != 4 && bits != 8)
    return emitError() << "qweight bits must be 4 or 8, is " << bits;
  if (number == WeightNumber::e4m3 && (bits != 8 || group < 0 || group % 128 != 0))
    return emitError() << "e4m3 qweight has 8 bits and group 0 (per channel) or a multiple of 128, "
                          "is "
                       << bits << ", " << group;
  if (group < 0 || group % 32 != 0)
    return emitError() << "qweight group must be 0 (per channel) or a multiple of 32, is " << group;
  return inRange(emitError, {{"qweight group", group, 0, limits::kDimension}});
}

LogicalResult OrderAttr::verify(function_ref<InFlightDiagnostic()> emitError, OrderKind,
                                int64_t step, int64_t span) {
  return inRange(emitError, {{"order step", step, 1, limits::kDimension},
                             {"order span", span, 0, limits::kDimension}});
}
