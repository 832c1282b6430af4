#include "models/import/SafetensorsHeader.h"
#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>

#include <cstring>

using namespace ingot;
using namespace ingot::test;

namespace {

Status statusOf(const std::vector<uint8_t> &file) {
  return parseSafetensorsHeader(file, "x.safetensors").status();
}

Status statusOf(const std::string &header, size_t dataBytes) {
  return statusOf(safetensorsFile(header, std::vector<uint8_t>(dataBytes)));
}

std::string entry(const std::string &name, const std::string &dtype, const std::string &shape,
                  const std::string &offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
         offsets + "}";
}

} // namespace

TEST_CASE("a header gives the tensors in the order of their bytes") {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},)" + entry("b", "BF16", "[2,3]", "[8,20]") + "," +
      entry("a", "F32", "[2]", "[0,8]") + "," + entry("empty", "F16", "[0,5]", "[20,20]") + "," +
      entry("scalar", "I64", "[]", "[20,28]") + "}   ";
  const auto file = safetensorsFile(header, std::vector<uint8_t>(28));
  const auto parsed = parseSafetensorsHeader(file, "x.safetensors");
  REQUIRE(parsed.isOk());
  CHECK(parsed->dataOffset == 8 + header.size());
  REQUIRE(parsed->tensors.size() == 4);
  CHECK(parsed->tensors[0].name == "a");
  CHECK(parsed->tensors[1].name == "b");
  CHECK(parsed->tensors[1].type == "BF16");
  CHECK(parsed->tensors[1].shape == std::vector<int64_t>{2, 3});
  CHECK(parsed->tensors[1].begin == 8);
  CHECK(parsed->tensors[1].end == 20);
  CHECK(parsed->tensors[3].name == "scalar");
}

TEST_CASE("header lengths that cannot be are refused with the number") {
  CHECK(failsWith(statusOf(std::vector<uint8_t>(7)), "safetensors-truncated", {"7 bytes"}));
  std::vector<uint8_t> file = safetensorsFile("{}", {});
  const auto withLength = [&](uint64_t length) {
    std::memcpy(file.data(), &length, 8);
    return statusOf(file);
  };
  CHECK(withLength(2).isOk());
  CHECK(failsWith(withLength(3), "safetensors-truncated", {"header of 3 bytes", "file of 10"}));
  CHECK(failsWith(withLength(~uint64_t(0)), "safetensors-header", {"18446744073709551615"}));
  CHECK(failsWith(withLength(~uint64_t(0) - 7), "safetensors-header", {"18446744073709551608"}));
  CHECK(failsWith(withLength(kMaxSafetensorsHeader + 1), "safetensors-header", {"100000001"}));
}

TEST_CASE("text that is no table is refused") {
  CHECK(failsWith(statusOf("", 0), "json-invalid", {"x.safetensors"}));
  CHECK(failsWith(statusOf("{\"a\":", 0), "json-invalid", {"x.safetensors"}));
  CHECK(failsWith(statusOf("{} {}", 0), "json-invalid", {}));
  CHECK(failsWith(statusOf("[]", 0), "safetensors-header", {"not an object"}));
  CHECK(failsWith(statusOf("{\"a\xff\":1}", 0), "json-invalid", {}));
  CHECK(failsWith(statusOf(std::string(100, '[') + std::string(100, ']'), 0), "json-depth",
                  {"64 levels"}));
}

TEST_CASE("a name that appears twice is refused") {
  const std::string twice =
      "{" + entry("a", "F32", "[1]", "[0,4]") + "," + entry("a", "F32", "[1]", "[4,8]") + "}";
  CHECK(failsWith(statusOf(twice, 8), "json-duplicate-key", {"\"a\"", "x.safetensors"}));
}

TEST_CASE("rows of the table with missing or wrong fields are refused by name") {
  for (const char *row :
       {"1", R"({"shape":[1],"data_offsets":[0,4]})",
        R"({"dtype":3,"shape":[1],"data_offsets":[0,4]})",
        R"({"dtype":"F32","data_offsets":[0,4]})",
        R"({"dtype":"F32","shape":4,"data_offsets":[0,4]})", R"({"dtype":"F32","shape":[1]})",
        R"({"dtype":"F32","shape":[1],"data_offsets":[0]})",
        R"({"dtype":"F32","shape":[1],"data_offsets":[-4,0]})",
        R"({"dtype":"F32","shape":[1],"data_offsets":[0.0,4.0]})"})
    CHECK(failsWith(statusOf(std::string("{\"w\":") + row + "}", 4), "safetensors-entry",
                    {"x.safetensors", "\"w\""}));
}

TEST_CASE("an unknown dtype is named") {
  CHECK(failsWith(statusOf("{" + entry("w", "F33", "[1]", "[0,4]") + "}", 4), "safetensors-dtype",
                  {"\"w\"", "\"F33\""}));
}

