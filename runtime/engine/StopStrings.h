// Finds stop strings in text that arrives in pieces, and holds back what may still become one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ingot {

/// Pieces are whole UTF-8 characters and so is every released text, because a held-back tail begins
/// where a stop string begins.
class StopStrings {
public:
  /// Empty strings never match.
  explicit StopStrings(std::vector<std::string> stops);

  /// Text that is certain to be output now: everything before a stop string, or before the longest
  /// tail that is the beginning of one. After a match every later piece is swallowed.
  std::string feed(std::string_view piece);
  /// What was held back, at the end of the text; empty after a match.
  std::string flush();
  bool matched() const { return matched_; }

private:
  std::vector<std::string> stops_;
  std::string held_;
  bool matched_ = false;
};

} // namespace ingot
