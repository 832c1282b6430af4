// UTF-8: decoding of checked text, checking, and repair of byte streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ingot {

/// One code point and its length in bytes.
struct CodePoint {
  uint32_t value;
  uint32_t bytes;
};

/// The code point at text[at]; `text` must be valid UTF-8 and `at` the start of a character.
inline CodePoint decodeUtf8(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(text[at + i]));
  };
  const uint32_t lead = byte(0);
  if (lead < 0x80)
    return {lead, 1};
  if (lead < 0xe0)
    return {(lead & 0x1fu) << 6 | (byte(1) & 0x3fu), 2};
  if (lead < 0xf0)
    return {(lead & 0x0fu) << 12 | (byte(1) & 0x3fu) << 6 | (byte(2) & 0x3fu), 3};
  return {(lead & 0x07u) << 18 | (byte(1) & 0x3fu) << 12 | (byte(2) & 0x3fu) << 6 |
              (byte(3) & 0x3fu),
          4};
}

/// Appends a Unicode scalar value.
void appendUtf8(std::string &out, uint32_t codePoint);

/// Offset of the first byte that is not part of well-formed UTF-8, or npos.
size_t findInvalidUtf8(std::string_view text);

/// Turns any byte stream into UTF-8: each longest ill-formed run becomes one U+FFFD (as Unicode
/// recommends: "maximal subpart"), characters split between feeds are kept back until complete.
class Utf8Repair {
public:
  void feed(std::string_view bytes, std::string &out);
  void flush(std::string &out);

private:
  void begin(uint8_t byte, std::string &out);

  char pending_[4] = {};
  uint32_t have_ = 0; ///< bytes in pending_
  uint32_t need_ = 0; ///< bytes of the open character; 0 = none open
  uint8_t low_ = 0x80;
  uint8_t high_ = 0xbf; ///< range of the next byte
};

} // namespace ingot
