#include "ir/reference/Ops.h"

#include <algorithm>

namespace ingot::reference {

void evalKvAppend(KvState &state, const KvGeometry &kv, const Rows &key, const Rows &value,
                  const Batch &batch) {
  for (int64_t t = 0; t < batch.tokens(); ++t) {
    KvRun &run = state.run(kv.group, kv.layer, batch.tokenSequence[t]);
    run.keyWidth = kv.heads * kv.keyDim;
    run.valueWidth = kv.heads * kv.valueDim;
    const int64_t position = batch.kvPositions[t];
    run.grow(position + 1, state.format());
    for (int64_t c = 0; c < run.keyWidth; ++c)
      run.keys[position * run.keyWidth + c] = numerics::toBf16(key.row(t)[c]);
    for (int64_t c = 0; c < run.valueWidth; ++c)
      run.values[position * run.valueWidth + c] = numerics::toBf16(value.row(t)[c]);
    if (state.format() != CacheFormat::F32)
      continue;
    std::copy_n(key.row(t), run.keyWidth, &run.wideKeys[position * run.keyWidth]);
    std::copy_n(value.row(t), run.valueWidth, &run.wideValues[position * run.valueWidth]);
  }
}

} // namespace ingot::reference
