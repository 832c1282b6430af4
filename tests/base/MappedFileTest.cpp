#include "runtime/base/MappedFile.h"

#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>
#include <utility>

using namespace ingot;
using test::TempDir;

TEST_CASE("a mapped file shows the bytes of the file") {
  const TempDir dir;
  const std::vector<uint8_t> bytes = {1, 2, 3, 250};
  test::writeFile(dir.file("a"), bytes);
  auto file = MappedFile::open(dir.file("a"));
  REQUIRE(file.isOk());
  MappedFile moved = *std::move(file);
  CHECK(std::vector<uint8_t>(moved.bytes().begin(), moved.bytes().end()) == bytes);
  CHECK(moved.descriptor() >= 0);
}

TEST_CASE("an empty file maps to nothing") {
  const TempDir dir;
  test::writeFile(dir.file("empty"), {});
  CHECK(MappedFile::open(dir.file("empty"))->bytes().empty());
}

TEST_CASE("missing files, directories and devices are refused by name") {
  const TempDir dir;
  const auto missing = MappedFile::open(dir.file("none"));
  CHECK(missing.status().id() == "file-missing");
  CHECK(missing.status().errorClass() == ErrorClass::NoInput);
  CHECK(missing.status().message().find("none") != std::string::npos);
  CHECK(MappedFile::open(dir.path()).status().id() == "file-not-regular");
  CHECK(MappedFile::open("/dev/null").status().id() == "file-not-regular");
}

TEST_CASE("anonymous memory is zeroed, and impossible sizes are refused") {
  auto memory = AnonymousMemory::allocate(100000);
  REQUIRE(memory.isOk());
  CHECK(memory->data()[99999] == 0);
  memory->data()[99999] = 1;
  CHECK(AnonymousMemory::allocate(0)->size() == 0);
  CHECK(AnonymousMemory::allocate(uint64_t(1) << 62).status().id() == "memory-exhausted");
}
