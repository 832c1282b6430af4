#include "runtime/base/CpuFeatures.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <string>

using namespace ingot;

TEST_CASE("each level runs the levels below it and not those above") {
  for (int have = 0; have < kCpuLevelCount; ++have) {
    const CpuFeatures machine = CpuFeatures::ofLevel(static_cast<CpuLevel>(have));
    for (int want = 0; want < kCpuLevelCount; ++want)
      CHECK(machine.runs(static_cast<CpuLevel>(want)) == (want <= have));
    CHECK(machine.bestLevel() == static_cast<CpuLevel>(have));
  }
  CHECK_FALSE(CpuFeatures().bestLevel().has_value());
}

TEST_CASE("levels are found by their names and short forms") {
  CHECK(*parseLevel("x86-64-v3") == CpuLevel::V3);
  CHECK(*parseLevel("v4-vnni") == CpuLevel::V4Vnni);
  CHECK(*parseLevel("x86-64-v4-vnni-bf16") == CpuLevel::V4VnniBf16);
  CHECK(parseLevel("x86-64-v4").status().id() == "cpu-level");
  CHECK(parseLevel("").status().message().find("x86-64-v4-vnni-bf16") != std::string::npos);
}

TEST_CASE("the host's features are those the kernel reports") {
  std::ifstream in("/proc/cpuinfo");
  std::string line;
  while (std::getline(in, line) && line.rfind("flags", 0) != 0) {
  }
  if (line.empty()) {
    WARN("skipped: no /proc/cpuinfo with flags");
    return;
  }
  std::istringstream words(line);
  std::string all = " ", word;
  while (words >> word)
    all += (word == "abm" ? "lzcnt" : word) + " ";
  const CpuFeatures host = CpuFeatures::host();
  for (int i = 0; i < kCpuFeatureCount; ++i) {
    const char *name = featureName(static_cast<CpuFeature>(i));
    INFO(name);
    CHECK(host.has(name) == (all.find(" " + std::string(name) + " ") != std::string::npos));
  }
  CHECK_FALSE(host.has("no_such_feature"));
}
