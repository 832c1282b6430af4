// Several answers growing at once, one line each, on a terminal's stderr.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace ingot::tools {

/// Draws at most some twenty times a second and wipes itself away at the end; the final answers go
/// to stdout afterwards. Does nothing when `enabled` is false.
class LivePanel {
public:
  LivePanel(size_t lines, bool enabled) : texts_(lines), done_(lines, false), enabled_(enabled) {}
  ~LivePanel() { clear(); }

  void append(size_t line, const std::string &text) { texts_[line] += text; }
  void finish(size_t line) { done_[line] = true; }
  /// Draws if enough time has passed since the last time.
  void refresh();
  /// Wipes the panel.
  void clear();

private:
  std::vector<std::string> texts_;
  std::vector<bool> done_;
  bool enabled_;
  size_t drawn_ = 0; ///< lines on the screen
  std::chrono::steady_clock::time_point next_{};
};

} // namespace ingot::tools
