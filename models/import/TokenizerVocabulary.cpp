#include "models/import/TokenizerVocabulary.h"

#include "runtime/base/Format.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

namespace ingot {

namespace {

using IdOf = std::unordered_map<std::string, uint32_t>;

/// The GPT-2 alphabet: printable Latin-1 characters stand for their byte, the other 68 bytes for
/// U+0100 upwards. Index: code point below 0x144; -1 = not in the alphabet.
const std::array<int16_t, 0x144> &byteAlphabet() {
  static const std::array<int16_t, 0x144> table = [] {
    std::array<int16_t, 0x144> bytes;
    bytes.fill(-1);
    size_t next = 0x100;
    for (int16_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      bytes[printable ? static_cast<size_t>(b) : next++] = b;
    }
    return bytes;
  }();
  return table;
}

/// The bytes that a vocabulary entry stands for; false when a character is not in the alphabet.
bool bytesOfAlphabet(std::string_view text, std::string &bytes) {
  bytes.clear();
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decodeUtf8(text, at);
    at += c.bytes;
    if (c.value >= byteAlphabet().size() || byteAlphabet()[c.value] < 0)
      return false;
    bytes += static_cast<char>(byteAlphabet()[c.value]);
  }
  return true;
}

/// "<0xNN>" gives NN, anything else -1.
int byteOfFallback(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>' || digit(text[3]) < 0 ||
      digit(text[4]) < 0)
    return -1;
  return digit(text[3]) * 16 + digit(text[4]);
}

/// Texts and kinds by id, before they are laid out; ids may come in any order.
struct Table {
  std::vector<std::string> texts;
  std::vector<TokenKind> kinds;

  void set(uint32_t id, std::string text, TokenKind kind) {
    if (id >= texts.size()) {
      texts.resize(id + 1);
      kinds.resize(id + 1, TokenKind::Unused);
    }
    texts[id] = std::move(text);
    kinds[id] = kind;
  }
  bool has(uint32_t id) const { return id < kinds.size() && kinds[id] != TokenKind::Unused; }
};

Status checkModel(const Json &model) {
  const auto unsupported = [](const std::string &what) {
    return Status(ErrorClass::Config, "tokenizer-model-unsupported",
                  "tokenizer.json: " + what +
                      "; Ingot reads BPE without dropout, byte-level or with space marks");
  };
  const std::string type = typeOf(model);
  if (type != "BPE" && !(type.empty() && member(model, "merges").is_array()))
    return unsupported("the model is of type " +
                       (type.empty() ? std::string(member(model, "unk_id").is_null()
                                                       ? "unknown"
                                                       : "Unigram (no type, but unk_id)")
                                     : type));
  const Json &dropout = member(model, "dropout");
  if (!dropout.is_null() && dropout != Json(0) && dropout != Json(0.0))
    return unsupported("the model has dropout " + dropout.dump());
  for (const char *name : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const Json &value = member(model, name); !value.is_null() && value != Json(""))
      return unsupported(std::string("the model has ") + name + " " + value.dump());
  if (!member(model, "vocab").is_object() || !member(model, "merges").is_array())
    return malformedField("tokenizer.json: model", "an object with vocab and merges");
  return Status::ok();
}

Status readTokens(const Json &vocab, const DecoderTraits &traits, IdOf &idOf, Table &table) {
  idOf.reserve(vocab.size());
  std::string bytes;
  for (auto it = vocab.begin(); it != vocab.end(); ++it) {
    const std::string &text = it.key();
    INGOT_ASSIGN(const uint32_t id, tokenId(it.value(), "tokenizer.json: model.vocab[\"" +
                                                            text.substr(0, 64) + "\"]"));
    if (table.has(id))
      return Status(ErrorClass::Data, "tokenizer-malformed",
                    format("tokenizer.json: model.vocab gives id %u to two tokens", id));
    idOf.emplace(text, id);
    if (traits.byteLevel && bytesOfAlphabet(text, bytes) && !bytes.empty())
      table.set(id, bytes, TokenKind::Normal);
    else if (const int byte = traits.byteFallback ? byteOfFallback(text) : -1; byte >= 0)
      table.set(id, std::string(1, static_cast<char>(byte)), TokenKind::Byte);
    else
      table.set(id, text, traits.byteLevel || text.empty() ? TokenKind::Added : TokenKind::Normal);
  }
  return Status::ok();
}

/// A merge is "left right" or ["left", "right"].
Result<std::pair<std::string, std::string>> mergePair(const Json &merge, size_t rank) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return std::pair(merge[0].get<std::string>(), merge[1].get<std::string>());
  if (merge.is_string()) {
    const std::string &text = merge.get_ref<const std::string &>();
    const size_t space = text.find(' ');
    if (space != text.npos && text.find(' ', space + 1) == text.npos)
      return std::pair(text.substr(0, space), text.substr(space + 1));
  }
  return malformedField(format("tokenizer.json: model.merges[%zu]", rank), "a pair of tokens");
}

