#include "tests/text/TextTestSupport.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

namespace ingot::test {

std::string textData(const std::string &name) { return std::string(INGOT_TEST_DATA "/text/") + name; }

std::string readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  INFO(path);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void writeFile(const std::string &path, const std::vector<uint8_t> &bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char *>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  INFO(path);
  REQUIRE(out.good());
}

nlohmann::json readJson(const std::string &path) { return nlohmann::json::parse(readFile(path)); }

std::optional<std::string> sharedData(const std::string &path) {
  const char *set = std::getenv("INGOT_SHARED");
  const std::string full = std::string(set ? set : INGOT_SHARED_DEFAULT) + "/" + path;
  if (std::filesystem::exists(full))
    return full;
  std::cout << "skipped: shared data absent (" << full << ")\n";
  return std::nullopt;
}

} // namespace ingot::test
