#include "models/import/GenerationConfig.h"

namespace ingot {
namespace {

constexpr double kMaxTemperature = 100;
constexpr int64_t kMaxNewTokens = int64_t(1) << 31;

/// The sampling keys, which only count where the file asks for sampling.
Status readSampling(const HfConfig &config, int64_t vocab, GenerationConfig &generation) {
  INGOT_ASSIGN(const bool sample, config.boolean("do_sample", false));
  INGOT_ASSIGN(const double temperature, config.number("temperature", {0, kMaxTemperature}, 1));
  INGOT_ASSIGN(const int64_t topK, config.integer("top_k", {0, INT32_MAX}, 0));
  INGOT_ASSIGN(const double topP, config.number("top_p", {0, 1}, 1));
  INGOT_ASSIGN(const double minP, config.number("min_p", {0, 1}, 0));
  if (!sample)
    return Status::ok();
  generation.temperature = temperature;
  generation.topK = topK < vocab ? topK : 0;
  generation.topP = topP;
  generation.minP = minP;
  return Status::ok();
}

} // namespace

Result<GenerationConfig> readGenerationConfig(const HfConfig &config, int64_t vocab) {
  const IntRange ids{0, vocab - 1};
  GenerationConfig generation;
  INGOT_TRY(readSampling(config, vocab, generation));
  INGOT_ASSIGN(generation.maxNewTokens, config.integer("max_new_tokens", {0, kMaxNewTokens}, 0));
  INGOT_ASSIGN(generation.eosIds, config.integers("eos_token_id", ids));
  INGOT_ASSIGN(const std::vector<int64_t> bos, config.integers("bos_token_id", ids));
  if (bos.size() > 1)
    return config.refuse("config-type", "bos_token_id", "names several ids, one is allowed");
  if (bos.size() == 1)
    generation.bosId = bos[0];
  return generation;
}

} // namespace ingot
