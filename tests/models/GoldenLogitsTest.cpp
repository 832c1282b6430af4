// The tiny checkpoints of tests/data/models against what transformers computed with them in
// float32.
#include "models/import/Json.h"
#include "tests/models/LogitsSupport.h"
#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <iostream>

using namespace ingot;
using namespace ingot::test;

namespace {

constexpr double kTolerance = 1e-4; ///< largest error over the standard deviation

const std::vector<std::string> kCheckpoints = {"llama3-scaled", "llama-bias", "qwen3", "mistral",
                                               "qwen3-window"};

Json readJson(const std::string &path) {
  auto json = parseJson(readText(path), path);
  REQUIRE(json.isOk());
  return *std::move(json);
}

} // namespace

TEST_CASE("logits of the imported program are those of transformers") {
  for (const std::string &name : kCheckpoints) {
    INFO(name);
    ReferenceModel model(modelData(name));
    const ExpectedLogits expected =
        readExpectedLogits(modelData(name + "/expected.safetensors"), "token_ids");
    const double error = largestError(model.logits(expected.ids), expected.logits);
    std::cout << name << ": largest error over standard deviation " << error << "\n";
    CHECK(error <= kTolerance);
  }
}

TEST_CASE("chunks of the prompt give the bits of the whole") {
  for (const std::string &name : kCheckpoints) {
    INFO(name);
    ReferenceModel model(modelData(name));
    const ExpectedLogits expected =
        readExpectedLogits(modelData(name + "/expected.safetensors"), "token_ids");
    const std::vector<float> whole = model.logits(expected.ids);
    for (int64_t chunk : {1, 5, 7})
      CHECK(model.logits(expected.ids, chunk) == whole);
  }
}

TEST_CASE("greedy continuations are those of transformers") {
  for (const std::string &name : kCheckpoints) {
    INFO(name);
    ReferenceModel model(modelData(name));
    const Json expected = readJson(modelData(name + "/expected.json"));
    auto ids = expected["prompt_ids"].get<std::vector<uint32_t>>();
    const size_t prompt = ids.size();
    const auto continuation = expected["greedy_ids"].get<std::vector<uint32_t>>();
    const auto margins = expected["margins"].get<std::vector<double>>();
    ids.insert(ids.end(), continuation.begin(), continuation.end());
    // The expected tokens are forced, so that each step is judged alone.
    const std::vector<float> logits = model.logits(ids);
    const int64_t vocab = model.model().info.vocab;
    for (size_t i = 0; i < continuation.size(); ++i) {
      const float *row = logits.data() + static_cast<int64_t>(prompt + i - 1) * vocab;
      INFO("step " << i << ", margin " << margins[i]);
      CHECK(margins[i] > 1e-3);
      CHECK(argmax(row, vocab) == continuation[i]);
    }
  }
}
