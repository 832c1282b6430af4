// Hugging Face tokenizer files to TokenizerData and a chat template.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/text/TokenizerData.h"

#include <string>
#include <vector>

namespace ingot {

/// The texts of the files; empty = the file is absent. Only tokenizer.json is required.
struct TokenizerFiles {
  std::string tokenizerJson = {};        ///< tokenizer.json
  std::string tokenizerConfigJson = {};  ///< tokenizer_config.json
  std::string generationConfigJson = {}; ///< generation_config.json
  std::string chatTemplateJinja =
      {}; ///< chat_template.jinja, before the one of tokenizer_config.json
};

struct ImportedTokenizer {
  TokenizerData data;
  std::string chatTemplate; ///< Jinja source; empty = none
  std::vector<uint32_t>
      stopIds; ///< eos ids of generation_config.json, else the tokenizer's; ascending
};

/// Reads the files of a checkpoint directory. Ids: "tokenizer-missing" and those below.
Result<ImportedTokenizer> importTokenizer(const std::string &directory);

/// Ids: "json-invalid", "tokenizer-malformed", "tokenizer-model-unsupported",
/// "tokenizer-split-unsupported" and its kin (TokenizerRules.h), "tokenizer-invalid".
Result<ImportedTokenizer> importTokenizer(const TokenizerFiles &files);

} // namespace ingot
