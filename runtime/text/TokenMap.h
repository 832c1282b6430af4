// Token texts to ids: an open-addressing table over the vocabulary's own bytes.
#pragma once

#include "runtime/text/TokenizerData.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace ingot {

/// Refers to the data it was built from, which must outlive it.
class TokenMap {
public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  /// Enters all tokens of kind Normal. Returns the first whose text is already there, or kNone.
  uint32_t build(const TokenizerData &data);
  uint32_t find(std::string_view bytes) const;

private:
  const TokenizerData *data_ = nullptr;
  std::vector<uint32_t> slots_;
  uint32_t mask_ = 0;
};

} // namespace ingot
