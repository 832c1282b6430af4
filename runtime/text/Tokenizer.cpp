#include "runtime/text/Tokenizer.h"

#include "runtime/base/Format.h"
#include "runtime/text/AddedTokens.h"
#include "runtime/text/MergeTable.h"
#include "runtime/text/Splitter.h"
#include "runtime/text/StreamDecoder.h"
#include "runtime/text/TokenMap.h"
#include "runtime/text/TokenizerFormat.h"
#include "runtime/text/Unicode.h"
#include "runtime/text/Utf8.h"

#include <array>

namespace ingot {

namespace {

constexpr uint32_t kNone = TokenMap::kNone;

/// The text with every space written as a space mark.
std::string markSpaces(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  for (const char c : text)
    if (c == ' ')
      out += kSpaceMark;
    else
      out += c;
  return out;
}

} // namespace

/// The data and the tables over it; never moved, the tables point into the data.
class Tokenizer::Impl {
public:
  explicit Impl(TokenizerData tokenizerData) : data(std::move(tokenizerData)) {}
  Impl(const Impl &) = delete;
  Impl &operator=(const Impl &) = delete;

  Status build();

  const TokenizerData data;
  MergeTable merges;
  TokenMap tokens;
  AddedTokens rawAdded;              ///< looked for in the text as given
  AddedTokens normalizedAdded;       ///< looked for in the normalized text
  AddedTokens allAdded;              ///< by their own text
  std::array<uint32_t, 256> byteIds; ///< the token of one byte, or kNone
  std::vector<bool> special;         ///< [vocab]

private:
  Status buildAdded();
};

Status Tokenizer::Impl::build() {
  if (const uint32_t rank = merges.build(data.merges); rank != MergeTable::kNone)
    return Status(ErrorClass::Data, "tokenizer-invalid",
                  format("merge %u repeats the pair %u + %u", rank, data.merges[rank].left,
                         data.merges[rank].right));
  if (const uint32_t id = tokens.build(data); id != kNone)
    return Status(ErrorClass::Data, "tokenizer-invalid",
                  format("token %u repeats the text of token %u", id, tokens.find(data.token(id))));
  byteIds.fill(kNone);
  const TokenKind wanted =
      data.family == TokenizerFamily::ByteLevel ? TokenKind::Normal : TokenKind::Byte;
  for (uint32_t id = 0; id < data.vocabSize(); ++id)
    if (data.tokenKinds[id] == wanted && data.token(id).size() == 1)
      byteIds[static_cast<uint8_t>(data.token(id)[0])] = id;
  return buildAdded();
}

Status Tokenizer::Impl::buildAdded() {
  special.assign(data.vocabSize(), false);
  for (const AddedToken &token : data.added) {
    const std::string text(data.token(token.id));
    special[token.id] = token.special;
    allAdded.add(text, token);
    if (token.normalized) {
      INGOT_ASSIGN(std::string normal, normalizeText(text, data.normalizer));
      normalizedAdded.add(std::move(normal), token);
    } else {
      rawAdded.add(text, token);
    }
  }
  allAdded.finish();
  rawAdded.finish();
  normalizedAdded.finish();
  return Status::ok();
}

namespace {

/// One encode call: the stages of the pipeline, top down.
template <typename Impl>
class Encoder {
public:
  Encoder(const Impl &impl, EncodeOptions options, std::vector<uint32_t> &out)
      : impl_(impl), options_(options), merger_(impl.merges), out_(out) {}

  Status encode(std::string_view text) {
    for (const TextSegment &segment : impl_.rawAdded.split(text, options_.parseSpecial)) {
      if (segment.isToken)
        out_.push_back(segment.id);
      else
        INGOT_TRY(
            encodeRaw(text.substr(segment.begin, segment.end - segment.begin), segment.begin == 0));
    }
    return Status::ok();
  }

private:
  /// Text without raw added tokens: normalization, then the added tokens of the normalized text.
  Status encodeRaw(std::string_view text, bool first) {
    INGOT_ASSIGN(const std::string normal, normalizeText(text, impl_.data.normalizer));
    if (impl_.normalizedAdded.empty())
      return encodeNormal(normal, first);
    for (const TextSegment &segment : impl_.normalizedAdded.split(normal, options_.parseSpecial)) {
      if (segment.isToken)
        out_.push_back(segment.id);
      else
        INGOT_TRY(encodeNormal(
            std::string_view(normal).substr(segment.begin, segment.end - segment.begin),
            first && segment.begin == 0));
    }
    return Status::ok();
  }

  /// Normalized text without added tokens: spaces, pieces, symbols, merges.
  Status encodeNormal(std::string_view text, bool first) {
    const PreTokenizer &pre = impl_.data.preTokenizer;
    std::string changed;
    if (pre.addPrefixSpace && !text.starts_with(' ')) {
      changed = " " + std::string(text);
      text = changed;
    }
    if (pre.metaspace) {
      changed = markSpaces(text);
      const bool prepend =
          pre.prepend == MarkPrepend::Always || (pre.prepend == MarkPrepend::First && first);
      if (prepend && !changed.starts_with(kSpaceMark))
        changed.insert(0, kSpaceMark);
      text = changed;
    }
    for (const TextPiece piece : splitText(text, pre.splits))
      INGOT_TRY(encodePiece(text.substr(piece.begin, piece.end - piece.begin)));
    return Status::ok();
  }

