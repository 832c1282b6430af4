// The model of tokenizer.json (type BPE) and its added tokens.
#pragma once

#include "models/import/TokenizerRules.h"

namespace ingot {

/// Fills tokens, merges and the flags of the model. `root` is tokenizer.json, `extraAdded` the
/// added_tokens_decoder of tokenizer_config.json (or null): its tokens are added where absent.
/// Ids: "tokenizer-model-unsupported", "tokenizer-malformed".
Status importVocabulary(const Json &root, const Json &extraAdded, const DecoderTraits &traits,
                        TokenizerData &data);

} // namespace ingot
