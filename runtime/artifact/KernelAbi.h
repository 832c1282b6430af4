// The contract between compiled kernels and the runtime. Version kKernelAbiVersion is stored in
// every artifact; a runtime refuses artifacts of another version. Plain C layout, no padding
// surprises: code generators address fields by offsetof.
#pragma once

#include "runtime/base/KvFormat.h"

#include <cstddef>
#include <cstdint>

namespace ingot::abi {

inline constexpr uint32_t kKernelAbiVersion = 1;

/// Slots and tensor maps that a GPU kernel takes at most, by value.
inline constexpr int kMaxSlots = 16, kMaxTensorMaps = 4;

/// How the token of one returned row is chosen on a device: the fields of SamplingParams
/// (runtime/engine/Sampler.h), and the index of the token in its sequence.
struct SampleParams {
  float temperature; ///< 0 = greedy
  float minP, topP;
  uint32_t topK;
  uint64_t seed;
  uint64_t position;
  uint32_t sampleIndex;
  uint32_t reserved;
};
/// The id of a row that holds a NaN, +infinity, or nothing but -infinity.
inline constexpr uint32_t kNotFinite = 0xffffffffu;

/// Host-built description of one ragged step, shared by every launch of the step. All tables are
/// u32 unless said otherwise and stay valid until the step has finished.
/// T tokens of B sequences; R rows are returned (need logits); W attention items.
struct BatchView {
  uint32_t tokens;               ///< T
  uint32_t sequences;            ///< B
  uint32_t returnedRows;         ///< R
  uint32_t attentionItems;       ///< W
  const uint32_t *tokenIds;      ///< [T] row of the embedding table; kPreviousId: see there
  const uint32_t *ropePositions; ///< [3][T]; plane 0 is the only one used by text models
  const uint32_t *tokenSequence; ///< [T] index into the per-sequence tables
  const uint32_t *kvPositions;   ///< [T] absolute position of the token in its sequence's cache
  const uint32_t *visibleBegin;  ///< [T] first visible KV position
  const uint32_t *visibleEnd;    ///< [T] one past the last visible KV position (own token included)
  const uint32_t *returnRows;    ///< [R] token index of each returned row, ascending
  const uint32_t *attentionTable; ///< [W][2] {first token, token count}: tokens of one sequence,
                                  ///< count <= kAttentionTokens
  const SampleParams *sampling;   ///< [R]; null unless the step's output is "sampled"
  const uint32_t *previousIds;    ///< ids that the step before chose, one per row that it returned;
                                  ///< null where none of tokenIds refers to them
  uint32_t attentionSegments;     ///< segments of positions that the W items see, summed over them
  uint32_t reservedCount;         ///< 0
  const uint32_t *reserved;       ///< null; adapters, masks, media rows
};

/// Bit of a token id whose value only the device knows: what is left is the row of the step before
/// that chose it. Only steps on devices that hold two steps in flight have such ids.
inline constexpr uint32_t kPreviousId = 0x80000000u;

/// Longest run of tokens of one sequence that one attention item may hold.
inline constexpr uint32_t kAttentionTokens = 8;

/// One layer of one KV group: the pool and the block tables of this step. The runtime keeps one
/// view per layer with `pool` already advanced by layer * layerBytes, so that all layers share one
/// kernel. Address of the tile of 16 positions holding position p, KV head h, for sequence s:
///   pool + table[s * tablePitch + p / blockTokens] * blockBytes
///        + h * headBytes + (p % blockTokens) / 16 * tileBytes
/// with headBytes, tileBytes and blockTokens known to the kernel (KvLayout below).
struct KvView {
  uint8_t *pool;         ///< 64-byte aligned base of the layer inside block 0
  const uint32_t *table; ///< [B][tablePitch] block ids
  uint64_t blockBytes;
  uint32_t tablePitch; ///< entries per sequence row
  uint32_t reserved;
};

/// Positions per KV tile: the vector width of a score row.
inline constexpr uint32_t kKvTile = 16;

/// Layout of bf16 keys and values inside a block (format "kv_bf16_tile16"):
///   tile  = { K: [headDim/2][16 positions][2] bf16, V: [16 positions][valueStride] bf16 }
///   block = [layers][kvHeads][blockTokens/16] tiles
/// headDim must be even; valueStride is headDim rounded up to 16.
struct KvLayout {
  uint32_t layers, kvHeads, headDim, blockTokens;
  constexpr uint64_t valueStride() const { return (uint64_t(headDim) + 15) / 16 * 16; }
  constexpr uint64_t keyTileBytes() const { return uint64_t(headDim) * kKvTile * 2; }
  constexpr uint64_t tileBytes() const {
    return (keyTileBytes() + kKvTile * valueStride() * 2 + 63) / 64 * 64;
  }
  constexpr uint64_t headBytes() const { return blockTokens / kKvTile * tileBytes(); }
  constexpr uint64_t layerBytes() const { return kvHeads * headBytes(); }
  constexpr uint64_t blockBytes() const { return layers * layerBytes(); }
};

/// Layout of keys and values inside a block on GPUs (formats "kv_bf16_rows", "kv_fp16_rows",
/// "kv_fp8_rows", "kv_int8_rows"):
///   block = [layers][kvHeads] { K [blockTokens][rowElements], V [blockTokens][rowElements],
///                               int8: f32 scales K [blockTokens], V [blockTokens] }
/// Columns behind headDim are zero. KvView is used as above, with
///   pool + table[s * tablePitch + p / blockTokens] * blockBytes
///        + h * headBytes + (p % blockTokens) * rowBytes (+ valuesAt for values)
/// Formats of one byte keep the columns of a key in the order in which the matrix unit takes them
/// (keyByte); values are in their own.
struct KvRowsLayout {
  uint32_t layers, kvHeads, headDim, blockTokens;
  KvFormat format = KvFormat::Bf16;
  constexpr uint64_t elementBytes() const {
    return format == KvFormat::Bf16 || format == KvFormat::F16 ? 2 : 1;
  }
  constexpr uint64_t rowElements() const { return (uint64_t(headDim) + 15) / 16 * 16; }
  constexpr uint64_t rowBytes() const { return rowElements() * elementBytes(); }
  constexpr uint64_t valuesAt() const { return blockTokens * rowBytes(); }
  constexpr uint64_t scalesAt() const { return 2 * valuesAt(); } ///< int8: of keys
  constexpr uint64_t valueScalesAt() const { return scalesAt() + blockTokens * 4; }
  constexpr uint64_t headBytes() const {
    return scalesAt() + (format == KvFormat::Int8 ? blockTokens * 8 : 0);
  }
  /// Place of column d of a key of one byte per element: of each 16 columns, lane t of a quad finds
  /// its 2t, 2t + 1, 2t + 8, 2t + 9 side by side.
  static constexpr uint32_t keyByte(uint32_t d) {
    return d / 16 * 16 + d % 8 / 2 * 4 + d % 16 / 8 * 2 + d % 2;
  }
  constexpr uint64_t layerBytes() const { return kvHeads * headBytes(); }
  constexpr uint64_t blockBytes() const { return layers * layerBytes(); }
};

/// A kernel does the items [begin, end) of its launch and nothing else; it never looks at the
/// thread count. `args` holds 64-bit slots: slot 0 is always the batch (every kernel needs the
/// number of rows), then come the fused op's operands in order without those of batch type, then
/// its results; see below. `scratch` is this worker's private memory, 64-byte aligned, of at least
/// the kernel's declared scratch bytes. Returns 0, or a nonzero code that fails the step.
///   batch            slot 0: const BatchView *; operands of batch type take no slot of their own
///   kv (operand)     1 slot: const KvView * of the op's layer (Arg{Kv, group, value = layer}); kv
///   results
///                    take no slot (the pool is updated in place)
///   tensor           1 slot: pointer to row 0
///   quantized rows   2 slots: 8-bit rows; ActGroupMeta rows, or one float32 per row
///   parameter        1 slot: pointer to its packed bytes
/// MXCSR is round-to-nearest with FTZ and DAZ while kernels run.
using KernelFn = int32_t (*)(const uint64_t *args, uint32_t begin, uint32_t end, void *scratch);

// ---- Row strides of activation buffers: one rule for planner, kernels and runtime ---------------

/// Columns are padded with zeros to a multiple of 32 in every row buffer.
constexpr uint64_t paddedColumns(uint64_t columns) { return (columns + 31) / 32 * 32; }
/// float32 rows, bytes.
constexpr uint64_t f32RowBytes(uint64_t columns) { return paddedColumns(columns) * 4; }
/// bfloat16 rows, bytes; one extra cache line so that rows do not alias in L1.
constexpr uint64_t bf16RowBytes(uint64_t columns) { return paddedColumns(columns) * 2 + 64; }
/// int8 rows, bytes; rounded to a cache line plus one against aliasing.
constexpr uint64_t int8RowBytes(uint64_t columns) {
  return (paddedColumns(columns) + 63) / 64 * 64 + 64;
}
/// Rows of argmax partials ({f32 value, u32 index} per run of 32 logits), bytes.
constexpr uint64_t argmaxPartialRowBytes(uint64_t runs) { return (runs * 8 + 63) / 64 * 64; }
/// Rows of token ids (argmax), bytes.
inline constexpr uint64_t kIndexRowBytes = 4;
/// ActGroupMeta rows, bytes.
constexpr uint64_t actMetaRowBytes(uint64_t columns) {
  return (paddedColumns(columns) / 32 * 8 + 63) / 64 * 64;
}

/// Scales of 8-bit rows that have one float32 per row, bytes from one to the next.
inline constexpr uint64_t kRowScaleBytes = 4;
/// Where column c of such a row lies: the columns of every 16 are stored as 0 1 8 9, 2 3 10 11,
/// 4 5 12 13, 6 7 14 15, which are the bytes that a lane of the layout mma16 holds of a weight.
constexpr uint64_t operandPlace(uint64_t c) {
  return c / 16 * 16 + c % 8 / 2 * 4 + c % 16 / 8 * 2 + c % 2;
}

static_assert(offsetof(BatchView, tokenIds) == 16 && sizeof(BatchView) == 16 + 12 * 8);
static_assert(sizeof(KvView) == 32 && sizeof(SampleParams) == 40);

} // namespace ingot::abi
