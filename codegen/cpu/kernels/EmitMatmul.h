// Rows times a packed weight (layout panel32), with its epilogue in registers.
//
//   item     one panel of 32 output columns; the kernel walks all rows of the step
//   reads    int8 rows + ActGroupMeta rows, or bf16 rows; each weight panel once per block of rows
//   writes   the epilogue's results
//   order    Rule M: one chain per output over ascending k; tiles and row blocks change no bit
//   scratch  sums of a block of rows for a group of panels; int weights: an unpacked chunk of a
//   panel; bf16 weights
//            without vdpbf16ps: the block's rows widened to float32
#pragma once

#include "codegen/KernelProgram.h"
#include "codegen/cpu/KernelBuilder.h"

namespace ingot::cpu {

/// Emits the kernel `name` for a program with one Linear followed by point-wise ops, ArgmaxPartial
/// or both. Returns the scratch bytes a worker must provide.
uint64_t emitMatmul(KernelBuilder &builder, const KernelProgram &program, std::string_view name);

/// Rows from which K is walked in chunks; with fewer, tiles over the packed panel are as fast.
inline constexpr int64_t kChunkRows = 49;

} // namespace ingot::cpu
