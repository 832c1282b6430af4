// Published tokenizers and the ids that Hugging Face gives, where the shared test data is present.
#include "models/import/TokenizerImport.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/TokenizerFormat.h"
#include "tests/text/TextTestSupport.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::test;

namespace {

/// Through the stored form, as a runtime gets it.
Tokenizer importShared(const std::string &folder) {
  auto imported = importTokenizer(folder);
  INFO(imported.status().toString());
  REQUIRE(imported.isOk());
  auto tokenizer = Tokenizer::load(serializeTokenizer(imported->data));
  INFO(tokenizer.status().toString());
  REQUIRE(tokenizer.isOk());
  return *std::move(tokenizer);
}

constexpr EncodeOptions kBare{.addSpecial = false, .parseSpecial = true};

void checkCase(const Tokenizer &tokenizer, const nlohmann::json &entry) {
  const std::string text = entry["text"];
  INFO(text);
  const auto ids = tokenizer.encode(text, kBare);
  REQUIRE(ids.isOk());
  CHECK(*ids == entry["ids"].get<std::vector<uint32_t>>());
}

/// Makers of the vectors beyond `cases` did not look for normalized special tokens as Hugging Face
/// does (in normalized form); their texts with such tokens say nothing.
bool hasNormalizedToken(const Tokenizer &tokenizer, const std::string &text) {
  for (const AddedToken &token : tokenizer.data().added)
    if (token.normalized && text.find(tokenizer.data().token(token.id)) != text.npos)
      return true;
  return false;
}

void checkCorpus(const Tokenizer &tokenizer, const nlohmann::json &entry, const std::string &root) {
  std::string text = readText(root + "/" + entry["file"].get<std::string>());
  size_t bytes = 0;
  for (size_t chars = entry["chars"]; bytes < text.size(); ++bytes)
    if ((static_cast<uint8_t>(text[bytes]) & 0xc0) != 0x80 && chars-- == 0)
      break;
  text.resize(bytes);
  const auto ids = tokenizer.encode(text, kBare);
  REQUIRE(ids.isOk());
  INFO(entry["file"]);
  CHECK(ids->size() == entry["n_tokens"].get<size_t>());
  const auto head = entry["head"].get<std::vector<uint32_t>>();
  const auto tail = entry["tail"].get<std::vector<uint32_t>>();
  CHECK(std::equal(head.begin(), head.end(), ids->begin()));
  CHECK(std::equal(tail.rbegin(), tail.rend(), ids->rbegin()));
  CHECK(tokenizer.decode(*ids) == text);
}

} // namespace

TEST_CASE("ids of published tokenizers") {
  const auto root = sharedData("data");
  if (!root)
    return;
  const std::string name =
      GENERATE(as<std::string>(), "gpt-2", "phi-2", "starcoder", "deepseek-coder", "llama-3",
               "qwen2.5", "llama-2", "phi-3", "mistral-7b-v0.2", "mistral-v3", "minicpm3");
  const std::string folder = *root + "/tokenizers/" + name;
  INFO(name);
  const Tokenizer tokenizer = importShared(folder);
  const nlohmann::json vectors = readJson(folder + "/vectors.json");
  for (const auto &entry : vectors["cases"]) {
    checkCase(tokenizer, entry);
    CHECK(tokenizer.decode(entry["ids"].get<std::vector<uint32_t>>(), {.skipSpecial = false}) ==
          entry["text"].get<std::string>());
  }
  for (const auto &entry : vectors["extra"])
    if (!hasNormalizedToken(tokenizer, entry["text"]))
      checkCase(tokenizer, entry);
  for (const auto &entry : vectors["corpus"])
    if (sharedData("data/" + entry["file"].get<std::string>()))
      checkCorpus(tokenizer, entry, *root);
}

TEST_CASE("ids of the shared models") {
  const auto root = sharedData("data/models");
  if (!root)
    return;
  const Tokenizer tokenizer = importShared(*root + "/stories260K");
  const auto vectors = readJson(*root + "/stories260K/vectors.json");
  for (const auto &entry : vectors["cases"])
    checkCase(tokenizer, entry);
  const auto expected = readJson(*root + "/stories260K/expected.json");
  for (const auto &greedy : expected["greedy"]) {
    auto ids = tokenizer.encode(greedy["prompt"].get<std::string>());
    REQUIRE(ids.isOk());
    CHECK(*ids == greedy["prompt_ids"].get<std::vector<uint32_t>>());
    const auto output = greedy["output_ids"].get<std::vector<uint32_t>>();
    ids->insert(ids->end(), output.begin(), output.end());
    CHECK(tokenizer.decode(*ids) == greedy["text"].get<std::string>());
  }
}

TEST_CASE("families that Ingot does not read are refused") {
  const auto root = sharedData("data/tokenizers");
  if (!root)
    return;
  const auto unigram = importTokenizer(*root + "/t5-small").status();
  INFO(unigram.toString());
  CHECK(unigram.id() == "tokenizer-model-unsupported");
  CHECK(unigram.message().find("Unigram") != std::string::npos);
  const auto ranks = importTokenizer(*root + "/llama2c-tok4096").status();
  INFO(ranks.toString());
  CHECK(ranks.id() == "tokenizer-missing");
}
