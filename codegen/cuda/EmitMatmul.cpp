#include "codegen/cuda/EmitMatmul.h"

#include "codegen/cuda/MatmulTiles.h"
#include "codegen/cuda/kernels/Types.h"
#include "runtime/artifact/KernelAbi.h"
#include "runtime/base/Format.h"

#include <algorithm>
#include <set>

namespace ingot::cuda {

namespace {

using ull = unsigned long long;

/// The body of `Epilogue::apply`: one statement per op, in the names of MatmulEpilogue.cuh.
class EpilogueText {
public:
  explicit EpilogueText(const KernelProgram &program) : program_(program) {
    produced_.insert(program_.ops[0].results[0]);
    findNarrow();
  }

  /// Fails with the reason in `refused`.
  bool emit(std::string &refused) {
    store(program_.ops[0].results[0]);
    for (size_t i = 1; i < program_.ops.size() && refused_.empty(); ++i) {
      evaluate(program_.ops[i]);
      for (int value : program_.ops[i].results) {
        produced_.insert(value);
        store(value);
      }
    }
    refused = refused_;
    return refused_.empty();
  }
  const std::string &text() const { return text_; }

private:
  /// Values with half the columns of the linear: what an interleaved split gives, what is made of
  /// it, and what meets it.
  void findNarrow() {
    for (size_t i = 1; i < program_.ops.size(); ++i) {
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
      return assign(op, "roundValues");
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
    if (!isBf16 && to.kind != ValueKind::F32Rows)
      refused_ = "a result that is neither float32 nor bf16 rows";
    const auto columns = uint64_t(to.columns);
    line(format("store%s<%llu, %s>(args.slot[%d], at, v%d);", isBf16 ? "Bf16" : "F32",
                (ull)(isBf16 ? abi::bf16RowBytes(columns) : abi::f32RowBytes(columns)),
                narrow(value), to.slot, value));
  }

  const KernelProgram &program_;
  std::set<int> produced_; ///< so far
  std::set<int> narrow_;
  std::string text_, refused_;
};

class MatmulEmitter {
public:
  MatmulEmitter(const KernelProgram &program, std::string_view name, TokenBound bound)
      : program_(program), name_(name), bound_(bound) {}

  Result<KernelSource> emit() {
    INGOT_TRY(readShape());
    EpilogueText epilogue(program_);
    if (std::string reason; !epilogue.emit(reason))
      return refuse(reason);
    KernelSource source;
    source.name = name_;
    const bool few = bound_.maxTokens <= kFewTokens;
    const std::string tile = few ? fewTile(source.shape) : manyTile(source.shape);
    const char *family = few ? "Few" : "Many";
    source.text = format("#include \"codegen/cuda/kernels/Matmul%s.cuh\"\n\n"
                         "namespace ingot::gpu::%s_ {\n%s%s"
                         "struct Epilogue {\n  template <u32 kCount>\n"
                         "  static void apply(const KernelArgs &args, const Spot &at, "
                         "const Values<kCount> &v%d) {\n%s  }\n};\n"
                         "static_assert(%s<Config, Tile>::kBytes == %u);\n}\n\n"
                         "INGOT_KERNEL(%s, %u) {\n  using namespace ingot::gpu::%s_;\n"
                         "  ingot::gpu::matmul%s<Config, Tile, Epilogue>(args);\n}\n",
                         family, name_.c_str(), config().c_str(), tile.c_str(),
                         program_.ops[0].results[0], epilogue.text().c_str(),
                         few ? "FewShared" : "ManyShape", source.shape.dynamicSharedBytes,
                         name_.c_str(), source.shape.threads, name_.c_str(), family);
    return source;
  }

private:
  Status refuse(const std::string &why) const {
    return Status(ErrorClass::Internal, "cuda-kernel",
                  format("kernel '%s': %s", name_.c_str(), why.c_str()));
  }

