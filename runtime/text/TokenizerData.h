// What a tokenizer is, as plain data: the importer fills it, the artifact's Tokenizer segment
// stores it (TokenizerFormat.h), Tokenizer runs it. Ids are indices into the vocabulary
// [vocabSize].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ingot {

/// How text becomes the first symbols of byte pair merging.
enum class TokenizerFamily : uint8_t {
  ByteLevel = 0, ///< every byte is a symbol (GPT-2, Llama 3, Qwen)
  SpaceMark =
      1, ///< every character is a symbol, a space is written U+2581 (Llama 2, SentencePiece)
};

/// What a token stands for and who may produce it.
enum class TokenKind : uint8_t {
  Normal = 0, ///< symbol or merge result; its bytes are its text (a space mark in SpaceMark texts)
  Byte = 1,   ///< "<0xNN>" of byte fallback; its bytes are that one byte
  Added = 2,  ///< only in the list of added tokens: found in the text, never made by merging
  Unused = 3, ///< a hole in the id space, without text
};

/// The text of a space in SpaceMark vocabularies, U+2581.
inline constexpr std::string_view kSpaceMark = "\xe2\x96\x81";

/// Merge of the rank given by its place in the list: left + right -> result.
struct TokenMerge {
  uint32_t left;
  uint32_t right;
  uint32_t result;
};

/// A token that is looked for in the text before anything else is done to it.
struct AddedToken {
  uint32_t id = 0;
  bool special = false; ///< control token: hidden by decode, not parsed with parseSpecial = false
  bool normalized = false; ///< looked for in the normalized text, in its own normalized form
  bool lstrip = false;     ///< also takes the white space before it
  bool rstrip = false;     ///< also takes the white space after it
  bool singleWord = false; ///< only where no word character touches it
};

enum class NormalizerKind : uint8_t {
  Nfc = 0,
  Nfd = 1,
  Nfkc = 2,
  Nfkd = 3,
  Prepend = 4,
  Replace = 5
};

/// One step over the whole text. Prepend uses `content` (on texts that are not empty), Replace
/// both.
struct NormalizerStep {
  NormalizerKind kind = NormalizerKind::Nfc;
  std::string pattern;
  std::string content;
};

/// Rules that cut text into the pieces within which merging happens. Each rule cuts every piece the
/// rules before it left; what a rule does not match stays a piece of its own.
enum class SplitKind : uint8_t {
  Gpt2 = 0,         ///< contractions, letters, digits, others with an optional leading space
  Llama3 = 1,       ///< as cl100k: digits in groups of at most three
  Qwen2 = 2,        ///< as Llama3, digits alone
  Digit = 3,        ///< each decimal or numeric character alone
  DigitRun = 4,     ///< runs of numeric characters
  Newline = 5,      ///< each CR or LF alone
  SpaceLetters = 6, ///< \s?\p{L}+
  SpacePunct = 7,   ///< \s?\p{P}+
  CjkRun = 8,       ///< U+0800..U+9FA5 and U+AC00..U+D7FF
  SpaceMark = 9,    ///< before every space mark
};

/// Whether a text gets a space mark in front of it (Metaspace).
enum class MarkPrepend : uint8_t { Never = 0, First = 1, Always = 2 };

struct PreTokenizer {
  bool addPrefixSpace = false; ///< a space before every text that does not begin with one
  bool metaspace = false;      ///< spaces become space marks, with `prepend`
  MarkPrepend prepend = MarkPrepend::Never;
  std::vector<SplitKind> splits;
};

/// What decoding does to the space at the start of a SpaceMark text.
enum class LeadingSpace : uint8_t {
  Keep = 0,
  StripOne = 1,      ///< one space is removed from the start of the text
  DropFirstMark = 2, ///< all space marks of the first token are removed
};

struct TokenizerData {
  TokenizerFamily family = TokenizerFamily::ByteLevel;
  std::string tokenBytes;            ///< texts of all tokens, one after the other
  std::vector<uint32_t> tokenEnds;   ///< [vocab] end of each token in tokenBytes
  std::vector<TokenKind> tokenKinds; ///< [vocab]
  std::vector<TokenMerge> merges;    ///< ascending rank, pairs unique
  std::vector<AddedToken> added;     ///< ascending id
  std::vector<NormalizerStep> normalizer;
  PreTokenizer preTokenizer;
  bool ignoreMerges = false; ///< a piece that is a token needs no merging
  bool byteFallback = false; ///< characters outside the vocabulary become Byte tokens
  bool fuseUnknown = false;  ///< neighbouring unknown characters become one unknown token
  LeadingSpace leadingSpace = LeadingSpace::Keep;
  std::vector<uint32_t> prefixIds; ///< added in front with addSpecial
  std::vector<uint32_t> suffixIds; ///< added behind with addSpecial
  std::optional<uint32_t> unknownId;
  std::optional<uint32_t> bosId;
  std::optional<uint32_t> eosId;
  std::optional<uint32_t> padId;

  uint32_t vocabSize() const { return static_cast<uint32_t>(tokenEnds.size()); }
  std::string_view token(uint32_t id) const {
    const uint32_t begin = id == 0 ? 0 : tokenEnds[id - 1];
    return std::string_view(tokenBytes).substr(begin, tokenEnds[id] - begin);
  }
  void appendToken(std::string_view bytes, TokenKind kind) {
    tokenBytes += bytes;
    tokenEnds.push_back(static_cast<uint32_t>(tokenBytes.size()));
    tokenKinds.push_back(kind);
  }
};

} // namespace ingot
