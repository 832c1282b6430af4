#include "models/import/TokenizerImport.h"

#include "models/import/TokenizerVocabulary.h"
#include "runtime/base/Format.h"
#include "runtime/base/MappedFile.h"
#include "runtime/text/TokenizerFormat.h"

#include <algorithm>

namespace ingot {

namespace {

constexpr uint64_t kMaxFileBytes = 256u << 20;

/// The file's text; empty when it is absent.
Result<std::string> readOptional(const std::string &path) {
  if (!isThere(path))
    return std::string();
  return readTextFile(path, kMaxFileBytes);
}

/// The id of the token that tokenizer_config.json names under `name`: a text or an added-token
/// object.
std::optional<uint32_t> namedToken(const Json &config, const char *name,
                                   const TokenizerData &data) {
  const Json &value = member(config, name);
  const Json &text = value.is_object() ? member(value, "content") : value;
  if (!text.is_string())
    return std::nullopt;
  const std::string &wanted = text.get_ref<const std::string &>();
  for (const AddedToken &token : data.added)
    if (data.token(token.id) == wanted)
      return token.id;
  for (uint32_t id = 0; id < data.vocabSize(); ++id)
    if (data.tokenKinds[id] == TokenKind::Normal && data.token(id) == wanted)
      return id;
  return std::nullopt;
}

/// Special tokens by name. The post-processor of tokenizer.json decides what stands around a text;
/// where it has none, add_bos_token and add_eos_token do.
Status applyConfig(const Json &config, bool hasTemplate, TokenizerData &data) {
  constexpr const char *kConfig = "tokenizer_config.json";
  data.bosId = namedToken(config, "bos_token", data);
  data.eosId = namedToken(config, "eos_token", data);
  data.padId = namedToken(config, "pad_token", data);
  if (!data.eosId && !member(config, "eos_token").is_null())
    return Status(ErrorClass::Data, "tokenizer-malformed",
                  "tokenizer_config.json: eos_token " + member(config, "eos_token").dump() +
                      " is not a token of tokenizer.json");
  INGOT_ASSIGN(const bool addBos, boolField(config, "add_bos_token", false, kConfig));
  INGOT_ASSIGN(const bool addEos, boolField(config, "add_eos_token", false, kConfig));
  if (!hasTemplate && addBos && data.bosId)
    data.prefixIds = {*data.bosId};
  if (!hasTemplate && addEos && data.eosId)
    data.suffixIds = {*data.eosId};
  return Status::ok();
}

/// chat_template is a text, or a list of {name, template} of which "default" counts.
Result<std::string> configTemplate(const Json &config) {
  const Json &value = member(config, "chat_template");
  if (value.is_null())
    return std::string();
  if (value.is_string())
    return value.get<std::string>();
  for (const Json &entry : value)
    if (member(entry, "name") == Json("default") && member(entry, "template").is_string())
      return entry["template"].get<std::string>();
  return malformedField("tokenizer_config.json: chat_template",
                        "a text or a list with the template \"default\"");
}

Status readStopIds(const Json &generation, ImportedTokenizer &out) {
  constexpr const char *kWhere = "generation_config.json: eos_token_id";
  const Json &eos = member(generation, "eos_token_id");
  if (eos.is_null()) {
    if (out.data.eosId)
      out.stopIds = {*out.data.eosId};
    return Status::ok();
  }
  for (const Json &value : eos) { // a number is visited as itself
    INGOT_ASSIGN(const uint32_t id, tokenId(value, kWhere));
    out.stopIds.push_back(id);
  }
  std::sort(out.stopIds.begin(), out.stopIds.end());
  out.stopIds.erase(std::unique(out.stopIds.begin(), out.stopIds.end()), out.stopIds.end());
  return Status::ok();
}

/// Byte-level where a component says so, else space marks; the parts must agree.
Status decideFamily(bool byteLevelSplit, const DecoderTraits &traits, TokenizerData &data) {
  if (byteLevelSplit != traits.byteLevel)
    return Status(ErrorClass::Config, "tokenizer-model-unsupported",
                  std::string("tokenizer.json: the pre-tokenizer is ") +
                      (byteLevelSplit ? "" : "not ") + "ByteLevel but the decoder is" +
                      (traits.byteLevel ? "" : " not") + "; Ingot needs both or none");
  data.family = traits.byteLevel ? TokenizerFamily::ByteLevel : TokenizerFamily::SpaceMark;
  if (traits.byteLevel || traits.spaceMarks)
    return Status::ok();
  if (data.tokenBytes.find(kSpaceMark) != std::string::npos)
    return Status(
        ErrorClass::Config, "tokenizer-decoder-unsupported",
        "tokenizer.json: the vocabulary has the space mark U+2581 but the decoder keeps it; "
        "Ingot needs a decoder that replaces it");
  return Status::ok();
}

Result<Json> parseOptional(const std::string &text, const char *file) {
  if (text.empty())
    return Json();
  return parseJson(text, file);
}

} // namespace

Result<ImportedTokenizer> importTokenizer(const TokenizerFiles &files) {
  INGOT_ASSIGN(const Json root, parseJson(files.tokenizerJson, "tokenizer.json"));
  INGOT_ASSIGN(const Json config,
               parseOptional(files.tokenizerConfigJson, "tokenizer_config.json"));
  INGOT_ASSIGN(const Json generation,
               parseOptional(files.generationConfigJson, "generation_config.json"));
  ImportedTokenizer out;
  TokenizerData &data = out.data;
  DecoderTraits traits;
  bool byteLevelSplit = false;
  bool hasTemplate = false;
  INGOT_TRY(importDecoder(member(root, "decoder"), data, traits));
  INGOT_TRY(importVocabulary(root, member(config, "added_tokens_decoder"), traits, data));
  INGOT_TRY(importNormalizer(member(root, "normalizer"), data));
  INGOT_TRY(importPreTokenizer(member(root, "pre_tokenizer"), data, byteLevelSplit));
  INGOT_TRY(importPostProcessor(member(root, "post_processor"), data, hasTemplate));
  INGOT_TRY(decideFamily(byteLevelSplit, traits, data));
  INGOT_TRY(applyConfig(config, hasTemplate, data));
  INGOT_TRY(readStopIds(generation, out));
  INGOT_ASSIGN(out.chatTemplate, configTemplate(config));
  if (!files.chatTemplateJinja.empty())
    out.chatTemplate = files.chatTemplateJinja;
  INGOT_TRY(checkTokenizer(data).at("tokenizer.json"));
  return out;
}

Result<ImportedTokenizer> importTokenizer(const std::string &directory) {
  TokenizerFiles files;
  INGOT_ASSIGN(files.tokenizerJson, readOptional(directory + "/tokenizer.json"));
  if (files.tokenizerJson.empty())
    return Status(ErrorClass::NoInput, "tokenizer-missing",
                  directory + "/tokenizer.json is absent or empty; Ingot reads the fast tokenizer "
                              "format of Hugging Face (tokenizer.model alone is not enough)");
  INGOT_ASSIGN(files.tokenizerConfigJson, readOptional(directory + "/tokenizer_config.json"));
  INGOT_ASSIGN(files.generationConfigJson, readOptional(directory + "/generation_config.json"));
  INGOT_ASSIGN(files.chatTemplateJinja, readOptional(directory + "/chat_template.jinja"));
  auto imported = importTokenizer(files);
  if (!imported.isOk())
    return std::move(imported).status().at(directory);
  return imported;
}

} // namespace ingot
