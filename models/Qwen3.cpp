// Qwen3ForCausalLM (dense): query and key heads are normed, head_dim is apart from hidden / heads.
#include "models/DecoderConfig.h"
#include "models/Registry.h"

namespace ingot {
namespace {

/// Window attention needs a KV group of its own, which no released dense Qwen3 uses.
Status refuseWindows(const HfConfig &config) {
  INGOT_ASSIGN(const bool sliding, config.boolean("use_sliding_window", false));
  if (sliding)
    return config.refuse("attention-window", "use_sliding_window",
                         "sliding windows are not supported; only full attention is");
  INGOT_ASSIGN(const std::vector<std::string> types, config.texts("layer_types"));
  for (const std::string &type : types)
    if (type != "full_attention")
      return config.refuse("attention-window", "layer_types",
                           "\"" + type + "\" is not supported; only full_attention is");
  return Status::ok();
}

} // namespace

Result<DecoderSpec> readQwen3ForCausalLM(const HfConfig &config) {
  INGOT_TRY(refuseWindows(config));
  INGOT_ASSIGN(DecoderSpec spec, readDecoderConfig(config, {.maxContext = 32768, .headDim = 128}));
  spec.queryKeyNorm = true;
  return spec;
}

} // namespace ingot
