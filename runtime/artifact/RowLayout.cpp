#include "runtime/artifact/RowLayout.h"

#include <cassert>
#include <cstring>

namespace ingot {

void packRows(const WeightLayout &layout, std::span<const float> values, uint8_t *out) {
  assert(layout.kind == LayoutKind::Row && values.size() == layout.rows * layout.columns);
  for (uint64_t row = 0; row < layout.rows; ++row, out += layout.unitBytes) {
    const uint64_t bytes = layout.columns * sizeof(float);
    std::memcpy(out, values.data() + row * layout.columns, bytes);
    std::memset(out + bytes, 0, layout.unitBytes - bytes);
  }
}

void unpackRow(const WeightLayout &layout, const uint8_t *data, uint64_t row, float *out) {
  assert(layout.kind == LayoutKind::Row && row < layout.rows);
  std::memcpy(out, data + row * layout.unitBytes, layout.columns * sizeof(float));
}

} // namespace ingot
