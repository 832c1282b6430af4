#include "codegen/cpu/kernels/MatmulEpilogue.h"

#include "codegen/cpu/Primitives.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <numeric>

namespace ingot::cpu {

MatmulEpilogue::MatmulEpilogue(KernelBuilder &builder, const KernelProgram &program, size_t linear)
    : b_(builder), program_(program), linear_(linear) {
  for (size_t i = linear_; i < program_.ops.size(); ++i) {
    const ProgramOp &op = program_.ops[i];
    const bool fromNarrow = std::any_of(op.operands.begin(), op.operands.end(),
                                        [&](int value) { return narrow_.contains(value); });
    for (int value : op.results) {
      produced_.insert(value);
      if (op.kind == OpKind::Split || fromNarrow)
        narrow_.insert(value);
    }
    if (fromNarrow)
      narrow_.insert(op.operands.begin(), op.operands.end());
  }
}

void MatmulEpilogue::emit(Val args, Val row, Val panel, const Vals &sums) {
  args_ = args, row_ = row, panel_ = panel;
  values_.clear();
  const int result = program_.ops[linear_].results[0];
  values_[result] = sums;
  store(result);
  for (size_t i = linear_ + 1; i < program_.ops.size(); ++i) {
    evaluate(program_.ops[i]);
    for (int value : program_.ops[i].results)
      store(value);
  }
}

void MatmulEpilogue::prefetch(Val args, Val row, Val panel) {
  args_ = args, row_ = row, panel_ = panel;
  for (size_t value = 0; value < program_.values.size(); ++value) {
    const ProgramValue &info = program_.values[value];
    if (info.slot < 0 || info.kind != ValueKind::F32Rows)
      continue;
    const bool isResult = produced_.contains(int(value));
    const size_t vectors = narrow_.contains(int(value)) ? 1 : 2;
    const Val line = columnsAt(int(value), vectors);
    for (size_t v = 0; v < vectors; ++v)
      b_.prefetch(line, int64_t(v) * 64, isResult ? Prefetch::Write : Prefetch::Near);
  }
}

/// Address of the first of this panel's columns in a row buffer or vector.
Val MatmulEpilogue::columnsAt(int value, size_t vectors) {
  const ProgramValue &info = program_.values[value];
  const Val base = b_.load(kPtr, args_, info.slot * 8) + panel_ * int64_t(vectors * 64);
  if (info.kind == ValueKind::Parameter)
    return base;
  return base + row_ * int64_t(abi::f32RowBytes(info.columns));
}

Vals MatmulEpilogue::operand(int value, size_t vectors) {
  if (const auto found = values_.find(value); found != values_.end())
    return found->second;
  const Val from = columnsAt(value, vectors);
  Vals loaded;
  for (size_t v = 0; v < vectors; ++v)
    loaded.push_back(b_.load(kF32x16, from, int64_t(v) * 64));
  return loaded;
}

void MatmulEpilogue::evaluate(const ProgramOp &op) {
  if (op.kind == OpKind::Split)
    return split(op);
  if (op.kind == OpKind::ArgmaxPartial)
    return argmaxPartial(op);
  const size_t vectors = narrow_.contains(op.results[0]) ? 1 : 2;
  Vals inputs[2], result;
  for (size_t i = 0; i < op.operands.size(); ++i)
    inputs[i] = operand(op.operands[i], vectors);
  for (size_t v = 0; v < vectors; ++v)
    switch (op.kind) {
    case OpKind::Add:
    case OpKind::AddBias:
      result.push_back(inputs[0][v] + inputs[1][v]);
      break;
    case OpKind::Mul:
      result.push_back(inputs[0][v] * inputs[1][v]);
      break;
    case OpKind::Silu:
      result.push_back(silu(b_, inputs[0][v]));
      break;
    default:
      assert(false && "not an op of a matmul epilogue");
    }
  values_[op.results[0]] = result;
}

/// Interleave 16: vector 0 belongs to the first source, vector 1 to the second.
void MatmulEpilogue::split(const ProgramOp &op) {
  const Vals sums = operand(op.operands[0], 2);
  assert(op.interleave == 16 && op.results.size() == 2 && "a split inside a panel");
  values_[op.results[0]] = {sums[0]};
  values_[op.results[1]] = {sums[1]};
}

/// Largest of the panel's columns and its lowest index. NaN and padding count as -infinity.
void MatmulEpilogue::argmaxPartial(const ProgramOp &op) {
  const int64_t columns = program_.values[op.operands[0]].columns;
  Vals sums = operand(op.operands[0], 2);
  const Val lowest = b_.constant(kF32x16, -std::numeric_limits<double>::infinity());
  std::vector<int32_t> lanes(16);
  for (int v = 0; v < 2; ++v) {
    sums[v] = b_.select(b_.compare(Compare::Unordered, sums[v], sums[v]), lowest, sums[v]);
    std::iota(lanes.begin(), lanes.end(), 16 * v);
    const Val first = b_.convert(Convert::Truncate, panel_ * 32, kI32);
    const Val column = b_.vectorConstant(lanes) + first;
    const Val isColumn = b_.compare(Compare::Lt, column, b_.constant(kI32x16, columns));
    sums[v] = b_.select(isColumn, sums[v], lowest);
  }
  const Val largest = maxTree(b_, {sums[0], sums[1]});
  Val mask;
  for (int v = 0; v < 2; ++v) {
    const Val equal = b_.compare(Compare::Eq, sums[v], b_.splat(largest, 16));
    const Val bits = b_.convert(Convert::ZeroExtend, bitcast(equal, kI16), kI32);
    mask = v == 0 ? bits : mask | shl(bits, 16);
  }
  const Val lane = b_.intrinsic("llvm.cttz", kI32, {mask, b_.constant({Elem::I1}, int64_t(0))});
  const ProgramValue &partials = program_.values[op.results[0]];
  const Val to = b_.load(kPtr, args_, partials.slot * 8) +
                 row_ * int64_t(abi::argmaxPartialRowBytes((columns + 31) / 32)) + panel_ * 8;
  b_.store(largest, to, 0);
  b_.store(lane + b_.convert(Convert::Truncate, panel_ * 32, kI32), to, 4);
}

void MatmulEpilogue::store(int value) {
  const ProgramValue &info = program_.values[value];
  if (info.slot < 0 || info.kind != ValueKind::F32Rows)
    return;
  const Vals &vectors = values_[value];
  const Val to = columnsAt(value, vectors.size());
  for (size_t v = 0; v < vectors.size(); ++v)
    b_.store(vectors[v], to, int64_t(v) * 64);
}

} // namespace ingot::cpu
