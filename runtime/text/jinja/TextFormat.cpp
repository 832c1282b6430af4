#include "runtime/text/jinja/Runtime.h"

#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot::jinja {

namespace {

constexpr uint32_t kMaxWidth = 200; // of a field, and of its precision

/// What stands between '%' and the letter.
struct Directive {
  std::string flags; ///< of "-+ 0#"
  uint32_t width = 0;
  std::optional<uint32_t> precision;
  char kind = '\0';
};

uint32_t readCount(std::string_view text, size_t &at) {
  uint32_t count = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
    count = std::min<uint32_t>(count * 10 + static_cast<uint32_t>(text[at] - '0'), kMaxWidth + 1);
  return count;
}

/// Reads the directive behind the '%' at text[at - 1]; `at` ends behind it.
Directive readDirective(std::string_view text, size_t &at) {
  Directive directive;
  while (at < text.size() && std::string_view("-+ 0#").find(text[at]) != std::string_view::npos)
    directive.flags += text[at++];
  directive.width = readCount(text, at);
  if (at < text.size() && text[at] == '.')
    directive.precision = readCount(text, ++at);
  if (at < text.size())
    directive.kind = text[at++];
  return directive;
}

std::string pad(std::string text, const Directive &directive) {
  const size_t length = countCharacters(text);
  if (length >= directive.width)
    return text;
  const std::string spaces(directive.width - length, ' ');
  return directive.flags.find('-') != std::string::npos ? text + spaces : spaces + text;
}

std::string formatOne(Context &context, const Directive &directive, const Value &value) {
  const char kind = directive.kind;
  if (kind == 's')
    return pad(toText(context, value), directive);
  if (kind == 'r')
    return pad(toRepr(context, value), directive);
  const bool whole = kind == 'd' || kind == 'i' || kind == 'x' || kind == 'X';
  const bool real = kind == 'f' || kind == 'e' || kind == 'g';
  if ((!whole && !real) || !value.isNumber()) {
    context.typeError(std::string("the format %") + (kind ? kind : '?') +
                      " does not fit a value of type " + value.typeName());
    return "";
  }
  std::string pattern = "%" + directive.flags.substr(0, 5);
  if (directive.width)
    pattern += std::to_string(directive.width);
  if (directive.precision)
    pattern += "." + std::to_string(*directive.precision);
  char buffer[640]; // 309 digits before the point and kMaxWidth behind it fit
  if (whole) {
    pattern += std::string("ll") + (kind == 'i' ? 'd' : kind);
    const long long number = value.isIntegral()
                                 ? value.asInt()
                                 : static_cast<long long>(std::clamp(value.asFloat(), -9e18, 9e18));
    std::snprintf(buffer, sizeof buffer, pattern.c_str(), number);
  } else {
    std::snprintf(buffer, sizeof buffer, (pattern + kind).c_str(), value.asFloat());
  }
  return buffer;
}

} // namespace

Value formatText(Context &context, const std::string &pattern, const std::vector<Value> &values) {
  std::string out;
  size_t used = 0;
  for (size_t at = 0; at < pattern.size() && !context.failed();) {
    if (pattern[at] != '%') {
      out += pattern[at++];
      continue;
    }
    const Directive directive = readDirective(pattern, ++at);
    if (directive.kind == '%') {
      out += '%';
    } else if (directive.width > kMaxWidth || directive.precision.value_or(0) > kMaxWidth) {
      return context.typeError("a field of the format is wider than 200 characters");
    } else if (used == values.size()) {
      return context.typeError("not enough arguments for format string");
    } else {
      out += formatOne(context, directive, values[used++]);
      context.charge(directive.width + 16);
    }
  }
  if (used < values.size() && !context.failed())
    return context.typeError("not all arguments converted during string formatting");
  return context.checked(std::move(out));
}

} // namespace ingot::jinja
