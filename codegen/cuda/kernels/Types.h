// The words and the parameter of kernels.
#pragma once

#include "runtime/artifact/KernelAbi.h"

#include <cstdint>

namespace ingot::gpu {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i32 = int32_t;
using i64 = int64_t;

inline constexpr int kWarp = 32;

/// The slots of runtime/artifact/KernelAbi.h as a kernel parameter.
struct KernelArgs {
  u64 slot[abi::kMaxSlots];

  template <typename T>
  T *pointer(int index) const {
    return reinterpret_cast<T *>(slot[index]);
  }
};

/// A tensor map as the driver encodes it, in global memory or a kernel parameter.
struct alignas(64) TensorMap {
  u64 words[16];
};

/// Second parameter of a kernel made by INGOT_KERNEL_WITH_MAPS.
struct TensorMaps {
  TensorMap map[abi::kMaxTensorMaps];
};

} // namespace ingot::gpu
