// Softmax attention of ragged queries over the paged bf16 cache.
//
//   item     (attention item of the step) x (KV head): the queries of that KV head's group, for
//            up to kAttentionTokens tokens of one sequence
//   reads    bf16 query rows, one layer of the cache through the block tables, visible ranges
//   writes   float32 rows [T, heads * D]; padding columns are zero
//   order    Rule A (runtime/base/Numerics.h): tiles of 64 positions from absolute 0, segments of
//            256; each row (token and head) for itself, so tokens may share the walk
//   scratch  a tile of keys and values; per row: query, probabilities, two softmax states
// Keys lie with 16 positions along the lanes, values with the head's columns, so neither product
// needs a shuffle. Positions outside a token's visible range are never used, whatever their pages
// hold.
#pragma once

#include "codegen/KernelProgram.h"
#include "codegen/cpu/KernelBuilder.h"

namespace ingot::cpu {

/// Emits the kernel `name` for a program of one PagedAttention. Returns the scratch bytes a worker
/// must provide.
uint64_t emitAttention(KernelBuilder &builder, const KernelProgram &program, std::string_view name);

} // namespace ingot::cpu
