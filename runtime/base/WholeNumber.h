// Whole numbers of command lines: a seed that wraps around silently is another seed.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace ingot {

/// Empty for a number from 0 to 2^64-1 in decimal digits with nothing around it, else a message.
inline std::string checkWholeNumber(std::string_view text) {
  uint64_t value = 0;
  const char *const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end
             ? std::string()
             : "'" + std::string(text) + "' is not a whole number from 0 to 18446744073709551615";
}

} // namespace ingot
