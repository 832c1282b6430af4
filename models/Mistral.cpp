// MistralForCausalLM: a Llama whose layers see a window of positions.
#include "models/DecoderConfig.h"
#include "models/Registry.h"

#include <algorithm>

namespace ingot {

Result<DecoderSpec> readMistralForCausalLM(const HfConfig &config) {
  INGOT_ASSIGN(DecoderSpec spec, readDecoderConfig(config, {.maxContext = 131072, .headDim = {}}));
  // Its library looks at the window alone; a list that says something else is not its list.
  INGOT_ASSIGN(const std::vector<bool> types, readLayerTypes(config, spec.layers));
  const bool sliding = !config.isNull("sliding_window");
  if (std::find(types.begin(), types.end(), !sliding) != types.end())
    return config.refuse("attention-window", "layer_types",
                         sliding ? "full_attention, but sliding_window gives every layer a window; "
                                   "set one right"
                                 : "sliding_attention, but sliding_window is null; set one right");
  INGOT_TRY(readWindows(config, 4096, [](int64_t) { return true; }, spec));
  return spec;
}

} // namespace ingot
