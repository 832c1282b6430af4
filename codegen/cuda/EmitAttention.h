// Paged attention as one CUDA kernel; what it does: codegen/cuda/kernels/Attention.cuh.
#pragma once

#include "codegen/cuda/CudaKernel.h"

namespace ingot::cuda {

/// Bytes of softmax states that scratch may hold; steps with more take whole rows at a time. Moves
/// no bits.
inline constexpr uint64_t kAttentionPartialBytes = 64ull << 20;

/// The kernel of a program of one PagedAttention over a cache in rows (abi::KvRowsLayout), of any
/// of its formats. Every bound gives the same bits. Scratch comes in the slot after the result; its
/// first bytes are counters that must be zero before the first launch and are zero after every
/// launch. Ids: "cuda-kernel" for regions that are
/// no attention, "attention-cuda" for sizes that its kernels do not have.
Result<KernelSource> emitAttention(const KernelProgram &program, std::string_view name,
                                   TokenBound bound,
                                   uint64_t partialBytes = kAttentionPartialBytes);

} // namespace ingot::cuda
