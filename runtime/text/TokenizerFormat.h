// The Tokenizer segment of an artifact: TokenizerData as one FlatBuffer (tokenizer.fbs).
#pragma once

#include "runtime/base/Status.h"
#include "runtime/text/TokenizerData.h"

#include <cstdint>
#include <span>
#include <vector>

namespace ingot {

/// Equal data gives equal bytes.
std::vector<uint8_t> serializeTokenizer(const TokenizerData &data);

/// Verifies the buffer and copies it out. Semantic checks are checkTokenizer's.
/// Ids: "tokenizer-corrupt", "tokenizer-version".
Result<TokenizerData> parseTokenizer(std::span<const uint8_t> blob);

/// Every rule that Tokenizer relies on: ids in range, merges that add up, unique texts, ...
/// Id: "tokenizer-invalid".
Status checkTokenizer(const TokenizerData &data);

} // namespace ingot
