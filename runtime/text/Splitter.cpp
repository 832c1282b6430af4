#include "runtime/text/Splitter.h"

#include "runtime/text/Unicode.h"
#include "runtime/text/Utf8.h"

#include <cassert>

namespace ingot {

namespace {

/// Reads classes and characters of one piece; positions are byte offsets, `end` is past the last.
class Scanner {
public:
  explicit Scanner(std::string_view text) : text_(text) {}

  size_t size() const { return text_.size(); }
  bool atEnd(size_t at) const { return at >= text_.size(); }
  char byteAt(size_t at) const { return atEnd(at) ? '\0' : text_[at]; }
  size_t after(size_t at) const { return at + decodeUtf8(text_, at).bytes; }
  bool is(size_t at, uint8_t classes) const {
    return !atEnd(at) && (charClass(decodeUtf8(text_, at).value) & classes) != 0;
  }
  uint32_t charAt(size_t at) const { return decodeUtf8(text_, at).value; }
  bool isNewline(size_t at) const { return byteAt(at) == '\n' || byteAt(at) == '\r'; }
  /// Not a letter, a number or white space: what patterns write as [^\s\p{L}\p{N}].
  bool isOther(size_t at) const {
    return !atEnd(at) && !is(at, kCharLetter | kCharNumber | kCharSpace);
  }
  /// End of the run of characters of `classes` from `at`, of at most `limit` characters.
  size_t run(size_t at, uint8_t classes, size_t limit = ~size_t{0}) const {
    for (; limit > 0 && is(at, classes); --limit)
      at = after(at);
    return at;
  }
  size_t runOther(size_t at) const {
    while (isOther(at))
      at = after(at);
    return at;
  }

private:
  std::string_view text_;
};

/// End of 's 't 're 've 'm 'll 'd at `at`, or `at`. Ignoring case also takes U+017F, which folds to
/// s.
size_t matchContraction(const Scanner &s, size_t at, bool ignoreCase) {
  if (s.byteAt(at) != '\'' || s.atEnd(at + 1))
    return at;
  const auto lower = [&](size_t i) {
    const char c = s.byteAt(i);
    return ignoreCase && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  const char first = lower(at + 1);
  const char second = lower(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd')
    return at + 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
      (first == 'l' && second == 'l'))
    return at + 3;
  if (ignoreCase && s.charAt(at + 1) == 0x17f)
    return at + 3;
  return at;
}

/// \s+(?!\S)|\s+ : a run of white space without its last character when text follows.
size_t matchSpaces(const Scanner &s, size_t at) {
  size_t end = at;
  size_t last = at;
  while (s.is(end, kCharSpace)) {
    last = end;
    end = s.after(end);
  }
  return s.atEnd(end) || last == at ? end : last;
}

size_t matchGpt2(const Scanner &s, size_t at) {
  if (const size_t end = matchContraction(s, at, false); end > at)
    return end;
  const size_t body = s.byteAt(at) == ' ' ? at + 1 : at;
  if (s.is(body, kCharLetter))
    return s.run(body, kCharLetter);
  if (s.is(body, kCharNumber))
    return s.run(body, kCharNumber);
  if (s.isOther(body))
    return s.runOther(body);
  return matchSpaces(s, at);
}

/// \s*[\r\n]+ : up to the last line break of the run of white space, or `at`.
size_t matchLineEnds(const Scanner &s, size_t at) {
  size_t end = at;
  for (size_t i = at; s.is(i, kCharSpace); i = s.after(i))
    if (s.isNewline(i))
      end = i + 1;
  return end;
}

size_t matchCl100k(const Scanner &s, size_t at, size_t maxDigits) {
  if (const size_t end = matchContraction(s, at, true); end > at)
    return end;
  if (s.is(at, kCharLetter))
    return s.run(at, kCharLetter);
  if (s.is(at, kCharNumber))
    return s.run(at, kCharNumber, maxDigits);
  if (!s.isNewline(at) && s.is(s.after(at), kCharLetter))
    return s.run(s.after(at), kCharLetter);
  const size_t body = s.byteAt(at) == ' ' ? at + 1 : at;
  if (s.isOther(body)) {
    size_t end = s.runOther(body);
    while (s.isNewline(end))
      ++end;
    return end;
  }
  if (const size_t end = matchLineEnds(s, at); end > at)
    return end;
  return matchSpaces(s, at);
}

/// \s?X+ : one optional white space and a run of `classes`, or `at`.
size_t matchSpaced(const Scanner &s, size_t at, uint8_t classes) {
  const size_t body = s.is(at, kCharSpace) ? s.after(at) : at;
  return s.is(body, classes) ? s.run(body, classes) : at;
}

size_t matchCjk(const Scanner &s, size_t at) {
  const auto inside = [&](size_t i) {
    const uint32_t c = s.charAt(i);
    return (c >= 0x800 && c <= 0x9fa5) || (c >= 0xac00 && c <= 0xd7ff);
  };
  while (!s.atEnd(at) && inside(at))
    at = s.after(at);
  return at;
}

/// A space mark with everything up to the next one.
size_t matchMarked(const Scanner &s, size_t at) {
  constexpr uint32_t kMark = 0x2581;
  for (at = s.after(at); !s.atEnd(at) && s.charAt(at) != kMark;)
    at = s.after(at);
  return at;
}

/// End of the match of `rule` that begins at `at`, or `at` when none does.
size_t matchRule(SplitKind rule, const Scanner &s, size_t at) {
  switch (rule) {
  case SplitKind::Gpt2:
    return matchGpt2(s, at);
  case SplitKind::Llama3:
    return matchCl100k(s, at, 3);
  case SplitKind::Qwen2:
    return matchCl100k(s, at, 1);
  case SplitKind::Digit:
    return s.run(at, kCharNumber, 1);
  case SplitKind::DigitRun:
    return s.run(at, kCharNumber);
  case SplitKind::Newline:
    return s.isNewline(at) ? at + 1 : at;
  case SplitKind::SpaceLetters:
    return matchSpaced(s, at, kCharLetter);
  case SplitKind::SpacePunct:
    return matchSpaced(s, at, kCharPunct);
  case SplitKind::CjkRun:
    return matchCjk(s, at);
  case SplitKind::SpaceMark:
    return matchMarked(s, at);
  }
  assert(false && "split rules are checked on load");
  return at;
}

/// Matches become pieces, and so does what lies between them.
void splitPiece(std::string_view text, TextPiece piece, SplitKind rule,
                std::vector<TextPiece> &out) {
  const Scanner scanner(text.substr(piece.begin, piece.end - piece.begin));
  size_t from = 0;
  const auto emit = [&](size_t to) {
    if (to > from)
      out.push_back(
          {piece.begin + static_cast<uint32_t>(from), piece.begin + static_cast<uint32_t>(to)});
    from = to;
  };
  for (size_t at = 0; !scanner.atEnd(at);) {
    const size_t end = matchRule(rule, scanner, at);
    if (end == at) {
      at = scanner.after(at);
      continue;
    }
    emit(at);
    emit(end);
    at = end;
  }
  emit(scanner.size());
}

} // namespace

std::vector<TextPiece> splitText(std::string_view text, const std::vector<SplitKind> &rules) {
  std::vector<TextPiece> pieces;
  if (!text.empty())
    pieces.push_back({0, static_cast<uint32_t>(text.size())});
  for (const SplitKind rule : rules) {
    std::vector<TextPiece> next;
    next.reserve(pieces.size());
    for (const TextPiece piece : pieces)
      splitPiece(text, piece, rule, next);
    pieces = std::move(next);
  }
  return pieces;
}

} // namespace ingot
