#include "codegen/cuda/EmitRowwise.h"

#include "codegen/cuda/Literal.h"
#include "runtime/artifact/KernelAbi.h"
#include "runtime/base/Format.h"
#include "runtime/base/Numerics.h"

#include <algorithm>
#include <optional>

namespace ingot::cuda {

namespace {

/// Shared memory of a block that rows may take; every target has more.
constexpr int64_t kSharedRowBytes = 64 * 1024;

using ull = unsigned long long;

/// Threads of a team and of a block, by the widest row.
struct TeamShape {
  uint32_t team, block;
};
TeamShape teamShape(int64_t columns) {
  if (columns <= 1024)
    return {32, 128};
  return columns <= 8192 ? TeamShape{256, 256} : TeamShape{512, 512};
}

Status noRowwise(std::string_view name, const std::string &why) {
  return Status(ErrorClass::Internal, "cuda-kernel",
                format("kernel '%s': %s", std::string(name).c_str(), why.c_str()));
}

class RowwiseEmitter {
public:
  RowwiseEmitter(const KernelProgram &program, std::string_view name)
      : program_(program), name_(name) {
    int64_t widest = 1;
    for (const ProgramValue &value : program_.values)
      if (value.kind != ValueKind::Parameter && value.kind != ValueKind::Kv)
        widest = std::max(widest, value.columns);
    shape_ = teamShape(widest);
    countUses();
  }

  Result<KernelSource> emit() {
    for (const ProgramValue &value : program_.values)
      if (value.slot + (hasScaleSlot(value.kind) ? 1 : 0) >= abi::kMaxSlots)
        return noRowwise(name_, "more than 16 slots");
    for (size_t i = 0; i < program_.values.size(); ++i)
      if (program_.values[i].kind == ValueKind::F32Rows && !made_[i])
        define(int(i), memoryRow(int(i)), /*cheap=*/true);
    for (const ProgramOp &op : program_.ops)
      if (!emitOp(op))
        return noRowwise(name_, refused_);
    return source();
  }

private:
  // ---- text ----

  void line(const std::string &text) { body_ += "  " + text + "\n"; }

  Result<KernelSource> source() {
    KernelSource result;
    result.name = std::string(name_);
    result.shape.threads = shape_.block;
    result.shape.itemsPerBlock = shape_.block / shape_.team;
    result.shape.dynamicSharedBytes = uint32_t(sharedBytes_) * result.shape.itemsPerBlock;
    const char *rows = program_.returnedRows ? "returnedRows" : "tokens";
    result.text =
        "#include \"codegen/cuda/kernels/Rowwise.cuh\"\n\nnamespace ingot::gpu {\n\n" + tables_ +
        format("INGOT_KERNEL(%s, %u) {\n", result.name.c_str(), shape_.block) +
        "  waitForPrior();\n  allowNext();\n" +
        format("  const Team<%u, %u> team;\n", shape_.team, shape_.block) +
        "  const abi::BatchView &batch = batchOf(args);\n  const u32 item = team.item();\n" +
        format("  if (item >= batch.%s)\n    return;\n", rows) +
        format("  [[maybe_unused]] const u32 token = %s;\n",
               program_.returnedRows ? "batch.returnRows[item]" : "item") +
        format("  [[maybe_unused]] u8 *shared = team.shared(%lld);\n", (long long)sharedBytes_) +
        body_ + "}\n\n} // namespace ingot::gpu\n";
    return result;
  }

  // ---- values ----

  /// Uses of each value that read all its columns; a yield is one.
  void countUses() {
    uses_.assign(program_.values.size(), 0);
    made_.assign(program_.values.size(), false);
    cheap_.assign(program_.values.size(), false);
    inShared_.assign(program_.values.size(), false);
    for (const ProgramOp &op : program_.ops) {
      for (int operand : op.operands)
        uses_[operand] += readsTwice(op) ? 2 : 1;
      for (int result : op.results) {
        made_[result] = true;
        uses_[result] += program_.values[result].slot >= 0;
      }
    }
  }

