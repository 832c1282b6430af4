#include "ir/reference/Evaluator.h"

#include "ir/reference/MatrixLinear.h"
#include "ir/reference/Ops.h"
#include "ir/reference/WeightLoader.h"
#include "runtime/base/CpuFeatures.h"
#include "runtime/base/Format.h"
#include "runtime/base/Mxcsr.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ingot::reference;

namespace ingot {
namespace {

using RowsRef = std::shared_ptr<const Rows>;

/// What an SSA value holds. Batch and cache values hold nothing: there is one of each per run.
struct Slot {
  RowsRef rows;
  WeightRef weight;
};

/// One run of one function: the values of its ops.
class Frame {
public:
  Frame(WeightProvider &weights, const matrix::MatrixUnit &unit, const matrix::MatrixUnit &fp8Unit,
        const Batch &batch, KvState &state)
      : weights_(weights), unit_(unit), fp8Unit_(fp8Unit), batch_(batch), state_(state) {}

  void set(Value value, Slot slot) { slots_[value] = std::move(slot); }
  void set(Value value, Rows rows) { slots_[value].rows = std::make_shared<Rows>(std::move(rows)); }
  const Slot &get(Value value) { return slots_[value]; }
  const Rows &rows(Value value) { return *slots_[value].rows; }
  const Weight &weight(Value value) { return *slots_[value].weight; }

  /// Evaluates all ops of `block` up to its terminator.
  Status evalBlock(Block &block);

private:
  Status evalOp(Operation *op);
  Status evalFused(FusedOp op);
  Status evalSplitOp(SplitOp op);
  Status evalLinearOp(LinearOp op);
  Status evalAttentionOp(PagedAttentionOp op);

  Status store(Value value, Result<Rows> rows) {
    INGOT_TRY(rows.status());
    set(value, *std::move(rows));
    return Status::ok();
  }

