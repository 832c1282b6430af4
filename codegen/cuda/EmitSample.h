// Sampling as one CUDA kernel; what it does: codegen/cuda/kernels/Sample.cuh.
#pragma once

#include "codegen/cuda/CudaKernel.h"

namespace ingot::cuda {

/// `program`: one Sample. Slots: 0 BatchView, 1 logits f32 [R] (stride abi::f32RowBytes), which the
/// kernel overwrites, 2 ids u32 [R]. Items are returned rows.
Result<KernelSource> emitSample(const KernelProgram &program, std::string_view name);

} // namespace ingot::cuda
