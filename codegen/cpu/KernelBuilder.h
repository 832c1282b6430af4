// A small language for writing kernels: typed values with operators, loads and stores at byte
// offsets, loops with carried values. It emits arith, vector, scf and LLVM dialect ops. The header
// includes no MLIR header, so a file that emits a kernel compiles in a second.
//
// Arithmetic is exact about rounding: every op is IEEE, none carries a fast-math flag, fused
// multiply-add exists only where `fma` is written.
#pragma once

#include "codegen/cpu/IsaLevel.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ingot::cpu {

enum class Elem : uint8_t { I1, I8, I16, I32, I64, F16, Bf16, F32, Ptr };

/// A scalar (lanes == 1) or a vector.
struct Type {
  Elem elem;
  uint32_t lanes = 1;

  constexpr bool operator==(const Type &) const = default;
  constexpr bool isFloat() const { return elem >= Elem::F16 && elem <= Elem::F32; }
  constexpr bool isVector() const { return lanes > 1; }
  constexpr Type with(Elem other) const { return {other, lanes}; }
};

inline constexpr Type kI8{Elem::I8}, kI16{Elem::I16}, kI32{Elem::I32}, kI64{Elem::I64},
    kF32{Elem::F32}, kPtr{Elem::Ptr};
/// Sixteen lanes: one zmm register, or two ymm.
inline constexpr Type kI32x16{Elem::I32, 16}, kF32x16{Elem::F32, 16}, kI16x16{Elem::I16, 16},
    kI8x64{Elem::I8, 64}, kI8x16{Elem::I8, 16};

/// Into the first-level cache, into the second, or into the first to be written.
enum class Prefetch : uint8_t { Near, Far, Write };

class KernelBuilder;

/// One SSA value. Copies are cheap; an empty Val stands for "none".
class Val {
public:
  Val() = default;
  Val(KernelBuilder *builder, void *handle, Type type)
      : builder_(builder), handle_(handle), type_(type) {}

  explicit operator bool() const { return builder_ != nullptr; }
  Type type() const { return type_; }
  KernelBuilder &builder() const { return *builder_; }
  void *handle() const { return handle_; }

private:
  KernelBuilder *builder_ = nullptr;
  void *handle_ = nullptr;
  Type type_{Elem::I64};
};
using Vals = std::vector<Val>;

/// A function inside the kernel's object, callable by `KernelBuilder::call`.
struct Function {
  std::string name;
  std::vector<Type> arguments;
  std::vector<Type> results;
};

enum class Binary : uint8_t { Add, Sub, Mul, Div, Rem, And, Or, Xor, Shl, ShrU, ShrS, MaxS, MinS };
enum class Unary : uint8_t { Neg, Sqrt, RoundEven };
/// Comparisons: floats ordered (false for NaN), integers signed; the U forms are unsigned.
enum class Compare : uint8_t { Eq, Ne, Lt, Le, Gt, Ge, LtU, Unordered };
enum class Convert : uint8_t {
  SignExtend,
  ZeroExtend,
  Truncate,
  IntToFloat,
  FloatToInt,
  FloatExtend,
  Bitcast
};

class KernelBuilder {
public:
  explicit KernelBuilder(CpuLevel level);
  ~KernelBuilder();
  KernelBuilder(const KernelBuilder &) = delete;
  KernelBuilder &operator=(const KernelBuilder &) = delete;

  const IsaInfo &isa() const { return isa_; }

  // ---- functions ----
  /// The exported function of ABI abi::KernelFn. `body` gets args (ptr), begin and end (i64),
  /// scratch (ptr).
  void kernel(std::string_view name,
              const std::function<void(Val args, Val begin, Val end, Val scratch)> &body);
  /// A function local to the object. It is never inlined: registers are allocated for its loops
  /// alone.
  Function function(std::string_view name, std::vector<Type> arguments, std::vector<Type> results,
                    const std::function<Vals(const Vals &)> &body);
  Vals call(const Function &callee, const Vals &arguments);
  const std::string &kernelName() const { return kernelName_; }

  // ---- constants ----
  Val constant(Type type, int64_t value);
  Val constant(Type type, double value);
  Val i64(int64_t value) { return constant(kI64, value); }
  Val i32(int64_t value) { return constant(kI32, value); }
  Val f32(float value) { return constant(kF32, double(value)); }
  Val zero(Type type) { return type.isFloat() ? constant(type, 0.0) : constant(type, int64_t(0)); }
  /// A vector of 32-bit constants.
  Val vectorConstant(const std::vector<int32_t> &values);

