// The CUDA source of any region that a kernel family holds.
#pragma once

#include "codegen/cuda/CudaKernel.h"

namespace ingot::cuda {

/// Chooses the family by what the program holds, as the CPU does: a Linear is a matmul, a
/// PagedAttention attention, all else row-wise. Id "cuda-kernel" with the reason when the family
/// cannot hold it.
Result<KernelSource> emitKernel(const KernelProgram &program, std::string_view name,
                                TokenBound bound);

} // namespace ingot::cuda
