// generation_config.json: how a checkpoint's authors sample from it.
#pragma once

#include "models/import/HfConfig.h"

#include <optional>
#include <vector>

namespace ingot {

/// Switched off where the file is silent; the library defaults of other programs are not copied.
struct GenerationConfig {
  double temperature = 0; ///< 0 = greedy, also when the file says do_sample = false or nothing
  int64_t topK = 0;       ///< 0 = off
  double topP = 1;
  double minP = 0;
  int64_t maxNewTokens = 0; ///< 0 = not given
  std::vector<int64_t> eosIds;
  std::optional<int64_t> bosId;
};

/// Reads the keys that `config` has; token ids must lie in [0, vocab). Serves config.json as well,
/// which holds the ids in older checkpoints.
Result<GenerationConfig> readGenerationConfig(const HfConfig &config, int64_t vocab);

} // namespace ingot
