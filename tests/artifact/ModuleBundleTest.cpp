// Bundles of GPU modules: what is written is read, and nothing that is damaged is accepted.
#include "runtime/artifact/ModuleBundle.h"

#include <catch2/catch.hpp>

using namespace ingot;

namespace {

const std::vector<uint8_t> kFirst(100, 0x11), kSecond(7, 0x22);

std::vector<uint8_t> sample() {
  return writeModuleBundle(
      std::vector<CodeModule>{{kFirst, {"norm", "matmul"}}, {kSecond, {"attention"}}});
}

std::string refusal(std::span<const uint8_t> bytes) {
  const Result<std::vector<CodeModule>> modules = readModuleBundle(bytes);
  return modules ? "" : std::string(modules.status().id());
}

} // namespace

TEST_CASE("a bundle gives back its modules and their kernels") {
  const std::vector<uint8_t> bytes = sample();
  const auto modules = readModuleBundle(bytes);
  REQUIRE(modules);
  REQUIRE(modules->size() == 2);
  CHECK((*modules)[0].kernels == std::vector<std::string_view>{"norm", "matmul"});
  CHECK((*modules)[1].kernels == std::vector<std::string_view>{"attention"});
  CHECK(std::equal(kFirst.begin(), kFirst.end(), (*modules)[0].bytes.begin(),
                   (*modules)[0].bytes.end()));
  CHECK(std::equal(kSecond.begin(), kSecond.end(), (*modules)[1].bytes.begin(),
                   (*modules)[1].bytes.end()));
}

TEST_CASE("every truncation of a bundle is refused") {
  const std::vector<uint8_t> bytes = sample();
  for (size_t size = 0; size < bytes.size(); ++size) {
    INFO(size);
    CHECK(refusal(std::vector<uint8_t>(bytes.begin(), bytes.begin() + static_cast<long>(size))) ==
          "code-bundle");
  }
}

TEST_CASE("changed heads, padding and names of a bundle are refused or harmless") {
  const std::vector<uint8_t> bytes = sample();
  const size_t head = 8 + 2 * 20;
  for (size_t i = 0; i < head; ++i)
    for (uint8_t value : {0x00, 0x01, 0x7f, 0xff}) {
      std::vector<uint8_t> changed = bytes;
      changed[i] = value;
      INFO("byte " << i << " is " << int(value));
      const bool reachesIntoPadding = i == 16 && value == 0x7f; // 127 of 128 bytes: harmless
      if (changed != bytes && !reachesIntoPadding)
        CHECK(refusal(changed) == "code-bundle");
    }
  std::vector<uint8_t> padding = bytes;
  padding[8 + 2 * 20 + 5 + 7 + 10] = 1; // behind the names "norm", "matmul", "attention"
  CHECK(refusal(padding) == "code-bundle");
}

TEST_CASE("a kernel that two modules define is refused") {
  const auto bytes =
      writeModuleBundle(std::vector<CodeModule>{{kFirst, {"norm"}}, {kSecond, {"norm"}}});
  CHECK(refusal(bytes) == "code-bundle");
}
