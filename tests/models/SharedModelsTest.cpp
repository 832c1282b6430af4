// Small trained models that lie beside the checkout, against an independent float32 forward pass.
#include "models/import/Json.h"
#include "tests/models/LogitsSupport.h"
#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <iostream>

using namespace ingot;
using namespace ingot::test;

namespace {

constexpr size_t kGreedySteps = 48;      ///< of each prompt
constexpr double kSmallestMargin = 2e-3; ///< below it another token is no error

/// Steps whose token differs although the margin allows none.
void checkGreedy(ReferenceModel &model, const Json &entry) {
  auto ids = entry["prompt_ids"].get<std::vector<uint32_t>>();
  const size_t prompt = ids.size();
  auto output = entry["output_ids"].get<std::vector<uint32_t>>();
  output.resize(std::min(output.size(), kGreedySteps));
  ids.insert(ids.end(), output.begin(), output.end());
  const std::vector<float> logits = model.logits(ids);
  const int64_t vocab = model.model().info.vocab;
  for (size_t i = 0; i < output.size(); ++i) {
    const float *row = logits.data() + static_cast<int64_t>(prompt + i - 1) * vocab;
    INFO("prompt \"" << entry["prompt"] << "\" step " << i);
    const double lead = double(row[argmax(row, vocab)]) - row[output[i]];
    CHECK(lead <= kSmallestMargin);
  }
}

} // namespace

TEST_CASE("trained models give the logits and the greedy tokens of an independent forward pass") {
  for (const char *name : {"stories260K", "tiny-qwen3-490K"}) {
    const auto directory = sharedData(std::string("data/models/") + name);
    if (!directory)
      continue;
    INFO(name);
    ReferenceModel model(*directory);
    CHECK(model.model().tokenizer.has_value());
    CHECK(model.model().info.vocab == 512);
    const ExpectedLogits expected =
        readExpectedLogits(*directory + "/expected_logits.safetensors", "input_ids");
    const double error = largestError(model.logits(expected.ids), expected.logits);
    std::cout << name << ": largest error over standard deviation " << error << "\n";
    CHECK(error <= 1e-4);
    auto json = parseJson(readText(*directory + "/expected.json"), "expected.json");
    REQUIRE(json.isOk());
    for (const Json &entry : (*json)["greedy"])
      checkGreedy(model, entry);
  }
}
