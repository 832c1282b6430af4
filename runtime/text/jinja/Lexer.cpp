#include "runtime/text/jinja/Lexer.h"

#include "runtime/base/Format.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <cctype>
#include <optional>

namespace ingot::jinja {

namespace {

bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<uint8_t>(c) >= 0x80;
}
bool isNameChar(char c) { return isNameStart(c) || isDigit(c); }

/// Line ends become LF; one at the very end is dropped.
std::string normalizeLines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      i += i + 1 < source.size() && source[i + 1] == '\n';
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n'))
    out.pop_back();
  return out;
}

class Lexer {
public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size())
      INGOT_TRY(readText());
    push(TokenType::End, "");
    return std::move(tokens_);
  }

private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }
  bool startsWith(std::string_view text) const {
    return std::string_view(source_).substr(at_).starts_with(text);
  }
  void push(TokenType type, std::string text) { tokens_.push_back({type, std::move(text), line_}); }
  void advance(size_t count) {
    for (; count > 0 && at_ < source_.size(); --count)
      line_ += source_[at_++] == '\n';
  }
  void skipSpace() {
    while (at_ < source_.size() && isSpace(source_[at_]))
      advance(1);
  }

  /// Text up to the next tag, the tag's opening, and what is inside it.
  Status readText() {
    const bool lineStart = at_ == 0 || source_[at_ - 1] == '\n';
    size_t tag = at_;
    while ((tag = source_.find('{', tag)) != std::string::npos) {
      const char next = tag + 1 < source_.size() ? source_[tag + 1] : '\0';
      if (next == '{' || next == '%' || next == '#')
        break;
      ++tag;
    }
    if (tag == std::string::npos) {
      emitText(source_.substr(at_));
      return Status::ok();
    }
    std::string text = source_.substr(at_, tag - at_);
    const size_t length = text.size();
    const char kind = source_[tag + 1];
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    stripBefore(text, kind, sign, lineStart);
    emitText(std::move(text), length);
    advance(sign == '-' || sign == '+' ? 3 : 2);
    if (kind == '#')
      return skipComment();
    if (kind == '{') {
      push(TokenType::VariableBegin, "");
      return readTag(TokenType::VariableEnd);
    }
    if (isRaw())
      return readRaw();
    push(TokenType::BlockBegin, "");
    return readTag(TokenType::BlockEnd);
  }

  /// "-" takes all white space before the tag; without a sign a block or comment that stands first
  /// on its line takes the white space before it on that line.
  static void stripBefore(std::string &text, char kind, char sign, bool lineStart) {
    if (sign == '-') {
      while (!text.empty() && isSpace(text.back()))
        text.pop_back();
      return;
    }
    if (sign == '+' || kind == '{')
      return;
    const size_t newline = text.rfind('\n');
    const size_t begin = newline == std::string::npos ? 0 : newline + 1;
    if ((newline != std::string::npos || lineStart) &&
        std::all_of(text.begin() + static_cast<ptrdiff_t>(begin), text.end(), isSpace))
      text.resize(begin);
  }

  void emitText(std::string text) {
    const size_t length = text.size();
    emitText(std::move(text), length);
  }
  void emitText(std::string text, size_t sourceLength) {
    if (!text.empty())
      push(TokenType::Text, std::move(text));
    advance(sourceLength);
  }

  /// After "-%}" all white space goes, after "%}" one newline, after "+%}" nothing.
  void endTag(size_t length, char sign, bool trimNewline) {
    advance(length);
    if (sign == '-')
      skipSpace();
    else if (sign != '+' && trimNewline && peek() == '\n')
      advance(1);
  }

  Status skipComment() {
    const uint32_t line = line_;
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos)
      return syntaxError(line, "the comment is not closed by #}");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    advance(end - at_);
    endTag(2, sign, true);
    return Status::ok();
  }

  /// At "raw %}" inside a block tag?
  bool isRaw() const {
    size_t i = at_;
    while (i < source_.size() && isSpace(source_[i]))
      ++i;
    return source_.compare(i, 3, "raw") == 0 && i + 3 < source_.size() &&
           !isNameChar(source_[i + 3]);
  }

  /// {% raw %} ... {% endraw %}: everything between is text.
  Status readRaw() {
    const uint32_t line = line_;
    const size_t close = source_.find("%}", at_);
    if (close == std::string::npos)
      return syntaxError(line, "the tag raw is not closed");
    const char sign = source_[close - 1];
    advance(close - at_);
    endTag(2, sign, false);
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos;
         tag = source_.find("{%", tag + 1)) {
      size_t i = tag + 2;
      const char open = i < source_.size() ? source_[i] : '\0';
      i += open == '-' || open == '+';
      while (i < source_.size() && isSpace(source_[i]))
        ++i;
      const size_t end = source_.find("%}", i);
      if (source_.compare(i, 6, "endraw") != 0 || end == std::string::npos)
        continue;
      std::string text = source_.substr(at_, tag - at_);
      const size_t length = text.size();
      stripBefore(text, '%', open, at_ == 0 || source_[at_ - 1] == '\n');
      emitText(std::move(text), length);
      advance(end - at_);
      endTag(2, source_[end - 1], true);
      return Status::ok();
    }
    return syntaxError(line, "{% raw %} without {% endraw %}");
  }

  /// Tokens up to the end of the tag.
  Status readTag(TokenType end) {
    const uint32_t line = line_;
    const std::string_view closing = end == TokenType::BlockEnd ? "%}" : "}}";
    std::vector<char> open; // brackets: inside them "}}" closes dicts
    while (true) {
      skipSpace();
      if (at_ >= source_.size())
        return syntaxError(line, "the tag is not closed by " + std::string(closing));
      const char sign = peek();
      const bool hasSign = sign == '-' || (sign == '+' && end == TokenType::BlockEnd);
      if (open.empty() && std::string_view(source_).substr(at_ + hasSign).starts_with(closing)) {
        push(end, "");
        endTag(closing.size() + hasSign, hasSign ? sign : '\0', end == TokenType::BlockEnd);
        return Status::ok();
      }
      INGOT_TRY(readToken(open));
    }
  }

  Status readToken(std::vector<char> &open) {
    const char c = peek();
    if (isNameStart(c))
      return readName();
    if (isDigit(c))
      return readNumber();
    if (c == '\'' || c == '"')
      return readString();
    return readOperator(open);
  }

  Status readName() {
    size_t length = 1;
    while (isNameChar(peek(length)))
      ++length;
    push(TokenType::Name, source_.substr(at_, length));
    advance(length);
    return Status::ok();
  }

  Status readNumber() {
    std::string digits;
    size_t length = 0;
    bool isFloat = false;
    const auto take = [&] {
      for (; isDigit(peek(length)) || peek(length) == '_'; ++length)
        if (peek(length) != '_')
          digits += peek(length);
    };
    take();
    if (peek(length) == '.' && isDigit(peek(length + 1))) {
      isFloat = true;
      digits += source_[at_ + length++];
      take();
    }
    if (peek(length) == 'e' || peek(length) == 'E') {
      const size_t sign = peek(length + 1) == '+' || peek(length + 1) == '-';
      if (isDigit(peek(length + 1 + sign))) {
        isFloat = true;
        digits += source_.substr(at_ + length, 1 + sign);
        length += 1 + sign;
        take();
      }
    }
    if (!isFloat && digits.size() > 18)
      return syntaxError(line_, "the number " + digits + " is too large");
    push(isFloat ? TokenType::Float : TokenType::Integer, digits);
    advance(length);
    return Status::ok();
  }

  Status readString() {
    const char quote = peek();
    const uint32_t line = line_;
    std::string text;
    size_t i = at_ + 1;
    while (i < source_.size() && source_[i] != quote) {
      if (source_[i] != '\\') {
        text += source_[i++];
        continue;
      }
      const size_t used = unescape(i, text);
      if (used == 0)
        return syntaxError(line, "a string holds an escape that is no character");
      i += used;
    }
    if (i >= source_.size())
      return syntaxError(line, "the string is not closed");
    push(TokenType::String, std::move(text));
    advance(i + 1 - at_);
    return Status::ok();
  }

  /// The value of `digits` characters of base 16 at `from`, if they all are.
  std::optional<uint32_t> hex(size_t from, size_t digits) const {
    if (from + digits > source_.size())
      return std::nullopt;
    uint32_t value = 0;
    for (size_t i = from; i < from + digits; ++i) {
      const char c = source_[i];
      if (!std::isxdigit(static_cast<unsigned char>(c)))
        return std::nullopt;
      value = value << 4 | static_cast<uint32_t>(isDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
  }

  /// Python's escapes at source_[i] == '\\'. Returns the characters used, 0 for an impossible one.
  size_t unescape(size_t i, std::string &text) const {
    const char c = i + 1 < source_.size() ? source_[i + 1] : '\0';
    constexpr std::string_view kFrom = "ntrbfav0\\'\"";
    constexpr std::string_view kTo("\n\t\r\b\f\a\v\0\\'\"", 11);
    if (c == '\n')
      return 2;
    if (const size_t which = kFrom.find(c); which != kFrom.npos && c != '\0') {
      text += kTo[which];
      return 2;
    }
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0) { // unknown: stays as it is
      text += '\\';
      return 1;
    }
    const auto value = hex(i + 2, digits);
    if (!value || *value > 0x10ffff || (*value >= 0xd800 && *value <= 0xdfff))
      return 0;
    appendUtf8(text, *value);
    return 2 + digits;
  }

  Status readOperator(std::vector<char> &open) {
    for (const std::string_view op : {"**", "//", "==", "!=", ">=", "<="})
      if (startsWith(op)) {
        push(TokenType::Operator, std::string(op));
        advance(2);
        return Status::ok();
      }
    const char c = peek();
    if (std::string_view("+-/*%~[](){}><=.:|,;").find(c) == std::string_view::npos)
      return syntaxError(line_, format("unexpected character '%c' (0x%02x)", c > ' ' ? c : '?',
                                       static_cast<unsigned>(static_cast<uint8_t>(c))));
    if (c == '(' || c == '[' || c == '{') {
      open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c)
        return syntaxError(line_, format("unexpected '%c'", c));
      open.pop_back();
    }
    push(TokenType::Operator, std::string(1, c));
    advance(1);
    return Status::ok();
  }

  std::string source_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  std::vector<Token> tokens_;
};

} // namespace

Status syntaxError(uint32_t line, const std::string &what) {
  return Status(ErrorClass::Data, "template-syntax",
                format("chat template, line %u: ", line) + what);
}

Result<std::vector<Token>> tokenize(std::string_view source) {
  if (const size_t bad = findInvalidUtf8(source); bad != source.npos)
    return Status(ErrorClass::Data, "template-syntax",
                  format("chat template: byte %zu is not UTF-8", bad));
  return Lexer(normalizeLines(source)).run();
}

} // namespace ingot::jinja
