#include "models/WeightCheck.h"
#include "models/DecoderBuilder.h"
#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>

#include "mlir/IR/MLIRContext.h"

#include <cmath>

using namespace ingot;
using namespace ingot::test;

namespace {

/// One layer of width 4.
DecoderSpec smallSpec() {
  DecoderSpec spec;
  spec.vocab = 6;
  spec.hidden = 4;
  spec.layers = 1;
  spec.heads = 2;
  spec.kvHeads = 1;
  spec.headDim = 2;
  spec.feedForward = 8;
  spec.maxContext = 16;
  spec.normEps = 1e-5;
  spec.tiedHead = true;
  return spec;
}

/// Its tensors, but for the one called `without`.
SafetensorsBuilder smallWeights(const std::string &without = "") {
  const std::vector<std::pair<std::string, std::vector<int64_t>>> tensors = {
      {"model.embed_tokens.weight", {6, 4}},
      {"model.layers.0.input_layernorm.weight", {4}},
      {"model.layers.0.self_attn.q_proj.weight", {4, 4}},
      {"model.layers.0.self_attn.k_proj.weight", {2, 4}},
      {"model.layers.0.self_attn.v_proj.weight", {2, 4}},
      {"model.layers.0.self_attn.o_proj.weight", {4, 4}},
      {"model.layers.0.post_attention_layernorm.weight", {4}},
      {"model.layers.0.mlp.gate_proj.weight", {8, 4}},
      {"model.layers.0.mlp.up_proj.weight", {8, 4}},
      {"model.layers.0.mlp.down_proj.weight", {4, 8}},
      {"model.norm.weight", {4}},
  };
  SafetensorsBuilder builder;
  for (const auto &[name, shape] : tensors)
    if (name != without)
      builder.add(name, shape, 0.5f);
  return builder;
}

Result<std::vector<std::string>> check(const std::vector<uint8_t> &file,
                                       const WeightCheckOptions &options = {},
                                       const DecoderSpec &spec = smallSpec()) {
  TempDir dir;
  writeFile(dir.file("w.safetensors"), file);
  auto checkpoint = Checkpoint::openFile(dir.file("w.safetensors"));
  REQUIRE(checkpoint.isOk());
  mlir::MLIRContext context;
  auto module = buildDecoder(context, spec, [](std::string_view) { return WeightType::F32; }, 16);
  return checkWeights(*module, **checkpoint, options);
}

} // namespace

TEST_CASE("weights that belong to the program pass") {
  const auto result = check(smallWeights().bytes());
  REQUIRE(result.isOk());
  CHECK(result->empty());
}

TEST_CASE("missing tensors are named") {
  CHECK(failsWith(check(smallWeights("model.norm.weight").bytes()).status(), "weight-missing",
                  {"1 tensor of", "model.norm.weight"}));
  CHECK(failsWith(check(SafetensorsBuilder().bytes()).status(), "weight-missing",
                  {"11 tensors", "model.embed_tokens.weight", "and 6 more"}));
}

TEST_CASE("a missing head points at the key that ties it") {
  DecoderSpec spec = smallSpec();
  spec.tiedHead = false;
  CHECK(failsWith(check(smallWeights().bytes(), {}, spec).status(), "weight-missing",
                  {"lm_head.weight", "tie_word_embeddings"}));
}

TEST_CASE("wrong shapes are shown beside the right ones") {
  const std::string name = "model.layers.0.mlp.down_proj.weight";
  CHECK(failsWith(check(smallWeights(name).add(name, {8, 4}, 0.5f).bytes()).status(),
                  "weight-shape", {name, "[8, 4]", "[4, 8]"}));
  const std::string norm = "model.norm.weight";
  CHECK(failsWith(check(smallWeights(norm).add(norm, {4, 1}, 0.5f).bytes()).status(),
                  "weight-shape", {norm, "[4, 1]", "[4]"}));
}

TEST_CASE("tensors that nothing reads are refused, or reported where that is asked for") {
  const auto file = smallWeights().add("model.layers.0.self_attn.q_proj.bias", {4}, 0.5f).bytes();
  CHECK(failsWith(check(file).status(), "weight-unused", {"q_proj.bias", "config.json"}));
  const auto lenient = check(file, {.refuseUnused = false, .tiedHead = {}});
  REQUIRE(lenient.isOk());
  REQUIRE(lenient->size() == 1);
  CHECK((*lenient)[0].find("q_proj.bias") != std::string::npos);
}

TEST_CASE("stored rotary frequencies and the copy of a tied head are ignored") {
  const auto file = smallWeights()
                        .add("model.layers.0.self_attn.rotary_emb.inv_freq", {1}, 1.0f)
                        .add("lm_head.weight", {6, 4}, 0.5f)
                        .bytes();
  const auto result = check(file, {.refuseUnused = true, .tiedHead = "lm_head.weight"});
  REQUIRE(result.isOk());
  CHECK(result->empty());
  CHECK(failsWith(check(file).status(), "weight-unused", {"1 tensor ", "lm_head.weight"}));
}

TEST_CASE("values that are no numbers are counted per tensor") {
  const std::string down = "model.layers.0.mlp.down_proj.weight", norm = "model.norm.weight";
  std::vector<float> values(32, 0.5f);
  values[3] = NAN;
  values[4] = INFINITY;
  values[30] = NAN;
  SafetensorsBuilder builder = smallWeights(down).add(down, {4, 8}, values);
  CHECK(failsWith(check(builder.bytes()).status(), "weight-not-finite",
                  {"1 tensor ", down, "2 NaN, 1 infinite", "element 3"}));
}

TEST_CASE("tensors of integers cannot be weights") {
  const std::string header =
      R"({"model.norm.weight":{"dtype":"I32","shape":[4],"data_offsets":[0,16]}})";
  TempDir dir;
  writeFile(dir.file("one.safetensors"), smallWeights("model.norm.weight").bytes());
  writeFile(dir.file("two.safetensors"), safetensorsFile(header, std::vector<uint8_t>(16)));
  std::string map = R"("model.norm.weight":"two.safetensors")";
  auto first = Checkpoint::openFile(dir.file("one.safetensors"));
  REQUIRE(first.isOk());
  for (const auto &[name, tensor] : (*first)->tensors())
    map += ",\"" + name + "\":\"one.safetensors\"";
  writeText(dir.file("model.safetensors.index.json"), "{\"weight_map\":{" + map + "}}");
  auto checkpoint = Checkpoint::open(dir.path());
  REQUIRE(checkpoint.isOk());
  mlir::MLIRContext context;
  auto module =
      buildDecoder(context, smallSpec(), [](std::string_view) { return WeightType::F32; }, 16);
  CHECK(failsWith(checkWeights(*module, **checkpoint, {}).status(), "weight-dtype",
                  {"model.norm.weight is I32", "BF16"}));
}
