// One emitter per row-wise op: rows in memory in, a row in memory out. Rows are a few kilobytes and
// stay in the first-level cache, so chains of ops go through memory; float32 loses nothing on the
// way and a fused chain has the bits of its parts.
//
// Row buffers have columns padded with zeros to a multiple of 32 (KernelAbi.h); every emitter
// leaves its padding zero, so the others may work on whole vectors.
#pragma once

#include "codegen/KernelProgram.h"
#include "codegen/cpu/KernelBuilder.h"

namespace ingot::cpu {

/// Where one row of a value lies.
struct RowPlace {
  Val data; ///< first column; parameters: first byte
  Val meta; ///< QuantRows: ActGroupMeta row
};

/// What ops read from the step for the row at hand.
struct RowContext {
  Val batch; ///< const abi::BatchView *
  Val row;   ///< index of the token
};

/// Stores zeros to columns [columns, padded) of a float32 row.
void clearPadding(KernelBuilder &b, Val row, int64_t columns);

// to = op(from) over the padded columns
void emitBinaryRow(KernelBuilder &b, Binary op, Val lhs, Val rhs, Val to, int64_t columns);
void emitSiluRow(KernelBuilder &b, Val from, Val to, int64_t columns);
void emitCopyRow(KernelBuilder &b, Val from, Val to, int64_t columns);
/// Columns of one of two sources that alternate in runs of `interleave`; `second` selects which.
void emitDeinterleaveRow(KernelBuilder &b, Val from, Val to, int64_t columns, int64_t interleave,
                         bool second);

/// Root mean square norm of the row, or of each head when headDim > 0.
void emitRmsNormRow(KernelBuilder &b, Val from, Val gamma, Val to, int64_t columns, float eps,
                    int64_t headDim);
/// Layer norm of the row.
void emitLayerNormRow(KernelBuilder &b, Val from, Val gamma, Val beta, Val to, int64_t columns,
                      float eps);
/// Rotates the halves of each head by cos | sin.
void emitRopeRow(KernelBuilder &b, Val from, Val angles, Val to, int64_t columns, int64_t headDim);
/// cos | sin of the token's position times each frequency.
void emitRopeAnglesRow(KernelBuilder &b, const RowContext &context,
                       const std::vector<float> &invFreq, float factor, Val to);
/// Gathers and dequantizes the token's row of a packed table.
void emitEmbedRow(KernelBuilder &b, const RowContext &context, const WeightLayout &table,
                  Val packed, Val to);
/// Writes the token's keys and values, rounded to bf16, to its place in the cache.
void emitKvAppendRow(KernelBuilder &b, const RowContext &context, const abi::KvLayout &kv, Val view,
                     Val keys, Val values);

void emitRoundRow(KernelBuilder &b, Val from, Val to, int64_t columns);
void emitQuantizeRow(KernelBuilder &b, Val from, const RowPlace &to, int64_t columns,
                     bool floatScale);

/// Index of the largest column, ties to the lowest.
void emitArgmaxRow(KernelBuilder &b, Val from, Val to, int64_t columns);
/// {f32 value, u32 index} of the largest of each run of 32 columns.
void emitArgmaxPartialRow(KernelBuilder &b, Val from, Val to, int64_t columns);
/// Index of the largest partial, ties to the lowest.
void emitArgmaxFoldRow(KernelBuilder &b, Val from, Val to, int64_t partials);

} // namespace ingot::cpu
