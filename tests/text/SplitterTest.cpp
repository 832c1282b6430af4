#include "runtime/text/Splitter.h"

#include <catch2/catch.hpp>

#include <random>
#include <string>

using namespace ingot;

namespace {

std::vector<std::string> split(const std::string &text, std::vector<SplitKind> rules) {
  std::vector<std::string> out;
  for (const TextPiece piece : splitText(text, rules))
    out.push_back(text.substr(piece.begin, piece.end - piece.begin));
  return out;
}

using Pieces = std::vector<std::string>;

} // namespace

TEST_CASE("the rule of GPT-2") {
  const std::vector<SplitKind> rule{SplitKind::Gpt2};
  CHECK(split("I'm here, 42nd!", rule) == Pieces{"I", "'m", " here", ",", " 42", "nd", "!"});
  CHECK(split("I'M", rule) == Pieces{"I", "'", "M"});
  CHECK(split("a   b  ", rule) == Pieces{"a", "  ", " b", "  "});
  CHECK(split("a\n\n b", rule) == Pieces{"a", "\n\n", " b"});
}

TEST_CASE("the rules of Llama 3 and Qwen 2") {
  const std::vector<SplitKind> llama3{SplitKind::Llama3};
  CHECK(split("I'M 12345 x", llama3) == Pieces{"I", "'M", " ", "123", "45", " x"});
  CHECK(split("a \n \n  b", llama3) == Pieces{"a", " \n \n", " ", " b"});
  CHECK(split("\tif(x){\n\n", llama3) == Pieces{"\tif", "(x", "){\n\n"});
  CHECK(split("'\u017fx", llama3) == Pieces{"'\u017f", "x"});
  CHECK(split("\u00a0x \u3000", llama3) == Pieces{"\u00a0x", " \u3000"});
  CHECK(split("123", {SplitKind::Qwen2}) == Pieces{"1", "2", "3"});
}

TEST_CASE("rules apply one after the other") {
  CHECK(split("a12 b", {SplitKind::Digit, SplitKind::Gpt2}) == Pieces{"a", "1", "2", " b"});
  CHECK(split("a12", {SplitKind::DigitRun}) == Pieces{"a", "12"});
  CHECK(split("ab cd\n!?", {SplitKind::Newline, SplitKind::SpaceLetters, SplitKind::SpacePunct}) ==
        Pieces{"ab", " cd", "\n", "!?"});
  CHECK(split("a\u65e5\u672c.", {SplitKind::CjkRun}) == Pieces{"a", "\u65e5\u672c", "."});
  CHECK(split("a\u2581\u2581b", {SplitKind::SpaceMark}) == Pieces{"a", "\u2581", "\u2581b"});
  CHECK(split("a b", {}) == Pieces{"a b"});
  CHECK(split("", {SplitKind::Gpt2}).empty());
}

TEST_CASE("pieces cover every text without gaps") {
  std::mt19937 random(5);
  const char *parts[] = {"a",      "Z",      "'s",         "'",      " ",      "  ",     "\n",
                         "\r",     "\t",     "1",          "23",     ".",      "\u00e9", "\u0301",
                         "\u3000", "\u65e5", "\U0001f680", "\u2581", "\u017f", "\u0663"};
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (uint32_t i = 0; i < 20; ++i)
      text += parts[random() % std::size(parts)];
    for (int kind = 0; kind <= static_cast<int>(SplitKind::SpaceMark); ++kind) {
      uint32_t end = 0;
      for (const TextPiece piece : splitText(text, {static_cast<SplitKind>(kind)})) {
        CHECK(piece.begin == end);
        CHECK(piece.end > piece.begin);
        end = piece.end;
      }
      CHECK(end == text.size());
    }
  }
}
