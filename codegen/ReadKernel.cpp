#include "codegen/ReadKernel.h"

#include "ir/KernelSpec.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace ingot {

namespace {

/// The numbers of a cache's format are the same in programs, kernels and artifacts.
constexpr bool agree(KvFormat program, abi::KvFormat kernels) {
  return static_cast<uint32_t>(program) == static_cast<uint32_t>(kernels);
}
static_assert(agree(KvFormat::bf16, abi::KvFormat::Bf16) &&
              agree(KvFormat::fp16, abi::KvFormat::F16) &&
              agree(KvFormat::fp8, abi::KvFormat::E4m3) &&
              agree(KvFormat::int8, abi::KvFormat::Int8));

Status unreadable(FusedOp fused, const std::string &why) {
  return Status(ErrorClass::Internal, "kernel-unreadable",
                "region '" + fused.getName().str() + "' at '" + fused.getLabel().str() +
                    "': " + why);
}

/// Storage of a parameter: vectors are float32 rows, matrices what the target's kernels read
/// (WeightLayout.h).
Result<WeightLayout> layoutOf(RankedTensorType type, CodeTarget target) {
  const char *matrix = target == CodeTarget::Cuda ? "mma16" : "panel32";
  const std::vector<uint64_t> shape(type.getShape().begin(), type.getShape().end());
  if (type.getRank() == 1)
    return WeightLayout::make("f32", "row", shape, 0, 0);
  const std::string format = storageFormat(type.getElementType()).str();
  if (auto weight = dyn_cast<QWeightType>(type.getElementType()))
    return WeightLayout::make(format, matrix, shape, static_cast<uint32_t>(weight.getGroup()), 0);
  return WeightLayout::make(format, matrix, shape, 0, 0);
}

abi::KvLayout kvLayoutOf(KvType type) {
  return {static_cast<uint32_t>(type.getLayers()), static_cast<uint32_t>(type.getHeads()),
          static_cast<uint32_t>(type.getKeyDim()), static_cast<uint32_t>(type.getBlockTokens())};
}

class Reader {
public:
  explicit Reader(FusedOp fused)
      : fused_(fused), body_(fused.getBody().front()), target_(targetOf(fused)) {}

  Result<KernelProgram> read() {
    std::string reason;
    const FailureOr<KernelSpec> spec = readKernelSpec(fused_, reason);
    if (failed(spec))
      return unreadable(fused_, reason);
    program_.returnedRows = spec->rows == RowSpace::returned;
    for (BlockArgument argument : body_.getArguments())
      INGOT_TRY(addValue(argument, true));
    for (Operation &op : body_.without_terminator())
      INGOT_TRY(addOp(op));
    for (Value result : body_.getTerminator()->getOperands())
      INGOT_TRY(placeResult(result));
    return std::move(program_);
  }

private:
  static bool isParameter(RankedTensorType type) {
    return type.hasStaticShape() && type.getRank() <= 2;
  }

  Result<ProgramValue> describe(Type type) {
    ProgramValue value{};
    if (isa<BatchType>(type)) {
      value.kind = ValueKind::Batch;
      value.slot = 0;
      return value;
    }
    if (auto kv = dyn_cast<KvType>(type)) {
      value.kind = ValueKind::Kv;
      value.kv = kvLayoutOf(kv);
      value.kvFormat = static_cast<abi::KvFormat>(kv.getFormat());
      return value;
    }
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return unreadable(fused_, "a value that is no tensor");
    if (isParameter(tensor)) {
      value.kind = ValueKind::Parameter;
      INGOT_ASSIGN(value.weight, layoutOf(tensor, target_));
      return value;
    }
    value.columns = tensor.getDimSize(1);
    value.returnedRows = rowSpaceOf(tensor) == RowSpace::returned;
    const Type element = tensor.getElementType();
    if (auto act = dyn_cast<QActType>(element)) {
      value.kind = act.getScale() == ActScale::row        ? ValueKind::Int8Rows
                   : act.getScale() == ActScale::row_e4m3 ? ValueKind::E4m3Rows
                                                          : ValueKind::QuantRows;
      value.floatScale = act.getScale() == ActScale::f32;
    } else if (element.isF32()) {
      value.kind = ValueKind::F32Rows;
    } else if (element.isBF16()) {
      value.kind = ValueKind::Bf16Rows;
    } else if (element.isF16()) {
      value.kind = ValueKind::F16Rows;
    } else if (element.isInteger(32)) {
      value.kind = ValueKind::IndexRows;
    } else if (element.isInteger(64)) {
      value.kind = ValueKind::Partials;
    } else {
      return unreadable(fused_, "rows of an element type that kernels do not have");
    }
    return value;
  }

  /// Of the parameter behind an argument of the body. Gates and ups alternate in the program, too:
  /// their kernels see plain rows.
  uint32_t rotaryPairsOf(Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    auto param =
        argument ? fused_.getInputs()[argument.getArgNumber()].getDefiningOp<ParamOp>() : ParamOp();
    return param ? static_cast<uint32_t>(param.getRotaryPairs().value_or(0)) : 0;
  }

  void takeSlots(ProgramValue &value) {
    value.slot = nextSlot_;
    nextSlot_ += hasScaleSlot(value.kind) ? 2 : 1;
  }

  Status addValue(Value value, bool isOperand) {
    INGOT_ASSIGN(ProgramValue described, describe(value.getType()));
    if (isOperand && described.kind != ValueKind::Batch)
      takeSlots(described);
    if (described.kind == ValueKind::Parameter)
      described.weight.interleave = rotaryPairsOf(value);
    index_[value] = static_cast<int>(program_.values.size());
    program_.values.push_back(described);
    return Status::ok();
  }

