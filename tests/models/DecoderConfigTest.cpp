#include "models/DecoderConfig.h"
#include "models/Registry.h"
#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::test;

namespace {

const std::string kLlama = R"({
  "architectures": ["LlamaForCausalLM"], "model_type": "llama",
  "vocab_size": 96, "hidden_size": 64, "intermediate_size": 48, "num_hidden_layers": 2,
  "num_attention_heads": 8, "num_key_value_heads": 2, "rms_norm_eps": 1e-05})";
const std::string kQwen3 = R"({
  "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3",
  "vocab_size": 96, "hidden_size": 64, "intermediate_size": 48, "num_hidden_layers": 2,
  "num_attention_heads": 8, "num_key_value_heads": 2})";

/// `text` with more keys.
std::string with(const std::string &text, const std::string &keys) {
  return text.substr(0, text.size() - 1) + ", " + keys + "}";
}

Result<DecoderSpec> specOf(const std::string &text) {
  auto config = HfConfig::parse(text, "config.json");
  REQUIRE(config.isOk());
  return readDecoderSpec(*config);
}

} // namespace

TEST_CASE("a model type is a plain name: it goes to terminals") {
  for (const std::string &bad : {std::string(), std::string("a b"), std::string("a\\u001b[31m"),
                                 std::string("a/b"), std::string(65, 'a')}) {
    std::string text = kLlama;
    text.replace(text.find("\"llama\""), 7, "\"" + bad + "\"");
    CHECK(failsWith(specOf(text).status(), "config-range", {"model_type"}));
  }
}

TEST_CASE("a Llama config gives its spec") {
  const auto spec = specOf(kLlama);
  REQUIRE(spec.isOk());
  CHECK(spec->architecture == "LlamaForCausalLM");
  CHECK(spec->modelType == "llama");
  CHECK(spec->vocab == 96);
  CHECK(spec->hidden == 64);
  CHECK(spec->feedForward == 48);
  CHECK(spec->layers == 2);
  CHECK(spec->heads == 8);
  CHECK(spec->kvHeads == 2);
  CHECK(spec->headDim == 8);
  CHECK(spec->maxContext == 2048);
  CHECK(spec->normEps == 1e-5);
  CHECK(spec->rope.theta == 10000);
  CHECK(spec->rope.scaling == RopeScaling::None);
  CHECK_FALSE(spec->queryKeyNorm);
  CHECK_FALSE(spec->attentionBias);
  CHECK_FALSE(spec->mlpBias);
  CHECK_FALSE(spec->tiedHead);
}

TEST_CASE("switches of a Llama config are followed") {
  const auto spec = specOf(with(kLlama, R"("head_dim": 16, "attention_bias": true, "mlp_bias": true,
      "tie_word_embeddings": true, "max_position_embeddings": 512)"));
  REQUIRE(spec.isOk());
  CHECK(spec->headDim == 16);
  CHECK(spec->attentionBias);
  CHECK(spec->mlpBias);
  CHECK(spec->tiedHead);
  CHECK(spec->maxContext == 512);
}

TEST_CASE("without num_key_value_heads every head has its own") {
  const auto spec = specOf(replaced(kLlama, R"("num_key_value_heads": 2, )", ""));
  REQUIRE(spec.isOk());
  CHECK(spec->kvHeads == 8);
}

TEST_CASE("a Qwen3 config norms queries and keys and has heads of 128 when silent") {
  const auto spec = specOf(kQwen3);
  REQUIRE(spec.isOk());
  CHECK(spec->queryKeyNorm);
  CHECK(spec->headDim == 128);
  CHECK(spec->maxContext == 32768);
}

TEST_CASE("an unknown architecture is named beside the known ones") {
  const std::string text = replaced(kLlama, "LlamaForCausalLM", "MambaForCausalLM");
  CHECK(failsWith(specOf(text).status(), "model-unknown",
                  {"config.json", "MambaForCausalLM", "LlamaForCausalLM", "Qwen3ForCausalLM"}));
  CHECK(failsWith(specOf("{}").status(), "model-unknown", {"no architecture", "Qwen3ForCausalLM"}));
  CHECK(failsWith(specOf(R"({"architectures":["A","B"]})").status(), "model-unknown",
                  {"2 architectures"}));
}

TEST_CASE("every size is needed, positive and bounded") {
  for (const char *key : {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                          "num_attention_heads"}) {
    const std::string quoted = "\"" + std::string(key) + "\"";
    CHECK(failsWith(specOf(replaced(kLlama, quoted, "\"other\"")).status(), "config-missing-key",
                    {"config.json", key}));
    const size_t value = kLlama.find(quoted) + quoted.size() + 2;
    const size_t length = kLlama.find_first_of(",}", value) - value;
    for (const char *wrong : {"0", "-1", "9223372036854775807"}) {
      std::string text = kLlama;
      text.replace(value, length, wrong);
      CHECK(failsWith(specOf(text).status(), "config-range", {"config.json", key, wrong}));
    }
  }
}

TEST_CASE("heads must share keys evenly and have an even width") {
  CHECK(failsWith(
      specOf(replaced(kLlama, R"("num_key_value_heads": 2)", R"("num_key_value_heads": 3)"))
          .status(),
      "config-heads", {"8 query heads", "3 key heads"}));
  CHECK(failsWith(
      specOf(replaced(kLlama, R"("num_key_value_heads": 2)", R"("num_key_value_heads": 0)"))
          .status(),
      "config-range", {"num_key_value_heads"}));
  CHECK(failsWith(specOf(replaced(kLlama, R"("hidden_size": 64)", R"("hidden_size": 65)")).status(),
                  "config-heads", {"65", "8 heads"}));
  CHECK(failsWith(specOf(replaced(kLlama, R"("hidden_size": 64)", R"("hidden_size": 56)")).status(),
                  "config-head-dim", {"7 columns"}));
  CHECK(failsWith(specOf(with(kLlama, R"("head_dim": 9)")).status(), "config-head-dim", {"9"}));
  CHECK(failsWith(specOf(with(kLlama, R"("head_dim": 0)")).status(), "config-range", {"head_dim"}));
}

TEST_CASE("a matrix that no parameter holds is refused") {
  std::string text = replaced(kLlama, R"("hidden_size": 64)", R"("hidden_size": 1048576)");
  text = replaced(text, R"("num_attention_heads": 8)", R"("num_attention_heads": 4096)");
  CHECK(failsWith(specOf(with(text, R"("head_dim": 4096)")).status(), "config-size",
                  {"num_attention_heads", "1048576 (hidden_size)"}));
}

TEST_CASE("an epsilon of zero and other activations are refused") {
  CHECK(
      failsWith(specOf(replaced(kLlama, "1e-05", "0")).status(), "config-range", {"rms_norm_eps"}));
  CHECK(failsWith(specOf(with(kLlama, R"("hidden_act": "gelu")")).status(), "config-activation",
                  {"gelu", "silu"}));
}

const std::string kMistral = R"({
  "architectures": ["MistralForCausalLM"], "model_type": "mistral",
  "vocab_size": 96, "hidden_size": 64, "intermediate_size": 48, "num_hidden_layers": 2,
  "num_attention_heads": 8, "num_key_value_heads": 2, "max_position_embeddings": 8192})";

