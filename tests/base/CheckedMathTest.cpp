#include "runtime/base/CheckedMath.h"

#include <catch2/catch.hpp>

using namespace ingot;

TEST_CASE("an overflow on the way is remembered") {
  const uint64_t most = ~uint64_t(0);
  CHECK((CheckedU64(most) + CheckedU64(0)).ok());
  CHECK_FALSE((CheckedU64(most) + CheckedU64(1)).ok());
  CHECK_FALSE((CheckedU64(most) * CheckedU64(2) * CheckedU64(0)).ok());
  CHECK((CheckedU64(1) + CheckedU64(most)).valueOrMax() == most);
  CHECK((CheckedU64(uint64_t(1) << 32) * CheckedU64(1u << 31)).valueOrMax() == uint64_t(1) << 63);
}

TEST_CASE("atMost is false after an overflow, whatever the limit") {
  CHECK((CheckedU64(5) + CheckedU64(5)).atMost(10));
  CHECK_FALSE((CheckedU64(5) + CheckedU64(5)).atMost(9));
  CHECK_FALSE((CheckedU64(~uint64_t(0)) + CheckedU64(1)).atMost(~uint64_t(0)));
}

TEST_CASE("aligning near the end of the range overflows instead of wrapping") {
  CHECK(alignUp(CheckedU64(0), 64).valueOrMax() == 0);
  CHECK(alignUp(CheckedU64(65), 64).valueOrMax() == 128);
  CHECK_FALSE(alignUp(CheckedU64(~uint64_t(0)), 4096).ok());
  CHECK(ceilDiv(~uint64_t(0), 2) == uint64_t(1) << 63);
  CHECK(ceilDiv(0, 7) == 0);
}
