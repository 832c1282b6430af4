// Ids and texts of the tiny tokenizers against those of the `tokenizers` package.
#include "runtime/text/Tokenizer.h"
#include "runtime/text/StreamDecoder.h"
#include "tests/text/TextTestSupport.h"

#include <catch2/catch.hpp>

#include <random>

using namespace ingot;
using namespace ingot::test;

namespace {

using Ids = std::vector<uint32_t>;

Tokenizer loadTiny(const std::string &name) {
  auto tokenizer = Tokenizer::load(readFile(textData(name) + "/tokenizer.bin"));
  INFO(tokenizer.status().toString());
  REQUIRE(tokenizer.isOk());
  return *std::move(tokenizer);
}

Ids encode(const Tokenizer &tokenizer, const std::string &text, bool special, bool parse) {
  auto ids = tokenizer.encode(text, {.addSpecial = special, .parseSpecial = parse});
  INFO(text << ": " << ids.status().toString());
  REQUIRE(ids.isOk());
  return *ids;
}

} // namespace

TEST_CASE("ids and texts are those of Hugging Face") {
  const std::string name =
      GENERATE(from_range(std::begin(kTinyTokenizers), std::end(kTinyTokenizers)));
  const Tokenizer tokenizer = loadTiny(name);
  for (const auto &entry : readJson(textData(name) + "/cases.json")) {
    const std::string text = entry["text"];
    INFO(name << ": " << entry["text"].dump());
    const Ids ids = encode(tokenizer, text, false, true);
    CHECK(ids == entry["ids"].get<Ids>());
    CHECK(encode(tokenizer, text, true, true) == entry["with_special"].get<Ids>());
    CHECK(encode(tokenizer, text, false, false) == entry["unparsed"].get<Ids>());
    CHECK(tokenizer.decode(ids, {.skipSpecial = false}) == entry["decoded"].get<std::string>());
    if (entry.contains("visible"))
      CHECK(tokenizer.decode(ids) == entry["visible"].get<std::string>());
  }
}

TEST_CASE("every valid text survives the round trip") {
  const Tokenizer llama3 = loadTiny("llama3");
  const Tokenizer llama2 = loadTiny("llama2");
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 24; ++i) {
      const uint32_t limits[] = {0x80, 0x80, 0x800, 0xd800, 0x110000};
      const uint32_t c = static_cast<uint32_t>(random() % limits[random() % 5]);
      if (c < 0xd800 || c > 0xdfff)
        appendUtf8(text, c);
    }
    CHECK(llama3.decode(encode(llama3, text, true, false)) == text);
    // A literal space mark comes back as a space: the vocabulary cannot tell them apart.
    if (text.find(kSpaceMark) == text.npos)
      CHECK(llama2.decode(encode(llama2, text, true, false)) == text);
  }
}

TEST_CASE("text that is not UTF-8 is refused with its offset") {
  const Tokenizer tokenizer = loadTiny("llama3");
  const auto checkOffset = [&](const std::string &text, const char *offset) {
    const auto ids = tokenizer.encode(text);
    REQUIRE_FALSE(ids.isOk());
    CHECK(ids.status().id() == "invalid-utf8");
    CHECK(ids.status().message().find(std::string("offset ") + offset + " of") !=
          std::string::npos);
  };
  checkOffset("\xff", "0");
  checkOffset("ab\xc3", "2");
  checkOffset("ab\xc3\xa9\xed\xa0\x80", "4"); // a surrogate
  checkOffset("a\xf4\x90\x80\x80", "1");      // above U+10FFFF
  checkOffset("a\xc0\xafz", "1");             // overlong
  checkOffset("\xe2\x82z", "0");
}

TEST_CASE("a character without token or unknown token is an error") {
  TokenizerData data;
  data.appendToken("a", TokenKind::Normal);
  const auto tokenizer = Tokenizer::create(data);
  REQUIRE(tokenizer.isOk());
  CHECK(tokenizer->encode("aaa")->size() == 3);
  CHECK(tokenizer->encode("ab").status().id() == "text-not-encodable");
  CHECK(tokenizer->encode("ab").status().message().find(" 62") != std::string::npos);
}

TEST_CASE("tokens by id and text") {
  const Tokenizer tokenizer = loadTiny("llama3");
  const auto end = tokenizer.tokenToId("<|end|>");
  REQUIRE(end.has_value());
  CHECK(tokenizer.isSpecial(*end));
  CHECK(tokenizer.eosId() == end);
  CHECK(tokenizer.tokenBytes(*end) == "<|end|>");
  CHECK(tokenizer.tokenToId(" the").has_value());
  CHECK(tokenizer.tokenBytes(*tokenizer.tokenToId(" the")) == " the");
  CHECK_FALSE(tokenizer.tokenToId("no such token").has_value());
  CHECK(tokenizer.tokenBytes(tokenizer.vocabSize()).empty());
  CHECK_FALSE(tokenizer.isSpecial(tokenizer.vocabSize()));
}

TEST_CASE("ids without text decode to nothing") {
  TokenizerData data;
  data.appendToken("a", TokenKind::Normal);
  data.appendToken("", TokenKind::Unused);
  data.appendToken("\xc3\xa9", TokenKind::Added);
  data.added.push_back({.id = 2, .special = true});
  const auto tokenizer = Tokenizer::create(data);
  REQUIRE(tokenizer.isOk());
  CHECK(tokenizer->decode(Ids{0, 1, 0, 3, ~0u, 2, 0}) == "aaa");
  CHECK(tokenizer->decode(Ids{2, 1}, {.skipSpecial = false}) == "\xc3\xa9");
}

TEST_CASE("a long text without spaces is merged in reasonable time") {
  const Tokenizer tokenizer = loadTiny("llama2");
  std::string text;
  while (text.size() < (1u << 20))
    text += "themetal";
  const Ids ids = encode(tokenizer, text, false, true);
  CHECK(tokenizer.decode(ids) == text);
}
