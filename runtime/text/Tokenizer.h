// Text to token ids and back. Ids are those of the Hugging Face tokenizer that the data came from.
//
//   INGOT_ASSIGN(Tokenizer tokenizer, Tokenizer::load(segmentBytes));
//   INGOT_ASSIGN(std::vector<uint32_t> ids, tokenizer.encode("Hello"));
//   std::string text = tokenizer.decode(ids);
#pragma once

#include "runtime/base/Status.h"
#include "runtime/text/TokenizerData.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot {

struct EncodeOptions {
  bool addSpecial = true;   ///< put the model's own begin and end tokens around the ids
  bool parseSpecial = true; ///< "<|end|>" in the text is the control token; false: plain characters
};

struct DecodeOptions {
  bool skipSpecial = true;   ///< special tokens leave no text
  bool continuation = false; ///< the ids continue a text: a leading space is kept
};

/// An immutable tokenizer; copies share their tables, all methods may run on any thread.
class Tokenizer {
public:
  /// Checks `data` completely and builds the tables. Ids: "tokenizer-invalid".
  static Result<Tokenizer> create(TokenizerData data);
  /// The Tokenizer segment of an artifact. Any bytes are safe. Id: "tokenizer-corrupt", or
  /// create's.
  static Result<Tokenizer> load(std::span<const uint8_t> blob);

  /// Text that is not UTF-8 is refused ("invalid-utf8", with the byte offset). Characters that the
  /// vocabulary cannot express become the unknown token, or "text-not-encodable" where there is
  /// none.
  Result<std::vector<uint32_t>> encode(std::string_view text, EncodeOptions options = {}) const;

  /// Always UTF-8: each longest ill-formed run of bytes becomes one U+FFFD. Unknown ids leave no
  /// text.
  std::string decode(std::span<const uint32_t> ids, DecodeOptions options = {}) const;

  uint32_t vocabSize() const;
  /// The bytes a token stands for (a space mark where the vocabulary writes one); empty beyond the
  /// end.
  std::string_view tokenBytes(uint32_t id) const;
  /// The token with exactly these bytes; added tokens first.
  std::optional<uint32_t> tokenToId(std::string_view bytes) const;
  bool isSpecial(uint32_t id) const;
  std::optional<uint32_t> bosId() const;
  std::optional<uint32_t> eosId() const;
  const TokenizerData &data() const;

private:
  class Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

} // namespace ingot
