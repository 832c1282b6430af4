// Unicode character classes and normal forms (tables of utf8proc, linked statically).
#pragma once

#include "runtime/base/Status.h"
#include "runtime/text/TokenizerData.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace ingot {

/// Classes as regular expressions name them; a character is in at most one of L, N, P.
enum CharClass : uint8_t {
  kCharLetter = 1, ///< \p{L}
  kCharNumber = 2, ///< \p{N}
  kCharSpace = 4,  ///< \s: the property White_Space
  kCharPunct = 8,  ///< \p{P}
  kCharMark = 16,  ///< \p{M}
};

uint8_t charClass(uint32_t codePoint);

/// \w: letters, marks, numbers and connector punctuation.
bool isWordChar(uint32_t codePoint);

/// Applies `steps` to `text` (valid UTF-8). Ids: "text-too-long", "normalizer-expansion".
Result<std::string> normalizeText(std::string_view text, const std::vector<NormalizerStep> &steps);

} // namespace ingot
