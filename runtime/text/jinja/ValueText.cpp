// Values as text: str(), repr() and json.dumps() of Python.
#include "runtime/text/jinja/Runtime.h"

#include "runtime/base/Format.h"
#include "runtime/text/Utf8.h"
#include "runtime/text/jinja/Strings.h"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace ingot::jinja {

namespace {

/// The shortest digits that give the number back, written as Python does: 1.0, 1e+16, 2.5e-05.
std::string floatText(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  char buffer[32];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<size_t>(end.ptr - buffer));
  std::string out;
  if (text[0] == '-') {
    out = "-";
    text.remove_prefix(1);
  }
  const size_t e = text.find('e');
  const int exponent = std::atoi(std::string(text.substr(e + 1)).c_str());
  std::string digits(1, text[0]);
  if (e > 2)
    digits += text.substr(2, e - 2);
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (digits.size() > 1)
      out += "." + digits.substr(1);
    return out + format("e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const size_t whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() < whole)
    digits.append(whole - digits.size(), '0');
  const std::string fraction = digits.substr(whole);
  return out + digits.substr(0, whole) + "." + (fraction.empty() ? "0" : fraction);
}

bool isPrintable(uint32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return c == ' ' || !(category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
                       category == UTF8PROC_CATEGORY_CS || category == UTF8PROC_CATEGORY_CO ||
                       category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_ZL ||
                       category == UTF8PROC_CATEGORY_ZP || category == UTF8PROC_CATEGORY_ZS);
}

std::string quote(std::string_view text) {
  const bool doubled = text.find('\'') != text.npos && text.find('"') == text.npos;
  const char mark = doubled ? '"' : '\'';
  std::string out(1, mark);
  for (const std::string_view piece : characters(text)) {
    const uint32_t c = decodeUtf8(piece, 0).value;
    if (c == static_cast<uint32_t>(mark) || c == '\\')
      out += std::string("\\") + static_cast<char>(c);
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (isPrintable(c))
      out += piece;
    else
      out += c < 0x100     ? format("\\x%02x", c)
             : c < 0x10000 ? format("\\u%04x", c)
                           : format("\\U%08x", c);
  }
  return out + mark;
}

std::string listRepr(Context &context, const Value &value) {
  const ListData &list = value.asList();
  if (list.kind == ListKind::Iterator)
    return "<generator object>";
  std::string out(1, list.kind == ListKind::Tuple ? '(' : '[');
  for (size_t i = 0; i < list.items.size() && !context.failed(); ++i) {
    out += (i ? ", " : "") + toRepr(context, list.items[i]);
    context.charge(64);
  }
  if (list.kind == ListKind::Tuple)
    return out + (list.items.size() == 1 ? ",)" : ")");
  return out + "]";
}

std::string dictRepr(Context &context, const Value &value) {
  std::string out = "{";
  for (const auto &entry : value.asDict().entries) {
    if (out.size() > 1)
      out += ", ";
    out += toRepr(context, entry.first) + ": " + toRepr(context, entry.second);
    if (!context.charge(64))
      break;
  }
  return out + "}";
}

} // namespace

std::string toText(Context &context, const Value &value) {
  if (value.isString())
    return value.asString();
  if (value.isUndefined())
    return "";
  return toRepr(context, value);
}

std::string toMarkup(Context &context, const Value &value) {
  if (value.isMarkup())
    return value.asString();
  std::string out;
  for (const char c : toText(context, value))
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '\'':
      out += "&#39;";
      break;
    case '"':
      out += "&#34;";
      break;
    default:
      out += c;
    }
  return out;
}

std::string toRepr(Context &context, const Value &value) {
  switch (value.kind()) {
  case Value::Kind::Undefined:
    return "Undefined";
  case Value::Kind::None:
    return "None";
  case Value::Kind::Bool:
    return value.asBool() ? "True" : "False";
  case Value::Kind::Int:
    return format("%lld", static_cast<long long>(value.asInt()));
  case Value::Kind::Float:
    return floatText(value.asFloat());
  case Value::Kind::String:
    context.charge(value.asString().size());
    return quote(value.asString());
  case Value::Kind::List:
    return listRepr(context, value);
  case Value::Kind::Dict:
    return dictRepr(context, value);
  default:
    return std::string("<") + value.typeName() + ">";
  }
}

