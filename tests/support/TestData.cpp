#include "tests/support/TestData.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace ingot::test {

std::string testData(const std::string &name) { return INGOT_TEST_DATA "/" + name; }

std::optional<std::string> sharedData(const std::string &path) {
  const char *set = std::getenv("INGOT_SHARED");
  const std::string full = std::string(set ? set : INGOT_SHARED_DEFAULT) + "/" + path;
  if (std::filesystem::exists(full))
    return full;
  std::cout << "skipped: shared data absent (" << full << ")\n";
  return std::nullopt;
}

} // namespace ingot::test
