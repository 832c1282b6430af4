#include "runtime/text/Utf8.h"

namespace ingot {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd"; // U+FFFD

/// Length of the character a lead byte opens and the allowed range of its second byte; length 0 for
/// bytes that open nothing (Unicode, table 3-7: no overlong forms, no surrogates, nothing above
/// 10FFFF).
struct Lead {
  uint32_t bytes;
  uint8_t low;
  uint8_t high;
};

Lead classifyLead(uint8_t byte) {
  if (byte < 0x80)
    return {1, 0, 0};
  if (byte >= 0xc2 && byte <= 0xdf)
    return {2, 0x80, 0xbf};
  if (byte >= 0xe0 && byte <= 0xef)
    return {3, static_cast<uint8_t>(byte == 0xe0 ? 0xa0 : 0x80),
            static_cast<uint8_t>(byte == 0xed ? 0x9f : 0xbf)};
  if (byte >= 0xf0 && byte <= 0xf4)
    return {4, static_cast<uint8_t>(byte == 0xf0 ? 0x90 : 0x80),
            static_cast<uint8_t>(byte == 0xf4 ? 0x8f : 0xbf)};
  return {0, 0, 0};
}

} // namespace

void appendUtf8(std::string &out, uint32_t codePoint) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  const auto tail = [&](int shift) { put(0x80 | (codePoint >> shift & 0x3f)); };
  if (codePoint < 0x80) {
    put(codePoint);
  } else if (codePoint < 0x800) {
    put(0xc0 | codePoint >> 6);
    tail(0);
  } else if (codePoint < 0x10000) {
    put(0xe0 | codePoint >> 12);
    tail(6);
    tail(0);
  } else {
    put(0xf0 | codePoint >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

size_t findInvalidUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Lead lead = classifyLead(static_cast<uint8_t>(text[at]));
    if (lead.bytes == 0 || lead.bytes > text.size() - at)
      return at;
    for (uint32_t i = 1; i < lead.bytes; ++i) {
      const uint8_t byte = static_cast<uint8_t>(text[at + i]);
      if (byte < (i == 1 ? lead.low : 0x80) || byte > (i == 1 ? lead.high : 0xbf))
        return at;
    }
    at += lead.bytes;
  }
  return std::string_view::npos;
}

void Utf8Repair::begin(uint8_t byte, std::string &out) {
  const Lead lead = classifyLead(byte);
  if (lead.bytes == 1) {
    out += static_cast<char>(byte);
  } else if (lead.bytes == 0) {
    out += kReplacement;
  } else {
    pending_[0] = static_cast<char>(byte);
    have_ = 1;
    need_ = lead.bytes;
    low_ = lead.low;
    high_ = lead.high;
  }
}

void Utf8Repair::feed(std::string_view bytes, std::string &out) {
  for (const char c : bytes) {
    const uint8_t byte = static_cast<uint8_t>(c);
    if (need_ == 0) {
      begin(byte, out);
    } else if (byte < low_ || byte > high_) {
      flush(out);
      begin(byte, out);
    } else {
      pending_[have_++] = c;
      low_ = 0x80;
      high_ = 0xbf;
      if (have_ == need_) {
        out.append(pending_, have_);
        have_ = need_ = 0;
      }
    }
  }
}

void Utf8Repair::flush(std::string &out) {
  if (need_ != 0)
    out += kReplacement;
  have_ = need_ = 0;
}

} // namespace ingot
