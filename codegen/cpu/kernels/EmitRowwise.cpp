#include "codegen/cpu/kernels/EmitRowwise.h"

#include "codegen/cpu/kernels/RowOps.h"

#include <cassert>
#include <cstddef>
#include <map>

namespace ingot::cpu {

namespace {

class RowwiseEmitter {
public:
  RowwiseEmitter(KernelBuilder &builder, const KernelProgram &program)
      : b_(builder), program_(program) {
    for (const ProgramOp &op : program_.ops)
      for (int result : op.results)
        if (program_.values[result].slot < 0)
          placeInScratch(result);
  }

  uint64_t emit(std::string_view name) {
    b_.kernel(name, [&](Val args, Val begin, Val end, Val scratch) {
      context_.batch = b_.load(kPtr, args, 0);
      loadArguments(args, scratch);
      b_.loop(begin, end, 1, [&](Val item) { row(item); });
    });
    return uint64_t(scratchBytes_);
  }

private:
  void placeInScratch(int value) {
    const ProgramValue &info = program_.values[value];
    scratchOffset_[value] = scratchBytes_;
    scratchBytes_ += (rowBytes(info) + 63) / 64 * 64;
    if (info.kind == ValueKind::QuantRows)
      scratchBytes_ += int64_t(abi::actMetaRowBytes(uint64_t(info.columns)));
  }

  /// Base addresses of everything with a slot, and of the rows in scratch.
  void loadArguments(Val args, Val scratch) {
    bases_.resize(program_.values.size());
    for (size_t i = 0; i < program_.values.size(); ++i) {
      const ProgramValue &value = program_.values[i];
      if (value.kind == ValueKind::Batch)
        continue;
      if (value.slot < 0) {
        const Val data = scratch + scratchOffset_.at(int(i));
        bases_[i] = {data, data + (rowBytes(value) + 63) / 64 * 64};
        continue;
      }
      bases_[i].data = b_.load(kPtr, args, value.slot * 8);
      if (value.kind == ValueKind::QuantRows)
        bases_[i].meta = b_.load(kPtr, args, (value.slot + 1) * 8);
    }
  }

  void row(Val item) {
    item_ = item;
    context_.row = item;
    if (program_.returnedRows) {
      const Val table =
          b_.load(kPtr, context_.batch, int64_t(offsetof(abi::BatchView, returnRows)));
      context_.row = b_.convert(Convert::ZeroExtend, b_.load(kI32, table + item * 4), kI64);
    }
    aliases_.clear();
    for (const ProgramOp &op : program_.ops)
      emitOp(op);
  }

  /// Where the row of `value` lies for the item at hand.
  RowPlace place(int value) {
    if (const auto alias = aliases_.find(value); alias != aliases_.end())
      return alias->second;
    const ProgramValue &info = program_.values[value];
    RowPlace base = bases_[value];
    if (info.slot < 0 || info.kind == ValueKind::Parameter || info.kind == ValueKind::Kv)
      return base;
    const Val index = info.returnedRows ? item_ : context_.row;
    base.data = base.data + index * rowBytes(info);
    if (info.kind == ValueKind::QuantRows)
      base.meta = base.meta + index * int64_t(abi::actMetaRowBytes(uint64_t(info.columns)));
    return base;
  }

  Val in(const ProgramOp &op, size_t i) { return place(op.operands[i]).data; }
  Val out(const ProgramOp &op) { return place(op.results[0]).data; }
  int64_t columns(const ProgramOp &op) { return program_.values[op.operands[0]].columns; }

  void emitOp(const ProgramOp &op) {
    switch (op.kind) {
    case OpKind::Add:
    case OpKind::AddBias:
      return emitBinaryRow(b_, Binary::Add, in(op, 0), in(op, 1), out(op), columns(op));
    case OpKind::Mul:
      return emitBinaryRow(b_, Binary::Mul, in(op, 0), in(op, 1), out(op), columns(op));
    case OpKind::Silu:
      return emitSiluRow(b_, in(op, 0), out(op), columns(op));
    case OpKind::RmsNorm:
      return emitRmsNormRow(b_, in(op, 0), in(op, 1), out(op), columns(op), op.eps, op.headDim);
    case OpKind::LayerNorm:
      return emitLayerNormRow(b_, in(op, 0), in(op, 1), in(op, 2), out(op), columns(op), op.eps);
    case OpKind::Rope:
      return emitRopeRow(b_, in(op, 0), in(op, 1), out(op), columns(op), op.headDim);
    case OpKind::Round:
      return emitRoundRow(b_, in(op, 0), out(op), columns(op));
    case OpKind::Quantize:
      return emitQuantizeRow(b_, in(op, 0), place(op.results[0]), columns(op),
                             program_.values[op.results[0]].floatScale);
    case OpKind::SelectRows:
      return select(op);
    case OpKind::Split:
      return split(op);
    default:
      return emitGather(op);
    }
  }

  void emitGather(const ProgramOp &op) {
    switch (op.kind) {
    case OpKind::Embed:
      return emitEmbedRow(b_, context_, program_.values[op.operands[0]].weight, in(op, 0), out(op));
    case OpKind::RopeAngles:
      return emitRopeAnglesRow(b_, context_, op.invFreq, op.scale, out(op));
    case OpKind::KvAppend:
      return emitKvAppendRow(b_, context_, program_.values[op.operands[0]].kv, in(op, 0), in(op, 1),
                             in(op, 2));
    case OpKind::Argmax:
      return emitArgmaxRow(b_, in(op, 0), out(op), columns(op));
    case OpKind::ArgmaxPartial:
      return emitArgmaxPartialRow(b_, in(op, 0), out(op), columns(op));
    case OpKind::ArgmaxFold:
      return emitArgmaxFoldRow(b_, in(op, 0), out(op), columns(op));
    default:
      assert(false && "not a row-wise op");
    }
  }

  /// The row of the token that the item returns: read in place unless it is yielded.
  void select(const ProgramOp &op) {
    if (program_.values[op.results[0]].slot < 0)
      aliases_[op.results[0]] = place(op.operands[0]);
    else
      emitCopyRow(b_, in(op, 0), out(op), columns(op));
  }

  /// Column ranges are read in place where whole vectors may be: nothing but the range is in them.
  void split(const ProgramOp &op) {
    const Val from = in(op, 0);
    int64_t first = 0;
    for (size_t i = 0; i < op.results.size(); ++i) {
      const ProgramValue &result = program_.values[op.results[i]];
      if (op.interleave)
        emitDeinterleaveRow(b_, from, place(op.results[i]).data, result.columns, op.interleave,
                            i == 1);
      else if (result.slot < 0 && result.columns % 32 == 0)
        aliases_[op.results[i]] = {from + first * 4, {}};
      else
        emitCopyRow(b_, from + first * 4, place(op.results[i]).data, result.columns);
      first += result.columns;
    }
  }

  KernelBuilder &b_;
  const KernelProgram &program_;
  std::map<int, int64_t> scratchOffset_; ///< of inner values
  int64_t scratchBytes_ = 0;
  std::vector<RowPlace> bases_;     ///< per value
  std::map<int, RowPlace> aliases_; ///< values that are part of another's row
  RowContext context_;
  Val item_;
};

} // namespace

uint64_t emitRowwise(KernelBuilder &builder, const KernelProgram &program, std::string_view name) {
  return RowwiseEmitter(builder, program).emit(name);
}

} // namespace ingot::cpu
