// Token ids to text, one at a time, as a model generates them.
#pragma once

#include "runtime/text/Tokenizer.h"
#include "runtime/text/Utf8.h"

namespace ingot {

/// Yields only complete UTF-8 characters; the pieces of feed() and flush() joined are exactly
/// Tokenizer::decode of all ids.
class StreamDecoder {
public:
  explicit StreamDecoder(Tokenizer tokenizer, DecodeOptions options = {})
      : tokenizer_(std::move(tokenizer)), options_(options), atStart_(!options.continuation),
        firstToken_(!options.continuation) {}

  /// The text that `id` completes; empty while a character is still open.
  std::string feed(uint32_t id);
  /// Ends the text: an open character becomes U+FFFD. The decoder is then as new.
  std::string flush();

private:
  void append(uint32_t id, std::string &out);
  void stripStart(std::string &out);

  Tokenizer tokenizer_;
  DecodeOptions options_;
  Utf8Repair repair_;
  bool atStart_;    ///< nothing has been written yet
  bool firstToken_; ///< no visible token has been seen yet
};

} // namespace ingot
