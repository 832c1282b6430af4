// Qwen3ForCausalLM (dense): query and key heads are normed, head_dim is apart from hidden / heads,
// layers may see a window.
#include "models/DecoderConfig.h"
#include "models/Registry.h"

#include <algorithm>

namespace ingot {
namespace {

/// `layer_types` says which layers; without it those from `max_window_layers` on. Only where
/// `use_sliding_window` asks for windows.
Status readSlidingLayers(const HfConfig &config, DecoderSpec &spec) {
  INGOT_ASSIGN(const bool sliding, config.boolean("use_sliding_window", false));
  INGOT_ASSIGN(const std::vector<bool> types, readLayerTypes(config, spec.layers));
  const bool named = std::find(types.begin(), types.end(), true) != types.end();
  if (named && !sliding)
    return config.refuse("attention-window", "layer_types",
                         "sliding_attention, but use_sliding_window is false; set one right");
  if (named && config.isNull("sliding_window"))
    return config.refuse("attention-window", "sliding_window",
                         "null, but layer_types has sliding_attention; set one right");
  if (!sliding)
    return Status::ok();
  INGOT_ASSIGN(const int64_t first, config.integer("max_window_layers", {0, 1 << 20}, 28));
  const auto isWindowed = [&](int64_t layer) {
    return types.empty() ? layer >= first : types[static_cast<size_t>(layer)];
  };
  return readWindows(config, 4096, isWindowed, spec);
}

} // namespace

Result<DecoderSpec> readQwen3ForCausalLM(const HfConfig &config) {
  INGOT_ASSIGN(DecoderSpec spec, readDecoderConfig(config, {.maxContext = 32768, .headDim = 128}));
  INGOT_TRY(readSlidingLayers(config, spec));
  spec.queryKeyNorm = true;
  return spec;
}

} // namespace ingot
