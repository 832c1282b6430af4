// Cuts a text into the pieces within which merging happens: the known pre-tokenizer patterns as
// linear scanners, without a regular expression engine.
#pragma once

#include "runtime/text/TokenizerData.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace ingot {

/// Bytes [begin, end) of the text that was split.
struct TextPiece {
  uint32_t begin;
  uint32_t end;
};

/// Applies `rules` in order. `text` is valid UTF-8 and shorter than 4 GiB; the pieces cover it
/// without gaps and are never empty.
std::vector<TextPiece> splitText(std::string_view text, const std::vector<SplitKind> &rules);

} // namespace ingot
