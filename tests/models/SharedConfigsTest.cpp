// Real config.json files of many architectures: those that are known import, all others are refused
// by name. Nothing here needs weights.
#include "models/ImportModel.h"
#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>

#include "mlir/IR/MLIRContext.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>

using namespace ingot;
using namespace ingot::test;

namespace {

std::vector<std::filesystem::path> configFiles(const std::string &directory) {
  std::vector<std::filesystem::path> files;
  for (const auto &entry : std::filesystem::directory_iterator(directory))
    if (entry.path().extension() == ".json")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

} // namespace

TEST_CASE("real configs of known architectures import, others are refused by name") {
  const auto directory = sharedData("data/configs");
  if (!directory)
    return;
  // Elements that the published models have.
  const std::map<std::string, uint64_t> parameters = {
      {"LlamaForCausalLM", 8'030'261'248},
      {"LlamaForCausalLM.llama-2-7b", 6'738'415'616},
      {"LlamaForCausalLM.llama-3.1-70b", 70'553'706'496},
      {"LlamaForCausalLM.llama-3.2-1b", 1'235'814'400},
      {"LlamaForCausalLM.yi-34b", 34'388'917'248},
      {"MistralForCausalLM", 7'241'732'096},
      {"MistralForCausalLM.nemo-2407", 12'247'782'400},
      {"Qwen3ForCausalLM.qwen3-0.6b", 596'049'920},
      {"Qwen3ForCausalLM", 4'022'468'096},
  };
  int imported = 0, refused = 0;
  for (const std::filesystem::path &file : configFiles(*directory)) {
    const std::string stem = file.stem().string(), architecture = stem.substr(0, stem.find('.'));
    INFO(stem);
    TempDir dir;
    std::filesystem::copy_file(file, dir.file("config.json"));
    mlir::MLIRContext context;
    auto model = importModel(dir.path(), {.blockTokens = 16, .randomWeights = true}, context);
    if (architecture == "LlamaForCausalLM" || architecture == "MistralForCausalLM" ||
        architecture == "Qwen3ForCausalLM") {
      INFO(model.status().toString());
      REQUIRE(model.isOk());
      CHECK(model->info.architecture == architecture);
      if (const auto known = parameters.find(stem); known != parameters.end())
        CHECK(model->info.parameters == known->second);
      ++imported;
    } else {
      CHECK(failsWith(model.status(), "model-unknown", {"\"" + architecture + "\""}));
      ++refused;
    }
  }
  CHECK(imported >= 11);
  CHECK(refused >= 70);
  std::cout << "shared configs: " << imported << " imported, " << refused << " refused by name\n";
}
