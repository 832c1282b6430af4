#include "runtime/text/jinja/Strings.h"

#include "runtime/text/Unicode.h"
#include "runtime/text/Utf8.h"

#include <utf8proc.h>

#include <algorithm>

namespace ingot::jinja {

namespace {

/// Appends the upper, lower or unchanged form. One character becomes one character.
enum class Case { Upper, Lower };
void appendCase(std::string &out, uint32_t c, Case wanted) {
  const auto code = static_cast<utf8proc_int32_t>(c);
  if (wanted == Case::Upper && c == 0xdf)
    out += "SS"; // the only such case in texts people write
  else
    appendUtf8(out, static_cast<uint32_t>(wanted == Case::Upper ? utf8proc_toupper(code)
                                                                : utf8proc_tolower(code)));
}

std::string mapCase(std::string_view text, Case wanted) {
  std::string out;
  out.reserve(text.size());
  for (const std::string_view c : characters(text))
    appendCase(out, decodeUtf8(c, 0).value, wanted);
  return out;
}

/// Capitalizes every character for which `startsWord(previous)` holds; previous is 0 at the start.
template <typename StartsWord>
std::string mapWords(std::string_view text, StartsWord startsWord) {
  std::string out;
  uint32_t previous = 0;
  for (const std::string_view c : characters(text)) {
    const uint32_t code = decodeUtf8(c, 0).value;
    appendCase(out, code, startsWord(previous) ? Case::Upper : Case::Lower);
    previous = code;
  }
  return out;
}

/// Offset of the last character of a text that is not empty.
size_t lastCharacter(std::string_view text) {
  size_t last = text.size() - 1;
  while (last > 0 && (static_cast<uint8_t>(text[last]) & 0xc0) == 0x80)
    --last;
  return last;
}

size_t spaceAt(std::string_view text, size_t at) {
  const CodePoint c = decodeUtf8(text, at);
  return isSpaceCharacter(c.value) ? c.bytes : 0;
}

/// Length of the word at the start or the end of the text.
size_t wordBytes(std::string_view text, bool fromRight) {
  size_t bytes = 0;
  while (bytes < text.size()) {
    const std::string_view rest = fromRight ? text.substr(0, text.size() - bytes) : text;
    const size_t at = fromRight ? lastCharacter(rest) : bytes;
    if (spaceAt(text, at) != 0)
      break;
    bytes += decodeUtf8(text, at).bytes;
  }
  return bytes;
}

} // namespace

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const uint32_t bytes = decodeUtf8(text, at).bytes;
    out.push_back(text.substr(at, bytes));
    at += bytes;
  }
  return out;
}

bool isSpaceCharacter(uint32_t codePoint) {
  return (charClass(codePoint) & kCharSpace) != 0 || (codePoint >= 0x1c && codePoint <= 0x1f);
}

std::string_view strip(std::string_view text, Ends ends) {
  while (ends.left && !text.empty()) {
    const size_t bytes = spaceAt(text, 0);
    if (bytes == 0)
      break;
    text.remove_prefix(bytes);
  }
  while (ends.right && !text.empty()) {
    const size_t last = lastCharacter(text);
    if (spaceAt(text, last) == 0)
      break;
    text = text.substr(0, last);
  }
  return text;
}

std::string_view strip(std::string_view text, std::string_view set, Ends ends) {
  const std::vector<std::string_view> members = characters(set);
  const std::vector<std::string_view> all = characters(text);
  const auto isMember = [&](std::string_view c) {
    return std::find(members.begin(), members.end(), c) != members.end();
  };
  size_t begin = 0;
  size_t end = all.size();
  while (ends.left && begin < end && isMember(all[begin]))
    text.remove_prefix(all[begin++].size());
  while (ends.right && end > begin && isMember(all[end - 1]))
    text.remove_suffix(all[--end].size());
  return text;
}

