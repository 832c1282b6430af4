#include "runtime/tools/LivePanel.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <cstdio>
#include <sys/ioctl.h>
#include <unistd.h>

namespace ingot::tools {
namespace {

struct ScreenSize {
  size_t rows = 24, columns = 80;
};

ScreenSize screenSize() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20 || size.ws_row < 4)
    return {};
  return {size.ws_row, size.ws_col};
}

/// The end of `text` in at most `columns` characters, line breaks as spaces.
std::string tail(const std::string &text, size_t columns) {
  size_t begin = text.size();
  for (size_t characters = 0; begin > 0 && characters < columns; --begin)
    if ((text[begin - 1] & 0xc0) != 0x80)
      ++characters;
  std::string line = text.substr(begin);
  for (char &c : line)
    if (static_cast<unsigned char>(c) < 32)
      c = ' ';
  return line;
}

} // namespace

void LivePanel::refresh() {
  const auto now = std::chrono::steady_clock::now();
  if (!enabled_ || now < next_)
    return;
  next_ = now + std::chrono::milliseconds(50);
  const ScreenSize screen = screenSize();
  std::string out = drawn_ ? format("\033[%zuA", drawn_) : "";
  drawn_ = std::min(texts_.size(), screen.rows - 1);
  for (size_t i = 0; i < drawn_; ++i) {
    const std::string head = format("%s%2zu ", done_[i] ? "=" : " ", i + 1);
    out += "\r\033[K" + head + tail(texts_[i], screen.columns - head.size() - 1) + "\n";
  }
  std::fputs(out.c_str(), stderr);
  std::fflush(stderr);
}

void LivePanel::clear() {
  if (drawn_ == 0)
    return;
  std::fputs(format("\033[%zuA\r\033[J", drawn_).c_str(), stderr);
  std::fflush(stderr);
  drawn_ = 0;
}

} // namespace ingot::tools