  /// Whether an op needs the columns of its operand more than once.
  bool readsTwice(const ProgramOp &op) const {
    return op.kind == OpKind::Rope || op.kind == OpKind::RmsNorm || op.kind == OpKind::LayerNorm ||
           (op.kind == OpKind::Quantize && value(op.results[0]).kind != ValueKind::QuantRows);
  }

  const ProgramValue &value(int index) const { return program_.values[index]; }
  std::string v(int index) const { return "v" + std::to_string(index); }
  std::string operand(const ProgramOp &op, size_t i) const { return v(op.operands[i]); }
  int64_t columns(const ProgramOp &op) const { return value(op.operands[0]).columns; }

  /// Where the row of a value with a slot lies.
  std::string place(int index, const char *type, int slotOffset = 0, int64_t bytes = -1) const {
    const ProgramValue &info = value(index);
    return format("rowAt<%s>(args.slot[%d], %s, %lld)", type, info.slot + slotOffset,
                  info.returnedRows ? "item" : "token",
                  (long long)(bytes < 0 ? rowBytes(info) : bytes));
  }
  std::string memoryRow(int index) const {
    return format("MemoryRow<%lld>{%s}", (long long)value(index).columns,
                  place(index, "const float").c_str());
  }
  std::string parameter(const ProgramOp &op, size_t i) const {
    return format("args.pointer<const float>(%d)", value(op.operands[i]).slot);
  }

  /// Names a value. One that is dear and used again is computed once into shared memory, if there
  /// is room; the bits are the same either way. Yields are stored.
  void define(int index, const std::string &text, bool cheap) {
    cheap_[index] = cheap;
    inShared_[index] = uses_[index] >= 2 && !cheap && keep(v(index), text, value(index).columns);
    if (!inShared_[index])
      line("const auto " + v(index) + " = " + text + ";");
    if (made_[index] && value(index).slot >= 0)
      line("storeRow(team, " + v(index) + ", " + place(index, "float") + ");");
  }

  /// `name` = the columns of `text` in shared memory; false where there is no room.
  bool keep(const std::string &name, const std::string &text, int64_t columns) {
    const std::optional<int64_t> at = takeShared(int64_t(abi::f32RowBytes(uint64_t(columns))));
    if (at)
      line(format("const auto %s = keep(team, %s, reinterpret_cast<float *>(shared + %lld));",
                  name.c_str(), text.c_str(), (long long)*at));
    return at.has_value();
  }

  /// Bytes of the team's shared memory that nothing else uses.
  std::optional<int64_t> takeShared(int64_t bytes) {
    const int64_t rounded = (bytes + 15) / 16 * 16;
    const int64_t teams = shape_.block / shape_.team;
    if ((sharedBytes_ + rounded) * teams > kSharedRowBytes && bytes > 4096)
      return std::nullopt;
    sharedBytes_ += rounded;
    return sharedBytes_ - rounded;
  }
  std::string shared(const char *type, int64_t bytes) {
    return format("reinterpret_cast<%s *>(shared + %lld)", type, (long long)*takeShared(bytes));
  }
  std::string bestSlots() { return shared("Best", int64_t(shape_.team) / 32 * 8); }

  // ---- ops ----

  bool emitOp(const ProgramOp &op) {
    const int out = op.results.empty() ? -1 : op.results[0];
    const std::string a = op.operands.empty() ? "" : operand(op, 0);
    const std::string b = op.operands.size() < 2 ? "" : operand(op, 1);
    switch (op.kind) {
    case OpKind::Add:
      define(out, "sum(" + a + ", " + b + ")", false);
      return true;
    case OpKind::Mul:
      define(out, "product(" + a + ", " + b + ")", false);
      return true;
    case OpKind::AddBias:
      define(out,
             format("sum(%s, MemoryRow<%lld>{%s})", a.c_str(), (long long)columns(op),
                    parameter(op, 1).c_str()),
             false);
      return true;
    case OpKind::Silu:
      define(out, "silu(" + a + ")", false);
      return true;
    case OpKind::SelectRows: // the operand's row is that of the returned token
      define(out, a, cheap_[op.operands[0]]);
      return true;
    case OpKind::RmsNorm:
      return norm(op, out);
    case OpKind::LayerNorm: {
      const std::string row = wholeRow(op, out);
      line(format("const auto %s_scale = rowLayerScale(team, %s, %s, %s);", v(out).c_str(),
                  row.c_str(), literal(op.eps).c_str(), shared("float", 8).c_str()));
      define(out,
             format("layerNorm(%s, %s_scale, %s, %s)", row.c_str(), v(out).c_str(),
                    parameter(op, 1).c_str(), parameter(op, 2).c_str()),
             false);
      return true;
    }
    case OpKind::Rope:
      define(out, format("rope<%lld>(%s, %s)", (long long)op.headDim, a.c_str(), b.c_str()), false);
      return true;
    case OpKind::Split:
      return split(op);
    default:
      return op.kind == OpKind::Embed || op.kind == OpKind::RopeAngles ? gather(op, out)
                                                                       : sink(op, out);
    }
  }

