// Python's string functions on valid UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::jinja {

/// The characters, each as a piece of the text.
std::vector<std::string_view> characters(std::string_view text);

/// str.isspace of one character.
bool isSpaceCharacter(uint32_t codePoint);

/// Which ends strip works on.
struct Ends {
  bool left = true;
  bool right = true;
};
/// Strips white space, or the characters of `set`.
std::string_view strip(std::string_view text, Ends ends);
std::string_view strip(std::string_view text, std::string_view set, Ends ends);

/// At most `limit` cuts (negative: all), from the right with `fromRight`; `separator` is not empty.
std::vector<std::string> split(std::string_view text, std::string_view separator, int64_t limit,
                               bool fromRight);
/// At runs of white space; no empty parts.
std::vector<std::string> splitSpaces(std::string_view text, int64_t limit, bool fromRight);
std::vector<std::string> splitLines(std::string_view text, bool keepEnds);

/// At most `limit` replacements (negative: all). An empty `from` matches between all characters.
std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    int64_t limit);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
/// First character upper, the others lower case.
std::string capitalize(std::string_view text);
/// Each word capitalized. Words are runs of letters for str.title, parts between white space and
/// any of
/// "-([{<" for the filter title.
std::string titleMethod(std::string_view text);
std::string titleFilter(std::string_view text);

/// Classes for str.isalpha and its kin.
enum class TextClass : uint8_t { Alpha, Digit, Alnum, Space, Upper, Lower };
bool isAll(std::string_view text, TextClass wanted);

} // namespace ingot::jinja
