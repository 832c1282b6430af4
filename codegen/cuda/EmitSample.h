// Sampling as one CUDA kernel; what it does: codegen/cuda/kernels/Sample.cuh.
#pragma once

#include "codegen/cuda/CudaKernel.h"

namespace ingot::cuda {

/// Slots: 0 BatchView, 1 logits f32 [R] (stride abi::f32RowBytes), 2 abi::SampleParams [R],
/// 3 ids u32 [R], 4 scratch. Items are returned rows, at most `bound.maxTokens`.
KernelSource emitSample(uint32_t vocabulary, std::string_view name, TokenBound bound);

} // namespace ingot::cuda
