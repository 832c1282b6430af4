#include "runtime/device/CudaTensorMap.h"

#include "runtime/base/Format.h"

namespace ingot::cuda {

static int typeOf(uint32_t elementBytes) {
  switch (elementBytes) {
  case 1:
    return kTensorUint8;
  case 2:
    return kTensorUint16;
  case 4:
    return kTensorUint32;
  default:
    return kTensorUint64;
  }
}

Result<TensorMapBytes> encodeTensorMap(const GpuContext &context, const artifact::TensorMap &map,
                                       Pointer address, uint64_t rows, const std::string &what) {
  const auto encode = context.calls().tensorMapEncode;
  if (!encode)
    return Status(ErrorClass::Unavailable, "cuda-driver-old",
                  format("%s needs tensor maps, which the NVIDIA driver (CUDA %s) has not; update "
                         "the driver, or compile the artifact for sm_80",
                         what.c_str(), versionText(context.driver().version()).c_str()));
  TensorMapBytes bytes;
  const uint64_t sizes[] = {map.columns, rows}, strides[] = {map.pitchBytes};
  const uint32_t box[] = {map.boxColumns, map.boxRows}, steps[] = {1, 1};
  INGOT_TRY(
      context.check(encode(&bytes, typeOf(map.elementBytes), 2,
                           reinterpret_cast<void *>(address + map.offset), sizes, strides, box,
                           steps, 0, map.swizzle ? kTensorSwizzle128 : 0, kTensorPromote256, 0),
                    "encoding a tensor map of " + what));
  return bytes;
}

} // namespace ingot::cuda
