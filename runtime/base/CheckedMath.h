// Unsigned arithmetic on sizes from files: overflow is an answer, never a wrap.
#pragma once

#include <cstdint>
#include <optional>

namespace ingot {

/// A 64-bit size that remembers whether any step on the way overflowed.
class CheckedU64 {
public:
  constexpr CheckedU64(uint64_t value) : value_(value) {}
  constexpr bool ok() const { return ok_; }
  /// The value; 2^64 - 1 after an overflow.
  constexpr uint64_t valueOrMax() const { return ok_ ? value_ : ~uint64_t(0); }

  friend constexpr CheckedU64 operator+(CheckedU64 a, CheckedU64 b) {
    CheckedU64 r(0);
    r.ok_ = !__builtin_add_overflow(a.value_, b.value_, &r.value_) && a.ok_ && b.ok_;
    return r;
  }
  friend constexpr CheckedU64 operator*(CheckedU64 a, CheckedU64 b) {
    CheckedU64 r(0);
    r.ok_ = !__builtin_mul_overflow(a.value_, b.value_, &r.value_) && a.ok_ && b.ok_;
    return r;
  }
  /// True when the value is known and at most `limit`.
  constexpr bool atMost(uint64_t limit) const { return ok_ && value_ <= limit; }

private:
  uint64_t value_;
  bool ok_ = true;
};

constexpr bool isPowerOfTwo(uint64_t x) { return x != 0 && (x & (x - 1)) == 0; }
/// Least multiple of the power of two `align` that is >= x.
constexpr CheckedU64 alignUp(CheckedU64 x, uint64_t align) {
  const CheckedU64 sum = x + CheckedU64(align - 1);
  return sum.ok() ? CheckedU64(sum.valueOrMax() & ~(align - 1)) : sum;
}
constexpr uint64_t ceilDiv(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }

} // namespace ingot
