// The stored form: complete, and safe against any bytes.
#include "runtime/text/TokenizerFormat.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Utf8.h"
#include "tests/text/TextTestSupport.h"

#include <catch2/catch.hpp>

#include <functional>
#include <random>

using namespace ingot;
using namespace ingot::test;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes goldenBlob(const std::string &name) { return readFile(textData(name) + "/tokenizer.bin"); }

TokenizerData goldenData(const std::string &name) {
  auto data = parseTokenizer(goldenBlob(name));
  REQUIRE(data.isOk());
  return *std::move(data);
}

/// Some text through whatever could be loaded.
void useTokenizer(const Bytes &blob, int &loaded, int &refused) {
  const auto tokenizer = Tokenizer::load(blob);
  if (!tokenizer.isOk()) {
    ++refused;
    CHECK(!tokenizer.status().message().empty());
    return;
  }
  ++loaded;
  const auto ids = tokenizer->encode("The smith's  1850 \xc3\x96"
                                     "fen\n<|end|> caf\xc3\xa9 <strip> word.");
  if (ids.isOk())
    CHECK(findInvalidUtf8(tokenizer->decode(*ids, {.skipSpecial = false})) == std::string::npos);
}

void mutate(Bytes &blob, std::mt19937 &random) {
  const size_t at = random() % blob.size();
  switch (random() % 6) {
  case 0:
    blob[at] ^= static_cast<uint8_t>(1u << random() % 8);
    break;
  case 1:
    blob[at] = static_cast<uint8_t>(random());
    break;
  case 2: // a 32-bit field: small, large or near the size
    for (size_t i = 0; i < 4 && (at & ~size_t{3}) + i < blob.size(); ++i)
      blob[(at & ~size_t{3}) + i] =
          random() % 2 ? 0xff : static_cast<uint8_t>(blob.size() >> 8 * i);
    break;
  case 3:
    blob.resize(at);
    break;
  case 4:
    blob.insert(blob.begin() + static_cast<ptrdiff_t>(at), static_cast<uint8_t>(random()));
    break;
  default:
    std::copy_n(blob.begin() + static_cast<ptrdiff_t>(at / 2), std::min<size_t>(at / 2, 8),
                blob.begin() + static_cast<ptrdiff_t>(random() % (at / 2 + 1)));
  }
}

void checkInvalid(const char *name, const char *mentions,
                  const std::function<void(TokenizerData &)> &change) {
  TokenizerData data = goldenData(name);
  change(data);
  const Status status = Tokenizer::create(std::move(data)).status();
  INFO(mentions << " / " << status.toString());
  CHECK(status.id() == "tokenizer-invalid");
  CHECK(status.message().find(mentions) != std::string::npos);
}

} // namespace

TEST_CASE("what is read back is stored as the same bytes") {
  for (const char *name : kTinyTokenizers)
    CHECK(serializeTokenizer(goldenData(name)) == goldenBlob(name));
}

TEST_CASE("a segment may lie at any address") {
  const Bytes blob = goldenBlob("llama3");
  for (size_t shift = 1; shift < 8; ++shift) {
    Bytes moved(shift, 0);
    moved.insert(moved.end(), blob.begin(), blob.end());
    CHECK(Tokenizer::load(std::span(moved).subspan(shift)).isOk());
  }
}

TEST_CASE("mutants of a segment load or are refused, and nothing else happens") {
  std::mt19937 random(3);
  int loaded = 0;
  int refused = 0;
  for (const char *name : kTinyTokenizers) {
    const Bytes blob = goldenBlob(name);
    for (int i = 0; i < 1000; ++i) {
      Bytes mutant = blob;
      for (uint32_t edits = 1 + random() % 3; edits > 0 && !mutant.empty(); --edits)
        mutate(mutant, random);
      useTokenizer(mutant, loaded, refused);
    }
  }
  CHECK(loaded + refused == 5000);
  CHECK(loaded > 20); // some bytes may change without harm
  CHECK(refused > 1000);
}

