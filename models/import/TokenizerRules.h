// The parts of tokenizer.json that are lists of components: normalizer, pre_tokenizer, decoder and
// post_processor. What Ingot does not know is refused by name; nothing is ignored.
#pragma once

#include "models/import/TokenizerJson.h"
#include "runtime/text/TokenizerData.h"

namespace ingot {

/// What the decoder says beyond TokenizerData.
struct DecoderTraits {
  bool byteLevel = false;    ///< token texts are bytes in the GPT-2 alphabet
  bool byteFallback = false; ///< "<0xNN>" is a byte
  bool spaceMarks = false;   ///< space marks become spaces
};

/// Ids: "tokenizer-normalizer-unsupported".
Status importNormalizer(const Json &normalizer, TokenizerData &data);
/// Sets `byteLevel` when a ByteLevel component is there. Ids: "tokenizer-split-unsupported" (names
/// the pattern and the known ones), "tokenizer-pretokenizer-unsupported".
Status importPreTokenizer(const Json &preTokenizer, TokenizerData &data, bool &byteLevel);
/// Ids: "tokenizer-decoder-unsupported".
Status importDecoder(const Json &decoder, TokenizerData &data, DecoderTraits &traits);
/// Fills prefixIds and suffixIds; `hasTemplate` tells whether the file decides about them.
/// Id: "tokenizer-postprocessor-unsupported".
Status importPostProcessor(const Json &postProcessor, TokenizerData &data, bool &hasTemplate);

} // namespace ingot
