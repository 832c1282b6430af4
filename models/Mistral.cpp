// MistralForCausalLM: a Llama whose layers see a window of positions.
#include "models/DecoderConfig.h"
#include "models/Registry.h"

namespace ingot {

Result<DecoderSpec> readMistralForCausalLM(const HfConfig &config) {
  INGOT_ASSIGN(DecoderSpec spec, readDecoderConfig(config, {.maxContext = 131072, .headDim = {}}));
  INGOT_TRY(readWindows(config, 4096, [](int64_t) { return true; }, spec));
  return spec;
}

} // namespace ingot
