#include "codegen/cuda/EpilogueText.h"

#include "runtime/artifact/KernelAbi.h"
#include "runtime/base/Format.h"

#include <algorithm>
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

/// Queries, keys and values: one of them per panel, one code for all.
class HeadsText {
public:
  HeadsText(const KernelProgram &program, size_t linear) : program_(program), linear_(linear) {}

  /// Fails with the reason in `refused`.
  bool emit(EpilogueText &text, std::string &refused) {
    text.wholePanels = true;
    readSplit();
    for (size_t i = linear_ + 2; i < program_.ops.size() && refused_.empty(); ++i)
      read(program_.ops[i]);
    for (const Part &part : parts_)
      if (refused_.empty() && part.sink < 0)
        refused_ = "queries, keys or values that stay in the kernel";
    if (refused_.empty())
      text.body = assemble();
    refused = refused_;
    return refused_.empty();
  }

private:
  /// What one of the three goes through, in this order.
  struct Part {
    int64_t columns = 0;
    int bias = -1, angles = -1; ///< slots; -1: none
    int sink = -1;              ///< value that is yielded, or the cache
    int latest = -1;            ///< value that the next op takes
  };
  enum { kQueries, kKeys, kValues, kParts };

  const ProgramValue &info(int value) const { return program_.values[size_t(value)]; }

  void readSplit() {
    const ProgramOp &linear = program_.ops[linear_], &split = program_.ops[linear_ + 1];
    headDim_ = info(linear.operands[1]).weight.interleave;
    if (split.kind != OpKind::Split || split.interleave != 0 || split.results.size() != kParts ||
        split.operands[0] != linear.results[0]) {
      refused_ = "rotary heads come from a split into queries, keys and values";
      return;
    }
    for (size_t i = 0; i < kParts; ++i) {
      parts_[i].latest = split.results[i];
      parts_[i].columns = info(split.results[i]).columns;
      if (parts_[i].columns % headDim_ != 0)
        refused_ = "queries, keys or values that are no whole heads";
    }
  }

  void read(const ProgramOp &op) {
    if (op.kind == OpKind::KvAppend)
      return readAppend(op);
    const auto part = std::find_if(std::begin(parts_), std::end(parts_), [&](const Part &each) {
      return each.latest == op.operands[0] && each.sink < 0;
    });
    const bool isBias = op.kind == OpKind::AddBias, isRope = op.kind == OpKind::Rope;
    if (part == std::end(parts_) || (isBias && (part->bias >= 0 || part->angles >= 0)) ||
        (isRope && (part->angles >= 0 || (angles_ >= 0 && angles_ != info(op.operands[1]).slot)))) {
      refused_ = "heads that do not go through a bias, a rotation and a rounding in this order";
      return;
    }
    part->latest = op.results[0];
    const ProgramValue &to = info(op.results[0]);
    if (isBias)
      part->bias = info(op.operands[1]).slot;
    else if (isRope)
      part->angles = angles_ = info(op.operands[1]).slot;
    else if (op.kind == OpKind::Round && part == parts_ && to.kind == ValueKind::Bf16Rows)
      part->sink = op.results[0];
    else
      refused_ = "an op that heads do not go through";
    if ((to.slot >= 0) != (part->sink >= 0))
      refused_ = "rounded queries alone leave the kernel as rows";
  }

  void readAppend(const ProgramOp &op) {
    if (info(op.operands[0]).kv.headDim != headDim_ ||
        info(op.operands[0]).kvFormat != abi::KvFormat::Bf16)
      refused_ = "a cache of bfloat16 heads as wide as the pairs of rows in the weight";
    for (size_t part : {kKeys, kValues}) {
      if (op.operands[part] != parts_[part].latest)
        refused_ = "keys or values that are no part of the projection";
      parts_[part].sink = op.operands[0];
    }
  }

  /// "part == 0 ? a : part == 1 ? b : c"
  static std::string choose(const std::string (&texts)[kParts]) {
    return format("part == 0 ? %s : part == 1 ? %s : %s", texts[0].c_str(), texts[1].c_str(),
                  texts[2].c_str());
  }
  /// "part == 0 || part == 1" for the parts that have a slot; empty: none has.
  std::string partsWith(int Part::*slot) const {
    std::string text;
    for (size_t i = 0; i < kParts; ++i)
      if (parts_[i].*slot >= 0)
        text += format("%spart == %zu", text.empty() ? "" : " || ", i);
    return text;
  }

  std::string assemble() const {
    const ProgramValue &rows = info(parts_[kQueries].sink), &cache = info(parts_[kKeys].sink);
    const auto keys = (ull)parts_[kQueries].columns, values = keys + (ull)parts_[kKeys].columns;
    const std::string firsts[] = {"0u", format("%lluu", keys), format("%lluu", values)};
    std::string text =
        format("    static_assert(kCount == 4);\n    if (!at.live)\n      return;\n"
               "    const u32 part = at.base < %lluu ? 0 : at.base < %lluu ? 1 : 2;\n"
               "    const auto spot = headSpot<%u>(at, %s);\n    Values<4> heads = v%d;\n",
               keys, values, headDim_, choose(firsts).c_str(), program_.ops[linear_].results[0]);
    if (const std::string biased = partsWith(&Part::bias); !biased.empty()) {
      std::string slots[kParts];
      for (size_t i = 0; i < kParts; ++i)
        slots[i] = format("args.slot[%d]", std::max(parts_[i].bias, 0));
      text += format("    if (%s)\n      heads = addValues(heads, loadHeads(%s, spot));\n",
                     biased.c_str(), choose(slots).c_str());
    }
    if (const std::string turned = partsWith(&Part::angles); !turned.empty())
      text += format("    if (%s)\n      heads = rotateValues(heads, args.slot[%d], spot);\n",
                     turned.c_str(), angles_);
    return text + format("    u16 *to = part == 0 ? queryHead<%llu>(args.slot[%d], spot)\n"
                         "                        : cacheHead<%u, %u>(args, args.slot[%d], spot, "
                         "part == 2);\n    storeHead(to, spot, heads);\n",
                         (ull)abi::bf16RowBytes(uint64_t(rows.columns)), rows.slot,
                         cache.kv.kvHeads, cache.kv.blockTokens, cache.slot);
  }

  const KernelProgram &program_;
  size_t linear_;
  uint32_t headDim_ = 1;
  Part parts_[kParts];
  int angles_ = -1; ///< slot
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
