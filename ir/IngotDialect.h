// The `ingot` dialect: types, attributes, interfaces and ops (generated from the .td files).
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace ingot {

/// Kinds of kernels; each has one code generator per target.
enum class KernelFamily { Rowwise, Matmul, Attention };

/// Which columns an output element depends on.
enum class Footprint { Point, Group, Head, Row, Gather };

/// Ops that round carry this trait.
template <typename ConcreteType>
class RoundingPoint : public mlir::OpTrait::TraitBase<ConcreteType, RoundingPoint> {};

/// The paged cache as a side-effect resource of its own.
struct KvCacheResource : public mlir::SideEffects::Resource::Base<KvCacheResource> {
  llvm::StringRef getName() final { return "KvCache"; }
};

} // namespace ingot

#include "ir/IngotDialect.h.inc"

#include "ir/IngotEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "ir/IngotAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "ir/IngotTypes.h.inc"

#include "ir/IngotInterfaces.h.inc"

#define GET_OP_CLASSES
#include "ir/IngotOps.h.inc"

namespace ingot {

/// Whose arithmetic and layouts a program is made for: the module's `ingot.target`, set by
/// fix-numerics; absent means Cpu.
enum class CodeTarget { Cpu, Cuda };
inline constexpr llvm::StringLiteral kTargetAttr = "ingot.target";
CodeTarget targetOf(mlir::Operation *op);

/// How elements of a matrix are stored (names of runtime/artifact/WeightLayout.h): "bf16", "int4",
/// ...; empty for float32.
llvm::StringRef storageFormat(mlir::Type element);

/// Whether a tensor of rank 2 has a number of columns that rows may have.
bool hasRowShape(mlir::Type type);

/// Row space of a row tensor: its encoding, or Tokens when it has none.
RowSpace rowSpaceOf(mlir::Type type);

/// `type` with another number of columns and, if given, another element type.
mlir::RankedTensorType rowsLike(mlir::RankedTensorType type, int64_t columns,
                                mlir::Type elementType = {});

} // namespace ingot
