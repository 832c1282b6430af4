#include "runtime/base/JsonWriter.h"

#include <charconv>
#include <cmath>

namespace ingot {

/// Length of the valid UTF-8 sequence at the start of `text`, 0 when there is none.
static size_t utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80)
    return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length)
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
  // Overlong forms, surrogates and values above U+10FFFF.
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f) ||
      (lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f))
    return 0;
  return length;
}

void JsonWriter::newLine() {
  if (!pretty_)
    return;
  out_ << '\n';
  for (size_t i = 0; i < hasItems_.size(); ++i)
    out_ << "  ";
}

void JsonWriter::beforeValue() {
  if (afterKey_) {
    afterKey_ = false;
    return;
  }
  if (hasItems_.empty())
    return;
  if (hasItems_.back())
    out_ << ',';
  hasItems_.back() = true;
  newLine();
}

JsonWriter &JsonWriter::begin(char bracket) {
  beforeValue();
  out_ << bracket;
  hasItems_.push_back(false);
  return *this;
}

JsonWriter &JsonWriter::end(char bracket) {
  const bool hadItems = hasItems_.back();
  hasItems_.pop_back();
  if (hadItems)
    newLine();
  out_ << bracket;
  if (pretty_ && hasItems_.empty())
    out_ << '\n';
  return *this;
}

JsonWriter &JsonWriter::key(std::string_view name) {
  beforeValue();
  quote(name);
  out_ << (pretty_ ? ": " : ":");
  afterKey_ = true;
  return *this;
}

void JsonWriter::quote(std::string_view text) {
  static const char kHex[] = "0123456789abcdef";
  out_ << '"';
  while (!text.empty()) {
    const unsigned char c = static_cast<unsigned char>(text[0]);
    const size_t length = utf8Length(text);
    if (length == 0)
      out_ << "\xef\xbf\xbd";
    else if (c == '"' || c == '\\')
      out_ << '\\' << text[0];
    else if (c == '\n')
      out_ << "\\n";
    else if (c == '\t')
      out_ << "\\t";
    else if (c < 0x20 || c == 0x7f)
      out_ << "\\u00" << kHex[c >> 4] << kHex[c & 15];
    else
      out_ << text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out_ << '"';
}

JsonWriter &JsonWriter::value(std::string_view text) {
  beforeValue();
  quote(text);
  return *this;
}

JsonWriter &JsonWriter::value(bool flag) {
  beforeValue();
  out_ << (flag ? "true" : "false");
  return *this;
}

/// Shortest text that reads back as the same number, whatever the stream's locale.
template <typename T>
static void writeNumber(std::ostream &out, T number) {
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, number);
  out << std::string_view(text, static_cast<size_t>(result.ptr - text));
}

/// What is not finite has no number in JSON.
template <typename T>
static void writeFinite(std::ostream &out, T number) {
  if (std::isfinite(number))
    writeNumber(out, number);
  else
    out << "null";
}

JsonWriter &JsonWriter::value(double number) {
  beforeValue();
  writeFinite(out_, number);
  return *this;
}

JsonWriter &JsonWriter::value(float number) {
  beforeValue();
  writeFinite(out_, number);
  return *this;
}

JsonWriter &JsonWriter::value(int64_t number) {
  beforeValue();
  writeNumber(out_, number);
  return *this;
}

JsonWriter &JsonWriter::value(uint64_t number) {
  beforeValue();
  writeNumber(out_, number);
  return *this;
}

} // namespace ingot
