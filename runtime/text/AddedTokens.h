// Finds added tokens ("<|end|>") in a text, before it is split and merged.
#pragma once

#include "runtime/text/TokenizerData.h"

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ingot {

/// A stretch of the text: an added token, or text between them.
struct TextSegment {
  size_t begin;
  size_t end;
  bool isToken;
  uint32_t id; ///< of the token
};

/// One of the two sets that are looked for: in the raw or in the normalized text.
class AddedTokens {
public:
  /// `text` is what is looked for; the first of equal texts wins.
  void add(std::string text, const AddedToken &token);
  void finish();

  bool empty() const { return entries_.empty(); }
  /// Leftmost, longest matches. With `parseSpecial` false special tokens are text.
  std::vector<TextSegment> split(std::string_view text, bool parseSpecial) const;
  /// The id of the token with exactly this text, or -1.
  int64_t find(std::string_view text) const;

private:
  struct Entry {
    std::string text;
    AddedToken token;
  };
  /// Index of the longest entry that begins at text[at], or -1.
  int64_t longestAt(std::string_view text, size_t at) const;

  std::vector<Entry> entries_; ///< ascending text
  std::bitset<256> firstBytes_;
};

} // namespace ingot
