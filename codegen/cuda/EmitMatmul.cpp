#include "codegen/cuda/EmitMatmul.h"

#include "codegen/cuda/EpilogueText.h"
#include "codegen/cuda/HopperTiles.h"
#include "codegen/cuda/Literal.h"
#include "codegen/cuda/MatmulTiles.h"
#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot::cuda {

namespace {

/// Rows that tiles of returned rows are chosen for.
constexpr uint32_t kReturnedRows = 96;

class MatmulEmitter {
public:
  MatmulEmitter(const KernelProgram &program, std::string_view name, TokenBound bound)
      : program_(program), name_(name), bound_(bound) {}

  Result<KernelSource> emit() {
    INGOT_TRY(readPrologue());
    INGOT_TRY(readShape());
    EpilogueText epilogue;
    if (std::string reason; !writeEpilogue(program_, linearAt_, epilogue, reason))
      return refuse(reason);
    shape_.wholePanels = epilogue.wholePanels;
    KernelSource source;
    source.name = name_;
    const bool few = bound_.maxTokens <= kFewTokens;
    const std::string tile = few ? fewTile(source.shape) : manyTile(source.shape);
    const char *family = few ? "Few" : "Many";
    if (norm_ && (!few || rows_ != ValueKind::Bf16Rows))
      return refuse("a norm before the linear is for few tokens and bf16 rows");
    if (norm_ && source.shape.dynamicSharedBytes > kMostSharedBytes)
      return refuse(format("the rows of a norm need %u bytes of shared memory; a block has %u",
                           source.shape.dynamicSharedBytes, kMostSharedBytes));
    source.text = text(family, few ? "FewShared" : "ManyShape", tile, epilogue, source.shape);
    // Of rows that are returned there is about one per sequence: no large tile pays.
    TokenBound bound = bound_;
    if (program_.returnedRows)
      bound.maxTokens = std::min(bound.maxTokens, kReturnedRows);
    if (const auto hopper = chooseHopperTile(shape_, bound); hopper && !few)
      source.variants.push_back(hopperVariant(*hopper, epilogue));
    return source;
  }

private:
  Status refuse(const std::string &why) const {
    return Status(ErrorClass::Internal, "cuda-kernel",
                  format("kernel '%s': %s", name_.c_str(), why.c_str()));
  }

  /// A unit of `family` whose geometry is a template `geometry`.
  std::string text(const char *family, const char *geometry, const std::string &tile,
                   const EpilogueText &epilogue, const LaunchShape &shape) const {
    const bool maps = !shape.maps.empty();
    return format("#include \"codegen/cuda/kernels/Matmul%s.cuh\"\n%s\n"
                  "namespace ingot::gpu::%s_ {\n%s%s"
                  "struct Epilogue {\n  template <u32 kCount>\n"
                  "  static void apply(const KernelArgs &args, const Spot &at, "
                  "const Values<kCount> &v%d) {\n%s  }\n};\n"
                  "static_assert(%s<Config, Tile>::kBytes == %u);\n}\n\n"
                  "INGOT_KERNEL%s(%s, %u) {\n  using namespace ingot::gpu::%s_;\n"
                  "  ingot::gpu::matmul%s<Config, Tile, Epilogue>(args%s);\n}\n",
                  family, norm_ ? "#include \"codegen/cuda/kernels/MatmulNorm.cuh\"\n" : "",
                  name_.c_str(), config().c_str(), tile.c_str(), program_.ops[linearAt_].results[0],
                  epilogue.body.c_str(), geometry, shape.dynamicSharedBytes,
                  maps ? "_WITH_MAPS" : "", name_.c_str(), shape.threads, name_.c_str(), family,
                  maps ? ", maps" : "");
  }

  KernelVariant hopperVariant(const HopperTile &tile, const EpilogueText &epilogue) const {
    const LaunchShape shape = hopperLaunch(
        shape_, tile, {uint32_t(rowsSlot_), uint32_t(weightSlot_), program_.returnedRows});
    const std::string tileText =
        format("struct Tile {\n"
               "  static constexpr u32 kConsumers = %u, kWarpStrips = %u;\n"
               "  static constexpr u32 kTokens = %u, kStages = %u;\n};\n",
               tile.consumers, tile.warpStrips, tile.tokens, tile.stages);
    return {"sm_90a", text("Hopper", "HopperShape", tileText, epilogue, shape), shape};
  }

  const ProgramValue &value(int index) const { return program_.values[size_t(index)]; }

  /// The ops before the linear: none, or a norm (perhaps of the returned rows) and its rounding.
  Status readPrologue() {
    const auto &ops = program_.ops;
    const auto linear = std::find_if(ops.begin(), ops.end(),
                                     [](const ProgramOp &op) { return op.kind == OpKind::Linear; });
    linearAt_ = size_t(linear - ops.begin());
    if (linear == ops.end())
      return refuse("a matmul without a linear");
    if (linearAt_ == 0)
      return Status::ok();
    gathers_ = linearAt_ == 3 && ops[0].kind == OpKind::SelectRows;
    const size_t first = gathers_ ? 1 : 0;
    if (linearAt_ != first + 2 || ops[first].kind != OpKind::RmsNorm || ops[first].headDim != 0 ||
        ops[first + 1].kind != OpKind::Round)
      return refuse("before the linear stand a norm and its rounding, or nothing");
    norm_ = &ops[first];
    return Status::ok();
  }

