#include "runtime/artifact/Container.h"

#include "runtime/base/Hash.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

using namespace ingot;

/// A file of one page with a manifest of 100 bytes behind it.
static std::vector<uint8_t> makeFile(Header &header) {
  std::vector<uint8_t> file(kPageBytes + 100);
  for (size_t i = kPageBytes; i < file.size(); ++i)
    file[i] = static_cast<uint8_t>(i);
  header.manifestOffset = kPageBytes;
  header.manifestBytes = 100;
  header.fileBytes = file.size();
  header.manifestHash = hash64(std::span<const uint8_t>(file).subspan(kPageBytes));
  const auto bytes = encodeHeader(header);
  std::copy(bytes.begin(), bytes.end(), file.begin());
  return file;
}

/// makeFile with one field changed and the header's hash right.
template <typename Change>
static Status decodeChanged(Change change) {
  Header header;
  std::vector<uint8_t> file = makeFile(header);
  change(header);
  const auto bytes = encodeHeader(header);
  std::copy(bytes.begin(), bytes.end(), file.begin());
  return decodeHeader(file).status();
}

TEST_CASE("a header reads back as it was written, little endian") {
  Header header;
  const std::vector<uint8_t> file = makeFile(header);
  const auto read = decodeHeader(file);
  REQUIRE(read.isOk());
  CHECK(read->manifestOffset == kPageBytes);
  CHECK(read->manifestBytes == 100);
  CHECK(read->manifestHash == header.manifestHash);
  CHECK(std::memcmp(file.data(), "INGOT\r\n\x1a", 8) == 0);
  CHECK((file[8] == kFormatVersion && file[9] == 0));
  CHECK((file[16] == 0x00 && file[17] == 0x10)); // 4096
}

TEST_CASE("a file that is shorter than a header is truncated") {
  Header header;
  const std::vector<uint8_t> file = makeFile(header);
  for (size_t size = 0; size < kHeaderBytes; ++size)
    REQUIRE(decodeHeader(std::span(file).first(size)).status().id() == "artifact-truncated");
}

TEST_CASE("a transfer in text mode and foreign files have their own explanation") {
  Header header;
  std::vector<uint8_t> file = makeFile(header);
  file[5] = '\n';
  CHECK(decodeHeader(file).status().message().find("text mode") != std::string::npos);
  file[0] = 'X';
  CHECK(decodeHeader(file).status().message().find("ingotc") != std::string::npos);
  CHECK(decodeHeader(file).status().id() == "artifact-magic");
}

TEST_CASE("every changed bit of the header is found") {
  Header header;
  const std::vector<uint8_t> file = makeFile(header);
  for (size_t bit = 0; bit < kHeaderBytes * 8; ++bit) {
    std::vector<uint8_t> changed = file;
    changed[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    REQUIRE_FALSE(decodeHeader(changed).isOk());
  }
}

TEST_CASE("versions, flags and the signature slot of the future are refused") {
  CHECK(decodeChanged([](Header &h) { h.formatVersion = 2; }).id() == "artifact-version");
  CHECK(decodeChanged([](Header &h) { h.flags = 1; }).id() == "artifact-version");
  CHECK(decodeChanged([](Header &h) { h.signature = 1; }).id() == "artifact-version");
}

TEST_CASE("places near 2^64 are refused without wrapping") {
  const uint64_t most = ~uint64_t(0);
  CHECK(decodeChanged([=](Header &h) { h.fileBytes = most; }).id() == "artifact-truncated");
  CHECK(decodeChanged([=](Header &h) { h.fileBytes = 0; }).id() == "artifact-size");
  CHECK(decodeChanged([=](Header &h) { h.manifestOffset = most - 4095; }).id() ==
        "artifact-header");
  CHECK(decodeChanged([=](Header &h) { h.manifestBytes = most; }).id() == "artifact-header");
  CHECK(decodeChanged([=](Header &h) {
          h.manifestOffset = most - 99;
          h.manifestBytes = most - 99 + h.fileBytes;
        }).id() == "artifact-header");
  CHECK(decodeChanged([=](Header &h) { h.manifestOffset = 0; }).id() == "artifact-header");
  CHECK(decodeChanged([=](Header &h) { h.manifestHash ^= 1; }).id() == "artifact-manifest-hash");
}

TEST_CASE("the first nonzero byte is found at every place") {
  std::vector<uint8_t> bytes(37);
  CHECK(firstNonZero(bytes) == 37);
  CHECK(firstNonZero({}) == 0);
  for (size_t i = 37; i-- > 0;) {
    bytes[i] = 1;
    REQUIRE(firstNonZero(bytes) == i);
  }
}