  Status placeResult(Value result) {
    ProgramValue &value = program_.values[index_.lookup(result)];
    if (value.kind == ValueKind::Kv) // updated in place
      return Status::ok();
    if (value.slot >= 0)
      return unreadable(fused_, "a result that is an operand, or yielded twice");
    takeSlots(value);
    return Status::ok();
  }

  /// What the kernels of the target cannot do, although the program may ask for it (of the cache:
  /// buildPlan).
  Status checkTarget(PagedAttentionOp attention) {
    if (target_ == CodeTarget::Cuda)
      return Status::ok();
    if (!attention.getSinks() && !attention.getSoftcap())
      return Status::ok();
    const std::string what = attention.getSinks() ? "attention sinks" : "a softcap";
    return Status(ErrorClass::Config, "attention-cpu",
                  "region '" + fused_.getName().str() + "' at '" + fused_.getLabel().str() +
                      "': " + what + " has kernels on target cuda only; leave cpu out of --target");
  }

  Status addOp(Operation &op) {
    if (auto attention = dyn_cast<PagedAttentionOp>(op))
      INGOT_TRY(checkTarget(attention));
    INGOT_ASSIGN(ProgramOp described, describeOp(op));
    for (Value operand : op.getOperands())
      if (!isa<BatchType>(operand.getType()))
        described.operands.push_back(index_.lookup(operand));
    for (Value result : op.getResults()) {
      INGOT_TRY(addValue(result, false));
      described.results.push_back(index_.lookup(result));
    }
    // A cache that an op returns is the one it was given.
    if (auto append = dyn_cast<KvAppendOp>(op))
      program_.values[index_.lookup(append.getResult())].slot =
          program_.values[index_.lookup(append.getKv())].slot;
    program_.ops.push_back(std::move(described));
    return Status::ok();
  }

  Result<ProgramOp> describeOp(Operation &op) {
    ProgramOp out{};
    const bool known =
        TypeSwitch<Operation *, bool>(&op)
            .Case([&](EmbedOp) { return set(out, OpKind::Embed); })
            .Case([&](RopeAnglesOp angles) {
              out.invFreq.assign(angles.getInvFreq().begin(), angles.getInvFreq().end());
              out.scale = angles.getAttentionFactor().convertToFloat();
              return set(out, OpKind::RopeAngles);
            })
            .Case([&](AddOp) { return set(out, OpKind::Add); })
            .Case([&](MulOp) { return set(out, OpKind::Mul); })
            .Case([&](AddBiasOp) { return set(out, OpKind::AddBias); })
            .Case([&](SiluOp) { return set(out, OpKind::Silu); })
            .Case([&](RmsNormOp norm) {
              out.eps = norm.getEps().convertToFloat();
              out.headDim = norm.getHeadDim().value_or(0);
              return set(out, OpKind::RmsNorm);
            })
            .Case([&](LayerNormOp norm) {
              out.eps = norm.getEps().convertToFloat();
              return set(out, OpKind::LayerNorm);
            })
            .Case([&](RopeOp rope) {
              out.headDim = rope.getHeadDim();
              return set(out, OpKind::Rope);
            })
            .Case([&](SplitOp split) {
              out.interleave = split.getInterleave().value_or(0);
              return set(out, OpKind::Split);
            })
            .Case([&](SelectRowsOp) { return set(out, OpKind::SelectRows); })
            .Case([&](RoundOp) { return set(out, OpKind::Round); })
            .Case([&](QuantizeOp) { return set(out, OpKind::Quantize); })
            .Case([&](ArgmaxOp) { return set(out, OpKind::Argmax); })
            .Case([&](ArgmaxPartialOp) { return set(out, OpKind::ArgmaxPartial); })
            .Case([&](ArgmaxFoldOp) { return set(out, OpKind::ArgmaxFold); })
            .Case([&](SampleOp) { return set(out, OpKind::Sample); })
            .Case([&](LinearOp linear) {
              if (const auto order = linear.getOrder())
                out.slice = order->getKind() == OrderKind::mma ? order->getSpan() : 0;
              return set(out, OpKind::Linear);
            })
            .Case([&](PagedAttentionOp attention) {
              out.heads = attention.getHeads();
              out.headDim = cast<KvType>(attention.getKv().getType()).getKeyDim();
              out.scale = attention.getScale().convertToFloat();
              out.window = static_cast<int64_t>(attention.getWindow().value_or(0));
              if (const auto softcap = attention.getSoftcap())
                out.softcap = softcap->convertToFloat();
              return set(out, OpKind::PagedAttention);
            })
            .Case([&](KvAppendOp) { return set(out, OpKind::KvAppend); })
            .Default([](Operation *) { return false; });
    if (!known)
      return unreadable(fused_, op.getName().getStringRef().str() + " has no emitter");
    return out;
  }

  static bool set(ProgramOp &op, OpKind kind) {
    op.kind = kind;
    return true;
  }

  FusedOp fused_;
  Block &body_;
  CodeTarget target_;
  KernelProgram program_;
  llvm::DenseMap<Value, int> index_; ///< into program_.values
  int nextSlot_ = 1;                 ///< slot 0 is the batch
};

} // namespace

Result<KernelProgram> readKernelProgram(FusedOp fused) { return Reader(fused).read(); }

} // namespace ingot
