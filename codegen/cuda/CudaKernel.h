// A CUDA kernel before it is compiled: its source text and how it is launched.
#pragma once

#include "codegen/KernelProgram.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace ingot::cuda {

/// What bits and speed are traded for; named in the artifact.
///   Invariant   a row's bits depend on model and architecture, never on the batch
///   Fast        may choose another order of K by the number of tokens
enum class Profile : uint8_t { Invariant, Fast };

/// How many tokens the schedule that a kernel serves can have: what its tile shape is chosen by.
/// Kernels of all sizes give the same bits (profile Invariant).
struct TokenBound {
  uint32_t maxTokens = 16;
};

/// The launch of a kernel whose plan gives it `items` (ir/KernelSpec.h, ItemSpace) at T tokens:
///   grid.x = ceil(items * blocksPerItem / itemsPerBlock), grid.y = ceil(T / tokensPerBlock) (1
///   where tokensPerBlock is 0), blocks of `threads`.
/// A grid may be larger than the step needs: blocks without work leave at once.
struct LaunchShape {
  uint32_t threads = 256;
  uint32_t dynamicSharedBytes = 0;
  uint32_t itemsPerBlock = 1, blocksPerItem = 1;
  uint32_t tokensPerBlock = 0;
  uint64_t scratchBytes = 0; ///< device memory of the whole launch, given in the last slot; 0: none
};

/// A complete translation unit. It includes the embedded headers by their path in this repository
/// ("codegen/cuda/kernels/Matmul.cuh") and defines
///   extern "C" __global__ void <name>(const __grid_constant__ ingot::gpu::KernelArgs args)
/// with the slots of runtime/artifact/KernelAbi.h.
struct KernelSource {
  std::string name;
  std::string text;
  LaunchShape shape;
};

} // namespace ingot::cuda