  WeightProvider &weights_;
  const matrix::MatrixUnit &unit_, &fp8Unit_; ///< of ops whose order is the matrix unit's
  const Batch &batch_;
  KvState &state_;
  llvm::DenseMap<Value, Slot> slots_;
};

KvGeometry geometryOf(KvType type, int64_t layer) {
  return {type.getGroup(),    layer,
          type.getHeads(),    type.getKeyDim(),
          type.getValueDim(), static_cast<abi::KvFormat>(type.getFormat())};
}

Status Frame::evalBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (Status status = evalOp(&op); !status.isOk())
      return std::move(status).at(op.getName().getStringRef());
  return Status::ok();
}

Status Frame::evalFused(FusedOp op) {
  Block &body = op.getBody().front();
  for (auto [argument, input] : llvm::zip(body.getArguments(), op.getInputs()))
    set(argument, Slot(get(input)));
  INGOT_TRY(evalBlock(body));
  for (auto [result, yielded] : llvm::zip(op.getResults(), body.getTerminator()->getOperands()))
    set(result, Slot(get(yielded)));
  return Status::ok();
}

Status Frame::evalSplitOp(SplitOp op) {
  SmallVector<int64_t> widths;
  for (Type type : op.getResultTypes())
    widths.push_back(cast<RankedTensorType>(type).getDimSize(1));
  std::vector<Rows> parts =
      evalSplit(rows(op.getInput()), widths, static_cast<int64_t>(op.getInterleave().value_or(0)));
  for (auto [result, part] : llvm::zip(op.getResults(), parts))
    set(result, std::move(part));
  return Status::ok();
}

Status Frame::evalLinearOp(LinearOp op) {
  const Rows &input = rows(op.getInput());
  const Weight &weight = this->weight(op.getWeight());
  LinearOrder order;
  if (auto given = op.getOrder(); given && given->getKind() == OrderKind::mma) {
    order = {LinearOrder::Kind::Mma, given->getStep(), given->getSpan(), unit_, fp8Unit_};
    if (!hasMatrixLinear(input, weight))
      return Status(ErrorClass::Config, "order-unusable",
                    "order mma takes 16-bit rows and weights of one format, bfloat16 rows with "
                    "quantized weights, or rows of one scale with weights of the same 8 bits");
  }
  set(op.getResult(), evalLinear(input, weight, order));
  return Status::ok();
}

Status Frame::evalAttentionOp(PagedAttentionOp op) {
  const KvGeometry kv = geometryOf(op.getKv().getType(), static_cast<int64_t>(op.getLayer()));
  const auto order = op.getOrder();
  const bool matrix = order && order->getKind() == OrderKind::attention_mma;
  if (matrix && rows(op.getQuery()).kind != RowKind::Bf16)
    return Status(ErrorClass::Config, "order-unusable",
                  "order attention_mma takes bfloat16 queries");
  AttentionSpec spec;
  spec.heads = static_cast<int64_t>(op.getHeads());
  spec.scale = op.getScale().convertToFloat();
  spec.window = static_cast<int64_t>(op.getWindow().value_or(0));
  spec.softcap = op.getSoftcap() ? op.getSoftcap()->convertToFloat() : 0.0f;
  spec.unit = matrix ? &unit_ : nullptr;
  if (op.getSinks())
    spec.sinks = weight(op.getSinks()).floats;
  return store(op.getResult(), evalPagedAttention(rows(op.getQuery()), state_, kv, batch_, spec));
}

Status Frame::evalOp(Operation *op) {
  return llvm::TypeSwitch<Operation *, Status>(op)
      .Case([&](ParamOp o) -> Status {
        INGOT_ASSIGN(WeightRef weight, weights_.load(o));
        set(o.getResult(), Slot{nullptr, std::move(weight)});
        return Status::ok();
      })
      .Case([&](FusedOp o) { return evalFused(o); })
      .Case(
          [&](EmbedOp o) { return store(o.getResult(), evalEmbed(batch_, weight(o.getTable()))); })
      .Case([&](RopeAnglesOp o) {
        return store(o.getResult(), evalRopeAngles(batch_, o.getInvFreq(),
                                                   o.getAttentionFactor().convertToFloat()));
      })
      .Case([&](AddOp o) {
        return store(o.getResult(), evalAdd(rows(o.getLhs()), rows(o.getRhs())));
      })
      .Case([&](MulOp o) {
        return store(o.getResult(), evalMul(rows(o.getLhs()), rows(o.getRhs())));
      })
      .Case([&](AddBiasOp o) {
        return store(o.getResult(), evalAddBias(rows(o.getInput()), weight(o.getBias())));
      })
      .Case([&](SiluOp o) { return store(o.getResult(), evalSilu(rows(o.getInput()))); })
      .Case([&](RmsNormOp o) {
        return store(o.getResult(), evalRmsNorm(rows(o.getInput()), weight(o.getGamma()),
                                                o.getEps().convertToFloat(),
                                                static_cast<int64_t>(o.getHeadDim().value_or(0))));
      })
      .Case([&](LayerNormOp o) {
        return store(o.getResult(),
                     evalLayerNorm(rows(o.getInput()), weight(o.getGamma()), weight(o.getBeta()),
                                   o.getEps().convertToFloat()));
      })
      .Case([&](RopeOp o) {
        return store(o.getResult(), evalRope(rows(o.getInput()), rows(o.getAngles()),
                                             static_cast<int64_t>(o.getHeadDim())));
      })
      .Case([&](SplitOp o) { return evalSplitOp(o); })
      .Case([&](SelectRowsOp o) {
        return store(o.getResult(), evalSelectRows(rows(o.getInput()), batch_));
      })
      .Case([&](RoundOp o) {
        const bool half = getElementTypeOrSelf(o.getResult().getType()).isF16();
        return store(o.getResult(),
                     evalRound(rows(o.getInput()), half ? RowKind::F16 : RowKind::Bf16));
      })
      .Case([&](QuantizeOp o) {
        auto type = cast<QActType>(getElementTypeOrSelf(o.getResult().getType()));
        return store(o.getResult(), evalQuantize(rows(o.getInput()), rowKindOf(type)));
      })
      .Case([&](LinearOp o) { return evalLinearOp(o); })
      .Case([&](ArgmaxOp o) { return store(o.getResult(), evalArgmax(rows(o.getInput()))); })
      .Case([&](ArgmaxPartialOp o) {
        return store(o.getResult(), evalArgmaxPartial(rows(o.getInput())));
      })
      .Case(
          [&](ArgmaxFoldOp o) { return store(o.getResult(), evalArgmaxFold(rows(o.getInput()))); })
      .Case(
          [&](SampleOp o) { return store(o.getResult(), evalSample(rows(o.getInput()), batch_)); })
      .Case([&](KvAppendOp o) {
        evalKvAppend(
            state_,
            geometryOf(cast<KvType>(o.getKv().getType()), static_cast<int64_t>(o.getLayer())),
            rows(o.getKey()), rows(o.getValue()), batch_);
        return Status::ok();
      })
      .Case([&](PagedAttentionOp o) { return evalAttentionOp(o); })
      .Default([](Operation *) {
        return Status(ErrorClass::Config, "op-unknown",
                      "the reference evaluator knows only ops of the ingot dialect");
      });
}

} // namespace

