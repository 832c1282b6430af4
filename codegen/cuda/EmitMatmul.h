// Rows times a packed weight as a CUDA kernel; what it does: codegen/cuda/kernels/MatmulFew.cuh and
// MatmulMany.cuh.
#pragma once

#include "codegen/cuda/CudaKernel.h"

namespace ingot::cuda {

/// The kernel of a program with one Linear (weight: layout mma16; rows of bf16, or of the weight's
/// own fp16, int8 or fp8): before it perhaps the norm of few rows, behind it point-wise ops, rotary
/// heads and their cache, ArgmaxPartial; items are panels. Tiles are chosen by shape and bound and
/// move no bit: every bound gives the same. Id "cuda-kernel" for what it cannot hold.
Result<KernelSource> emitMatmul(const KernelProgram &program, std::string_view name,
                                TokenBound bound);

/// Most tokens that the kernel for few tokens takes.
inline constexpr uint32_t kFewTokens = 16;

} // namespace ingot::cuda