  Status readShape() {
    const ProgramOp &linear = program_.ops[linearAt_];
    const ProgramValue &rows = value(linear.operands[0]);
    const ProgramValue &weight = value(linear.operands[1]);
    if (weight.weight.kind != LayoutKind::Mma16 || !joins(rows.kind, weight.weight.format))
      return refuse("a matmul takes bf16 rows, or rows of the weight's own fp16, int8 or fp8, and "
                    "a weight in layout mma16");
    rows_ = rows.kind;
    for (const ProgramValue &value : program_.values)
      if (value.slot >= abi::kMaxSlots)
        return refuse(format("more than %d operands and results", abi::kMaxSlots));
    rowsSlot_ = norm_ ? value(program_.ops[0].operands[0]).slot : rows.slot;
    weightSlot_ = weight.slot;
    shape_.format = weight.weight.format;
    shape_.outputs = static_cast<uint32_t>(weight.weight.rows);
    shape_.columns = static_cast<uint32_t>(weight.weight.columns);
    shape_.group = weight.weight.group;
    shape_.span =
        linear.slice < int64_t(weight.weight.columns) ? static_cast<uint32_t>(linear.slice) : 0;
    shape_.byteRows = hasScaleSlot(rows.kind);
    if (shape_.span % 64 != 0 || (shape_.group != 0 && shape_.span % shape_.group != 0))
      return refuse(format("slices of %u elements of K; they are multiples of 64 and of the scale "
                           "group (%u)",
                           shape_.span, shape_.group));
    if (rows.kind == ValueKind::Int8Rows && std::max(shape_.span, shape_.group) == 0 &&
        shape_.columns > kMostIntegers)
      return refuse(format("an integer sum of %u products is beyond 32 bits; give groups of scales",
                           shape_.columns));
    shape_.norm = norm_ != nullptr;
    return Status::ok();
  }

  /// Products of two int8 whose sum stays below 2^31.
  static constexpr uint32_t kMostIntegers = 131072;

  static bool joins(ValueKind rows, WeightFormat weight) {
    switch (rows) {
    case ValueKind::Bf16Rows:
      return weight != WeightFormat::F16 && weight != WeightFormat::F32;
    case ValueKind::F16Rows:
      return weight == WeightFormat::F16;
    case ValueKind::Int8Rows:
      return weight == WeightFormat::Int8;
    case ValueKind::E4m3Rows:
      return weight == WeightFormat::E4m3;
    default:
      return false;
    }
  }
  const char *rowNumber() const {
    return rows_ == ValueKind::F16Rows    ? "F16"
           : rows_ == ValueKind::Int8Rows ? "Int8"
           : rows_ == ValueKind::E4m3Rows ? "E4m3"
                                          : "Bf16";
  }

  std::string config() const {
    static constexpr const char *kKinds[] = {"", "Bf16", "Int8", "Int4", "F16", "E4m3"};
    return format("struct Config {\n"
                  "  static constexpr WeightKind kWeights = WeightKind::%s;\n"
                  "  static constexpr RowNumber kRows = RowNumber::%s;\n"
                  "  static constexpr u32 kOutputs = %u, kColumns = %u, kGroup = %u, kSpan = %u;\n"
                  "  static constexpr bool kReturned = %s;\n"
                  "  static constexpr int kRowsSlot = %d, kWeightSlot = %d;\n%s};\n",
                  kKinds[size_t(shape_.format)], rowNumber(), shape_.outputs, shape_.columns,
                  shape_.group, shape_.span, program_.returnedRows ? "true" : "false", rowsSlot_,
                  weightSlot_, normConfig().c_str());
  }

  std::string normConfig() const {
    if (!norm_)
      return "  static constexpr bool kNorm = false;\n";
    return format("  static constexpr bool kNorm = true;\n  struct Norm {\n"
                  "    static constexpr int kGainSlot = %d;\n"
                  "    static constexpr bool kGather = %s;\n"
                  "    static constexpr float eps() { return %s; }\n  };\n",
                  value(norm_->operands[1]).slot, gathers_ ? "true" : "false",
                  literal(norm_->eps).c_str());
  }

  std::string fewTile(LaunchShape &launch) const {
    const FewTile tile = chooseFewTile(shape_, bound_);
    launch.threads = tile.threads();
    launch.dynamicSharedBytes = tile.sharedBytes(shape_);
    launch.itemsPerBlock = std::max(1u, tile.blockStrips() / 2);
    launch.blocksPerItem = tile.blockStrips() == 1 ? 2 : 1;
    return format("struct Tile {\n"
                  "  static constexpr u32 kStripWarps = %u, kSliceWarps = %u, kWarpStrips = %u;\n"
                  "  static constexpr u32 kDepth = %u, kMaxTiles = %u, kRows = %u;\n%s};\n",
                  tile.stripWarps, tile.sliceWarps, tile.warpStrips, tile.depth, tile.maxTiles,
                  tile.rows, stagingText(tile).c_str());
  }

  std::string stagingText(const FewTile &tile) const {
    return norm_ ? format("  static constexpr u32 kStagedRows = %u;\n"
                          "  static constexpr bool kStagesGain = %s;\n",
                          tile.stagedRows, tile.stagesGain ? "true" : "false")
                 : "";
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
  size_t linearAt_ = 0;
  const ProgramOp *norm_ = nullptr; ///< before the linear
  bool gathers_ = false;            ///< the norm is of the returned rows
  ValueKind rows_ = ValueKind::Bf16Rows;
  int rowsSlot_ = 0, weightSlot_ = 0;
};

} // namespace

Result<KernelSource> emitMatmul(const KernelProgram &program, std::string_view name,
                                TokenBound bound) {
  return MatmulEmitter(program, name, bound).emit();
}

} // namespace ingot::cuda
