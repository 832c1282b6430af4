#include "runtime/text/StreamDecoder.h"
#include "tests/text/TextTestSupport.h"

#include <catch2/catch.hpp>

#include <random>

using namespace ingot;
using namespace ingot::test;

namespace {

Tokenizer loadTiny(const std::string &name) {
  auto tokenizer = Tokenizer::load(readFile(textData(name) + "/tokenizer.bin"));
  REQUIRE(tokenizer.isOk());
  return *std::move(tokenizer);
}

uint32_t byteToken(const Tokenizer &tokenizer, uint8_t byte) {
  const TokenizerData &data = tokenizer.data();
  for (uint32_t id = 0; id < tokenizer.vocabSize(); ++id)
    if (data.token(id) == std::string(1, static_cast<char>(byte)) &&
        (data.family == TokenizerFamily::ByteLevel || data.tokenKinds[id] == TokenKind::Byte))
      return id;
  FAIL("no token of byte " << int{byte});
  return 0;
}

} // namespace

TEST_CASE("a character is held back until it is complete") {
  for (const char *name : {"llama3", "llama2"}) {
    const Tokenizer tokenizer = loadTiny(name);
    StreamDecoder stream(tokenizer);
    CHECK(stream.feed(byteToken(tokenizer, 0xf0)).empty());
    CHECK(stream.feed(byteToken(tokenizer, 0x9f)).empty());
    CHECK(stream.feed(byteToken(tokenizer, 0x9a)).empty());
    CHECK(stream.feed(byteToken(tokenizer, 0x80)) == "\xf0\x9f\x9a\x80");
    CHECK(stream.feed(byteToken(tokenizer, 0xe2)).empty());
    CHECK(stream.flush() == "\xef\xbf\xbd");
    CHECK(stream.flush().empty());
  }
}

TEST_CASE("the longest ill-formed run becomes one replacement character") {
  // Table 3-11 of the Unicode standard.
  const uint8_t bytes[] = {0xf1, 0x80, 0x80, 0xe1, 0x80, 0xc2, 0x62, 0x80, 0x63, 0x80, 0xbf, 0x64};
  const Tokenizer tokenizer = loadTiny("llama3");
  std::vector<uint32_t> ids;
  for (const uint8_t byte : bytes)
    ids.push_back(byteToken(tokenizer, byte));
  const std::string r = "\xef\xbf\xbd";
  CHECK(tokenizer.decode(ids) == r + r + r + "b" + r + "c" + r + r + "d");
}

TEST_CASE("pieces joined are the text decoded at once, and each piece is UTF-8") {
  std::mt19937 random(11);
  for (const char *name : kTinyTokenizers) {
    const Tokenizer tokenizer = loadTiny(name);
    for (int round = 0; round < 200; ++round) {
      std::vector<uint32_t> ids;
      for (int i = 0; i < 30; ++i)
        ids.push_back(static_cast<uint32_t>(random() % (tokenizer.vocabSize() + 2)));
      StreamDecoder stream(tokenizer);
      std::string joined;
      for (const uint32_t id : ids) {
        const std::string piece = stream.feed(id);
        CHECK(findInvalidUtf8(piece) == std::string::npos);
        joined += piece;
      }
      joined += stream.flush();
      CHECK(joined == tokenizer.decode(ids));
    }
  }
}

TEST_CASE("a continuation keeps its leading space") {
  for (const char *name : {"llama2", "metaspace"}) {
    const Tokenizer tokenizer = loadTiny(name);
    const auto ids = tokenizer.encode("the metal", {.addSpecial = false});
    REQUIRE(ids.isOk());
    CHECK(tokenizer.decode(*ids) == "the metal");
    CHECK(tokenizer.decode(*ids, {.continuation = true}) == " the metal");
  }
}
