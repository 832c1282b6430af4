#include "runtime/text/TokenMap.h"

#include <algorithm>
#include <bit>

namespace ingot {

namespace {

uint32_t hashBytes(std::string_view bytes) {
  uint64_t h = 0xcbf29ce484222325u; // FNV-1a, then mixed: texts are short
  for (const char c : bytes)
    h = (h ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return static_cast<uint32_t>((h ^ h >> 32) * 0x9e3779b1u >> 7);
}

} // namespace

uint32_t TokenMap::build(const TokenizerData &data) {
  data_ = &data;
  const size_t slots = std::bit_ceil(std::max<size_t>(16, size_t{data.vocabSize()} * 2));
  slots_.assign(slots, kNone);
  mask_ = static_cast<uint32_t>(slots - 1);
  for (uint32_t id = 0; id < data.vocabSize(); ++id) {
    if (data.tokenKinds[id] != TokenKind::Normal)
      continue;
    uint32_t slot = hashBytes(data.token(id)) & mask_;
    for (; slots_[slot] != kNone; slot = (slot + 1) & mask_)
      if (data.token(slots_[slot]) == data.token(id))
        return id;
    slots_[slot] = id;
  }
  return kNone;
}

uint32_t TokenMap::find(std::string_view bytes) const {
  for (uint32_t slot = hashBytes(bytes) & mask_; slots_[slot] != kNone; slot = (slot + 1) & mask_)
    if (data_->token(slots_[slot]) == bytes)
      return slots_[slot];
  return kNone;
}

} // namespace ingot
