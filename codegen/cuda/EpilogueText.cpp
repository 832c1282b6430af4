#include "codegen/cuda/EpilogueText.h"

#include "runtime/artifact/KernelAbi.h"
#include "runtime/base/Format.h"

#include <algorithm>
#include <map>
#include <set>

namespace ingot::cuda {

namespace {

using ull = unsigned long long;

/// One statement per op.
class PointwiseText {
public:
  PointwiseText(const KernelProgram &program, size_t linear) : program_(program), linear_(linear) {
    produced_.insert(program_.ops[linear_].results[0]);
    findNarrow();
  }

  /// Fails with the reason in `refused`.
  bool emit(EpilogueText &text, std::string &refused) {
    store(program_.ops[linear_].results[0]);
    for (size_t i = linear_ + 1; i < program_.ops.size() && refused_.empty(); ++i) {
      const OpKind kind = program_.ops[i].kind;
      text.wholePanels |= kind == OpKind::Split || kind == OpKind::ArgmaxPartial;
      evaluate(program_.ops[i]);
      for (int value : program_.ops[i].results) {
        produced_.insert(value);
        store(value);
      }
    }
    text.body = text_;
    refused = refused_;
    return refused_.empty();
  }

private:
  /// Values with half the columns of the linear: what an interleaved split gives, what is made of
  /// it, and what meets it.
  void findNarrow() {
    for (size_t i = linear_ + 1; i < program_.ops.size(); ++i) {
      const ProgramOp &op = program_.ops[i];
      const bool fromNarrow = std::any_of(op.operands.begin(), op.operands.end(),
                                          [&](int value) { return narrow_.contains(value); });
      if (fromNarrow)
        narrow_.insert(op.operands.begin(), op.operands.end());
      if (fromNarrow || op.kind == OpKind::Split)
        narrow_.insert(op.results.begin(), op.results.end());
    }
  }

  const ProgramValue &info(int value) const { return program_.values[size_t(value)]; }
  bool isF16(int value) const { return info(value).kind == ValueKind::F16Rows; }
  const char *narrow(int value) const { return narrow_.contains(value) ? "true" : "false"; }
  void line(std::string text) { text_ += "    " + std::move(text) + "\n"; }

  std::string operand(int value) {
    if (produced_.contains(value))
      return format("v%d", value);
    const ProgramValue &from = info(value);
    const bool isVector = from.kind == ValueKind::Parameter;
    if (from.slot < 0 || (!isVector && from.kind != ValueKind::F32Rows) ||
        (isVector && from.weight.kind != LayoutKind::Row))
      refused_ = "an epilogue reads float32 rows and vectors only";
    const uint64_t rowBytes = isVector ? 0 : abi::f32RowBytes(uint64_t(from.columns));
    return format("loadValues<%llu, %s, kCount%s>(args.slot[%d], at)", (ull)rowBytes, narrow(value),
                  narrow_.contains(value) ? " / 2" : "", from.slot);
  }

  void assign(const ProgramOp &op, const char *function) {
    std::string arguments;
    for (int value : op.operands)
      arguments += (arguments.empty() ? "" : ", ") + operand(value);
    line(format("const auto v%d = %s(%s);", op.results[0], function, arguments.c_str()));
  }

  void evaluate(const ProgramOp &op) {
    switch (op.kind) {
    case OpKind::Add:
    case OpKind::AddBias:
      return assign(op, "addValues");
    case OpKind::Mul:
      return assign(op, "mulValues");
    case OpKind::Silu:
      return assign(op, "siluValues");
    case OpKind::Round:
      return assign(op, isF16(op.results[0]) ? "roundF16Values" : "roundValues");
    case OpKind::Split:
      if (op.interleave != 16 || op.results.size() != 2 || !produced_.contains(op.operands[0]) ||
          narrow_.contains(op.operands[0])) {
        refused_ = "a split in an epilogue is that of a panel into its halves (interleave 16)";
        return;
      }
      for (int half = 0; half < 2; ++half)
        line(format("const auto v%d = splitValues<%d>(v%d);", op.results[size_t(half)], half,
                    op.operands[0]));
      return;
    case OpKind::ArgmaxPartial: {
      const auto columns = uint64_t(info(op.operands[0]).columns);
      if (narrow_.contains(op.operands[0]))
        refused_ = "an argmax behind a split";
      line(format("storeArgmaxPartial<%llu, %llu>(args.slot[%d], at, %s);",
                  (ull)abi::argmaxPartialRowBytes((columns + 31) / 32), (ull)columns,
                  info(op.results[0]).slot, operand(op.operands[0]).c_str()));
      return;
    }
    default:
      refused_ = "an op that is not point-wise";
    }
  }

  void store(int value) {
    const ProgramValue &to = info(value);
    if (to.slot < 0 || to.kind == ValueKind::Partials)
      return;
    const bool isBf16 = to.kind == ValueKind::Bf16Rows;
    if (!isBf16 && !isF16(value) && to.kind != ValueKind::F32Rows)
      refused_ = "a result that is neither float32 nor 16-bit rows";
    line(format("store%s<%lld, %s>(args.slot[%d], at, v%d);",
                isBf16         ? "Bf16"
                : isF16(value) ? "F16"
                               : "F32",
                (long long)rowBytes(to), narrow(value), to.slot, value));
  }

