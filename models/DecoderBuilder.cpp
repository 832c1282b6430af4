#include "models/DecoderBuilder.h"

#include "ir/IngotDialect.h"
#include "models/Rope.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

#include <cmath>

using namespace mlir;

namespace ingot {
namespace {

/// Builds one program. Row tensors: T = tokens of the step, R = rows to return, H = hidden,
/// D = columns per head.
class DecoderBuilder {
public:
  DecoderBuilder(MLIRContext &context, const DecoderSpec &spec, const TensorTypes &types,
                 int64_t blockTokens)
      : spec_(spec), names_(spec.names), types_(types), blockTokens_(blockTokens),
        builder_(&context) {}

  OwningOpRef<ModuleOp> build();

private:
  // The forward pass, in the order of the papers.
  Value decoderLayer(int64_t layer, Value x);
  Value attention(int64_t layer, Value x);
  Value feedForward(int64_t layer, Value x);
  Value logits(Value x);

  // One op each.
  Value norm(const std::string &tensor, Value x, int64_t headDim = 0);
  Value linear(const std::string &tensor, Value x, int64_t outputs, bool bias);
  Value headWeight();
  Value rope(const std::string &label, Value x);
  Value add(const std::string &label, Value a, Value b);
  Value param(const std::string &tensor, ArrayRef<int64_t> shape);

  func::FuncOp openEntry();
  std::string inLayer(int64_t layer, const std::string &name) const {
    return names_.layerPrefix + std::to_string(layer) + "." + name;
  }
  RankedTensorType rows(int64_t columns, RowSpace space = RowSpace::tokens);
  Location at(StringRef label);

  const DecoderSpec &spec_;
  const DecoderNames &names_;
  const TensorTypes &types_;
  int64_t blockTokens_;
  OpBuilder builder_;
  Value batch_;  ///< the ragged step
  Value kv_;     ///< the cache, after the last write
  Value angles_; ///< [T, D] cosines and sines
};

OwningOpRef<ModuleOp> DecoderBuilder::build() {
  OwningOpRef<ModuleOp> module(ModuleOp::create(builder_.getUnknownLoc()));
  builder_.setInsertionPointToEnd(module->getBody());
  func::FuncOp entry = openEntry();

  Value table = param(names_.embedding, {spec_.vocab, spec_.hidden});
  Value x =
      EmbedOp::create(builder_, at("embed_tokens"), rows(spec_.hidden), batch_, table); // [T, H]
  angles_ = RopeAnglesOp::create(
      builder_, at("rotary"), rows(spec_.headDim), batch_,
      builder_.getDenseF32ArrayAttr(inverseFrequencies(spec_.rope, spec_.headDim)),
      builder_.getF32FloatAttr(1.0f));
  for (int64_t layer = 0; layer < spec_.layers; ++layer)
    x = decoderLayer(layer, x);
  x = norm(names_.finalNorm, x);

  func::ReturnOp::create(builder_, entry.getLoc(), ValueRange{logits(x), kv_});
  return module;
}

/// x + attention(norm(x)), then x + feedForward(norm(x)).
Value DecoderBuilder::decoderLayer(int64_t layer, Value x) {
  Value h = norm(inLayer(layer, names_.attentionNorm), x);
  h = attention(layer, h);
  x = add(inLayer(layer, "attention_residual"), x, h);
  h = norm(inLayer(layer, names_.feedForwardNorm), x);
  h = feedForward(layer, h);
  return add(inLayer(layer, "mlp_residual"), x, h);
}

/// Grouped-query attention with rotary positions over the paged cache: [T, H] -> [T, H].
Value DecoderBuilder::attention(int64_t layer, Value x) {
  const int64_t queryColumns = spec_.heads * spec_.headDim,
                keyColumns = spec_.kvHeads * spec_.headDim;
  Value q = linear(inLayer(layer, names_.query), x, queryColumns, spec_.attentionBias);
  Value k = linear(inLayer(layer, names_.key), x, keyColumns, spec_.attentionBias);
  Value v = linear(inLayer(layer, names_.value), x, keyColumns, spec_.attentionBias);
  if (spec_.queryKeyNorm) {
    q = norm(inLayer(layer, names_.queryNorm), q, spec_.headDim);
    k = norm(inLayer(layer, names_.keyNorm), k, spec_.headDim);
  }
  q = rope(inLayer(layer, "query_rotary"), q);
  k = rope(inLayer(layer, "key_rotary"), k);
  kv_ = KvAppendOp::create(builder_, at(inLayer(layer, "kv_append")), kv_.getType(), kv_, k, v,
                           batch_, builder_.getI64IntegerAttr(layer));
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(spec_.headDim)));
  const int64_t window = spec_.windows.empty() ? 0 : spec_.windows[layer];
  Value mixed = PagedAttentionOp::create(
      builder_, at(inLayer(layer, "attention")), rows(queryColumns), q, kv_, batch_, Value(),
      builder_.getI64IntegerAttr(layer), builder_.getI64IntegerAttr(spec_.heads),
      builder_.getF32FloatAttr(scale), window ? builder_.getI64IntegerAttr(window) : IntegerAttr(),
      FloatAttr(), OrderAttr());
  return linear(inLayer(layer, names_.output), mixed, spec_.hidden, spec_.attentionBias);
}

