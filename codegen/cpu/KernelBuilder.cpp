#include "codegen/cpu/KernelBuilder.h"

#include "codegen/cpu/KernelBuilderImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinTypes.h"

#include <cassert>

using namespace mlir;

namespace ingot::cpu {

KernelBuilder::Impl::Impl()
    : context(MLIRContext::Threading::DISABLED), builder(&context),
      location(UnknownLoc::get(&context)) {
  context.loadDialect<arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect, scf::SCFDialect,
                      vector::VectorDialect>();
  module = ModuleOp::create(location);
  builder.setInsertionPointToEnd(module->getBody());
}

mlir::Type KernelBuilder::Impl::lower(Type type) {
  constexpr unsigned kBits[] = {1, 8, 16, 32, 64};
  mlir::Type element;
  if (type.elem == Elem::Ptr)
    return LLVM::LLVMPointerType::get(&context);
  if (type.elem == Elem::F16)
    element = builder.getF16Type();
  else if (type.elem == Elem::Bf16)
    element = builder.getBF16Type();
  else if (type.elem == Elem::F32)
    element = builder.getF32Type();
  else
    element = builder.getIntegerType(kBits[static_cast<size_t>(type.elem)]);
  return type.isVector() ? VectorType::get({type.lanes}, element) : element;
}

KernelBuilder::KernelBuilder(CpuLevel level)
    : isa_(isaInfo(level)), impl_(std::make_unique<Impl>()) {}
KernelBuilder::~KernelBuilder() = default;

// ---- functions ---------------------------------------------------------------------------------

Function KernelBuilder::function(std::string_view name, std::vector<Type> arguments,
                                 std::vector<Type> results,
                                 const std::function<Vals(const Vals &)> &body) {
  OpBuilder::InsertionGuard guard(impl_->builder);
  impl_->builder.setInsertionPointToEnd(impl_->module->getBody());
  SmallVector<mlir::Type> inputs, outputs;
  for (Type type : arguments)
    inputs.push_back(impl_->lower(type));
  for (Type type : results)
    outputs.push_back(impl_->lower(type));
  auto op =
      func::FuncOp::create(impl_->builder, impl_->location, StringRef(name.data(), name.size()),
                           impl_->builder.getFunctionType(inputs, outputs));
  Block *entry = op.addEntryBlock();
  impl_->builder.setInsertionPointToStart(entry);
  Vals values;
  for (size_t i = 0; i < arguments.size(); ++i)
    values.push_back(impl_->wrap(*this, entry->getArgument(i), arguments[i]));
  SmallVector<Value> returned;
  for (Val value : body(values))
    returned.push_back(impl_->get(value));
  func::ReturnOp::create(impl_->builder, impl_->location, returned);
  return {std::string(name), std::move(arguments), std::move(results)};
}

void KernelBuilder::kernel(
    std::string_view name,
    const std::function<void(Val args, Val begin, Val end, Val scratch)> &body) {
  kernelName_ = name;
  function(name, {kPtr, kI32, kI32, kPtr}, {kI32}, [&](const Vals &arguments) -> Vals {
    body(arguments[0], convert(Convert::ZeroExtend, arguments[1], kI64),
         convert(Convert::ZeroExtend, arguments[2], kI64), arguments[3]);
    return {i32(0)};
  });
}

Vals KernelBuilder::call(const Function &callee, const Vals &arguments) {
  SmallVector<Value> operands;
  SmallVector<mlir::Type> results;
  for (Val value : arguments)
    operands.push_back(impl_->get(value));
  for (Type type : callee.results)
    results.push_back(impl_->lower(type));
  auto op = func::CallOp::create(impl_->builder, impl_->location, callee.name, results, operands);
  Vals values;
  for (size_t i = 0; i < callee.results.size(); ++i)
    values.push_back(impl_->wrap(*this, op.getResult(i), callee.results[i]));
  return values;
}

// ---- constants ---------------------------------------------------------------------------------

Val KernelBuilder::constant(Type type, int64_t value) {
  assert(!type.isFloat() && type.elem != Elem::Ptr && "an integer constant of another type");
  mlir::Type lowered = impl_->lower(type);
  TypedAttr attribute;
  const IntegerAttr scalar = impl_->builder.getIntegerAttr(impl_->lower({type.elem, 1}), value);
  attribute = type.isVector()
                  ? TypedAttr(DenseElementsAttr::get(cast<VectorType>(lowered), Attribute(scalar)))
                  : TypedAttr(scalar);
  return impl_->wrap(*this, arith::ConstantOp::create(impl_->builder, impl_->location, attribute),
                     type);
}

Val KernelBuilder::constant(Type type, double value) {
  assert(type.isFloat() && "a float constant of another type");
  mlir::Type lowered = impl_->lower(type);
  const FloatAttr scalar = impl_->builder.getFloatAttr(impl_->lower({type.elem, 1}), value);
  TypedAttr attribute =
      type.isVector()
          ? TypedAttr(DenseElementsAttr::get(cast<VectorType>(lowered), Attribute(scalar)))
          : TypedAttr(scalar);
  return impl_->wrap(*this, arith::ConstantOp::create(impl_->builder, impl_->location, attribute),
                     type);
}

Val KernelBuilder::vectorConstant(const std::vector<int32_t> &values) {
  const Type type{Elem::I32, static_cast<uint32_t>(values.size())};
  auto attribute =
      DenseElementsAttr::get(cast<VectorType>(impl_->lower(type)), ArrayRef<int32_t>(values));
  return impl_->wrap(*this, arith::ConstantOp::create(impl_->builder, impl_->location, attribute),
                     type);
}

// ---- arithmetic --------------------------------------------------------------------------------

namespace {

Value createFloat(OpBuilder &b, Location at, Binary op, Value x, Value y) {
  switch (op) {
  case Binary::Add:
    return arith::AddFOp::create(b, at, x, y);
  case Binary::Sub:
    return arith::SubFOp::create(b, at, x, y);
  case Binary::Mul:
    return arith::MulFOp::create(b, at, x, y);
  case Binary::Div:
    return arith::DivFOp::create(b, at, x, y);
  default:
    assert(false && "not an operation on floats");
    return {};
  }
}

Value createInt(OpBuilder &b, Location at, Binary op, Value x, Value y) {
  switch (op) {
  case Binary::Add:
    return b.createOrFold<arith::AddIOp>(at, x, y);
  case Binary::Sub:
    return b.createOrFold<arith::SubIOp>(at, x, y);
  case Binary::Mul:
    return b.createOrFold<arith::MulIOp>(at, x, y);
  case Binary::Div:
    return b.createOrFold<arith::DivUIOp>(at, x, y);
  case Binary::Rem:
    return b.createOrFold<arith::RemUIOp>(at, x, y);
  case Binary::And:
    return b.createOrFold<arith::AndIOp>(at, x, y);
  case Binary::Or:
    return b.createOrFold<arith::OrIOp>(at, x, y);
  case Binary::Xor:
    return b.createOrFold<arith::XOrIOp>(at, x, y);
  case Binary::Shl:
    return b.createOrFold<arith::ShLIOp>(at, x, y);
  case Binary::ShrU:
    return b.createOrFold<arith::ShRUIOp>(at, x, y);
  case Binary::ShrS:
    return b.createOrFold<arith::ShRSIOp>(at, x, y);
  case Binary::MaxS:
    return b.createOrFold<arith::MaxSIOp>(at, x, y);
  case Binary::MinS:
    return b.createOrFold<arith::MinSIOp>(at, x, y);
  }
  return {};
}

arith::CmpFPredicate floatPredicate(Compare op) {
  switch (op) {
  case Compare::Eq:
    return arith::CmpFPredicate::OEQ;
  case Compare::Ne:
    return arith::CmpFPredicate::ONE;
  case Compare::Lt:
    return arith::CmpFPredicate::OLT;
  case Compare::Le:
    return arith::CmpFPredicate::OLE;
  case Compare::Gt:
    return arith::CmpFPredicate::OGT;
  case Compare::Ge:
    return arith::CmpFPredicate::OGE;
  default:
    assert(op == Compare::Unordered && "not a comparison of floats");
    return arith::CmpFPredicate::UNO;
  }
}

arith::CmpIPredicate intPredicate(Compare op) {
  switch (op) {
  case Compare::Eq:
    return arith::CmpIPredicate::eq;
  case Compare::Ne:
    return arith::CmpIPredicate::ne;
  case Compare::Lt:
    return arith::CmpIPredicate::slt;
  case Compare::Le:
    return arith::CmpIPredicate::sle;
  case Compare::Gt:
    return arith::CmpIPredicate::sgt;
  case Compare::Ge:
    return arith::CmpIPredicate::sge;
  default:
    assert(op == Compare::LtU && "not a comparison of integers");
    return arith::CmpIPredicate::ult;
  }
}

} // namespace

Val KernelBuilder::binary(Binary op, Val a, Val b) {
  assert(a.type() == b.type() && "operands of different types");
  Value result =
      a.type().isFloat()
          ? createFloat(impl_->builder, impl_->location, op, impl_->get(a), impl_->get(b))
          : createInt(impl_->builder, impl_->location, op, impl_->get(a), impl_->get(b));
  return impl_->wrap(*this, result, a.type());
}

Val binaryMixed(Binary op, Val a, Val b) {
  KernelBuilder &builder = a.builder();
  if (a.type().elem == Elem::Ptr) {
    assert(op == Binary::Add && "only bytes can be added to a pointer");
    return builder.offset(a, b);
  }
  if (a.type().isVector() && !b.type().isVector())
    b = builder.splat(b, a.type().lanes);
  else if (b.type().isVector() && !a.type().isVector())
    a = builder.splat(a, b.type().lanes);
  return builder.binary(op, a, b);
}

Val KernelBuilder::unary(Unary op, Val a) {
  Value x = impl_->get(a), result;
  switch (op) {
  case Unary::Neg:
    result = arith::NegFOp::create(impl_->builder, impl_->location, x);
    break;
  case Unary::Sqrt:
    result = LLVM::SqrtOp::create(impl_->builder, impl_->location, x);
    break;
  case Unary::RoundEven:
    result = LLVM::RoundEvenOp::create(impl_->builder, impl_->location, x);
    break;
  }
  return impl_->wrap(*this, result, a.type());
}

Val KernelBuilder::fma(Val a, Val b, Val c) {
  assert(a.type() == b.type() && b.type() == c.type() && "operands of different types");
  return impl_->wrap(*this,
                     LLVM::FMAOp::create(impl_->builder, impl_->location, impl_->get(a),
                                         impl_->get(b), impl_->get(c)),
                     a.type());
}

Val KernelBuilder::compare(Compare op, Val a, Val b) {
  assert(a.type() == b.type() && "operands of different types");
  Value x = impl_->get(a), y = impl_->get(b), result;
  if (a.type().isFloat())
    result = arith::CmpFOp::create(impl_->builder, impl_->location, floatPredicate(op), x, y);
  else
    result = arith::CmpIOp::create(impl_->builder, impl_->location, intPredicate(op), x, y);
  return impl_->wrap(*this, result, a.type().with(Elem::I1));
}

Val KernelBuilder::select(Val condition, Val a, Val b) {
  assert(a.type() == b.type() && "operands of different types");
  return impl_->wrap(*this,
                     arith::SelectOp::create(impl_->builder, impl_->location, impl_->get(condition),
                                             impl_->get(a), impl_->get(b)),
                     a.type());
}

Val KernelBuilder::convert(Convert op, Val a, Type to) {
  OpBuilder &b = impl_->builder;
  Location at = impl_->location;
  mlir::Type type = impl_->lower(to);
  Value x = impl_->get(a), result;
  switch (op) {
  case Convert::SignExtend:
    result = b.createOrFold<arith::ExtSIOp>(at, type, x);
    break;
  case Convert::ZeroExtend:
    result = b.createOrFold<arith::ExtUIOp>(at, type, x);
    break;
  case Convert::Truncate:
    result = b.createOrFold<arith::TruncIOp>(at, type, x);
    break;
  case Convert::IntToFloat:
    result = arith::SIToFPOp::create(b, at, type, x);
    break;
  case Convert::FloatToInt:
    result = arith::FPToSIOp::create(b, at, type, x);
    break;
  case Convert::FloatExtend:
    result = arith::ExtFOp::create(b, at, type, x);
    break;
  case Convert::Bitcast:
    result = LLVM::BitcastOp::create(b, at, type, x);
    break;
  }
  return impl_->wrap(*this, result, to);
}

Val KernelBuilder::intrinsic(std::string_view name, Type result, const Vals &arguments) {
  SmallVector<Value> operands;
  for (Val value : arguments)
    operands.push_back(impl_->get(value));
  auto op = LLVM::CallIntrinsicOp::create(
      impl_->builder, impl_->location, impl_->lower(result),
      impl_->builder.getStringAttr(StringRef(name.data(), name.size())), operands);
  return impl_->wrap(*this, op.getResults(), result);
}

// ---- lanes -------------------------------------------------------------------------------------

Val KernelBuilder::splat(Val scalar, uint32_t lanes) {
  const Type type{scalar.type().elem, lanes};
  return impl_->wrap(*this,
                     vector::BroadcastOp::create(impl_->builder, impl_->location,
                                                 impl_->lower(type), impl_->get(scalar)),
                     type);
}

Val KernelBuilder::shuffle(Val a, Val b, const std::vector<int64_t> &lanes) {
  const Type type{a.type().elem, static_cast<uint32_t>(lanes.size())};
  return impl_->wrap(*this,
                     vector::ShuffleOp::create(impl_->builder, impl_->location, impl_->get(a),
                                               impl_->get(b), lanes),
                     type);
}

Val KernelBuilder::extract(Val vector, int64_t lane) {
  return impl_->wrap(
      *this, vector::ExtractOp::create(impl_->builder, impl_->location, impl_->get(vector), lane),
      Type{vector.type().elem});
}

// ---- memory ------------------------------------------------------------------------------------

Val KernelBuilder::offset(Val pointer, Val bytes) {
  return impl_->wrap(*this,
                     LLVM::GEPOp::create(impl_->builder, impl_->location, impl_->lower(kPtr),
                                         impl_->builder.getI8Type(), impl_->get(pointer),
                                         impl_->get(bytes), LLVM::GEPNoWrapFlags::inbounds),
                     kPtr);
}

namespace {

Value address(KernelBuilder::Impl &impl, Val pointer, int64_t byteOffset) {
  if (byteOffset == 0)
    return impl.get(pointer);
  assert(byteOffset == int32_t(byteOffset) && "a constant offset beyond 2 GiB");
  return LLVM::GEPOp::create(impl.builder, impl.location, impl.lower(kPtr),
                             impl.builder.getI8Type(), impl.get(pointer),
                             LLVM::GEPArg(int32_t(byteOffset)), LLVM::GEPNoWrapFlags::inbounds);
}

} // namespace

// Alignment 1: rows of activations start where the planner put them, and unaligned loads cost
// nothing here.
Val KernelBuilder::load(Type type, Val pointer, int64_t byteOffset) {
  return impl_->wrap(*this,
                     LLVM::LoadOp::create(impl_->builder, impl_->location, impl_->lower(type),
                                          address(*impl_, pointer, byteOffset), /*alignment=*/1),
                     type);
}

void KernelBuilder::store(Val value, Val pointer, int64_t byteOffset) {
  LLVM::StoreOp::create(impl_->builder, impl_->location, impl_->get(value),
                        address(*impl_, pointer, byteOffset), /*alignment=*/1);
}

void KernelBuilder::prefetch(Val pointer, int64_t byteOffset, Prefetch kind) {
  LLVM::Prefetch::create(impl_->builder, impl_->location, address(*impl_, pointer, byteOffset),
                         /*rw=*/kind == Prefetch::Write, /*locality=*/kind == Prefetch::Far ? 2 : 3,
                         /*data cache=*/1);
}

Val KernelBuilder::table(std::string_view name, const std::vector<float> &values) {
  auto type = LLVM::LLVMArrayType::get(impl_->builder.getF32Type(), values.size());
  auto tensor = RankedTensorType::get({int64_t(values.size())}, impl_->builder.getF32Type());
  {
    OpBuilder::InsertionGuard guard(impl_->builder);
    impl_->builder.setInsertionPointToStart(impl_->module->getBody());
    LLVM::GlobalOp::create(impl_->builder, impl_->location, type, /*isConstant=*/true,
                           LLVM::Linkage::Internal, StringRef(name.data(), name.size()),
                           DenseElementsAttr::get(tensor, ArrayRef<float>(values)),
                           /*alignment=*/64);
  }
  return impl_->wrap(*this,
                     LLVM::AddressOfOp::create(impl_->builder, impl_->location, impl_->lower(kPtr),
                                               StringRef(name.data(), name.size())),
                     kPtr);
}

// ---- control -----------------------------------------------------------------------------------

Vals KernelBuilder::loop(Val begin, Val end, int64_t step, const Vals &initial,
                         const LoopBody &body) {
  OpBuilder &b = impl_->builder;
  SmallVector<Value> carried;
  for (Val value : initial)
    carried.push_back(impl_->get(value));
  auto op = scf::ForOp::create(b, impl_->location, impl_->get(begin), impl_->get(end),
                               impl_->get(i64(step)), carried);
  {
    OpBuilder::InsertionGuard guard(b);
    if (initial.empty())
      b.setInsertionPoint(op.getBody()->getTerminator());
    else
      b.setInsertionPointToEnd(op.getBody());
    Vals values;
    for (size_t i = 0; i < initial.size(); ++i)
      values.push_back(impl_->wrap(*this, op.getRegionIterArg(i), initial[i].type()));
    const Vals next = body(impl_->wrap(*this, op.getInductionVar(), kI64), values);
    assert(next.size() == initial.size() && "a loop yields what it carries");
    SmallVector<Value> yielded;
    for (Val value : next)
      yielded.push_back(impl_->get(value));
    if (!initial.empty())
      scf::YieldOp::create(b, impl_->location, yielded);
  }
  Vals results;
  for (size_t i = 0; i < initial.size(); ++i)
    results.push_back(impl_->wrap(*this, op.getResult(i), initial[i].type()));
  return results;
}

void KernelBuilder::loop(Val begin, Val end, int64_t step,
                         const std::function<void(Val index)> &body) {
  loop(begin, end, step, {}, [&](Val index, const Vals &) -> Vals {
    body(index);
    return {};
  });
}

void KernelBuilder::ifThen(Val condition, const std::function<void()> &then) {
  auto op = scf::IfOp::create(impl_->builder, impl_->location, impl_->get(condition),
                              /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(impl_->builder);
  impl_->builder.setInsertionPointToStart(op.thenBlock());
  then();
}

Vals KernelBuilder::ifElse(Val condition, const std::function<Vals()> &then,
                           const std::function<Vals()> &otherwise) {
  OpBuilder &b = impl_->builder;
  // The result types are known only after the branches have been built: build them in a loose
  // region of an op without results, then move the blocks into the op that has them.
  auto draft = scf::IfOp::create(b, impl_->location, impl_->get(condition), true);
  Vals values[2];
  Block *blocks[2] = {draft.thenBlock(), draft.elseBlock()};
  for (int i = 0; i < 2; ++i) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(blocks[i]->getTerminator());
    values[i] = i == 0 ? then() : otherwise();
  }
  assert(values[0].size() == values[1].size() && "branches yield the same values");
  SmallVector<mlir::Type> types;
  for (Val value : values[0])
    types.push_back(impl_->lower(value.type()));
  auto op = scf::IfOp::create(b, impl_->location, types, impl_->get(condition), true, true);
  for (int i = 0; i < 2; ++i) {
    Block *target = i == 0 ? op.thenBlock() : op.elseBlock();
    blocks[i]->getTerminator()->erase();
    target->getOperations().splice(target->end(), blocks[i]->getOperations());
    SmallVector<Value> yielded;
    for (Val value : values[i])
      yielded.push_back(impl_->get(value));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(target);
    scf::YieldOp::create(b, impl_->location, yielded);
  }
  draft.erase();
  Vals results;
  for (size_t i = 0; i < types.size(); ++i)
    results.push_back(impl_->wrap(*this, op.getResult(i), values[0][i].type()));
  return results;
}

} // namespace ingot::cpu