TEST_CASE("every layer of a Mistral has the window that the config says") {
  using Windows = std::vector<int64_t>;
  CHECK(specOf(kMistral)->windows == Windows{4096, 4096});
  CHECK(specOf(with(kMistral, R"("sliding_window": 100)"))->windows == Windows{100, 100});
  CHECK(specOf(with(kMistral, R"("sliding_window": null)"))->windows.empty());
  CHECK(specOf(with(kMistral, R"("sliding_window": 8192)"))->windows.empty()); // sees all
  CHECK(failsWith(specOf(with(kMistral, R"("sliding_window": 0)")).status(), "config-range",
                  {"sliding_window"}));
  CHECK(specOf(with(kMistral, R"("layer_types": ["sliding_attention", "sliding_attention"])"))
            ->windows == Windows{4096, 4096});
  CHECK(failsWith(
      specOf(with(kMistral, R"("layer_types": ["sliding_attention", "full_attention"])")).status(),
      "attention-window", {"layer_types", "sliding_window"}));
  CHECK(failsWith(specOf(with(kMistral, R"("layer_types": [])")).status(), "attention-window",
                  {"0 types for 2 layers"}));
}

TEST_CASE("a Qwen3 config says which layers have a window") {
  using Windows = std::vector<int64_t>;
  const auto windows = [](const std::string &keys) { return specOf(with(kQwen3, keys))->windows; };
  CHECK(windows(R"("use_sliding_window": true, "sliding_window": 64, "max_window_layers": 1)") ==
        Windows{0, 64});
  CHECK(windows(R"("use_sliding_window": true, "sliding_window": 64,
                   "layer_types": ["sliding_attention", "full_attention"])") == Windows{64, 0});
  CHECK(windows(R"("use_sliding_window": true, "sliding_window": null)").empty());
  CHECK(failsWith(specOf(with(kQwen3, R"("use_sliding_window": true, "sliding_window": null,
                                         "layer_types": ["sliding_attention", "full_attention"])"))
                      .status(),
                  "attention-window", {"sliding_window", "layer_types"}));

  CHECK(specOf(with(kQwen3, R"("layer_types": ["full_attention", "full_attention"],
                               "use_sliding_window": false, "sliding_window": 4096)"))
            .isOk());
  CHECK(failsWith(
      specOf(with(kQwen3, R"("layer_types": ["full_attention", "sliding_attention"])")).status(),
      "attention-window", {"sliding_attention", "use_sliding_window"}));
  CHECK(failsWith(specOf(with(kQwen3, R"("layer_types": ["full_attention"])")).status(),
                  "attention-window", {"1 types for 2 layers"}));
  CHECK(failsWith(specOf(with(kQwen3, R"("layer_types": [])")).status(), "attention-window",
                  {"0 types for 2 layers"}));
  CHECK(failsWith(specOf(with(kQwen3, R"("layer_types": ["linear", "linear"])")).status(),
                  "attention-window", {"linear"}));
}

TEST_CASE("a quantized checkpoint is refused with its method") {
  const auto refused = [](const std::string &keys) {
    auto config = HfConfig::parse("{" + keys + "}", "config.json");
    REQUIRE(config.isOk());
    return refuseQuantized(*config);
  };
  CHECK(refused("").isOk());
  CHECK(refused(R"("quantization_config": null)").isOk());
  CHECK(failsWith(refused(R"("quantization_config": {"quant_method": "fp8"})"), "config-quantized",
                  {"fp8", "config.json"}));
}
