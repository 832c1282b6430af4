#include "runtime/base/Random.h"
#include "runtime/base/Hash.h"

#include <array>
#include <catch2/catch.hpp>
#include <vector>

using namespace ingot;

TEST_CASE("the generator's numbers are frozen: artifacts and seeds depend on them") {
  const uint64_t key = randomKey(42, 7);
  std::vector<uint64_t> numbers;
  for (uint64_t i = 0; i < 1000; ++i)
    numbers.push_back(randomBits(key, i));
  CHECK(hash64(numbers.data(), numbers.size() * 8) == 0x6da3ed52e089f9b2ull);
}

TEST_CASE("streams and seeds differ in about half of their bits") {
  int different = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    different +=
        __builtin_popcountll(randomBits(randomKey(1, 0), i) ^ randomBits(randomKey(1, 1), i));
    different +=
        __builtin_popcountll(randomBits(randomKey(1, 0), i) ^ randomBits(randomKey(2, 0), i));
    different +=
        __builtin_popcountll(randomBits(randomKey(1, 0), i) ^ randomBits(randomKey(1, 0), i + 1));
  }
  CHECK(different / 3000.0 == Approx(32).margin(0.5));
}

TEST_CASE("unit floats lie in [0, 1) and spread evenly") {
  std::array<int, 16> counts{};
  for (uint64_t i = 0; i < 16000; ++i) {
    const float u = unitFloat(randomBits(randomKey(9, 9), i));
    REQUIRE((u >= 0.0f && u < 1.0f));
    ++counts[static_cast<size_t>(u * 16)];
  }
  for (int count : counts)
    CHECK(count == Approx(1000).margin(150));
  CHECK(unitFloat(~uint64_t(0)) < 1.0f);
}

TEST_CASE("a stream hash equals the hash of the whole") {
  std::vector<uint8_t> bytes(100001);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<uint8_t>(mix64(i));
  StreamHash stream;
  stream.begin(5);
  for (size_t at = 0, step = 1; at < bytes.size(); at += step, step = step * 3 % 4096 + 1)
    stream.add(std::span(bytes).subspan(at, std::min(step, bytes.size() - at)));
  CHECK(stream.digest() == hash64(std::span<const uint8_t>(bytes), 5));
  CHECK(stream.digest() != hash64(std::span<const uint8_t>(bytes), 6));
}
