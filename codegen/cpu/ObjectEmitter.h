// Kernel -> LLVM IR -> object file in memory.
#pragma once

#include "codegen/cpu/KernelBuilder.h"

#include "runtime/base/Status.h"

#include <string>

namespace ingot::cpu {

enum class EmitKind : uint8_t {
  Mlir,     ///< what the builder wrote, text
  LlvmIr,   ///< optimised, text
  Assembly, ///< with LLVM's remarks on loops and spills
  Object,   ///< ELF relocatable
};

/// Translates and optimises the kernel in `builder`, which is used up. Same kernel, same bytes.
/// Every function except the kernel becomes local and is never inlined.
Result<std::string> emitKernel(KernelBuilder &builder, EmitKind kind);

} // namespace ingot::cpu
