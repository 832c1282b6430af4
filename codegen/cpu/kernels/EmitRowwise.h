// Any chain of row-wise ops as one kernel.
//
//   item     one row: a token, or a returned row when the results are returned rows
//   reads    operand rows; with select_rows those of the token that the row returns
//   writes   the yielded rows; keys and values into the cache
//   order    each op as RowOps.h says; what is not yielded lives in scratch, one row per value
//   scratch  one row per inner value
#pragma once

#include "codegen/KernelProgram.h"
#include "codegen/cpu/KernelBuilder.h"

namespace ingot::cpu {

/// Emits the kernel `name` for a program without Linear and PagedAttention. Returns the scratch
/// bytes a worker must provide.
uint64_t emitRowwise(KernelBuilder &builder, const KernelProgram &program, std::string_view name);

} // namespace ingot::cpu
