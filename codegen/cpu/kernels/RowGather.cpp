// Rows from tables and into the paged cache.
#include "codegen/cpu/kernels/RowOps.h"

#include "codegen/cpu/Primitives.h"
#include "codegen/cpu/kernels/RowVectors.h"

#include <algorithm>
#include <cstddef>

namespace ingot::cpu {

namespace {

constexpr Type kI32x4{Elem::I32, 4}, kI32x8{Elem::I32, 8}, kF32x4{Elem::F32, 4},
    kF32x8{Elem::F32, 8};
constexpr int64_t kScaleBytes = 64; ///< 32 f16 at the start of a group

/// Entry `index` of a u32 table of the batch, as i64.
Val tableEntry(KernelBuilder &b, Val batch, size_t offset, Val index) {
  const Val table = b.load(kPtr, batch, int64_t(offset));
  return b.convert(Convert::ZeroExtend, b.load(kI32, table + index * 4), kI64);
}

/// Four packed nibble bytes of one column: k 0..3 in the low nibbles, 4..7 in the high ones.
Val nibbleValues(KernelBuilder &b, Val word) {
  const Val shifts = b.vectorConstant({0, 8, 16, 24, 4, 12, 20, 28});
  const Val shifted = b.binary(Binary::ShrU, b.splat(word, 8), shifts);
  return b.convert(Convert::IntToFloat, (shifted & 15) - 8, kF32x8);
}
Val byteValues(KernelBuilder &b, Val word) {
  const Val shifts = b.vectorConstant({0, 8, 16, 24});
  const Val shifted = b.binary(Binary::ShrU, b.splat(word, 4), shifts);
  return b.convert(Convert::IntToFloat, (shifted & 255) - 128, kF32x4);
}

/// One column of an int block of 32 k, dequantized to 32 float32.
void dequantizeBlock(KernelBuilder &b, WeightFormat format, Val column, Val scale, Val to) {
  if (format == WeightFormat::Int4) {
    for (int64_t i = 0; i < 4; ++i)
      b.store(nibbleValues(b, b.load(kI32, column, i * 64)) * b.splat(scale, 8), to, i * 32);
    return;
  }
  for (int64_t i = 0; i < 8; ++i)
    b.store(byteValues(b, b.load(kI32, column, i * 64)) * b.splat(scale, 4), to, i * 16);
}

/// Column `column` (0..31) of an int panel.
void gatherInt(KernelBuilder &b, const WeightLayout &layout, Val panel, Val column, Val to) {
  const bool nibbles = layout.format == WeightFormat::Int4;
  const int64_t blockBytes = nibbles ? 512 : 1024, halfBytes = blockBytes / 2;
  const int64_t perGroup = int64_t(layout.blocksPerGroup()), blocks = int64_t(layout.blocks());
  const int64_t groupBytes = kScaleBytes + perGroup * blockBytes;
  const Val inBlock = column / 16 * halfBytes + column % 16 * 4;
  b.loop(b.i64(0), b.i64(blocks), 1, [&](Val block) {
    const Val group = panel + block / perGroup * groupBytes;
    const Val half = b.load(Type{Elem::F16}, group + column * 2);
    const Val scale = b.convert(Convert::FloatExtend, half, kF32);
    const Val from = group + (block % perGroup * blockBytes + kScaleBytes) + inBlock;
    dequantizeBlock(b, layout.format, from, scale, to + block * 128);
  });
}

void gatherBf16(KernelBuilder &b, const WeightLayout &layout, Val panel, Val column, Val to) {
  const Val inPair = column / 16 * 64 + column % 16 * 4;
  b.loop(b.i64(0), b.i64(int64_t(layout.paddedColumns()) / 2), 1, [&](Val pair) {
    const Val both = b.load(kI32, panel + inPair + pair * 128);
    b.store(shl(both, 16), to + pair * 8);
    b.store(both & int64_t(int32_t(0xffff0000)), to + pair * 8, 4);
  });
}

/// bf16 bits of 16 lanes.
Val roundedBits(KernelBuilder &b, Val value) {
  return b.convert(Convert::Truncate, toBf16(b, value), kI16x16);
}

/// Keys of one head: per pair of d 16 positions of 4 bytes; this position is one lane of each.
void storeKeys(KernelBuilder &b, Val keys, int64_t headDim, Val tile, Val lane) {
  const Val to = tile + lane * 4;
  for (int64_t d = 0; d < headDim; d += 16) {
    const Val pairs = bitcast(roundedBits(b, loadLanes(b, keys, d * 4, headDim - d)), kI32x8);
    const int64_t count = std::min<int64_t>(16, headDim - d) / 2;
    for (int64_t i = 0; i < count; ++i)
      b.store(b.extract(pairs, i), to, (d / 2 + i) * int64_t(abi::kKvTile) * 4);
  }
}

/// Values of one head: a row of valueStride columns per position, zeros behind the head.
void storeValues(KernelBuilder &b, Val values, int64_t headDim, Val to) {
  for (int64_t d = 0; d < headDim; d += 16)
    b.store(roundedBits(b, loadLanes(b, values, d * 4, headDim - d)), to, d * 2);
}

} // namespace

void emitRopeAnglesRow(KernelBuilder &b, const RowContext &context,
                       const std::vector<float> &invFreq, float factor, Val to) {
  const int64_t half = int64_t(invFreq.size());
  std::vector<float> padded = invFreq;
  padded.resize((invFreq.size() + 15) / 16 * 16, 0.0f);
  const Val table = b.table("inv_freq", padded);
  const Val positions =
      b.load(kPtr, context.batch, int64_t(offsetof(abi::BatchView, ropePositions)));
  const Val position =
      b.convert(Convert::IntToFloat, b.load(kI32, positions + context.row * 4), kF32);
  for (int64_t i = 0; i < half; i += 16) {
    const Val angle = b.splat(position, 16) * b.load(kF32x16, table, i * 4);
    const SinCosVals point = sinCos(b, angle);
    storeLanes(b, point.cos * factor, to, i * 4, half - i);
    storeLanes(b, point.sin * factor, to, (half + i) * 4, half - i);
  }
  clearPadding(b, to, 2 * half);
}

void emitEmbedRow(KernelBuilder &b, const RowContext &context, const WeightLayout &table,
                  Val packed, Val to) {
  const Val id = tableEntry(b, context.batch, offsetof(abi::BatchView, tokenIds), context.row);
  const Val panel = packed + id / 32 * int64_t(table.unitBytes);
  if (table.isQuantized())
    gatherInt(b, table, panel, id % 32, to);
  else
    gatherBf16(b, table, panel, id % 32, to);
}

void emitKvAppendRow(KernelBuilder &b, const RowContext &context, const abi::KvLayout &kv, Val view,
                     Val keys, Val values) {
  const Val sequence =
      tableEntry(b, context.batch, offsetof(abi::BatchView, tokenSequence), context.row);
  const Val position =
      tableEntry(b, context.batch, offsetof(abi::BatchView, kvPositions), context.row);
  const Val pitch = b.convert(Convert::ZeroExtend,
                              b.load(kI32, view, int64_t(offsetof(abi::KvView, tablePitch))), kI64);
  const Val entry = sequence * pitch + position / int64_t(kv.blockTokens);
  const Val blocks = b.load(kPtr, view, int64_t(offsetof(abi::KvView, table)));
  const Val block = b.convert(Convert::ZeroExtend, b.load(kI32, blocks + entry * 4), kI64);
  const Val blockBytes = b.load(kI64, view, int64_t(offsetof(abi::KvView, blockBytes)));
  const Val inBlock = position % int64_t(kv.blockTokens);
  const Val tile = b.load(kPtr, view, int64_t(offsetof(abi::KvView, pool))) +
                   (block * blockBytes + inBlock / int64_t(abi::kKvTile) * int64_t(kv.tileBytes()));
  const Val lane = inBlock % int64_t(abi::kKvTile);
  b.loop(b.i64(0), b.i64(kv.kvHeads), 1, [&](Val head) {
    const Val place = tile + head * int64_t(kv.headBytes());
    const Val from = head * (int64_t(kv.headDim) * 4);
    storeKeys(b, keys + from, kv.headDim, place, lane);
    storeValues(b, values + from, kv.headDim,
                place + int64_t(kv.keyTileBytes()) + lane * int64_t(kv.valueStride() * 2));
  });
}

} // namespace ingot::cpu
