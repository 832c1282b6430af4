#include "runtime/text/StreamDecoder.h"

namespace ingot {

namespace {

/// Appends `text` with space marks as spaces, or without them.
void appendMarked(std::string_view text, bool dropMarks, std::string &out) {
  for (size_t at = 0; at < text.size();) {
    const size_t mark = std::min(text.find(kSpaceMark, at), text.size());
    out += text.substr(at, mark - at);
    if (mark < text.size() && !dropMarks)
      out += ' ';
    at = mark + kSpaceMark.size();
  }
}

} // namespace

void StreamDecoder::append(uint32_t id, std::string &out) {
  const TokenizerData &data = tokenizer_.data();
  if (id >= data.vocabSize() || data.tokenKinds[id] == TokenKind::Unused ||
      (options_.skipSpecial && tokenizer_.isSpecial(id)))
    return;
  const bool dropMarks = firstToken_ && data.leadingSpace == LeadingSpace::DropFirstMark;
  firstToken_ = false;
  if (data.family == TokenizerFamily::ByteLevel || data.tokenKinds[id] == TokenKind::Byte) {
    repair_.feed(data.token(id), out);
    return;
  }
  std::string text;
  appendMarked(data.token(id), dropMarks, text);
  repair_.feed(text, out);
}

void StreamDecoder::stripStart(std::string &out) {
  if (out.empty() || !atStart_)
    return;
  atStart_ = false;
  if (tokenizer_.data().leadingSpace == LeadingSpace::StripOne && out[0] == ' ')
    out.erase(0, 1);
}

std::string StreamDecoder::feed(uint32_t id) {
  std::string out;
  append(id, out);
  stripStart(out);
  return out;
}

std::string StreamDecoder::flush() {
  std::string out;
  repair_.flush(out);
  stripStart(out);
  atStart_ = firstToken_ = !options_.continuation;
  return out;
}

} // namespace ingot
