// Tensor maps of kernels, encoded by the driver: the GPU's own form of a view of its memory.
#pragma once

#include "runtime/device/CudaMemory.h"

namespace ingot::cuda {

/// `map` over memory that begins at `address`. `what` is for errors. Ids: "cuda-driver-old" without
/// the driver's function, and the driver's.
Result<TensorMapBytes> encodeTensorMap(const GpuContext &context, const artifact::TensorMap &map,
                                       Pointer address, uint64_t rows, const std::string &what);

} // namespace ingot::cuda
