#include "models/Rope.h"
#include "models/import/Json.h"
#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <cstring>

using namespace ingot;
using namespace ingot::test;

namespace {

Result<RopeSpec> ropeOf(const std::string &text) {
  auto config = HfConfig::parse(text, "config.json");
  REQUIRE(config.isOk());
  return readRope(*config, 4096);
}

int32_t bitsOf(float value) {
  int32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

} // namespace

TEST_CASE("frequencies are those of transformers, to the last bit but for its rounding of powers") {
  auto cases = parseJson(readText(modelData("rope.json")), "rope.json");
  REQUIRE(cases.isOk());
  int equal = 0, all = 0;
  for (const Json &entry : *cases) {
    auto config = HfConfig::parse(entry.dump(), "rope.json");
    REQUIRE(config.isOk());
    const auto rope = readRope(*config, 131072);
    REQUIRE(rope.isOk());
    const auto expected = entry["inv_freq_bits"].get<std::vector<int32_t>>();
    const std::vector<float> ours = inverseFrequencies(*rope, entry["head_dim"].get<int64_t>());
    REQUIRE(ours.size() == expected.size());
    for (size_t i = 0; i < ours.size(); ++i, ++all) {
      equal += bitsOf(ours[i]) == expected[i];
      // The vectorized power of that library is not correctly rounded.
      CHECK(std::abs(bitsOf(ours[i]) - expected[i]) <= 2);
    }
  }
  REQUIRE(all == 268);
  CHECK(equal >= 262);
}

TEST_CASE("both generations of keys are read") {
  const auto older =
      ropeOf(R"({"rope_theta": 5000, "rope_scaling": {"type": "linear", "factor": 4}})");
  const auto newer =
      ropeOf(R"({"rope_parameters": {"rope_type": "linear", "rope_theta": 5000, "factor": 4}})");
  for (const auto *rope : {&older, &newer}) {
    REQUIRE(rope->isOk());
    CHECK((*rope)->theta == 5000);
    CHECK((*rope)->scaling == RopeScaling::Linear);
    CHECK((*rope)->factor == 4);
  }
  const auto plain = ropeOf(R"({"rope_scaling": null})");
  REQUIRE(plain.isOk());
  CHECK(plain->theta == 10000);
  CHECK(plain->scaling == RopeScaling::None);
}

TEST_CASE("llama3 scaling reads its four numbers") {
  const auto rope = ropeOf(R"({"rope_scaling": {"rope_type": "llama3", "factor": 8,
      "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8192}})");
  REQUIRE(rope.isOk());
  CHECK(rope->scaling == RopeScaling::Llama3);
  CHECK(rope->factor == 8);
  CHECK(rope->lowFrequencyFactor == 1);
  CHECK(rope->highFrequencyFactor == 4);
  CHECK(rope->originalContext == 8192);
}

TEST_CASE("scalings that are not supported are refused with the reason") {
  const auto refused = [](const std::string &kind) {
    return ropeOf(R"({"rope_scaling": {"type": ")" + kind + R"(", "factor": 2}})").status();
  };
  CHECK(failsWith(refused("dynamic"), "rope-scaling",
                  {"config.json", "rope_scaling.type", "\"dynamic\"", "how the prompt was cut"}));
  CHECK(failsWith(refused("yarn"), "rope-scaling", {"\"yarn\"", "llama3"}));
  CHECK(failsWith(refused("longrope"), "rope-scaling", {"\"longrope\""}));
  CHECK(failsWith(refused("spiral"), "rope-scaling", {"\"spiral\"", "not known"}));
  CHECK(failsWith(ropeOf(R"({"partial_rotary_factor": 0.5})").status(), "rope-partial", {}));
}

TEST_CASE("zero divisors of the formulas are refused") {
  CHECK(failsWith(ropeOf(R"({"rope_theta": 0})").status(), "config-range", {"rope_theta"}));
  CHECK(failsWith(ropeOf(R"({"rope_scaling": {"type": "linear", "factor": 0}})").status(),
                  "config-range", {"rope_scaling.factor"}));
  CHECK(failsWith(ropeOf(R"({"rope_scaling": {"type": "linear"}})").status(), "config-missing-key",
                  {"rope_scaling.factor"}));
  const auto llama3 = [](const std::string &low, const std::string &high) {
    return ropeOf(R"({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": )" +
                  low + R"(, "high_freq_factor": )" + high + "}}")
        .status();
  };
  CHECK(failsWith(llama3("0", "4"), "config-range", {"low_freq_factor"}));
  CHECK(failsWith(llama3("4", "4"), "config-range", {"high_freq_factor", "divides"}));
}
