// What follows the linear of a matmul as statements of its kernel.
#pragma once

#include "codegen/KernelProgram.h"

#include <cstddef>
#include <string>

namespace ingot::cuda {

/// The body of `Epilogue::apply` in the names of codegen/cuda/kernels/MatmulEpilogue.cuh.
struct EpilogueText {
  std::string body;
  bool wholePanels = false; ///< a lane needs both strips of a panel
};

/// Writes the ops behind op `linear`: point-wise ones, the halves of a gated product, argmax
/// partials; or the heads of a QKV projection on their way to attention and the cache. False with
/// the reason for what fits no epilogue.
bool writeEpilogue(const KernelProgram &program, size_t linear, EpilogueText &text,
                   std::string &refused);

} // namespace ingot::cuda
