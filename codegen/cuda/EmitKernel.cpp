#include "codegen/cuda/EmitKernel.h"

#include "codegen/cuda/EmitAttention.h"
#include "codegen/cuda/EmitMatmul.h"
#include "codegen/cuda/EmitRowwise.h"
#include "codegen/cuda/EmitSample.h"

#include <algorithm>

namespace ingot::cuda {

Result<KernelSource> emitKernel(const KernelProgram &program, std::string_view name,
                                TokenBound bound) {
  const auto has = [&](OpKind kind) {
    return std::any_of(program.ops.begin(), program.ops.end(),
                       [&](const ProgramOp &op) { return op.kind == kind; });
  };
  if (has(OpKind::Linear))
    return emitMatmul(program, name, bound);
  if (has(OpKind::PagedAttention))
    return emitAttention(program, name, bound);
  if (has(OpKind::Sample))
    return emitSample(program, name);
  return emitRowwise(program, name, bound);
}

} // namespace ingot::cuda
