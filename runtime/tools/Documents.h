// Documents for `ingot eval`: texts or token ids, in one file.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/text/Tokenizer.h"

#include <string>
#include <vector>

namespace ingot::tools {

/// How a file holds documents.
struct DocumentFormat {
  bool lines = false;    ///< one per line
  bool json = false;     ///< a JSON list of strings, or of lists of ids
  bool ids = false;      ///< token ids instead of text
  bool trim = false;     ///< without the white space around each text
  std::string separator; ///< one after another with this between them; empty = one document
};

/// Token ids of each document, without the model's own begin token. Ids of errors:
/// "documents-malformed", or the tokenizer's.
Result<std::vector<std::vector<uint32_t>>>
readDocuments(const std::string &text, const DocumentFormat &format, const Tokenizer *tokenizer);

} // namespace ingot::tools
