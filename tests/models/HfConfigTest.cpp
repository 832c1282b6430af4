#include "models/import/HfConfig.h"
#include "models/import/GenerationConfig.h"
#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::test;

namespace {

HfConfig parsed(const std::string &text) {
  auto config = HfConfig::parse(text, "dir/config.json");
  REQUIRE(config.isOk());
  return *config;
}

} // namespace

TEST_CASE("values are read with their type") {
  const HfConfig config = parsed(R"({"i":3,"f":1e-5,"whole":7,"b":true,"s":"silu","l":[1,2],
                                     "t":["x","y"],"n":null,"o":{"k":4}})");
  CHECK(*config.integer("i", {0, 10}) == 3);
  CHECK(*config.number("f", {0, 1}) == 1e-5);
  CHECK(*config.number("whole", {0, 10}) == 7.0);
  CHECK(*config.boolean("b"));
  CHECK(*config.text("s") == "silu");
  CHECK(*config.integers("l", {0, 9}) == std::vector<int64_t>{1, 2});
  CHECK(*config.integers("i", {0, 9}) == std::vector<int64_t>{3});
  CHECK(*config.texts("t") == std::vector<std::string>{"x", "y"});
  CHECK(*(*config.section("o"))->integer("k", {0, 9}) == 4);
  CHECK(config.has("i"));
  CHECK_FALSE(config.has("n"));
}

TEST_CASE("absent keys and null take the fallback, or are an error that names file and key") {
  const HfConfig config = parsed(R"({"n":null})");
  for (const char *key : {"n", "absent"}) {
    CHECK(*config.integer(key, {0, 10}, 5) == 5);
    CHECK(*config.number(key, {0, 1}, 0.5) == 0.5);
    CHECK_FALSE(*config.boolean(key, false));
    CHECK(*config.text(key, "d") == "d");
    CHECK(config.integers(key, {0, 9})->empty());
    CHECK_FALSE(config.section(key)->has_value());
    CHECK(failsWith(config.integer(key, {0, 10}).status(), "config-missing-key",
                    {"dir/config.json", key}));
    CHECK(failsWith(config.text(key).status(), "config-missing-key", {key}));
  }
}

TEST_CASE("wrong types are refused and shown") {
  const HfConfig config = parsed(R"({"s":"4096","f":1.5,"o":{"k":"x"}})");
  CHECK(failsWith(config.integer("s", {0, 9999}).status(), "config-type",
                  {"dir/config.json", "s", "\"4096\""}));
  CHECK(failsWith(config.integer("f", {0, 9}).status(), "config-type", {"whole number", "1.5"}));
  CHECK(failsWith(config.number("s", {0, 9}).status(), "config-type", {"a number"}));
  CHECK(failsWith(config.boolean("f").status(), "config-type", {"true or false"}));
  CHECK(failsWith(config.text("f").status(), "config-type", {"a string"}));
  CHECK(failsWith(config.texts("s").status(), "config-type", {"list of strings"}));
  CHECK(failsWith(config.section("s").status(), "config-type", {"an object"}));
  CHECK(failsWith((*config.section("o"))->integer("k", {0, 9}).status(), "config-type", {"o.k"}));
}

TEST_CASE("values outside their range are refused with the range") {
  const HfConfig config = parsed(R"({"zero":0,"big":18446744073709551615,"huge":1e300,"f":0.0})");
  CHECK(failsWith(config.integer("zero", {1, 64}).status(), "config-range",
                  {"zero", "0", "1 to 64"}));
  CHECK(failsWith(config.integer("big", {1, INT64_MAX}).status(), "config-range",
                  {"18446744073709551615"}));
  CHECK(failsWith(config.number("f", {1e-30, 1}).status(), "config-range", {"f", "1e-30"}));
  CHECK(failsWith(config.number("huge", {0, 1e12}).status(), "config-range", {"1e+300"}));
}

TEST_CASE("files that are no JSON object are refused") {
  CHECK(failsWith(HfConfig::parse("[1]", "c.json").status(), "config-type", {"c.json"}));
  CHECK(failsWith(HfConfig::parse("{", "c.json").status(), "json-invalid", {"c.json"}));
  CHECK(failsWith(HfConfig::parse(R"({"a":1,"a":2})", "c.json").status(), "json-duplicate-key",
                  {"c.json", "\"a\""}));
  CHECK(failsWith(HfConfig::parse(R"({"a":NaN})", "c.json").status(), "json-invalid", {"c.json"}));
  TempDir dir;
  CHECK(
      failsWith(HfConfig::load(dir.file("config.json")).status(), "file-missing", {"config.json"}));
  CHECK(failsWith(HfConfig::load(dir.path()).status(), "file-not-regular", {dir.path()}));
}

TEST_CASE("generation defaults are greedy unless the file asks for sampling") {
  const auto greedy = readGenerationConfig(
      parsed(R"({"temperature":0.7,"top_k":20,"eos_token_id":[3,2],"bos_token_id":1})"), 100);
  REQUIRE(greedy.isOk());
  CHECK(greedy->temperature == 0);
  CHECK(greedy->topK == 0);
  CHECK(greedy->eosIds == std::vector<int64_t>{3, 2});
  CHECK(*greedy->bosId == 1);

  const auto sampled = readGenerationConfig(
      parsed(R"({"do_sample":true,"temperature":0.6,"top_k":20,"top_p":0.95,"min_p":0.05,
                 "max_new_tokens":64,"eos_token_id":2})"),
      100);
  REQUIRE(sampled.isOk());
  CHECK(sampled->temperature == 0.6);
  CHECK(sampled->topK == 20);
  CHECK(sampled->topP == 0.95);
  CHECK(sampled->minP == 0.05);
  CHECK(sampled->maxNewTokens == 64);
  CHECK(sampled->eosIds == std::vector<int64_t>{2});
  CHECK_FALSE(sampled->bosId.has_value());
}

TEST_CASE("token ids outside the vocabulary are refused") {
  CHECK(failsWith(readGenerationConfig(parsed(R"({"eos_token_id":100})"), 100).status(),
                  "config-range", {"eos_token_id", "100", "0 to 99"}));
  CHECK(failsWith(readGenerationConfig(parsed(R"({"bos_token_id":[1,2]})"), 100).status(),
                  "config-type", {"bos_token_id"}));
}
