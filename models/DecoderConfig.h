// The part of config.json that llama-like decoders share.
#pragma once

#include "models/DecoderSpec.h"
#include "models/import/HfConfig.h"

#include <optional>

namespace ingot {

/// What an architecture's own library assumes where config.json is silent.
struct DecoderDefaults {
  int64_t maxContext = 2048;
  std::optional<int64_t> headDim; ///< absent: hidden_size / num_attention_heads
};

/// Sizes, norms, rope and tying; the architecture sets its switches afterwards. Ids: those of
/// HfConfig and readRope, "config-heads", "config-head-dim", "config-activation",
/// "config-quantized".
Result<DecoderSpec> readDecoderConfig(const HfConfig &config, const DecoderDefaults &defaults);

/// Fails with "config-quantized" when the checkpoint's weights are in a packed format.
Status refuseQuantized(const HfConfig &config);

} // namespace ingot