/// SwiGLU: down(silu(gate(x)) * up(x)), [T, H] -> [T, H].
Value DecoderBuilder::feedForward(int64_t layer, Value x) {
  Value gate = linear(inLayer(layer, names_.gate), x, spec_.feedForward, spec_.mlpBias);
  Value up = linear(inLayer(layer, names_.up), x, spec_.feedForward, spec_.mlpBias);
  const Location loc = at(inLayer(layer, "mlp_gating"));
  Value h = MulOp::create(builder_, loc, SiluOp::create(builder_, loc, gate), up);
  return linear(inLayer(layer, names_.down), h, spec_.hidden, spec_.mlpBias);
}

/// A score per token of the vocabulary, for the rows that the step returns: [T, H] -> [R, vocab].
Value DecoderBuilder::logits(Value x) {
  Value all =
      LinearOp::create(builder_, at("lm_head"), rows(spec_.vocab), x, headWeight(), OrderAttr());
  return SelectRowsOp::create(builder_, at("returned_rows"), rows(spec_.vocab, RowSpace::returned),
                              all, batch_);
}

/// RMS norm of the row, or of each head where headDim is given.
Value DecoderBuilder::norm(const std::string &tensor, Value x, int64_t headDim) {
  const int64_t columns = cast<RankedTensorType>(x.getType()).getDimSize(1);
  Value gamma = param(tensor + ".weight", {headDim ? headDim : columns});
  return RmsNormOp::create(builder_, at(tensor), x.getType(), x, gamma,
                           builder_.getF32FloatAttr(static_cast<float>(spec_.normEps)),
                           headDim ? builder_.getI64IntegerAttr(headDim) : IntegerAttr(),
                           OrderAttr());
}

Value DecoderBuilder::linear(const std::string &tensor, Value x, int64_t outputs, bool bias) {
  const int64_t inputs = cast<RankedTensorType>(x.getType()).getDimSize(1);
  Value weight = param(tensor + ".weight", {outputs, inputs});
  Value y = LinearOp::create(builder_, at(tensor), rows(outputs), x, weight, OrderAttr());
  if (!bias)
    return y;
  return AddBiasOp::create(builder_, at(tensor), y.getType(), y,
                           param(tensor + ".bias", {outputs}));
}

Value DecoderBuilder::headWeight() {
  return param(spec_.tiedHead ? names_.embedding : names_.head, {spec_.vocab, spec_.hidden});
}

Value DecoderBuilder::rope(const std::string &label, Value x) {
  return RopeOp::create(builder_, at(label), x.getType(), x, angles_,
                        builder_.getI64IntegerAttr(spec_.headDim));
}

Value DecoderBuilder::add(const std::string &label, Value a, Value b) {
  return AddOp::create(builder_, at(label), a, b);
}

Value DecoderBuilder::param(const std::string &tensor, ArrayRef<int64_t> shape) {
  Type element = builder_.getF32Type();
  switch (types_(tensor)) {
  case WeightType::F32:
    break;
  case WeightType::F16:
    element = builder_.getF16Type();
    break;
  case WeightType::BF16:
    element = builder_.getBF16Type();
    break;
  }
  return ParamOp::create(builder_, at(tensor), RankedTensorType::get(shape, element),
                         builder_.getStringAttr(tensor), ArrayAttr(), IntegerAttr(),
                         /*clip_search=*/UnitAttr(), /*rotary_pairs=*/IntegerAttr());
}

func::FuncOp DecoderBuilder::openEntry() {
  MLIRContext *context = builder_.getContext();
  const Type batch = BatchType::get(context);
  const Type kv = KvType::get(context, /*group=*/0, spec_.layers, spec_.kvHeads, spec_.headDim,
                              spec_.headDim, blockTokens_, KvFormat::bf16);
  auto type = builder_.getFunctionType({batch, kv}, {rows(spec_.vocab, RowSpace::returned), kv});
  auto entry = func::FuncOp::create(builder_, builder_.getUnknownLoc(), "forward", type);
  Block *body = entry.addEntryBlock();
  builder_.setInsertionPointToStart(body);
  batch_ = body->getArgument(0);
  kv_ = body->getArgument(1);
  return entry;
}

RankedTensorType DecoderBuilder::rows(int64_t columns, RowSpace space) {
  Attribute encoding;
  if (space == RowSpace::returned)
    encoding = RowsAttr::get(builder_.getContext(), space);
  return RankedTensorType::get({ShapedType::kDynamic, columns}, builder_.getF32Type(), encoding);
}

/// The place in the model, without what all labels have in common.
Location DecoderBuilder::at(StringRef label) {
  label.consume_front("model.");
  label.consume_back(".weight");
  return NameLoc::get(builder_.getStringAttr(label));
}

} // namespace

OwningOpRef<ModuleOp> buildDecoder(MLIRContext &context, const DecoderSpec &spec,
                                   const TensorTypes &types, int64_t blockTokens) {
  context.loadDialect<IngotDialect, func::FuncDialect>();
  return DecoderBuilder(context, spec, types, blockTokens).build();
}

} // namespace ingot
