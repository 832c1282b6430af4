#include "models/ProgramFile.h"
#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>
#include <filesystem>

using namespace ingot;
using namespace ingot::test;

namespace {

std::string textOf(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

/// A head without a body before it: the embedding row, returned.
const std::string kProgram = R"mlir(
module attributes {ingot.model = {architecture = "Echo", max_context = 64 : i64, name = "echo"}} {
  func.func @forward(%batch: !ingot.batch,
                     %kv: !ingot.kv<group = 0, layers = 3, heads = 1, key = 2, value = 2, block = 16>)
      -> (tensor<?x4xf32, #ingot.rows<returned>>,
          !ingot.kv<group = 0, layers = 3, heads = 1, key = 2, value = 2, block = 16>) {
    %table = ingot.param "table" : tensor<4x4xf32>
    %x = ingot.embed %batch, %table : tensor<4x4xf32> -> tensor<?x4xf32>
    %r = ingot.select_rows %x, %batch : tensor<?x4xf32> -> tensor<?x4xf32, #ingot.rows<returned>>
    return %r, %kv : tensor<?x4xf32, #ingot.rows<returned>>,
      !ingot.kv<group = 0, layers = 3, heads = 1, key = 2, value = 2, block = 16>
  }
}
)mlir";

Status statusOf(const TempDir &dir, const std::string &program) {
  writeText(dir.file("p.mlir"), program);
  mlir::MLIRContext context;
  return importModel(dir.file("p.mlir"), {.blockTokens = 16, .randomWeights = true}, context)
      .status();
}

} // namespace

TEST_CASE("a printed program imports again as itself") {
  TempDir dir;
  mlir::MLIRContext context;
  auto model = importModel(modelData("qwen3"), {}, context);
  REQUIRE(model.isOk());
  writeText(dir.file("p.mlir"), textOf(*model->module));
  std::filesystem::copy_file(modelData("qwen3/model.safetensors"), dir.file("model.safetensors"));
  auto again = importModel(dir.file("p.mlir"), {}, context);
  INFO(again.status().toString());
  REQUIRE(again.isOk());
  CHECK(textOf(*again->module) == textOf(*model->module));
  CHECK(again->info.architecture == "Qwen3ForCausalLM");
  CHECK(again->info.name == "qwen3-44K");
  CHECK(again->info.vocab == 160);
  CHECK(again->info.hidden == 64);
  CHECK(again->info.layers == 2);
  CHECK(again->info.maxContext == 256);
  CHECK(again->info.parameters == 44448);
  REQUIRE(again->weights);
  CHECK(again->weights->find("model.norm.weight"));
}

TEST_CASE("weights beside a program may have its name, and more tensors than it reads") {
  TempDir dir;
  writeText(dir.file("p.mlir"), kProgram);
  mlir::MLIRContext context;
  CHECK(failsWith(importModel(dir.file("p.mlir"), {}, context).status(), "checkpoint-missing",
                  {dir.path()}));
  writeFile(dir.file("p.safetensors"),
            SafetensorsBuilder().add("table", {4, 4}, 1.0f).add("more", {2}, 1.0f).bytes());
  auto model = importModel(dir.file("p.mlir"), {}, context);
  REQUIRE(model.isOk());
  CHECK(model->info.architecture == "Echo");
  CHECK(model->info.name == "echo");
  CHECK(model->info.layers == 3);
  REQUIRE(model->warnings.size() == 1);
  CHECK(model->warnings[0].find("more") != std::string::npos);
}

TEST_CASE("a program that does not parse or verify is refused with line and reason") {
  TempDir dir;
  CHECK(statusOf(dir, kProgram).isOk());
  CHECK(failsWith(statusOf(dir, replaced(kProgram, "ingot.embed", "ingot.embark")),
                  "program-invalid", {"p.mlir", "line 8", "embark"}));
  CHECK(failsWith(statusOf(dir, replaced(kProgram, "\"table\" : tensor<4x4xf32>",
                                         "\"table\" : tensor<4x5xf32>")),
                  "program-invalid", {"line 8"}));
  mlir::MLIRContext context;
  CHECK(failsWith(importModel(dir.file("gone.mlir"), {}, context).status(), "file-missing",
                  {"gone.mlir"}));
}

