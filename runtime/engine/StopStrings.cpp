#include "runtime/engine/StopStrings.h"

#include <algorithm>
#include <utility>

namespace ingot {
namespace {

/// Length of the longest tail of `text` that is a proper beginning of `stop`.
size_t openTail(std::string_view text, std::string_view stop) {
  for (size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length)
    if (text.substr(text.size() - length) == stop.substr(0, length))
      return length;
  return 0;
}

} // namespace

StopStrings::StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string &stop) { return stop.empty(); });
}

std::string StopStrings::feed(std::string_view piece) {
  if (matched_)
    return {};
  held_ += piece;
  size_t found = std::string::npos;
  for (const std::string &stop : stops_)
    found = std::min(found, held_.find(stop));
  if (found != std::string::npos) {
    matched_ = true;
    held_.resize(found);
    return std::exchange(held_, {});
  }
  size_t tail = 0;
  for (const std::string &stop : stops_)
    tail = std::max(tail, openTail(held_, stop));
  std::string released = held_.substr(0, held_.size() - tail);
  held_.erase(0, released.size());
  return released;
}

std::string StopStrings::flush() { return std::exchange(held_, {}); }

} // namespace ingot
