// What differs between instruction-set levels, and the vector forms of runtime/base/Numerics.h.
// Everything here takes and gives 16 lanes (one zmm register or two ymm) unless said otherwise.
#pragma once

#include "codegen/cpu/KernelBuilder.h"

namespace ingot::cpu {

// ---- dot products ------------------------------------------------------------------------------

/// Range of the unsigned weights of an integer dot product.
enum class DotWeights : uint8_t {
  Nibbles, ///< 0..15; a block of 32 fits 16 bits: 8 * 2 * 15 * 127 = 30,480
  Bytes,   ///< 0..255; pairs do not fit 16 bits and may not saturate
};

/// One register of int32 sums of u8 weights times s8 activations over a block of 32 k: 16 lanes
/// with AVX-512, else 8. Exact, so every level gives the same sums: vpdpbusd, or vpmaddubsw and
/// vpmaddwd, or vpmaddwd on widened bytes.
class IntDot {
public:
  /// `start`: the correction for the unsigned weights' offset, per lane.
  IntDot(KernelBuilder &builder, DotWeights weights, Val start);

  /// Four k per lane: `weights` byte 4c+j = k j of column c, `activations` the same 4 bytes in all
  /// lanes.
  void step(Val weights, Val activations);
  Val finish();

private:
  Val stepBytesV3(Val weights, Val activations);

  KernelBuilder &b_;
  DotWeights weights_;
  Val start_;
  Val sum_; ///< AVX-512: int32 from start on; else int16 (Nibbles) or int32 (Bytes) from zero
};

/// 32-bit lanes of the level's registers.
inline uint32_t nativeLanes(const IsaInfo &isa) { return isa.avx512 ? 16 : 8; }

/// sum + a[1] * w[1] + a[0] * w[0], two roundings, odd first: `weights` and `activations` are int32
/// lanes whose halves are bf16. Levels without vdpbf16ps take two FMAs.
Val dotBf16(KernelBuilder &b, Val sum, Val weights, Val activations);
/// The same with activations already widened to float32 (levels without vdpbf16ps).
Val dotBf16Widened(KernelBuilder &b, Val sum, Val weights, Val even, Val odd);

// ---- conversions -------------------------------------------------------------------------------

/// int16 bits of bf16 -> float32, exact.
Val fromBf16(KernelBuilder &b, Val bits);
/// float32 -> bf16 bits in the low half of int32 lanes: nearest even, denormals to signed zero, NaN
/// quiet.
Val toBf16(KernelBuilder &b, Val value);
/// `lanes` f16 at `pointer` -> float32.
Val loadF16(KernelBuilder &b, Val pointer, int64_t byteOffset, uint32_t lanes = 16);
/// round to nearest even, then int32.
Val roundToInt(KernelBuilder &b, Val value);

// ---- Rule E ------------------------------------------------------------------------------------

Val exp(KernelBuilder &b, Val x);
Val silu(KernelBuilder &b, Val x);
struct SinCosVals {
  Val sin, cos;
};
SinCosVals sinCos(KernelBuilder &b, Val x);

// ---- Rule R ------------------------------------------------------------------------------------

/// Halving tree over 16 * parts.size() lanes (a power of two), lane i of part p being logical lane
/// 16 p + i.
Val halvingTree(KernelBuilder &b, Vals parts);
/// Largest lane, by the same tree; NaN lanes of `parts` lose against any number.
Val maxTree(KernelBuilder &b, Vals parts);
/// a > b ? a : b, lane by lane.
Val maxOf(KernelBuilder &b, Val a, Val c);
/// |x| by clearing the sign.
Val absolute(KernelBuilder &b, Val x);

// ---- activations -------------------------------------------------------------------------------

/// Quantizes 32 columns to int8 (numerics::quantizeActGroup, or ...F32 when `floatScale`) and
/// stores them and their ActGroupMeta.
void quantizeGroup(KernelBuilder &b, Val low, Val high, bool floatScale, Val bytes, Val meta);

} // namespace ingot::cpu