std::vector<std::string> split(std::string_view text, std::string_view separator, int64_t limit,
                               bool fromRight) {
  std::vector<std::string> out;
  for (; limit != 0; --limit) {
    const size_t at = fromRight ? text.rfind(separator) : text.find(separator);
    if (at == text.npos)
      break;
    if (fromRight) {
      out.emplace_back(text.substr(at + separator.size()));
      text = text.substr(0, at);
    } else {
      out.emplace_back(text.substr(0, at));
      text = text.substr(at + separator.size());
    }
  }
  out.emplace_back(text);
  if (fromRight)
    std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string> splitSpaces(std::string_view text, int64_t limit, bool fromRight) {
  std::vector<std::string> out;
  const Ends outer{.left = !fromRight, .right = fromRight};
  for (text = strip(text, outer); !text.empty(); text = strip(text, outer)) {
    if (limit-- == 0) {
      out.emplace_back(text); // the rest keeps the white space at its far end
      break;
    }
    const size_t word = wordBytes(text, fromRight);
    out.emplace_back(fromRight ? text.substr(text.size() - word) : text.substr(0, word));
    text = fromRight ? text.substr(0, text.size() - word) : text.substr(word);
  }
  if (fromRight)
    std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string> splitLines(std::string_view text, bool keepEnds) {
  std::vector<std::string> out;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decodeUtf8(text, at);
    size_t end = at + c.bytes;
    const bool isEnd = (c.value >= 10 && c.value <= 13) || (c.value >= 0x1c && c.value <= 0x1e) ||
                       c.value == 0x85 || c.value == 0x2028 || c.value == 0x2029;
    if (isEnd) {
      if (c.value == '\r' && end < text.size() && text[end] == '\n')
        ++end;
      out.emplace_back(text.substr(begin, (keepEnds ? end : at) - begin));
      begin = end;
    }
    at = end;
  }
  if (begin < text.size())
    out.emplace_back(text.substr(begin));
  return out;
}

std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    int64_t limit) {
  std::string out;
  if (from.empty()) {
    for (const std::string_view c : characters(text)) {
      if (limit != 0) {
        out += to;
        --limit;
      }
      out += c;
    }
    return limit != 0 ? out.append(to) : out;
  }
  size_t begin = 0;
  for (size_t at = text.find(from); at != text.npos && limit != 0;
       at = text.find(from, begin), --limit) {
    out += text.substr(begin, at - begin);
    out += to;
    begin = at + from.size();
  }
  return out.append(text.substr(begin));
}

std::string upper(std::string_view text) { return mapCase(text, Case::Upper); }
std::string lower(std::string_view text) { return mapCase(text, Case::Lower); }

std::string capitalize(std::string_view text) {
  return mapWords(text, [](uint32_t previous) { return previous == 0; });
}

std::string titleMethod(std::string_view text) {
  return mapWords(text, [](uint32_t previous) { return !(charClass(previous) & kCharLetter); });
}

std::string titleFilter(std::string_view text) {
  return mapWords(text, [](uint32_t previous) {
    return previous == 0 || isSpaceCharacter(previous) ||
           (previous < 0x80 &&
            std::string_view("-([{<").find(static_cast<char>(previous)) != std::string_view::npos);
  });
}

bool isAll(std::string_view text, TextClass wanted) {
  bool cased = false;
  for (const std::string_view c : characters(text)) {
    const uint32_t code = decodeUtf8(c, 0).value;
    const uint8_t classes = charClass(code);
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
    const bool isUpper = category == UTF8PROC_CATEGORY_LU;
    const bool isLower = category == UTF8PROC_CATEGORY_LL;
    bool fits = true;
    switch (wanted) {
    case TextClass::Alpha:
      fits = (classes & kCharLetter) != 0;
      break;
    case TextClass::Digit:
      fits = category == UTF8PROC_CATEGORY_ND;
      break;
    case TextClass::Alnum:
      fits = (classes & (kCharLetter | kCharNumber)) != 0;
      break;
    case TextClass::Space:
      fits = isSpaceCharacter(code);
      break;
    case TextClass::Upper:
      fits = !isLower;
      cased |= isUpper;
      break;
    case TextClass::Lower:
      fits = !isUpper;
      cased |= isLower;
      break;
    }
    if (!fits)
      return false;
  }
  const bool needsCase = wanted == TextClass::Upper || wanted == TextClass::Lower;
  return needsCase ? cased : !text.empty();
}

} // namespace ingot::jinja
