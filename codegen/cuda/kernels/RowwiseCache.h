// Keys and values of a token into its place in the cache (abi::KvRowsLayout), rounded as numerics'
// Rule K says, with zeros behind each head.
#pragma once

#include "codegen/cuda/kernels/RowwiseValues.h"

namespace ingot::gpu {

/// Eight columns as bfloat16.
inline uint4 packEight(const Quad &a, const Quad &b) {
  return uint4{packBf16(a.x[0], a.x[1]), packBf16(a.x[2], a.x[3]), packBf16(b.x[0], b.x[1]),
               packBf16(b.x[2], b.x[3])};
}

/// As fp16; what is beyond 65504 becomes that.
inline uint4 packEightF16(const Quad &a, const Quad &b) {
  return uint4{packF16(a.x[0], a.x[1]), packF16(a.x[2], a.x[3]), packF16(b.x[0], b.x[1]),
               packF16(b.x[2], b.x[3])};
}

/// Columns d..d + 7 of a head as two bytes each; those behind the head are zero.
template <u32 kHeadDim, bool kF16, class Row>
inline uint4 eightOfHead(const Row &row, u32 head, u32 d) {
  Quad q[2] = {};
  if constexpr (kHeadDim % 8 == 0) {
    if (d < kHeadDim)
      q[0] = row.quad(head * kHeadDim + d), q[1] = row.quad(head * kHeadDim + d + 4);
  } else {
    for (u32 i = 0; i < 8; ++i)
      if (d + i < kHeadDim)
        q[i / 4].x[i % 4] = row.one(head * kHeadDim + d + i);
  }
  return kF16 ? packEightF16(q[0], q[1]) : packEight(q[0], q[1]);
}

/// A row of one head as bytes by a warp; each lane makes words of four. kKeys: in the order of
/// abi::KvRowsLayout::keyByte. Gives the scale of int8.
template <u32 kHeadDim, abi::KvFormat kFormat, bool kKeys, class Row>
inline float storeHeadBytes(const Row &row, u32 head, u8 *to) {
  constexpr u32 kWords = (kHeadDim + 15) / 16 * 4, kOwn = (kWords + 31) / 32;
  float x[kOwn][4];
  u32 amax = 0;
  INGOT_UNROLL
  for (u32 i = 0; i < kOwn; ++i)
    INGOT_UNROLL
  for (u32 j = 0; j < 4; ++j) {
    const u32 w = i * 32 + laneId();
    const u32 d = kKeys ? w / 4 * 16 + w % 4 * 2 + j / 2 * 8 + j % 2 : w * 4 + j;
    x[i][j] = d < kHeadDim ? row.one(head * kHeadDim + d) : 0.0f;
    const u32 magnitude = numerics::bitsOf(x[i][j]) & 0x7fffffffu;
    amax = magnitude > amax ? magnitude : amax;
  }
  numerics::KvRowScale scale{};
  if constexpr (kFormat == abi::KvFormat::Int8) {
    for (u32 mask = 1; mask < 32; mask *= 2) {
      const u32 other = shuffleXor(amax, mask);
      amax = other > amax ? other : amax;
    }
    scale = numerics::kvRowScale(amax);
  }
  INGOT_UNROLL
  for (u32 i = 0; i < kOwn; ++i) {
    u32 word = 0;
    INGOT_UNROLL
    for (u32 j = 0; j < 4; ++j) {
      const u32 code = kFormat == abi::KvFormat::Int8
                           ? static_cast<u32>(numerics::kvInteger(x[i][j], scale.inverse))
                           : numerics::toE4m3(x[i][j]);
      word |= (code & 255u) << 8 * j;
    }
    if (i * 32 + laneId() < kWords)
      store32(to + (i * 32 + laneId()) * 4, word);
  }
  return scale.scale;
}

/// Writes the token's keys and values to its place in the cache.
template <u32 kHeads, u32 kHeadDim, u32 kBlockTokens, abi::KvFormat kFormat, class T, class Keys,
          class Values>
inline void appendKv(const T &team, const abi::BatchView &batch, u32 token, u64 slot,
                     const Keys &keys, const Values &values) {
  constexpr abi::KvRowsLayout kLayout = {1, kHeads, kHeadDim, kBlockTokens, kFormat};
  const auto &view = *reinterpret_cast<const abi::KvView *>(slot);
  const u32 position = batch.kvPositions[token], place = position % kBlockTokens;
  const u32 block =
      view.table[batch.tokenSequence[token] * view.tablePitch + position / kBlockTokens];
  u8 *pool = view.pool + block * view.blockBytes;
  if constexpr (kLayout.elementBytes() == 2) {
    constexpr u32 kChunks = kLayout.rowElements() / 8; // of a row of one head
    for (u32 i = team.thread; i < kHeads * kChunks; i += T::kThreads) {
      const u32 head = i / kChunks, d = i % kChunks * 8;
      u8 *to = pool + head * kLayout.headBytes() + place * kLayout.rowBytes() + d * 2;
      constexpr bool kF16 = kFormat == abi::KvFormat::F16;
      store128(to, eightOfHead<kHeadDim, kF16>(keys, head, d));
      store128(to + kLayout.valuesAt(), eightOfHead<kHeadDim, kF16>(values, head, d));
    }
  } else {
    for (u32 head = team.thread / 32; head < kHeads; head += T::kThreads / 32) {
      u8 *at = pool + head * kLayout.headBytes(), *row = at + place * kLayout.rowBytes();
      const float key = storeHeadBytes<kHeadDim, kFormat, true>(keys, head, row);
      const float value =
          storeHeadBytes<kHeadDim, kFormat, false>(values, head, row + kLayout.valuesAt());
      if (kFormat == abi::KvFormat::Int8 && laneId() == 0) {
        reinterpret_cast<float *>(at + kLayout.scalesAt())[place] = key;
        reinterpret_cast<float *>(at + kLayout.valueScalesAt())[place] = value;
      }
    }
  }
}

} // namespace ingot::gpu