  const KernelProgram &program_;
  size_t linear_;
  std::set<int> produced_; ///< so far
  std::set<int> narrow_;
  std::string text_, refused_;
};

/// Queries, keys and values: a branch each, for a panel belongs to one of them.
class HeadsText {
public:
  HeadsText(const KernelProgram &program, size_t linear) : program_(program), linear_(linear) {}

  /// Fails with the reason in `refused`.
  bool emit(EpilogueText &text, std::string &refused) {
    text.wholePanels = true;
    if (readSplit())
      for (size_t i = linear_ + 2; i < program_.ops.size() && refused_.empty(); ++i)
        evaluate(program_.ops[i]);
    if (refused_.empty())
      text.body = assemble();
    refused = refused_;
    return refused_.empty();
  }

private:
  const ProgramValue &info(int value) const { return program_.values[size_t(value)]; }

  bool readSplit() {
    const ProgramOp &linear = program_.ops[linear_], &split = program_.ops[linear_ + 1];
    headDim_ = info(linear.operands[1]).weight.interleave;
    for (const ProgramOp &op : program_.ops)
      if (op.kind == OpKind::KvAppend && info(op.operands[0]).kv.headDim != headDim_)
        refused_ = "heads of another width than the pairs of rows in the weight";
    if (split.kind != OpKind::Split || split.interleave != 0 || split.results.size() != 3 ||
        split.operands[0] != linear.results[0])
      refused_ = "rotary heads come from a split into queries, keys and values";
    for (int value : split.results) {
      if (info(value).columns % headDim_ != 0)
        refused_ = "queries, keys or values that are no whole heads";
      partOf_[value] = parts_.size();
      parts_.push_back({value, info(value).columns, ""});
    }
    return refused_.empty();
  }

  void evaluate(const ProgramOp &op) {
    if (op.kind == OpKind::KvAppend) {
      append(op, 1, "false");
      return append(op, 2, "true");
    }
    const auto part = partOf_.find(op.operands[0]);
    if (part == partOf_.end() || op.results.size() != 1) {
      refused_ = "an op on something else than queries, keys or values";
      return;
    }
    const int from = op.operands[0], to = op.results[0];
    const std::string second =
        op.operands.size() == 2 ? format("args.slot[%d]", info(op.operands[1]).slot) : "";
    partOf_[to] = part->second;
    std::string &lines = parts_[part->second].lines;
    switch (op.kind) {
    case OpKind::AddBias:
      lines += format("      const auto v%d = addValues(v%d, loadHeads(%s, spot));\n", to, from,
                      second.c_str());
      break;
    case OpKind::Rope:
      lines +=
          format("      const auto v%d = rotateValues(v%d, %s, spot);\n", to, from, second.c_str());
      break;
    case OpKind::Round:
      lines += format("      const auto v%d = roundValues(v%d);\n", to, from);
      break;
    default:
      refused_ = "an op that heads do not go through";
    }
    store(to, lines);
  }

  void store(int value, std::string &lines) {
    const ProgramValue &to = info(value);
    if (to.slot < 0)
      return;
    if (to.kind != ValueKind::Bf16Rows)
      refused_ = "heads that leave the kernel without being rounded";
    lines += format("      storeHeads<%llu>(args.slot[%d], spot, v%d);\n",
                    (ull)abi::bf16RowBytes(uint64_t(to.columns)), to.slot, value);
  }

  void append(const ProgramOp &op, size_t operand, const char *isValues) {
    const ProgramValue &cache = info(op.operands[0]);
    const int value = op.operands[operand];
    const auto part = partOf_.find(value);
    if (part == partOf_.end()) {
      refused_ = "keys or values that are no part of the projection";
      return;
    }
    parts_[part->second].lines +=
        format("      appendHeads<%u, %u, %s>(args, args.slot[%d], spot, v%d);\n", cache.kv.kvHeads,
               cache.kv.blockTokens, isValues, cache.slot, value);
  }

  std::string assemble() const {
    std::string text = "    static_assert(kCount == 4);\n    ";
    int64_t first = 0;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const Part &part = parts_[i];
      const long long end = first + part.columns;
      text += i + 1 < parts_.size() ? format("if (at.base < %lldu) {\n", end) : "{\n";
      text += format("      const auto spot = headSpot<%u>(at, %lldu);\n"
                     "      const auto v%d = v%d;\n",
                     headDim_, (long long)first, part.value, program_.ops[linear_].results[0]);
      text += part.lines + (i + 1 < parts_.size() ? "    } else " : "    }\n");
      first = end;
    }
    return text;
  }

  struct Part {
    int value; ///< of the split
    int64_t columns;
    std::string lines;
  };
  const KernelProgram &program_;
  size_t linear_;
  uint32_t headDim_ = 1;
  std::vector<Part> parts_;
  std::map<int, size_t> partOf_; ///< values to parts
  std::string refused_;
};

} // namespace

bool writeEpilogue(const KernelProgram &program, size_t linear, EpilogueText &text,
                   std::string &refused) {
  const bool hasPairs = program.values[size_t(program.ops[linear].operands[1])].weight.interleave;
  const bool hasHeads =
      std::any_of(program.ops.begin(), program.ops.end(),
                  [](const ProgramOp &op) { return op.kind == OpKind::KvAppend; });
  if (hasPairs != hasHeads) {
    refused = "rotary heads and a weight that is packed for them go together";
    return false;
  }
  return hasHeads ? HeadsText(program, linear).emit(text, refused)
                  : PointwiseText(program, linear).emit(text, refused);
}

} // namespace ingot::cuda
