// Rule K (runtime/base/Numerics.h).
#include "ir/reference/Ops.h"

#include <algorithm>

namespace ingot::reference {
namespace {

uint16_t encode(float x, abi::KvFormat format) {
  switch (format) {
  case abi::KvFormat::F16:
    return numerics::toF16(x);
  case abi::KvFormat::E4m3:
    return numerics::toE4m3(x);
  default:
    return numerics::toBf16(x);
  }
}

/// Integers of one head's row; gives their scale.
float encodeIntegers(const float *from, int64_t width, uint16_t *to) {
  uint32_t amax = 0;
  for (int64_t c = 0; c < width; ++c)
    amax = std::max(amax, numerics::bitsOf(from[c]) & 0x7fffffffu);
  const numerics::KvRowScale scale = numerics::kvRowScale(amax);
  for (int64_t c = 0; c < width; ++c)
    to[c] = static_cast<uint8_t>(numerics::kvInteger(from[c], scale.inverse));
  return scale.scale;
}

/// `from`: the row of all heads; `to` and `scales`: those of the position.
void encodeRow(const float *from, int64_t heads, int64_t headDim, abi::KvFormat format,
               uint16_t *to, float *scales) {
  if (format == abi::KvFormat::Int8) {
    for (int64_t h = 0; h < heads; ++h)
      scales[h] = encodeIntegers(from + h * headDim, headDim, to + h * headDim);
    return;
  }
  for (int64_t c = 0; c < heads * headDim; ++c)
    to[c] = encode(from[c], format);
}

} // namespace

void evalKvAppend(KvState &state, const KvGeometry &kv, const Rows &key, const Rows &value,
                  const Batch &batch) {
  for (int64_t t = 0; t < batch.tokens(); ++t) {
    KvRun &run = state.run(kv.group, kv.layer, batch.tokenSequence[t]);
    run.format = kv.format;
    run.heads = kv.heads;
    run.keyWidth = kv.heads * kv.keyDim;
    run.valueWidth = kv.heads * kv.valueDim;
    const int64_t position = batch.kvPositions[t];
    run.grow(position + 1, state.format());
    encodeRow(key.row(t), kv.heads, kv.keyDim, kv.format, &run.keys[position * run.keyWidth],
              run.keyScales.data() + position * kv.heads);
    encodeRow(value.row(t), kv.heads, kv.valueDim, kv.format,
              &run.values[position * run.valueWidth], run.valueScales.data() + position * kv.heads);
    if (state.format() != CacheFormat::F32)
      continue;
    std::copy_n(key.row(t), run.keyWidth, &run.wideKeys[position * run.keyWidth]);
    std::copy_n(value.row(t), run.valueWidth, &run.wideValues[position * run.valueWidth]);
  }
}

} // namespace ingot::reference
