#include "models/import/FiniteScan.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <limits>

using namespace ingot;

namespace {

template <typename Word>
NonFiniteCount countOf(WeightType type, const std::vector<Word> &words) {
  // One byte off, as a header of odd length leaves the data.
  std::vector<uint8_t> bytes(1 + words.size() * sizeof(Word));
  if (!words.empty())
    std::memcpy(bytes.data() + 1, words.data(), words.size() * sizeof(Word));
  return countNonFinite(
      {type, {static_cast<int64_t>(words.size())}, bytes.data() + 1, words.size() * sizeof(Word)});
}

} // namespace

TEST_CASE("finite weights count nothing") {
  CHECK_FALSE(countOf<uint16_t>(WeightType::BF16, std::vector<uint16_t>(10000, 0x7f7f)).any());
  CHECK_FALSE(countOf<uint16_t>(WeightType::F16, std::vector<uint16_t>(10000, 0xfbff)).any());
  CHECK_FALSE(countOf<uint32_t>(WeightType::F32, {0x7f7fffffu, 0xff7fffffu, 1u, 0u}).any());
  CHECK_FALSE(countOf<uint32_t>(WeightType::F32, {}).any());
}

TEST_CASE("NaN and infinities are counted apart, the first is placed") {
  std::vector<uint16_t> half(9000, 0x3f80);
  half[4097] = 0x7f80; // infinity
  half[4098] = 0xff81; // NaN
  half[8999] = 0x7fc0; // NaN
  const NonFiniteCount bf16 = countOf(WeightType::BF16, half);
  CHECK(bf16.nans == 2);
  CHECK(bf16.infinities == 1);
  CHECK(bf16.firstIndex == 4097);

  const NonFiniteCount f16 = countOf<uint16_t>(WeightType::F16, {0x7bff, 0x7c00, 0xfc01});
  CHECK(f16.nans == 1);
  CHECK(f16.infinities == 1);
  CHECK(f16.firstIndex == 1);

  const NonFiniteCount f32 = countOf<uint32_t>(WeightType::F32, {0x7fc00000u, 0xff800000u});
  CHECK(f32.nans == 1);
  CHECK(f32.infinities == 1);
  CHECK(f32.firstIndex == 0);
}