  /// The row of a norm, which one warp walks: from shared memory, where it fits.
  std::string wholeRow(const ProgramOp &op, int out) {
    const int from = op.operands[0];
    const std::string kept = v(out) + "_row";
    return !inShared_[from] && keep(kept, v(from), value(from).columns) ? kept : v(from);
  }

  bool norm(const ProgramOp &op, int out) {
    const std::string eps = literal(op.eps);
    if (op.headDim == 0) {
      const std::string row = wholeRow(op, out);
      line(format("const float %s_scale = rowScale(team, %s, %s, %s);", v(out).c_str(), row.c_str(),
                  eps.c_str(), shared("float", 4).c_str()));
      define(
          out,
          format("norm(%s, %s_scale, %s)", row.c_str(), v(out).c_str(), parameter(op, 1).c_str()),
          false);
      return true;
    }
    const std::string row = operand(op, 0);
    const int64_t heads = columns(op) / op.headDim;
    line(format("const float *%s_scales = headScales<%lld>(team, %s, %s, %s);", v(out).c_str(),
                (long long)op.headDim, row.c_str(), eps.c_str(),
                shared("float", heads * 4).c_str()));
    define(out,
           format("headNorm<%lld>(%s, %s_scales, %s)", (long long)op.headDim, row.c_str(),
                  v(out).c_str(), parameter(op, 1).c_str()),
           false);
    return true;
  }

  bool split(const ProgramOp &op) {
    int64_t first = 0;
    for (size_t i = 0; i < op.results.size(); ++i) {
      const int64_t width = value(op.results[i]).columns;
      const std::string from = operand(op, 0);
      if (op.interleave % 4 != 0) {
        refused_ = "columns that alternate in runs that are no multiple of 4";
        return false;
      }
      define(op.results[i],
             op.interleave ? format("alternate<%lld, %zu, %lld>(%s)", (long long)op.interleave, i,
                                    (long long)width, from.c_str())
                           : format("range<%lld, %lld>(%s)", (long long)first, (long long)width,
                                    from.c_str()),
             cheap_[op.operands[0]]);
      first += width;
    }
    return true;
  }

  bool gather(const ProgramOp &op, int out) {
    if (op.kind == OpKind::RopeAngles) {
      const std::string table = std::string(name_) + "_frequencies" + std::to_string(out);
      tables_ += "constexpr u32 " + table + "[] = {";
      for (const float frequency : op.invFreq)
        tables_ += format("0x%08xu, ", numerics::bitsOf(frequency));
      tables_ += "};\n\n";
      define(out,
             format("angles<%zu>(%s, batch.ropePositions[token], %s)", 2 * op.invFreq.size(),
                    table.c_str(), literal(op.scale).c_str()),
             false);
      return true;
    }
    const WeightLayout &table = value(op.operands[0]).weight;
    const int slot = value(op.operands[0]).slot;
    const auto width = (long long)value(out).columns, rows = (long long)table.rows;
    if (table.kind == LayoutKind::Row) {
      define(
          out,
          format("MemoryRow<%lld>{rowAt<const float>(args.slot[%d], tokenId<%lld>(batch, token), "
                 "%llu)}",
                 width, slot, rows, (ull)table.unitBytes),
          true);
      return true;
    }
    if (table.kind != LayoutKind::Mma16) {
      refused_ = "an embedding table in a layout of another target";
      return false;
    }
    define(out, stripRow(table, slot, width), false);
    return true;
  }