  Status readShape() {
    if (program_.ops.empty() || program_.ops[0].kind != OpKind::Linear)
      return refuse("a matmul starts with its linear");
    const ProgramOp &linear = program_.ops[0];
    const ProgramValue &rows = program_.values[size_t(linear.operands[0])];
    const ProgramValue &weight = program_.values[size_t(linear.operands[1])];
    if (rows.kind != ValueKind::Bf16Rows || weight.weight.kind != LayoutKind::Mma16)
      return refuse("a matmul takes bf16 rows and a weight in layout mma16");
    for (const ProgramValue &value : program_.values)
      if (value.slot >= gpu::kMaxSlots)
        return refuse(format("more than %d operands and results", gpu::kMaxSlots));
    rowsSlot_ = rows.slot;
    weightSlot_ = weight.slot;
    shape_.format = weight.weight.format;
    shape_.outputs = static_cast<uint32_t>(weight.weight.rows);
    shape_.columns = static_cast<uint32_t>(weight.weight.columns);
    shape_.group = weight.weight.group;
    shape_.span =
        linear.slice < int64_t(weight.weight.columns) ? static_cast<uint32_t>(linear.slice) : 0;
    const uint32_t group = shape_.group ? shape_.group : shape_.blocks() * 64;
    if (shape_.span % 64 != 0 || (shape_.isScaled() && shape_.span % group != 0))
      return refuse(format("slices of %u elements of K; they are multiples of 64 and of the scale "
                           "group (%u)",
                           shape_.span, group));
    shape_.wholePanels =
        std::any_of(program_.ops.begin(), program_.ops.end(), [](const ProgramOp &op) {
          return op.kind == OpKind::Split || op.kind == OpKind::ArgmaxPartial;
        });
    return Status::ok();
  }

  std::string config() const {
    static constexpr const char *kKinds[] = {"", "Bf16", "Int8", "Int4"};
    return format("struct Config {\n"
                  "  static constexpr WeightKind kWeights = WeightKind::%s;\n"
                  "  static constexpr u32 kOutputs = %u, kColumns = %u, kGroup = %u, kSpan = %u;\n"
                  "  static constexpr bool kReturned = %s;\n"
                  "  static constexpr int kRowsSlot = %d, kWeightSlot = %d;\n};\n",
                  kKinds[size_t(shape_.format)], shape_.outputs, shape_.columns, shape_.group,
                  shape_.span, program_.returnedRows ? "true" : "false", rowsSlot_, weightSlot_);
  }

  std::string fewTile(LaunchShape &launch) const {
    const FewTile tile = chooseFewTile(shape_, bound_);
    launch.threads = tile.threads();
    launch.dynamicSharedBytes = tile.sharedBytes(shape_);
    launch.itemsPerBlock = std::max(1u, tile.blockStrips() / 2);
    launch.blocksPerItem = tile.blockStrips() == 1 ? 2 : 1;
    return format("struct Tile {\n"
                  "  static constexpr u32 kStripWarps = %u, kSliceWarps = %u, kWarpStrips = %u;\n"
                  "  static constexpr u32 kDepth = %u, kMaxTiles = %u;\n};\n",
                  tile.stripWarps, tile.sliceWarps, tile.warpStrips, tile.depth, tile.maxTiles);
  }

  std::string manyTile(LaunchShape &launch) const {
    const ManyTile tile = chooseManyTile(shape_, bound_);
    launch.threads = tile.threads;
    launch.dynamicSharedBytes = tile.sharedBytes(shape_);
    launch.itemsPerBlock = tile.panels;
    launch.tokensPerBlock = tile.tokens;
    return format("struct Tile {\n"
                  "  static constexpr u32 kPanels = %u, kTokens = %u, kStages = %u;\n"
                  "  static constexpr u32 kThreads = %u;\n};\n",
                  tile.panels, tile.tokens, tile.stages, tile.threads);
  }

  const KernelProgram &program_;
  std::string name_;
  TokenBound bound_;
  MatmulShape shape_;
  int rowsSlot_ = 0, weightSlot_ = 0;
};

} // namespace

Result<KernelSource> emitMatmul(const KernelProgram &program, std::string_view name,
                                TokenBound bound, Profile) {
  return MatmulEmitter(program, name, bound).emit();
}

} // namespace ingot::cuda
