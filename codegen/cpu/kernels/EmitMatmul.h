// Rows times a packed weight (layout panel32), with its epilogue in registers.
//
//   item     one panel of 32 output columns; the kernel walks all rows of the step
//   reads    activations: int8 rows + ActGroupMeta rows, or bf16 rows; weight panels, once per row block
//   writes   the epilogue's results
//   order    Rule M: one chain per output over k ascending; tile heights and row blocks change no bit
//   scratch  sums of a row block; int: a chunk of unpacked weights; bf16 without vdpbf16ps: widened rows
#pragma once

#include "codegen/cpu/KernelBuilder.h"
#include "codegen/cpu/KernelProgram.h"

namespace ingot::cpu {

/// Emits the kernel `name` for a program with one Linear followed by point-wise ops, ArgmaxPartial or both.
/// Returns the scratch bytes a worker must provide.
uint64_t emitMatmul(KernelBuilder &builder, const KernelProgram &program, std::string_view name);

/// Rows from which K is walked in chunks.
inline constexpr int64_t kChunkRows = 17;

} // namespace ingot::cpu
