#include "models/ImportModel.h"
#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

#include <filesystem>

using namespace ingot;
using namespace ingot::test;

namespace {

std::string printed(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

/// True when `parts` occur in this order; says which one does not.
bool inOrder(const std::string &text, const std::vector<std::string> &parts) {
  size_t place = 0;
  for (const std::string &part : parts) {
    place = text.find(part, place);
    if (place == std::string::npos) {
      UNSCOPED_INFO("not found, or not in order: " << part);
      return false;
    }
    place += part.size();
  }
  return true;
}

size_t occurrences(const std::string &text, const std::string &part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

std::string programOf(const std::string &name) {
  mlir::MLIRContext context;
  auto model = importModel(modelData(name), {}, context);
  INFO(model.status().toString());
  REQUIRE(model.isOk());
  return printed(*model->module);
}

void copyModel(const std::string &name, const TempDir &dir) {
  for (const char *file : {"config.json", "model.safetensors"})
    std::filesystem::copy_file(modelData(name) + "/" + file, dir.file(file));
}

Status statusOf(const TempDir &dir, const ImportOptions &options = {}) {
  mlir::MLIRContext context;
  return importModel(dir.path(), options, context).status();
}

} // namespace

TEST_CASE(
    "the program reads as the paper: norm, attention, residual, norm, feed-forward, residual") {
  const std::string text = programOf("llama3-scaled");
  INFO(text);
  CHECK(inOrder(
      text,
      {"func.func @forward(%arg0: !ingot.batch, %arg1: !ingot.kv<group = 0, layers = 2, "
       "heads = 2, key = 8, value = 8, block = 16>)",
       "ingot.param \"model.embed_tokens.weight\" : tensor<96x64xbf16>", "ingot.embed %arg0",
       "ingot.rope_angles %arg0",
       // attention
       "ingot.param \"model.layers.0.input_layernorm.weight\" : tensor<64xbf16>", "ingot.rms_norm",
       "model.layers.0.self_attn.q_proj.weight\" : tensor<32x64xbf16>", "ingot.linear",
       "model.layers.0.self_attn.k_proj.weight\" : tensor<16x64xbf16>", "ingot.linear",
       "model.layers.0.self_attn.v_proj.weight", "ingot.linear", "ingot.rope", "ingot.rope",
       "ingot.kv_append %arg1", "layer = 0", "ingot.paged_attention", "heads = 4", "layer = 0",
       "model.layers.0.self_attn.o_proj.weight\" : tensor<64x32xbf16>", "ingot.linear",
       "ingot.add ",
       // feed-forward
       "model.layers.0.post_attention_layernorm.weight", "ingot.rms_norm",
       "model.layers.0.mlp.gate_proj.weight\" : tensor<48x64xbf16>", "ingot.linear",
       "model.layers.0.mlp.up_proj.weight", "ingot.linear", "ingot.silu", "ingot.mul",
       "model.layers.0.mlp.down_proj.weight\" : tensor<64x48xbf16>", "ingot.linear", "ingot.add ",
       // and again, then the head
       "model.layers.1.input_layernorm.weight", "model.norm.weight", "ingot.rms_norm",
       "ingot.param \"lm_head.weight\" : tensor<96x64xbf16>", "ingot.linear", "ingot.select_rows",
       "#ingot.rows<returned>", "return"}));
  CHECK(occurrences(text, "ingot.rms_norm") == 5);
  CHECK(occurrences(text, "ingot.linear") == 15);
  CHECK(occurrences(text, "ingot.add_bias") == 0);
  CHECK(text.find("ingot.model = {architecture = \"LlamaForCausalLM\", max_context = 1024") !=
        std::string::npos);
}

TEST_CASE("biases follow their linear layers and a tied head reads the embedding table") {
  const std::string text = programOf("llama-bias");
  INFO(text);
  CHECK(occurrences(text, "ingot.add_bias") == 7);
  CHECK(occurrences(text, "model.embed_tokens.weight") == 2);
  CHECK(text.find("lm_head.weight") == std::string::npos);
  CHECK(inOrder(text, {"self_attn.q_proj.weight", "ingot.linear",
                       "self_attn.q_proj.bias\" : tensor<32xbf16>", "ingot.add_bias",
                       "self_attn.k_proj.weight"}));
}

TEST_CASE("Qwen3 norms the heads of queries and keys before the rotation") {
  const std::string text = programOf("qwen3");
  INFO(text);
  CHECK(inOrder(text, {"v_proj.weight", "ingot.linear",
                       "model.layers.0.self_attn.q_norm.weight\" : tensor<24xbf16>",
                       "ingot.rms_norm", "head_dim = 24", "tensor<?x48xf32>",
                       "model.layers.0.self_attn.k_norm.weight\" : tensor<24xbf16>",
                       "ingot.rms_norm", "head_dim = 24", "tensor<?x24xf32>", "ingot.rope",
                       "ingot.rope", "ingot.kv_append"}));
}

TEST_CASE("operations carry their place in the model") {
  mlir::MLIRContext context;
  auto model = importModel(modelData("qwen3"), {}, context);
  REQUIRE(model.isOk());
  std::string text;
  llvm::raw_string_ostream stream(text);
  model->module->print(stream, mlir::OpPrintingFlags().enableDebugInfo(true));
  for (const char *label : {"\"layers.1.self_attn.o_proj\"", "\"layers.0.mlp.down_proj\"",
                            "\"layers.0.attention\"", "\"lm_head\"", "\"norm\""})
    CHECK(text.find(label) != std::string::npos);
}

TEST_CASE("an import tells what the model is and where it came from") {
  mlir::MLIRContext context;
  auto model = importModel(modelData("llama3-scaled"), {}, context);
  REQUIRE(model.isOk());
  const ModelInfo &info = model->info;
  CHECK(info.architecture == "LlamaForCausalLM");
  CHECK(info.name == "llama-43K");
  CHECK(info.parameters == 43328);
  CHECK(info.vocab == 96);
  CHECK(info.hidden == 64);
  CHECK(info.layers == 2);
  CHECK(info.maxContext == 1024);
  CHECK(info.generation.eosIds == std::vector<int64_t>{2, 3});
  CHECK(info.generation.bosId == 1);
  CHECK(model->warnings.empty());
  CHECK_FALSE(model->tokenizer.has_value());
  REQUIRE(model->weights);
  CHECK(model->weights->find("model.norm.weight")->type == WeightType::BF16);
  REQUIRE(model->provenance.size() == 2);
  CHECK(model->provenance[0].first == "source.file.config.json");
  CHECK(model->provenance[0].second.substr(0, 5) == "xxh3:");
  CHECK(model->provenance[1].first == "source.file.model.safetensors");
}

TEST_CASE("the same files give the same import, whatever their directory") {
  TempDir one, two;
  copyModel("qwen3", one);
  copyModel("qwen3", two);
  writeText(two.file("LICENSE"), "Free.\n");
  mlir::MLIRContext context;
  auto a = importModel(one.path(), {}, context), b = importModel(two.path(), {}, context);
  REQUIRE(a.isOk());
  REQUIRE(b.isOk());
  CHECK(printed(*a->module) == printed(*b->module));
  CHECK(a->info.name == b->info.name);
  REQUIRE(b->provenance.size() == a->provenance.size() + 2);
  CHECK(b->provenance[3] == std::pair<std::string, std::string>{"source.licence.text", "Free.\n"});
}

TEST_CASE("random weights need only config.json") {
  TempDir dir;
  std::filesystem::copy_file(modelData("qwen3/config.json"), dir.file("config.json"));
  CHECK(failsWith(statusOf(dir), "checkpoint-missing", {dir.path()}));
  mlir::MLIRContext context;
  auto model = importModel(dir.path(), {.blockTokens = 32, .randomWeights = true}, context);
  REQUIRE(model.isOk());
  CHECK_FALSE(model->weights);
  CHECK(model->info.parameters == 44448);
  const std::string text = printed(*model->module);
  CHECK(text.find("block = 32") != std::string::npos);
  CHECK(text.find("tensor<160x64xbf16>") != std::string::npos);
}

TEST_CASE("generation_config.json adds its ids and its sampling") {
  TempDir dir;
  copyModel("llama3-scaled", dir);
  writeText(dir.file("generation_config.json"),
            R"({"do_sample": true, "temperature": 0.6, "eos_token_id": 7, "bos_token_id": 5})");
  mlir::MLIRContext context;
  auto model = importModel(dir.path(), {}, context);
  REQUIRE(model.isOk());
  CHECK(model->info.generation.temperature == 0.6);
  CHECK(model->info.generation.eosIds == std::vector<int64_t>{2, 3, 7});
  CHECK(model->info.generation.bosId == 5);
  writeText(dir.file("generation_config.json"), R"({"eos_token_id": 96})");
  CHECK(failsWith(statusOf(dir), "config-range", {"generation_config.json", "eos_token_id", "96"}));
}

TEST_CASE("a config of another size than the weights is refused with both shapes") {
  TempDir dir;
  copyModel("llama3-scaled", dir);
  writeText(dir.file("config.json"), replaced(readText(modelData("llama3-scaled/config.json")),
                                              "\"vocab_size\": 96", "\"vocab_size\": 90"));
  CHECK(failsWith(statusOf(dir), "weight-shape",
                  {"model.embed_tokens.weight", "[96, 64]", "[90, 64]", "lm_head.weight"}));
}

TEST_CASE("a tokenizer with more tokens than the embedding table is refused") {
  TempDir dir;
  copyModel("llama3-scaled", dir);
  const std::string tokenizer = modelData("../text/llama2/tokenizer.json");
  std::filesystem::copy_file(tokenizer, dir.file("tokenizer.json"));
  CHECK(failsWith(statusOf(dir), "vocab-mismatch", {"tokenizer.json", "vocab_size is 96"}));
}

TEST_CASE("a stored head that the config ties is not used, and said to differ") {
  TempDir dir;
  std::string tied = replaced(readText(modelData("llama3-scaled/config.json")),
                              "\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
  copyModel("llama3-scaled", dir);
  writeText(dir.file("config.json"), tied);
  mlir::MLIRContext context;
  auto model = importModel(dir.path(), {}, context);
  INFO(model.status().toString());
  REQUIRE(model.isOk());
  REQUIRE(model->warnings.size() == 1);
  CHECK(model->warnings[0].find("lm_head.weight") != std::string::npos);
  CHECK(printed(*model->module).find("lm_head.weight") == std::string::npos);
}

TEST_CASE("optional files that are there but cannot be read are not taken as absent") {
  for (const char *name :
       {"tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors"})
    for (const bool link : {false, true}) {
      TempDir dir;
      copyModel("llama3-scaled", dir);
      writeText(dir.file("tokenizer.json"), "{}");
      std::filesystem::remove(dir.file(name));
      if (link)
        std::filesystem::create_symlink("nowhere", dir.file(name));
      else
        std::filesystem::create_directory(dir.file(name));
      mlir::MLIRContext context;
      CHECK(failsWith(importModel(dir.path(), {}, context).status(),
                      link ? "file-missing" : "file-not-regular", {name}));
    }
}

TEST_CASE("missing directories and files are named") {
  TempDir dir;
  CHECK(failsWith(statusOf(dir), "file-missing", {"config.json"}));
  mlir::MLIRContext context;
  CHECK(failsWith(importModel(dir.file("nowhere"), {}, context).status(), "file-missing",
                  {"nowhere"}));
}
