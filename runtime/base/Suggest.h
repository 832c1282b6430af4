// The nearest known name to a mistyped one, for "did you mean".
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ingot {

/// Edits (insert, delete, replace) between two words.
inline size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

/// The known name nearest to `word`, if it is near enough to be what was meant: at most a third of
/// the word's letters differ, or `word` begins it.
inline std::optional<std::string> nearestName(std::string_view word,
                                              const std::vector<std::string> &known) {
  std::optional<std::string> best;
  size_t bestDistance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string &name : known) {
    const bool prefix = word.size() >= 3 && std::string_view(name).substr(0, word.size()) == word;
    const size_t distance = prefix ? 1 : editDistance(word, name);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = name;
    }
  }
  return best;
}

} // namespace ingot