TEST_CASE("a program that would exhaust the parser is refused unread") {
  TempDir dir;
  const std::string deep(100'000, '<');
  CHECK(failsWith(statusOf(dir, "func.func @f(%a: tuple" + deep), "program-invalid",
                  {"p.mlir", "100001 deep", "256"}));
  CHECK(statusOf(dir, "// " + deep + "\n" + kProgram).isOk());
  CHECK(statusOf(dir, replaced(kProgram, "\"Echo\"", "\"\\\"" + deep + "\"")).isOk());
  CHECK(failsWith(statusOf(dir, "ML\xefR"), "program-invalid", {"bytecode"}));
  std::filesystem::create_directory(dir.file("d.mlir"));
  mlir::MLIRContext context;
  CHECK(failsWith(importModel(dir.file("d.mlir"), {}, context).status(), "file-not-regular",
                  {"d.mlir"}));
}

TEST_CASE("a program needs its entry and its attribute") {
  TempDir dir;
  CHECK(failsWith(statusOf(dir, replaced(kProgram, "@forward", "@backward")), "program-invalid",
                  {"@forward"}));
  CHECK(failsWith(statusOf(dir, replaced(kProgram, "max_context = 64", "max_context = 0")),
                  "program-invalid", {"max_context"}));
  CHECK(failsWith(statusOf(dir, replaced(kProgram, "ingot.model", "ingot.other")),
                  "program-invalid", {"ingot.model"}));
}

TEST_CASE("what nothing reads is refused, with what was probably meant") {
  TempDir dir;
  const auto refused = [&](const char *from, const char *to, const char *word) {
    return failsWith(statusOf(dir, replaced(kProgram, from, to)), "program-invalid", {word});
  };
  CHECK(refused("%x, %batch :", "%x, %batch {laber = 1 : i64} :", "line 9 column 10"));
  CHECK(refused("%x, %batch :", "%x, %batch {laber = 1 : i64} :", "'laber'"));
  CHECK(refused("\"table\" :", "\"table\" {clip_serch} :", "did you mean clip_search?"));
  CHECK(refused("{ingot.model", "{ingot.target = \"cuda\", ingot.model", "'ingot.target'"));
  CHECK(refused("name = \"echo\"", "nam = \"echo\"", "did you mean name?"));
  CHECK(refused("name = \"echo\"", "name = 3", "'name' must be a text"));
  CHECK(refused("  func.func", "  func.func private @other()\n  func.func", "beside @forward"));
  CHECK(statusOf(dir, replaced(kProgram, "\"table\" :", "\"table\" {mine.note = 1} :")).isOk());
}

TEST_CASE("numbers beyond 32 bits do not wrap") {
  TempDir dir;
  const auto refused = [&](const char *from, const char *to, const char *word) {
    std::string text = kProgram;
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += std::strlen(to))
      text.replace(at, std::strlen(from), to);
    return failsWith(statusOf(dir, text), "program-invalid", {word});
  };
  CHECK(refused("layers = 3", "layers = 4294967298", "kv layers must be from 1 to 4096"));
  CHECK(refused("max_context = 64", "max_context = 4294967360", "from 1 to 268435456"));
  CHECK(refused("max_context = 64 : i64", "max_context = 64 : ui64", "must be an i64"));
  CHECK(refused("tensor<?x4xf32>", "tensor<?x4294967300xf32>", "2^28 columns"));
  CHECK(refused("group = 0", "group = 1", "counted from 0"));
}

TEST_CASE("rows are those of the step, logits those of returned tokens") {
  TempDir dir;
  std::string fixed = kProgram;
  for (size_t at; (at = fixed.find("tensor<?x4xf32>")) != std::string::npos;)
    fixed.replace(at, 15, "tensor<7x4xf32>");
  CHECK(failsWith(statusOf(dir, fixed), "program-invalid", {"makes 7 rows"}));
  std::string all = replaced(kProgram, "return %r", "return %x");
  for (size_t at; (at = all.find("(tensor<?x4xf32, #ingot.rows<returned>>")) != std::string::npos;)
    all.replace(at, 39, "(tensor<?x4xf32>");
  all = replaced(all, "%kv : tensor<?x4xf32, #ingot.rows<returned>>", "%kv : tensor<?x4xf32>");
  CHECK(failsWith(statusOf(dir, all), "program-invalid", {"returned"}));
}

TEST_CASE("names tell the size") {
  CHECK(modelName("llama", 260'032) == "llama-260K");
  CHECK(modelName("qwen3", 596'049'920) == "qwen3-596.0M");
  CHECK(modelName("llama", 1'235'814'400) == "llama-1.2B");
}
