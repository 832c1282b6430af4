// Paged attention as one CUDA kernel; what it does: codegen/cuda/kernels/Attention.cuh.
#pragma once

#include "codegen/cuda/CudaKernel.h"

namespace ingot::cuda {

/// The kernel of a program of one PagedAttention over a cache in "kv_bf16_rows". Every bound and
/// profile gives the same bits. Scratch comes in the slot after the result; its first bytes are
/// counters that must be zero before the first launch and are zero after every launch. Id
/// "cuda-kernel" for shapes that no kernel can hold.
Result<KernelSource> emitAttention(const KernelProgram &program, std::string_view name,
                                   TokenBound bound, Profile profile);

} // namespace ingot::cuda