  // ---- arithmetic (operands of equal type) ----
  Val binary(Binary op, Val a, Val b);
  Val unary(Unary op, Val a);
  Val fma(Val a, Val b, Val c);
  Val compare(Compare op, Val a, Val b);
  Val select(Val condition, Val a, Val b);
  Val convert(Convert op, Val a, Type to);
  /// A call of an LLVM intrinsic by name.
  Val intrinsic(std::string_view name, Type result, const Vals &arguments);

  // ---- lanes ----
  Val splat(Val scalar, uint32_t lanes);
  Val shuffle(Val a, Val b, const std::vector<int64_t> &lanes);
  Val extract(Val vector, int64_t lane);

  // ---- memory: byte addresses ----
  Val offset(Val pointer, Val bytes);
  Val load(Type type, Val pointer, int64_t byteOffset = 0);
  void store(Val value, Val pointer, int64_t byteOffset = 0);
  void prefetch(Val pointer, int64_t byteOffset = 0, Prefetch kind = Prefetch::Near);
  /// A constant table in the image's read-only data.
  Val table(std::string_view name, const std::vector<float> &values);

  // ---- control ----
  using LoopBody = std::function<Vals(Val index, const Vals &carried)>;
  /// for (index = begin; index < end; index += step) with values carried from turn to turn.
  Vals loop(Val begin, Val end, int64_t step, const Vals &initial, const LoopBody &body);
  void loop(Val begin, Val end, int64_t step, const std::function<void(Val index)> &body);
  void ifThen(Val condition, const std::function<void()> &then);
  Vals ifElse(Val condition, const std::function<Vals()> &then,
              const std::function<Vals()> &otherwise);

  /// The module under construction, for ObjectEmitter (KernelBuilderImpl.h).
  struct Impl;
  Impl &impl() { return *impl_; }

private:
  const IsaInfo &isa_;
  std::string kernelName_;
  std::unique_ptr<Impl> impl_;
};

// ---- operators: a scalar beside a vector is splat, a C++ number becomes a constant, pointer +
// bytes is an address. Division, remainder and shrU are unsigned.
Val binaryMixed(Binary op, Val a, Val b);
template <typename Number>
  requires std::is_arithmetic_v<Number>
Val constantLike(Val like, Number value) {
  const Type type = like.type().elem == Elem::Ptr ? kI64 : like.type();
  if constexpr (std::is_floating_point_v<Number>)
    return like.builder().constant(type, double(value));
  else
    return type.isFloat() ? like.builder().constant(type, double(value))
                          : like.builder().constant(type, int64_t(value));
}

#define INGOT_VAL_OPERATOR(SYMBOL, OP)                                                             \
  inline Val operator SYMBOL(Val a, Val b) { return binaryMixed(Binary::OP, a, b); }               \
  template <typename Number>                                                                       \
    requires std::is_arithmetic_v<Number>                                                          \
  Val operator SYMBOL(Val a, Number b) {                                                           \
    return binaryMixed(Binary::OP, a, constantLike(a, b));                                         \
  }
INGOT_VAL_OPERATOR(+, Add)
INGOT_VAL_OPERATOR(-, Sub)
INGOT_VAL_OPERATOR(*, Mul)
INGOT_VAL_OPERATOR(/, Div)
INGOT_VAL_OPERATOR(%, Rem)
INGOT_VAL_OPERATOR(&, And)
INGOT_VAL_OPERATOR(|, Or)
INGOT_VAL_OPERATOR(^, Xor)
#undef INGOT_VAL_OPERATOR

inline Val shl(Val a, int bits) {
  return a.builder().binary(Binary::Shl, a, constantLike(a, bits));
}
inline Val shrU(Val a, int bits) {
  return a.builder().binary(Binary::ShrU, a, constantLike(a, bits));
}
inline Val shrS(Val a, int bits) {
  return a.builder().binary(Binary::ShrS, a, constantLike(a, bits));
}
inline Val bitcast(Val a, Type to) { return a.builder().convert(Convert::Bitcast, a, to); }

} // namespace ingot::cpu
