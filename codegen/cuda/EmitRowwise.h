// Any chain of row-wise ops as one CUDA kernel; what it does: codegen/cuda/kernels/Rowwise.cuh.
#pragma once

#include "codegen/cuda/CudaKernel.h"

namespace ingot::cuda {

/// The kernel of a program without Linear and PagedAttention; items are rows. Every bound
/// gives the same bits. Id "cuda-kernel" for what no kernel can hold.
Result<KernelSource> emitRowwise(const KernelProgram &program, std::string_view name,
                                 TokenBound bound);

} // namespace ingot::cuda