  Status encodePiece(std::string_view piece) {
    if (impl_.data.ignoreMerges)
      if (const uint32_t id = impl_.tokens.find(piece); id != kNone && !impl_.special[id]) {
        out_.push_back(id);
        return Status::ok();
      }
    symbols_.clear();
    afterUnknown_ = false;
    if (impl_.data.family == TokenizerFamily::ByteLevel)
      INGOT_TRY(addBytes(piece));
    else
      INGOT_TRY(addCharacters(piece));
    merger_.merge(symbols_, out_);
    return Status::ok();
  }

  Status addBytes(std::string_view piece) {
    for (size_t at = 0; at < piece.size(); ++at)
      INGOT_TRY(addSymbol(impl_.byteIds[static_cast<uint8_t>(piece[at])], piece.substr(at, 1)));
    return Status::ok();
  }

  Status addCharacters(std::string_view piece) {
    for (size_t at = 0; at < piece.size();) {
      const std::string_view c = piece.substr(at, decodeUtf8(piece, at).bytes);
      at += c.size();
      const uint32_t id = impl_.tokens.find(c);
      if (id != kNone || !impl_.data.byteFallback || !hasBytes(c)) {
        INGOT_TRY(addSymbol(id, c));
        continue;
      }
      for (const char byte : c)
        INGOT_TRY(addSymbol(impl_.byteIds[static_cast<uint8_t>(byte)], c));
    }
    return Status::ok();
  }

  bool hasBytes(std::string_view c) const {
    for (const char byte : c)
      if (impl_.byteIds[static_cast<uint8_t>(byte)] == kNone)
        return false;
    return true;
  }

  /// Adds `id`; for kNone the unknown token, once for neighbours where the model fuses them.
  Status addSymbol(uint32_t id, std::string_view text) {
    if (id == kNone && !impl_.data.unknownId) {
      std::string bytes;
      for (const char c : text)
        bytes += format(" %02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
      return Status(ErrorClass::Data, "text-not-encodable",
                    "the vocabulary has no token for the bytes" + bytes + " and no unknown token");
    }
    if (id != kNone || !afterUnknown_ || !impl_.data.fuseUnknown)
      symbols_.push_back(id != kNone ? id : *impl_.data.unknownId);
    afterUnknown_ = id == kNone;
    return Status::ok();
  }

  const Impl &impl_;
  EncodeOptions options_;
  Merger merger_;
  std::vector<uint32_t> symbols_;
  bool afterUnknown_ = false;
  std::vector<uint32_t> &out_;
};

} // namespace

Result<Tokenizer> Tokenizer::create(TokenizerData data) {
  INGOT_TRY(checkTokenizer(data));
  auto impl = std::make_shared<Impl>(std::move(data));
  INGOT_TRY(impl->build());
  return Tokenizer(std::move(impl));
}

Result<Tokenizer> Tokenizer::load(std::span<const uint8_t> blob) {
  INGOT_ASSIGN(TokenizerData data, parseTokenizer(blob));
  return create(std::move(data));
}

Result<std::vector<uint32_t>> Tokenizer::encode(std::string_view text,
                                                EncodeOptions options) const {
  if (const size_t at = findInvalidUtf8(text); at != text.npos)
    return Status(ErrorClass::Data, "invalid-utf8",
                  format("the text is not UTF-8: byte 0x%02x at offset %zu of %zu begins no "
                         "character; convert the text to UTF-8",
                         static_cast<unsigned>(static_cast<uint8_t>(text[at])), at, text.size()));
  std::vector<uint32_t> ids;
  const TokenizerData &data = impl_->data;
  if (options.addSpecial)
    ids = data.prefixIds;
  INGOT_TRY(Encoder<Impl>(*impl_, options, ids).encode(text));
  if (options.addSpecial)
    ids.insert(ids.end(), data.suffixIds.begin(), data.suffixIds.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const uint32_t> ids, DecodeOptions options) const {
  StreamDecoder decoder(*this, options);
  std::string text;
  for (const uint32_t id : ids)
    text += decoder.feed(id);
  return text + decoder.flush();
}

uint32_t Tokenizer::vocabSize() const { return impl_->data.vocabSize(); }

std::string_view Tokenizer::tokenBytes(uint32_t id) const {
  return id < vocabSize() ? impl_->data.token(id) : std::string_view();
}

std::optional<uint32_t> Tokenizer::tokenToId(std::string_view bytes) const {
  if (const int64_t id = impl_->allAdded.find(bytes); id >= 0)
    return static_cast<uint32_t>(id);
  const uint32_t id = impl_->tokens.find(bytes);
  return id == kNone ? std::nullopt : std::optional(id);
}

bool Tokenizer::isSpecial(uint32_t id) const { return id < vocabSize() && impl_->special[id]; }
std::optional<uint32_t> Tokenizer::bosId() const { return impl_->data.bosId; }
std::optional<uint32_t> Tokenizer::eosId() const { return impl_->data.eosId; }
const TokenizerData &Tokenizer::data() const { return impl_->data; }

} // namespace ingot
