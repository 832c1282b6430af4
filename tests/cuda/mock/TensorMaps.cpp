// Tensor maps: refused as the driver refuses them, else the form that host execution reads.
#include "tests/cuda/mock/State.h"

#include <bit>

namespace ingot::mock {

/// Bytes of an element; 0 for types that nothing here uses.
static uint32_t bytesOfType(int type) {
  switch (type) {
  case kTensorUint8:
    return 1;
  case kTensorUint16:
    return 2;
  case kTensorUint32:
    return 4;
  case kTensorUint64:
    return 8;
  default:
    return 0;
  }
}

/// CUDA driver API, cuTensorMapEncodeTiled: what "returns CUDA_ERROR_INVALID_VALUE" there, for two
/// dimensions.
static bool isValid(uint32_t element, const uint64_t *sizes, uint64_t pitch, const uint32_t *box,
                    const uint32_t *elementStrides, int swizzle) {
  constexpr uint64_t kMostSize = uint64_t(1) << 32, kMostPitch = uint64_t(1) << 40;
  for (int i = 0; i < 2; ++i)
    if (sizes[i] == 0 || sizes[i] > kMostSize || box[i] == 0 || box[i] > 256 ||
        elementStrides[i] != 1)
      return false;
  const uint32_t boxBytes = box[0] * element;
  return pitch % 16 == 0 && pitch < kMostPitch && pitch >= sizes[0] && boxBytes % 16 == 0 &&
         (swizzle == 0 || boxBytes <= 128);
}

Code encodeTensorMap(TensorMapBytes *map, int type, uint32_t rank, uint64_t address,
                     const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,
                     const uint32_t *elementStrides, int swizzle) {
  const uint32_t element = bytesOfType(type);
  if (element == 0 || rank != 2 || (swizzle != 0 && swizzle != kTensorSwizzle128) ||
      reinterpret_cast<uint64_t>(map) % 64 != 0 || address % 16 != 0 ||
      !isValid(element, sizes, strides[0], box, elementStrides, swizzle))
    return kInvalidValue;
  // The real one looks at no memory; a view beyond its allocation is a mistake all the same.
  if (!state().isDevice(address, (sizes[1] - 1) * strides[0] + sizes[0] * element))
    state().violation("a tensor map reaches beyond the memory of its address");
  const gpu::TensorMap encoded = gpu::host::encodeTensorMap({.base = address,
                                                             .columns = sizes[0],
                                                             .rows = sizes[1],
                                                             .pitchBytes = strides[0],
                                                             .boxColumns = box[0],
                                                             .boxRows = box[1],
                                                             .elementBytes = element,
                                                             .swizzle = swizzle != 0});
  *map = std::bit_cast<TensorMapBytes>(encoded);
  return kSuccess;
}

} // namespace ingot::mock
