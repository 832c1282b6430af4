// Which architectures there are (models.def), found by the name in config.json.
#pragma once

#include "models/DecoderSpec.h"
#include "models/import/HfConfig.h"

#include <string>

namespace ingot {

#define INGOT_MODEL(name) Result<DecoderSpec> read##name(const HfConfig &config);
#include "models/models.def"
#undef INGOT_MODEL

/// Reads config.json with the reader of the architecture that it names. "model-unknown" names the
/// architecture and lists the known ones.
Result<DecoderSpec> readDecoderSpec(const HfConfig &config);

/// "LlamaForCausalLM, Qwen3ForCausalLM": for messages and --help.
std::string knownArchitectures();

} // namespace ingot