TEST_CASE("every truncation is refused") {
  const Bytes blob = goldenBlob("metaspace");
  for (size_t size = 0; size < blob.size(); size += size < 64 ? 1 : 13)
    CHECK_FALSE(Tokenizer::load(std::span(blob).first(size)).isOk());
}

TEST_CASE("a newer format is named") {
  TokenizerData data = goldenData("gpt2");
  Bytes blob = serializeTokenizer(data);
  // The first field of the root table lies first in its inline data or last; find the value 1.
  bool seen = false;
  for (size_t at = 0; at + 4 <= blob.size() && !seen; at += 4) {
    Bytes changed = blob;
    if (changed[at] != 1 || changed[at + 1] || changed[at + 2] || changed[at + 3])
      continue;
    changed[at] = 2;
    seen = Tokenizer::load(changed).status().id() == "tokenizer-version";
  }
  CHECK(seen);
}

TEST_CASE("inconsistent data is refused with its place") {
  checkInvalid("llama3", "0 tokens", [](TokenizerData &d) { d.tokenEnds.clear(); });
  checkInvalid("llama3", "kinds", [](TokenizerData &d) { d.tokenKinds.pop_back(); });
  checkInvalid("llama3", "token 5 lies", [](TokenizerData &d) { d.tokenEnds[5] = 0; });
  checkInvalid("llama3", "lies at", [](TokenizerData &d) { d.tokenEnds.back() += 1; });
  checkInvalid("llama3", "has kind 9", [](TokenizerData &d) { d.tokenKinds[3] = TokenKind(9); });
  checkInvalid("llama3", "token 3 of kind 3",
               [](TokenizerData &d) { d.tokenKinds[3] = TokenKind::Unused; });
  checkInvalid("llama3", "merge 2", [](TokenizerData &d) { d.merges[2].left = 1u << 30; });
  checkInvalid("llama3", "(merge 2)",
               [](TokenizerData &d) { d.merges[2].result = d.merges[3].result; });
  checkInvalid("llama3", "repeats the pair",
               [](TokenizerData &d) { d.merges.push_back(d.merges[0]); });
  checkInvalid("llama3", "repeats the text",
               [](TokenizerData &d) { d.appendToken("a", TokenKind::Normal); });
  checkInvalid("llama3", "added token",
               [](TokenizerData &d) { std::swap(d.added[0], d.added[1]); });
  checkInvalid("llama3", "added token",
               [](TokenizerData &d) { d.added.back().id = d.vocabSize(); });
  checkInvalid("llama3", "not UTF-8", [](TokenizerData &d) {
    d.appendToken("\xff", TokenKind::Added);
    d.added.push_back({.id = d.vocabSize() - 1});
  });
  checkInvalid("llama3", "split rule 77",
               [](TokenizerData &d) { d.preTokenizer.splits[0] = SplitKind(77); });
  checkInvalid("llama3", "out of its range",
               [](TokenizerData &d) { d.family = TokenizerFamily(2); });
  checkInvalid("llama3", "beside the text",
               [](TokenizerData &d) { d.prefixIds = {d.vocabSize()}; });
  checkInvalid("llama3", "65 ids in front", [](TokenizerData &d) { d.prefixIds.assign(65, 0); });
  checkInvalid("llama3", "special id", [](TokenizerData &d) { d.eosId = d.vocabSize(); });
  checkInvalid("llama2", "normalizer step 1",
               [](TokenizerData &d) { d.normalizer[1].pattern.clear(); });
  checkInvalid("llama2", "normalizer step 0",
               [](TokenizerData &d) { d.normalizer[0].content.assign(65, 'x'); });
}

TEST_CASE("a normalizer that blows texts up is stopped") {
  TokenizerData data = goldenData("llama2");
  const NormalizerStep blow{NormalizerKind::Replace, "a", std::string(64, 'a')};
  data.normalizer = {blow, blow};
  const auto tokenizer = Tokenizer::create(data);
  REQUIRE(tokenizer.isOk());
  CHECK(tokenizer->encode(std::string(100, 'a')).status().id() == "normalizer-expansion");
}
