// LlamaForCausalLM: Llama 1, 2, 3, 3.1 and 3.2, and the many models that share its layout.
#include "models/DecoderConfig.h"
#include "models/Registry.h"

namespace ingot {

Result<DecoderSpec> readLlamaForCausalLM(const HfConfig &config) {
  INGOT_ASSIGN(DecoderSpec spec, readDecoderConfig(config, {.maxContext = 2048, .headDim = {}}));
  INGOT_ASSIGN(spec.mlpBias, config.boolean("mlp_bias", false));
  return spec;
}

} // namespace ingot
