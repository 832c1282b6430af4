// A CUDA kernel before it is compiled: its source text and how it is launched.
#pragma once

#include "codegen/KernelProgram.h"
#include "runtime/artifact/Manifest.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::cuda {

/// How many tokens the schedule that a kernel serves can have: what its tile shape is chosen by.
/// Kernels for all bounds give the same bits.
struct TokenBound {
  uint32_t maxTokens = 16;
};

/// The launch of a kernel whose plan gives it `items` (ir/KernelSpec.h, ItemSpace) at T tokens:
///   grid.x = ceil(items * blocksPerItem / itemsPerBlock), grid.y = ceil(T / tokensPerBlock) (1
///   where tokensPerBlock is 0), blocks of `threads`.
/// A grid may be larger than the step needs: blocks without work leave at once. A persistent kernel
/// walks all those places itself: grid.x = min(their number, multiprocessors), grid.y = 1.
struct LaunchShape {
  uint32_t threads = 256;
  uint32_t dynamicSharedBytes = 0;
  uint32_t itemsPerBlock = 1, blocksPerItem = 1;
  uint32_t tokensPerBlock = 0;
  uint64_t scratchBytes = 0; ///< device memory of the whole launch, given in the last slot; 0: none
  uint64_t counterBytes = 0; ///< of it, leading: zero before the launch and left zero
  bool persistent = false;
  std::vector<artifact::TensorMap> maps; ///< of kernels made by INGOT_KERNEL_WITH_MAPS
};

/// A kernel once more for one architecture ("sm_90a"), by other means to the same bits.
struct KernelVariant {
  std::string architecture;
  std::string text; ///< defines the same name
  LaunchShape shape;
};

/// A complete translation unit. It includes the embedded headers by their path in this repository
/// ("codegen/cuda/kernels/MatmulFew.cuh") and defines <name> by INGOT_KERNEL (or one of its kin:
/// codegen/cuda/ptx/Threads.h): an extern "C" kernel whose parameters are the slots of
/// runtime/artifact/KernelAbi.h and, where its shape has maps, ingot::gpu::TensorMaps.
struct KernelSource {
  std::string name;
  std::string text;
  LaunchShape shape;
  std::vector<KernelVariant> variants; ///< for architectures that have a better one
};

/// The source as `architecture` compiles it, without other variants. "host_90a" stands for
/// "sm_90a".
KernelSource sourceFor(const KernelSource &source, std::string_view architecture);

} // namespace ingot::cuda
