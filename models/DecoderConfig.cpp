#include "models/DecoderConfig.h"

#include "models/Rope.h"
#include "runtime/base/Format.h"
#include "runtime/base/Limits.h"

#include <algorithm>
#include <cctype>

namespace ingot {
namespace {

constexpr int64_t kMaxWidth = int64_t(1) << 20; ///< merged projections have several of them
constexpr size_t kMaxTypeName = 64;             ///< bytes of model_type
constexpr NumberRange kEps{limits::kLeastEps, limits::kMostEps};

long long show(int64_t value) { return value; }

Status readSizes(const HfConfig &config, int64_t defaultContext, DecoderSpec &spec) {
  INGOT_ASSIGN(spec.vocab, config.integer("vocab_size", {1, limits::kVocab}));
  INGOT_ASSIGN(spec.hidden, config.integer("hidden_size", {1, kMaxWidth}));
  INGOT_ASSIGN(spec.layers, config.integer("num_hidden_layers", {1, limits::kLayers}));
  INGOT_ASSIGN(spec.feedForward, config.integer("intermediate_size", {1, kMaxWidth}));
  INGOT_ASSIGN(spec.maxContext,
               config.integer("max_position_embeddings", {1, limits::kContext}, defaultContext));
  return Status::ok();
}

Status readHeads(const HfConfig &config, std::optional<int64_t> defaultDim, DecoderSpec &spec) {
  INGOT_ASSIGN(spec.heads, config.integer("num_attention_heads", {1, limits::kHeads}));
  INGOT_ASSIGN(spec.kvHeads,
               config.integer("num_key_value_heads", {1, limits::kHeads}, spec.heads));
  if (spec.heads % spec.kvHeads != 0)
    return config.refuse("config-heads", "num_key_value_heads",
                         format("%lld query heads cannot share %lld key heads evenly",
                                show(spec.heads), show(spec.kvHeads)));
  const bool given = config.has("head_dim") || defaultDim.has_value();
  if (!given && spec.hidden % spec.heads != 0)
    return config.refuse("config-heads", "num_attention_heads",
                         format("hidden_size %lld is not a multiple of %lld heads and head_dim is "
                                "absent",
                                show(spec.hidden), show(spec.heads)));
  INGOT_ASSIGN(spec.headDim, config.integer("head_dim", {2, limits::kHeadDim},
                                            defaultDim.value_or(spec.hidden / spec.heads)));
  if (spec.headDim < 2 || spec.headDim % 2 != 0)
    return config.refuse("config-head-dim", "head_dim",
                         format("%lld columns per head; rotation works on pairs, so an even number "
                                "from 2 on is needed",
                                show(spec.headDim)));
  return Status::ok();
}

/// Matrices, those that passes merge as well, must not be larger than a parameter may be.
Status checkMatrices(const HfConfig &config, const DecoderSpec &spec) {
  const int64_t projected = (spec.heads + 2 * spec.kvHeads) * spec.headDim;
  for (const auto &[key, rows] : {std::pair("vocab_size", spec.vocab),
                                  {"intermediate_size", 2 * spec.feedForward},
                                  {"num_attention_heads", projected}})
    if (rows * spec.hidden > limits::kElements)
      return config.refuse(
          "config-size", key,
          format("a matrix of %lld x %lld (hidden_size) elements; at most %lld are "
                 "supported",
                 show(rows), show(spec.hidden), show(limits::kElements)));
  return Status::ok();
}

/// The model's name begins with it, so it goes to terminals and into file listings.
Result<std::string> readModelType(const HfConfig &config) {
  INGOT_ASSIGN(const std::string type, config.text("model_type", "decoder"));
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  };
  if (type.empty() || type.size() > kMaxTypeName || !std::all_of(type.begin(), type.end(), plain))
    return config.refuse("config-range", "model_type",
                         format("a name of %zu bytes; allowed: 1 to %zu letters, digits, '-', '_' "
                                "and '.'",
                                type.size(), kMaxTypeName));
  return type;
}

} // namespace

Result<DecoderSpec> readDecoderConfig(const HfConfig &config, const DecoderDefaults &defaults) {
  DecoderSpec spec;
  INGOT_TRY(readSizes(config, defaults.maxContext, spec));
  INGOT_TRY(readHeads(config, defaults.headDim, spec));
  INGOT_TRY(checkMatrices(config, spec));
  INGOT_ASSIGN(const std::string activation, config.text("hidden_act", "silu"));
  if (activation != "silu" && activation != "swish")
    return config.refuse("config-activation", "hidden_act",
                         "\"" + activation + "\" is not supported here; supported: silu");
  INGOT_ASSIGN(spec.modelType, readModelType(config));
  INGOT_ASSIGN(spec.normEps, config.number("rms_norm_eps", kEps, 1e-6));
  INGOT_ASSIGN(spec.tiedHead, config.boolean("tie_word_embeddings", false));
  INGOT_ASSIGN(spec.attentionBias, config.boolean("attention_bias", false));
  INGOT_ASSIGN(spec.rope, readRope(config, spec.maxContext));
  return spec;
}

Status readWindows(const HfConfig &config, int64_t defaultWindow,
                   const std::function<bool(int64_t layer)> &isWindowed, DecoderSpec &spec) {
  if (config.isNull("sliding_window"))
    return Status::ok();
  INGOT_ASSIGN(const int64_t window,
               config.integer("sliding_window", {1, limits::kContext}, defaultWindow));
  if (window >= spec.maxContext)
    return Status::ok();
  spec.windows.assign(static_cast<size_t>(spec.layers), 0);
  for (int64_t layer = 0; layer < spec.layers; ++layer)
    if (isWindowed(layer))
      spec.windows[static_cast<size_t>(layer)] = window;
  return Status::ok();
}

Result<std::vector<bool>> readLayerTypes(const HfConfig &config, int64_t layers) {
  INGOT_ASSIGN(const std::vector<std::string> types, config.texts("layer_types"));
  std::vector<bool> windowed;
  if (!config.has("layer_types"))
    return windowed;
  if (static_cast<int64_t>(types.size()) != layers)
    return config.refuse("attention-window", "layer_types",
                         format("%zu types for %lld layers", types.size(), show(layers)));
  for (const std::string &type : types) {
    if (type != "full_attention" && type != "sliding_attention")
      return config.refuse("attention-window", "layer_types",
                           "\"" + type +
                               "\" is not supported; full_attention and sliding_attention are");
    windowed.push_back(type == "sliding_attention");
  }
  return windowed;
}

Status refuseQuantized(const HfConfig &config) {
  for (const char *key : {"quantization_config", "compression_config"}) {
    INGOT_ASSIGN(const std::optional<HfConfig> section, config.section(key));
    if (!section)
      continue;
    INGOT_ASSIGN(const std::string method, section->text("quant_method", "of no name"));
    return config.refuse("config-quantized", key,
                         "the weights are stored quantized (method " + method +
                             "); give the original float checkpoint, Ingot quantizes it itself");
  }
  return Status::ok();
}

} // namespace ingot
