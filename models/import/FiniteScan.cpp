#include "models/import/FiniteScan.h"

#include <algorithm>
#include <cstring>

namespace ingot {
namespace {

/// Bits of a floating-point format: the exponent field and, below it, the fraction.
template <typename Word>
struct Fields {
  Word exponent;
  Word fraction;
};

constexpr uint64_t kBlock = 4096; ///< elements looked at together

/// One branch-free pass that a compiler turns into vector code: is any exponent all ones?
template <typename Word>
bool blockHasNonFinite(const Word *words, uint64_t count, Fields<Word> fields) {
  Word found = 0;
  for (uint64_t i = 0; i < count; ++i)
    found |= static_cast<Word>((words[i] & fields.exponent) == fields.exponent);
  return found != 0;
}

template <typename Word>
void countBlock(const Word *words, uint64_t count, uint64_t base, Fields<Word> fields,
                NonFiniteCount &result) {
  for (uint64_t i = 0; i < count; ++i) {
    if ((words[i] & fields.exponent) != fields.exponent)
      continue;
    if (!result.any())
      result.firstIndex = base + i;
    ++((words[i] & fields.fraction) != 0 ? result.nans : result.infinities);
  }
}

template <typename Word>
NonFiniteCount countAll(const WeightView &view, Fields<Word> fields) {
  NonFiniteCount result;
  Word block[kBlock]; // the data of a view may be unaligned
  const uint64_t elements = view.bytes / sizeof(Word);
  for (uint64_t base = 0; base < elements; base += kBlock) {
    const uint64_t count = std::min(kBlock, elements - base);
    std::memcpy(block, view.data + base * sizeof(Word), count * sizeof(Word));
    if (blockHasNonFinite(block, count, fields))
      countBlock(block, count, base, fields, result);
  }
  return result;
}

} // namespace

NonFiniteCount countNonFinite(const WeightView &view) {
  switch (view.type) {
  case WeightType::F32:
    return countAll<uint32_t>(view, {0x7f800000u, 0x007fffffu});
  case WeightType::F16:
    return countAll<uint16_t>(view, {0x7c00, 0x03ff});
  case WeightType::BF16:
    return countAll<uint16_t>(view, {0x7f80, 0x007f});
  }
  return {};
}

} // namespace ingot
