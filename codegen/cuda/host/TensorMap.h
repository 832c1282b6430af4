// Tensor maps of host execution: what the driver's cuTensorMapEncodeTiled makes on a GPU (there the
// 128 bytes are NVIDIA's secret, here they are these fields).
#pragma once

#include "codegen/cuda/kernels/Types.h"

namespace ingot::gpu {

namespace host {

/// A tensor of `rows` rows of `columns` elements, `pitchBytes` apart, read in boxes of boxRows rows
/// of boxColumns elements. With `swizzle` rows of a box are 128 bytes and their 16-byte chunks are
/// permuted: chunk c of line r goes to chunk c ^ (r % 8), lines being those of shared memory.
struct TensorMapFields {
  u64 base;
  u64 columns, rows;
  u64 pitchBytes;
  u32 boxColumns, boxRows;
  u32 elementBytes, swizzle;
};
static_assert(sizeof(TensorMapFields) <= sizeof(TensorMap));

inline TensorMap encodeTensorMap(const TensorMapFields &fields) {
  TensorMap map = {};
  __builtin_memcpy(map.words, &fields, sizeof fields);
  return map;
}
inline TensorMapFields decodeTensorMap(const TensorMap &map) {
  TensorMapFields fields;
  __builtin_memcpy(&fields, map.words, sizeof fields);
  return fields;
}

} // namespace host
} // namespace ingot::gpu