  /// A strip is the half of a panel; what its blocks leave are scales.
  static std::string stripRow(const WeightLayout &table, int slot, long long width) {
    const uint64_t strip = table.unitBytes / 2;
    static constexpr const char *kFormats[] = {"", "Bf16", "Int8", "Int4", "F16", "E4m3"};
    const char *format_ = kFormats[size_t(table.format)];
    const uint64_t scaleBytes = strip - 16 * table.paddedColumns() * table.bitsPerValue() / 8;
    return format("stripRow<StripRow<StripFormat::%s, %lld, %llu, %u>, %llu>(args.slot[%d], "
                  "tokenId<%lld>(batch, token))",
                  format_, width, (ull)scaleBytes, table.group, (ull)strip, slot,
                  (long long)table.rows);
  }

  bool sink(const ProgramOp &op, int out) {
    switch (op.kind) {
    case OpKind::Round:
      line(format("storeRow%s(team, %s, %s);",
                  value(out).kind == ValueKind::F16Rows ? "F16" : "Bf16", operand(op, 0).c_str(),
                  place(out, "u16").c_str()));
      return true;
    case OpKind::Quantize:
      if (value(out).kind != ValueKind::QuantRows) {
        line(format("quantizeRowByScale<%s>(team, %s, %s, %s, %s);",
                    value(out).kind == ValueKind::E4m3Rows ? "true" : "false",
                    operand(op, 0).c_str(), place(out, "u8").c_str(),
                    place(out, "float", 1, int64_t(abi::kRowScaleBytes)).c_str(),
                    shared("u32", int64_t(shape_.team) / 32 * 4).c_str()));
        return true;
      }
      line(format("quantizeRow<%s>(team, %s, %s, %s);", value(out).floatScale ? "true" : "false",
                  operand(op, 0).c_str(), place(out, "u8").c_str(),
                  place(out, "numerics::ActGroupMeta", 1,
                        int64_t(abi::actMetaRowBytes(uint64_t(value(out).columns))))
                      .c_str()));
      return true;
    case OpKind::KvAppend: {
      const ProgramValue &cache = value(op.operands[0]);
      line(format("appendKv<%u, %u, %u, static_cast<abi::KvFormat>(%u)>(team, batch, token, "
                  "args.slot[%d], %s, %s);",
                  cache.kv.kvHeads, cache.kv.headDim, cache.kv.blockTokens,
                  static_cast<unsigned>(cache.kvFormat), cache.slot, operand(op, 1).c_str(),
                  operand(op, 2).c_str()));
      return true;
    }
    case OpKind::Argmax:
      line(format("argmaxRow(team, %s, %s, %s);", operand(op, 0).c_str(), place(out, "u32").c_str(),
                  bestSlots().c_str()));
      return true;
    case OpKind::ArgmaxPartial:
      line(format("argmaxRuns(team, %s, %s);", operand(op, 0).c_str(), place(out, "Best").c_str()));
      return true;
    case OpKind::ArgmaxFold:
      line(format("argmaxFold<%lld>(team, %s, %s, %s);", (long long)columns(op),
                  place(op.operands[0], "const Best").c_str(), place(out, "u32").c_str(),
                  bestSlots().c_str()));
      return true;
    default:
      refused_ = "an op that is not row-wise";
      return false;
    }
  }

  const KernelProgram &program_;
  std::string_view name_;
  TeamShape shape_{};
  std::vector<int> uses_;                     ///< per value
  std::vector<bool> made_, cheap_, inShared_; ///< per value
  int64_t sharedBytes_ = 0;                   ///< of a team
  std::string tables_, body_, refused_;
};

} // namespace

Result<KernelSource> emitRowwise(const KernelProgram &program, std::string_view name, TokenBound) {
  return RowwiseEmitter(program, name).emit();
}

} // namespace ingot::cuda