// ---- JSON --------------------------------------------------------------------------------------

namespace {

class JsonPrinter {
public:
  JsonPrinter(Context &context, const JsonStyle &style) : context_(context), style_(style) {}

  std::string take() { return std::move(out_); }

  void print(const Value &value) {
    if (!context_.charge(16))
      return;
    switch (value.kind()) {
    case Value::Kind::None:
      out_ += "null";
      break;
    case Value::Kind::Bool:
      out_ += value.asBool() ? "true" : "false";
      break;
    case Value::Kind::Int:
      out_ += toRepr(context_, value);
      break;
    case Value::Kind::Float:
      printFloat(value.asFloat());
      break;
    case Value::Kind::String:
      printString(value.asString());
      break;
    case Value::Kind::List:
      if (value.asList().kind == ListKind::Iterator)
        refuse(value);
      else
        printList(value.items());
      break;
    case Value::Kind::Dict:
      printDict(value.asDict());
      break;
    default:
      refuse(value);
    }
  }

private:
  void refuse(const Value &value) {
    context_.typeError(std::string("an object of type ") + value.typeName() +
                       " cannot be written as JSON");
  }

  void printFloat(double value) {
    out_ += std::isnan(value)   ? "NaN"
            : std::isinf(value) ? (value < 0 ? "-Infinity" : "Infinity")
                                : floatText(value);
  }

  void printString(std::string_view text) {
    if (!context_.charge(text.size()))
      return;
    out_ += '"';
    for (const std::string_view piece : characters(text)) {
      const uint32_t c = decodeUtf8(piece, 0).value;
      constexpr std::string_view kPlain = "\"\\\n\r\t\b\f";
      constexpr std::string_view kLetters = "\"\\nrtbf";
      const size_t which = c < 0x80 ? kPlain.find(static_cast<char>(c)) : kPlain.npos;
      if (which != kPlain.npos)
        out_ += std::string("\\") + kLetters[which];
      else if (c < 0x20 || (style_.ascii && c >= 0x7f && c < 0x10000))
        out_ += format("\\u%04x", c);
      else if (style_.ascii && c >= 0x10000)
        out_ += format("\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
      else
        out_ += piece;
    }
    out_ += '"';
  }

  /// Between the items of a container: line breaks with an indent, else the separator alone.
  void breakLine() {
    if (!style_.indent)
      return;
    out_ += '\n';
    for (uint32_t i = 0; i < level_ && context_.charge(style_.indent->size()); ++i)
      out_ += *style_.indent;
  }

  template <typename Items, typename PrintItem>
  void printContainer(const Items &items, char open, char close, PrintItem printItem) {
    out_ += open;
    ++level_;
    bool first = true;
    for (const auto &item : items) {
      if (context_.failed())
        return;
      if (!first)
        out_ += style_.itemSeparator;
      first = false;
      breakLine();
      printItem(item);
    }
    --level_;
    if (!first)
      breakLine();
    out_ += close;
  }

  void printList(const std::vector<Value> &items) {
    printContainer(items, '[', ']', [&](const Value &item) { print(item); });
  }

  void printDict(const DictData &dict) {
    auto entries = dict.entries;
    if (style_.sortKeys)
      std::stable_sort(entries.begin(), entries.end(), [&](const auto &a, const auto &b) {
        return lessThan(context_, a.first, b.first);
      });
    printContainer(entries, '{', '}', [&](const auto &entry) {
      if (entry.first.isString()) {
        printString(entry.first.asString());
      } else if (entry.first.isNumber() || entry.first.isNone()) {
        out_ += '"';
        print(entry.first);
        out_ += '"';
      } else {
        refuse(entry.first);
      }
      out_ += style_.keySeparator;
      print(entry.second);
    });
  }

  Context &context_;
  const JsonStyle &style_;
  std::string out_;
  uint32_t level_ = 0;
};

} // namespace

std::string toJson(Context &context, const Value &value, const JsonStyle &style) {
  JsonPrinter printer(context, style);
  printer.print(value);
  return printer.take();
}

} // namespace ingot::jinja
