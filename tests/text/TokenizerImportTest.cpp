// The importer against its own goldens: what it makes of tests/data/text is what is stored there.
#include "models/import/TokenizerImport.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/TokenizerFormat.h"
#include "tests/text/TextTestSupport.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::test;

namespace {

ImportedTokenizer importTiny(const std::string &name) {
  auto imported = importTokenizer(textData(name));
  INFO(imported.status().toString());
  REQUIRE(imported.isOk());
  return *std::move(imported);
}

/// The import of NAME's tokenizer.json after `change`.
Status statusAfter(const std::string &name, const std::function<void(nlohmann::json &)> &change) {
  nlohmann::json json = readJson(textData(name) + "/tokenizer.json");
  change(json);
  return importTokenizer(TokenizerFiles{.tokenizerJson = json.dump()}).status();
}

void checkRefused(const Status &status, const char *id, const char *mentions) {
  INFO(status.toString());
  CHECK(status.id() == id);
  CHECK(status.message().find(mentions) != std::string::npos);
}

} // namespace

TEST_CASE("imported tokenizers are stored as the committed segments") {
  for (const std::string name : kTinyTokenizers) {
    INFO(name << ": run TokenizerImportTest \"[update]\" when the change is meant");
    CHECK(serializeTokenizer(importTiny(name).data) == readFile(textData(name) + "/tokenizer.bin"));
  }
}

TEST_CASE("write the committed segments", "[.][update]") {
  for (const std::string name : kTinyTokenizers)
    writeFile(textData(name) + "/tokenizer.bin", serializeTokenizer(importTiny(name).data));
}

TEST_CASE("names of special tokens become ids") {
  const ImportedTokenizer llama3 = importTiny("llama3");
  CHECK(llama3.data.token(*llama3.data.eosId) == "<|end|>");
  CHECK(llama3.stopIds == std::vector<uint32_t>{*llama3.data.eosId});
  CHECK(llama3.data.prefixIds.size() == 1);
  CHECK_FALSE(llama3.data.bosId.has_value());
}

TEST_CASE("the companions decide about ids and template") {
  TokenizerFiles files;
  files.tokenizerJson = readText(textData("qwen2") + "/tokenizer.json");
  files.tokenizerConfigJson = R"({"bos_token": {"content": "<|end|>"}, "eos_token": "<|new|>",
    "add_bos_token": true, "chat_template": [{"name": "tool", "template": "t"},
    {"name": "default", "template": "d"}],
    "added_tokens_decoder": {"900": {"content": "<|new|>", "special": true}}})";
  files.generationConfigJson = R"({"eos_token_id": [900, 3, 900]})";
  auto imported = importTokenizer(files);
  INFO(imported.status().toString());
  REQUIRE(imported.isOk());
  CHECK(imported->chatTemplate == "d");
  CHECK(imported->stopIds == std::vector<uint32_t>{3, 900});
  CHECK(imported->data.eosId == 900u);
  CHECK(imported->data.vocabSize() == 901);
  CHECK(imported->data.prefixIds == std::vector<uint32_t>{*imported->data.bosId});
  files.chatTemplateJinja = "file";
  CHECK(importTokenizer(files)->chatTemplate == "file");
}