TEST_CASE("shapes that are no sizes, or overflow, are refused") {
  const auto shaped = [](const std::string &shape) {
    return statusOf("{" + entry("w", "F32", shape, "[0,4]") + "}", 4);
  };
  CHECK(failsWith(shaped("[-1]"), "safetensors-shape", {"\"w\"", "-1"}));
  CHECK(failsWith(shaped("[1.5]"), "safetensors-shape", {"1.5"}));
  CHECK(failsWith(shaped("[18446744073709551615]"), "safetensors-shape", {"18446744073709551615"}));
  CHECK(failsWith(shaped("[4294967296,4294967296]"), "safetensors-shape", {"4294967296"}));
  CHECK(failsWith(shaped("[1,1,1,1,1,1,1,1,1]"), "safetensors-shape", {"9 dimensions"}));
  CHECK(failsWith(statusOf("{" + entry("w", "F4", "[3]", "[0,2]") + "}", 2), "safetensors-shape",
                  {"12 bits"}));
}

TEST_CASE("offsets must lie in the file and fit the shape") {
  const auto placed = [](const std::string &offsets, size_t dataBytes) {
    return statusOf("{" + entry("w", "F32", "[2]", offsets) + "}", dataBytes);
  };
  CHECK(placed("[0,8]", 8).isOk());
  CHECK(failsWith(placed("[0,8]", 7), "safetensors-offsets", {"\"w\"", "0 to 8", "7 bytes"}));
  CHECK(failsWith(placed("[8,0]", 8), "safetensors-offsets", {"8 to 0"}));
  CHECK(failsWith(placed("[0,4]", 4), "safetensors-offsets", {"takes 8 bytes", "hold 4"}));
  CHECK(failsWith(placed("[18446744073709551608,18446744073709551615]", 8), "safetensors-offsets",
                  {"18446744073709551608"}));
}

TEST_CASE("tensors must cover the data once, without gap or overlap") {
  const auto two = [](const std::string &first, const std::string &second, size_t dataBytes) {
    return statusOf("{" + entry("a", "F32", "[2]", first) + "," + entry("b", "F32", "[2]", second) +
                        "}",
                    dataBytes);
  };
  CHECK(two("[0,8]", "[8,16]", 16).isOk());
  CHECK(failsWith(two("[0,8]", "[4,12]", 12), "safetensors-overlap",
                  {"\"a\"", "\"b\"", "data byte 4"}));
  CHECK(failsWith(two("[0,8]", "[0,8]", 8), "safetensors-overlap", {"\"a\"", "\"b\""}));
  CHECK(failsWith(two("[0,8]", "[9,17]", 17), "safetensors-gap", {"8 to 9", "\"b\""}));
  CHECK(failsWith(two("[1,9]", "[9,17]", 17), "safetensors-gap", {"0 to 1", "\"a\""}));
  CHECK(failsWith(two("[0,8]", "[8,16]", 17), "safetensors-gap", {"byte 16", "file at 17"}));
}

TEST_CASE("every truncation of a file is refused") {
  const std::vector<uint8_t> file =
      SafetensorsBuilder().add("a", {2}, {1, 2}).add("b", {3}, {3, 4, 5}).bytes();
  REQUIRE(statusOf(file).isOk());
  for (size_t length = 0; length < file.size(); ++length) {
    INFO("length " << length);
    CHECK_FALSE(statusOf({file.begin(), file.begin() + static_cast<long>(length)}).isOk());
  }
}

TEST_CASE("whatever one byte becomes, an accepted table still covers the data once") {
  std::vector<uint8_t> file =
      SafetensorsBuilder().add("a", {2}, {1, 2}).add("b", {3}, {3, 4, 5}).bytes();
  const size_t headerEnd = file.size() - 20;
  size_t accepted = 0;
  for (size_t place = 0; place < headerEnd; ++place) {
    const uint8_t original = file[place];
    for (int value = 0; value < 256; ++value) {
      file[place] = static_cast<uint8_t>(value);
      const auto parsed = parseSafetensorsHeader(file, "x.safetensors");
      if (!parsed)
        continue;
      ++accepted;
      uint64_t covered = parsed->dataOffset;
      for (const SafetensorsEntry &tensor : parsed->tensors) {
        if (parsed->dataOffset + tensor.begin != covered)
          FAIL("byte " << place << " = " << value << ": \"" << tensor.name << "\" does not follow");
        covered = parsed->dataOffset + tensor.end;
      }
      if (covered != file.size())
        FAIL("byte " << place << " = " << value << ": the tensors end at " << covered);
    }
    file[place] = original;
  }
  CHECK(accepted > headerEnd); // other names, at least
}