Status readMerges(const Json &merges, const IdOf &idOf, TokenizerData &data) {
  std::unordered_map<uint64_t, size_t> placeOf; // a repeated pair counts with its last rank
  std::vector<TokenMerge> list;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    INGOT_ASSIGN(const auto pair, mergePair(merges[rank], rank));
    uint32_t ids[3];
    const std::string texts[3] = {pair.first, pair.second, pair.first + pair.second};
    for (int i = 0; i < 3; ++i) {
      const auto it = idOf.find(texts[i]);
      if (it == idOf.end())
        return Status(ErrorClass::Data, "tokenizer-malformed",
                      format("tokenizer.json: model.merges[%zu]: the token \"%s\" is not in the "
                             "vocabulary",
                             rank, texts[i].substr(0, 64).c_str()));
      ids[i] = it->second;
    }
    placeOf[static_cast<uint64_t>(ids[0]) << 32 | ids[1]] = rank;
    list.push_back({ids[0], ids[1], ids[2]});
  }
  for (size_t rank = 0; rank < list.size(); ++rank)
    if (placeOf[static_cast<uint64_t>(list[rank].left) << 32 | list[rank].right] == rank)
      data.merges.push_back(list[rank]);
  return Status::ok();
}

struct AddedEntry {
  AddedToken token;
  std::string text;
};

Result<AddedEntry> readAddedEntry(const Json &entry, uint32_t id, const std::string &where) {
  AddedEntry out;
  out.token.id = id;
  INGOT_ASSIGN(out.text, textField(entry, "content", "", where));
  INGOT_ASSIGN(out.token.special, boolField(entry, "special", false, where));
  INGOT_ASSIGN(out.token.normalized, boolField(entry, "normalized", !out.token.special, where));
  INGOT_ASSIGN(out.token.lstrip, boolField(entry, "lstrip", false, where));
  INGOT_ASSIGN(out.token.rstrip, boolField(entry, "rstrip", false, where));
  INGOT_ASSIGN(out.token.singleWord, boolField(entry, "single_word", false, where));
  if (out.text.empty())
    return malformedField(where + ".content", "a text");
  return out;
}

Status readAdded(const Json &list, const Json &extra, std::map<uint32_t, AddedEntry> &added) {
  if (!list.is_null() && !list.is_array())
    return malformedField("tokenizer.json: added_tokens", "a list");
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string where = format("tokenizer.json: added_tokens[%zu]", i);
    INGOT_ASSIGN(const uint32_t id, idField(list[i], "id", where));
    INGOT_ASSIGN(AddedEntry entry, readAddedEntry(list[i], id, where));
    if (!added.emplace(id, std::move(entry)).second)
      return malformedField(where + ".id", format("unique (%u appears before)", id));
  }
  for (auto it = extra.begin(); it != extra.end(); ++it) {
    const std::string where = "tokenizer_config.json: added_tokens_decoder[\"" + it.key() + "\"]";
    const std::string &digits = it.key();
    if (digits.empty() || digits.size() > 7 ||
        digits.find_first_not_of("0123456789") != digits.npos)
      return malformedField(where, "named by a token id");
    const Json id = std::stoul(digits);
    INGOT_ASSIGN(const uint32_t checked, tokenId(id, where));
    INGOT_ASSIGN(AddedEntry entry, readAddedEntry(it.value(), checked, where));
    const auto same = [&](const auto &other) { return other.second.text == entry.text; };
    if (std::none_of(added.begin(), added.end(), same))
      added.emplace(checked, std::move(entry));
  }
  return Status::ok();
}

} // namespace

Status importVocabulary(const Json &root, const Json &extraAdded, const DecoderTraits &traits,
                        TokenizerData &data) {
  const Json &model = member(root, "model");
  INGOT_TRY(checkModel(model));
  constexpr const char *kModel = "tokenizer.json: model";
  INGOT_ASSIGN(data.ignoreMerges, boolField(model, "ignore_merges", false, kModel));
  INGOT_ASSIGN(data.byteFallback, boolField(model, "byte_fallback", false, kModel));
  INGOT_ASSIGN(data.fuseUnknown, boolField(model, "fuse_unk", false, kModel));

  IdOf idOf;
  Table table;
  INGOT_TRY(readTokens(model["vocab"], traits, idOf, table));
  INGOT_TRY(readMerges(model["merges"], idOf, data));
  std::map<uint32_t, AddedEntry> added;
  INGOT_TRY(readAdded(member(root, "added_tokens"),
                      extraAdded.is_object() ? extraAdded : Json::object(), added));
  for (auto &[id, entry] : added) {
    if (!table.has(id) || table.texts[id] != entry.text)
      table.set(id, entry.text, TokenKind::Added);
    data.added.push_back(entry.token);
  }
  for (size_t id = 0; id < table.texts.size(); ++id)
    data.appendToken(table.texts[id], table.kinds[id]);

  INGOT_ASSIGN(const std::string unknown, textField(model, "unk_token", "", kModel));
  if (const auto it = idOf.find(unknown); !unknown.empty() && it != idOf.end())
    data.unknownId = it->second;
  return Status::ok();
}

} // namespace ingot
