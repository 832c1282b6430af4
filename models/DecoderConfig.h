// The part of config.json that llama-like decoders share.
#pragma once

#include "models/DecoderSpec.h"
#include "models/import/HfConfig.h"

#include <functional>
#include <optional>
#include <vector>

namespace ingot {

/// What an architecture's own library assumes where config.json is silent.
struct DecoderDefaults {
  int64_t maxContext = 2048;
  std::optional<int64_t> headDim; ///< absent: hidden_size / num_attention_heads
};

/// Sizes, norms, rope and tying; the architecture sets its switches afterwards. Ids: those of
/// HfConfig and readRope, "config-heads", "config-head-dim", "config-activation",
/// "config-size", "config-quantized".
Result<DecoderSpec> readDecoderConfig(const HfConfig &config, const DecoderDefaults &defaults);

/// Reads `sliding_window` for the layers that `isWindowed` names; `defaultWindow` where the key is
/// absent (null is no window). Layers whose window holds the whole context have none.
Status readWindows(const HfConfig &config, int64_t defaultWindow,
                   const std::function<bool(int64_t layer)> &isWindowed, DecoderSpec &spec);

/// Per layer, whether `layer_types` says "sliding_attention"; empty where the key is absent. Id
/// "attention-window" for other names and another number of layers.
Result<std::vector<bool>> readLayerTypes(const HfConfig &config, int64_t layers);

/// Fails with "config-quantized" when the checkpoint's weights are in a packed format.
Status refuseQuantized(const HfConfig &config);

} // namespace ingot
