#include "runtime/text/AddedTokens.h"

#include "runtime/text/Unicode.h"
#include "runtime/text/Utf8.h"

#include <algorithm>

namespace ingot {

namespace {

/// Start of the last character of text[0, end); end > 0.
size_t previousChar(std::string_view text, size_t end) {
  do
    --end;
  while ((static_cast<uint8_t>(text[end]) & 0xc0) == 0x80 && end > 0);
  return end;
}

bool touchesWord(std::string_view text, size_t begin, size_t end) {
  return (begin > 0 && isWordChar(decodeUtf8(text, previousChar(text, begin)).value)) ||
         (end < text.size() && isWordChar(decodeUtf8(text, end).value));
}

size_t skipSpacesBack(std::string_view text, size_t begin, size_t limit) {
  while (begin > limit) {
    const size_t previous = previousChar(text, begin);
    if (previous < limit || !(charClass(decodeUtf8(text, previous).value) & kCharSpace))
      break;
    begin = previous;
  }
  return begin;
}

size_t skipSpaces(std::string_view text, size_t end) {
  while (end < text.size()) {
    const CodePoint c = decodeUtf8(text, end);
    if (!(charClass(c.value) & kCharSpace))
      break;
    end += c.bytes;
  }
  return end;
}

} // namespace

void AddedTokens::add(std::string text, const AddedToken &token) {
  if (text.empty())
    return;
  firstBytes_.set(static_cast<uint8_t>(text[0]));
  entries_.push_back({std::move(text), token});
}

void AddedTokens::finish() {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry &a, const Entry &b) { return a.text < b.text; });
  const auto last = std::unique(entries_.begin(), entries_.end(),
                                [](const Entry &a, const Entry &b) { return a.text == b.text; });
  entries_.erase(last, entries_.end());
}

int64_t AddedTokens::longestAt(std::string_view text, size_t at) const {
  // Entries that share the first `length` bytes with the text are a range of the sorted list; it is
  // narrowed byte by byte. The shortest of a range comes first.
  size_t low = 0;
  size_t high = entries_.size();
  int64_t best = -1;
  for (size_t length = 0; low < high && at + length < text.size(); ++length) {
    const uint8_t wanted = static_cast<uint8_t>(text[at + length]);
    const auto byteOf = [&](const Entry &e) {
      return e.text.size() <= length ? -1 : int{static_cast<uint8_t>(e.text[length])};
    };
    const auto first = entries_.begin();
    low = static_cast<size_t>(
        std::partition_point(first + low, first + high,
                             [&](const Entry &e) { return byteOf(e) < wanted; }) -
        first);
    high = static_cast<size_t>(
        std::partition_point(first + low, first + high,
                             [&](const Entry &e) { return byteOf(e) == wanted; }) -
        first);
    if (low < high && entries_[low].text.size() == length + 1)
      best = static_cast<int64_t>(low);
  }
  return best;
}

int64_t AddedTokens::find(std::string_view text) const {
  const auto it = std::lower_bound(entries_.begin(), entries_.end(), text,
                                   [](const Entry &e, std::string_view t) { return e.text < t; });
  return it != entries_.end() && it->text == text ? int64_t{it->token.id} : -1;
}

std::vector<TextSegment> AddedTokens::split(std::string_view text, bool parseSpecial) const {
  std::vector<TextSegment> segments;
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    const int64_t index = firstBytes_[static_cast<uint8_t>(text[at])] ? longestAt(text, at) : -1;
    if (index < 0) {
      ++at;
      continue;
    }
    const Entry &entry = entries_[static_cast<size_t>(index)];
    size_t begin = at;
    size_t end = at + entry.text.size();
    at = end;
    if ((entry.token.special && !parseSpecial) ||
        (entry.token.singleWord && touchesWord(text, begin, end)))
      continue;
    if (entry.token.lstrip)
      begin = skipSpacesBack(text, begin, done);
    if (entry.token.rstrip)
      at = end = skipSpaces(text, end);
    if (begin > done)
      segments.push_back({done, begin, false, 0});
    segments.push_back({begin, end, true, entry.token.id});
    done = end;
  }
  if (done < text.size())
    segments.push_back({done, text.size(), false, 0});
  return segments;
}

} // namespace ingot