struct Evaluator::Impl {
  Impl(ModuleOp program, std::unique_ptr<WeightLoader> own, WeightProvider &provider)
      : module(program), loader(std::move(own)), weights(provider) {}
  ModuleOp module;
  std::unique_ptr<WeightLoader> loader; ///< null when the caller provides
  WeightProvider &weights;
  matrix::MatrixUnit unit = matrix::kHopper, fp8Unit = matrix::fp8UnitOf(90);
};

Evaluator::Evaluator(ModuleOp module, const WeightSource &weights) {
  auto loader = std::make_unique<WeightLoader>(weights);
  WeightProvider &provider = *loader;
  impl_ = std::make_unique<Impl>(module, std::move(loader), provider);
}
Evaluator::Evaluator(ModuleOp module, WeightProvider &weights)
    : impl_(std::make_unique<Impl>(module, nullptr, weights)) {}
Evaluator::~Evaluator() = default;

void Evaluator::setMatrixUnit(const matrix::MatrixUnit &unit, const matrix::MatrixUnit &fp8Unit) {
  impl_->unit = unit;
  impl_->fp8Unit = fp8Unit;
}

/// What a tensor argument of an entry holds: its rows, and where its type is that of a weight, too.
static Slot slotOf(BlockArgument argument, const Rows &input) {
  auto type = cast<RankedTensorType>(argument.getType());
  Slot slot{std::make_shared<Rows>(input), nullptr};
  if (type.hasStaticShape() && !input.floats.empty())
    slot.weight = std::make_shared<Weight>(weightOf(input, type));
  return slot;
}

Result<std::vector<Rows>> Evaluator::run(std::string_view entry, const Batch &batch, KvState &state,
                                         std::span<const Rows> inputs) {
  if (!CpuFeatures::host().runs(CpuLevel::V3))
    return Status(ErrorClass::Unavailable, "cpu-too-old",
                  "the reference evaluator needs a processor with AVX2, FMA and F16C (x86-64-v3)");
  auto function = impl_->module.lookupSymbol<func::FuncOp>(StringRef(entry));
  if (!function || function.isExternal())
    return Status(ErrorClass::Data, "entry-missing",
                  format("the program has no entry @%.*s", int(entry.size()), entry.data()));
  const MxcsrGuard arithmetic;
  Frame frame(impl_->weights, impl_->unit, impl_->fp8Unit, batch, state);
  size_t next = 0;
  for (BlockArgument argument : function.getArguments())
    if (isa<RankedTensorType>(argument.getType())) {
      if (next == inputs.size())
        return Status(ErrorClass::Usage, "input-missing",
                      format("@%s has more than the %zu tensor arguments given",
                             function.getName().str().c_str(), inputs.size()));
      frame.set(argument, slotOf(argument, inputs[next++]));
    }
  if (Status status = frame.evalBlock(function.getBody().front()); !status.isOk())
    return std::move(status).at("@" + function.getName().str());
  std::vector<Rows> results;
  for (Value value : function.getBody().front().getTerminator()->getOperands())
    if (isa<RankedTensorType>(value.getType()))
      results.push_back(frame.rows(value));
  return results;
}

Result<Rows> Evaluator::forwardTokens(std::span<const uint32_t> ids, int64_t chunk,
                                      CacheFormat cache) {
  KvState state(cache);
  Rows logits;
  const size_t step = chunk > 0 ? static_cast<size_t>(chunk) : ids.size();
  for (size_t first = 0; first < ids.size(); first += step) {
    Batch batch;
    batch.append(0, static_cast<uint32_t>(first),
                 ids.subspan(first, std::min(step, ids.size() - first)), true);
    INGOT_ASSIGN(std::vector<Rows> results, run("forward", batch, state));
    if (results.empty())
      return Status(ErrorClass::Data, "entry-results", "@forward returns no tensor");
    logits.columns = results[0].columns;
    logits.rows += results[0].rows;
    logits.floats.insert(logits.floats.end(), results[0].floats.begin(), results[0].floats.end());
  }
  return logits;
}

} // namespace ingot