TEST_CASE("what Ingot does not know is refused by name") {
  const auto regex = [](auto &json) {
    json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\w+|q";
  };
  checkRefused(statusAfter("llama3", regex), "tokenizer-split-unsupported", "\\\\w+|q");
  checkRefused(statusAfter("llama3", regex), "tokenizer-split-unsupported", "qwen2 = ");
  checkRefused(statusAfter("llama3", [](auto &j) { j["model"]["type"] = "WordPiece"; }),
               "tokenizer-model-unsupported", "WordPiece");
  checkRefused(statusAfter("llama3", [](auto &j) { j["model"]["dropout"] = 0.1; }),
               "tokenizer-model-unsupported", "dropout 0.1");
  checkRefused(statusAfter("llama3", [](auto &j) { j["model"]["end_of_word_suffix"] = "</w>"; }),
               "tokenizer-model-unsupported", "</w>");
  checkRefused(statusAfter("llama3", [](auto &j) { j["normalizer"] = {{"type", "Lowercase"}}; }),
               "tokenizer-normalizer-unsupported", "Lowercase");
  checkRefused(
      statusAfter("llama3", [](auto &j) { j["pre_tokenizer"] = {{"type", "Whitespace"}}; }),
      "tokenizer-pretokenizer-unsupported", "Whitespace");
  checkRefused(statusAfter("llama3", [](auto &j) { j["decoder"] = {{"type", "WordPiece"}}; }),
               "tokenizer-decoder-unsupported", "WordPiece");
  checkRefused(statusAfter("llama3", [](auto &j) { j["decoder"] = nullptr; }),
               "tokenizer-decoder-unsupported", "no decoder");
  checkRefused(
      statusAfter("llama3", [](auto &j) { j["post_processor"] = {{"type", "BertProcessing"}}; }),
      "tokenizer-postprocessor-unsupported", "BertProcessing");
  checkRefused(statusAfter("llama2", [](auto &j) { j["decoder"] = {{"type", "Fuse"}}; }),
               "tokenizer-decoder-unsupported", "U+2581");
  checkRefused(statusAfter("llama2", [](auto &j) { j["decoder"] = {{"type", "ByteLevel"}}; }),
               "tokenizer-model-unsupported", "not ByteLevel");
}

TEST_CASE("damaged files name the place") {
  checkRefused(statusAfter("llama3", [](auto &j) { j["model"]["merges"][7] = "a b c"; }),
               "tokenizer-malformed", "model.merges[7]");
  checkRefused(statusAfter("llama3", [](auto &j) { j["model"]["merges"][7] = {"a", "zzz"}; }),
               "tokenizer-malformed", "zzz");
  checkRefused(statusAfter("llama3", [](auto &j) { j["model"]["vocab"]["a"] = -1; }),
               "tokenizer-malformed", "model.vocab[\"a\"]");
  checkRefused(statusAfter("llama3", [](auto &j) { j["model"]["vocab"]["a"] = 4000000000u; }),
               "tokenizer-malformed", "model.vocab[\"a\"]");
  checkRefused(statusAfter("llama3", [](auto &j) { j["model"]["vocab"]["a"] = 5; }),
               "tokenizer-malformed", "id 5 to two tokens");
  checkRefused(statusAfter("llama3", [](auto &j) { j["added_tokens"][1]["lstrip"] = 1; }),
               "tokenizer-malformed", "added_tokens[1].lstrip");
  checkRefused(statusAfter("llama3", [](auto &j) { j["added_tokens"] = "many"; }),
               "tokenizer-malformed", "added_tokens");
  checkRefused(statusAfter("llama3", [](auto &j) { j["added_tokens"][1].erase("id"); }),
               "tokenizer-malformed", "added_tokens[1].id");
  checkRefused(
      statusAfter("llama2", [](auto &j) { j["post_processor"]["special_tokens"].clear(); }),
      "tokenizer-malformed", "post_processor.special_tokens");
  checkRefused(statusAfter("llama2", [](auto &j) { j.erase("model"); }),
               "tokenizer-model-unsupported", "type");
  checkRefused(importTokenizer(TokenizerFiles{.tokenizerJson = "[1, {"}).status(), "json-invalid",
               "tokenizer.json");
  checkRefused(importTokenizer(std::string("no/such/folder")).status(), "tokenizer-missing",
               "no/such/folder/tokenizer.json");
}

TEST_CASE("a repeated merge counts with its last rank") {
  nlohmann::json json = readJson(textData("llama3") + "/tokenizer.json");
  auto &merges = json["model"]["merges"];
  merges.push_back(merges[0]);
  const auto imported = importTokenizer(TokenizerFiles{.tokenizerJson = json.dump()});
  REQUIRE(imported.isOk());
  const ImportedTokenizer plain = importTiny("llama3");
  REQUIRE(imported->data.merges.size() == plain.data.merges.size());
  CHECK(imported->data.merges.back().result == plain.data.merges.front().result);
}
