#include "codegen/cpu/Primitives.h"

#include "runtime/base/Numerics.h"

#include <numeric>

namespace ingot::cpu {

namespace {

/// Lanes [first, first + count) of a vector.
Val slice(KernelBuilder &b, Val vector, int64_t first, int64_t count) {
  std::vector<int64_t> lanes(count);
  std::iota(lanes.begin(), lanes.end(), first);
  return b.shuffle(vector, vector, lanes);
}

constexpr Type kI32x8{Elem::I32, 8};
constexpr int32_t kHighHalf = -0x10000; ///< bits 16..31

} // namespace

// ---- dot products ------------------------------------------------------------------------------

IntDot::IntDot(KernelBuilder &builder, DotWeights weights, Val start)
    : b_(builder), weights_(weights), start_(start) {
  if (b_.isa().avx512)
    sum_ = start;
}

void IntDot::step(Val weights, Val activations) {
  if (b_.isa().avx512) {
    sum_ = b_.intrinsic("llvm.x86.avx512.vpdpbusd.512", kI32x16, {sum_, weights, activations});
    return;
  }
  const Val part = weights_ == DotWeights::Nibbles
                       ? b_.intrinsic("llvm.x86.avx2.pmadd.ub.sw", kI16x16, {weights, activations})
                       : stepBytesV3(weights, activations);
  sum_ = sum_ ? sum_ + part : part;
}

// Even and odd bytes apart in 16-bit lanes: products of 255 * 127 fit, and vpmaddwd adds pairs in
// 32 bits.
Val IntDot::stepBytesV3(Val weights, Val activations) {
  const Val a = bitcast(activations, kI16x16), w = bitcast(weights, kI16x16);
  const Val oddA = shrS(a, 8), evenA = shrS(shl(a, 8), 8);
  return b_.intrinsic("llvm.x86.avx2.pmadd.wd", kI32x8, {w & 0xff, evenA}) +
         b_.intrinsic("llvm.x86.avx2.pmadd.wd", kI32x8, {shrU(w, 8), oddA});
}

Val IntDot::finish() {
  if (b_.isa().avx512)
    return sum_;
  if (weights_ == DotWeights::Nibbles)
    sum_ = b_.intrinsic("llvm.x86.avx2.pmadd.wd", kI32x8, {sum_, b_.constant(kI16x16, int64_t(1))});
  return sum_ + start_;
}

Val dotBf16Widened(KernelBuilder &b, Val sum, Val weights, Val even, Val odd) {
  const Val oddWeights = bitcast(weights & kHighHalf, sum.type());
  const Val evenWeights = bitcast(shl(weights, 16), sum.type());
  return b.fma(even, evenWeights, b.fma(odd, oddWeights, sum));
}

Val dotBf16(KernelBuilder &b, Val sum, Val weights, Val activations) {
  const Type pairs{Elem::Bf16, 32};
  if (b.isa().bf16 && sum.type().lanes == 16)
    return b.intrinsic("llvm.x86.avx512bf16.dpbf16ps.512", kF32x16,
                       {sum, bitcast(activations, pairs), bitcast(weights, pairs)});
  return dotBf16Widened(b, sum, weights, bitcast(shl(activations, 16), sum.type()),
                        bitcast(activations & kHighHalf, sum.type()));
}

// ---- conversions -------------------------------------------------------------------------------

Val fromBf16(KernelBuilder &b, Val bits) {
  const Type wide = bits.type().with(Elem::I32);
  return bitcast(shl(b.convert(Convert::ZeroExtend, bits, wide), 16), wide.with(Elem::F32));
}

Val toBf16(KernelBuilder &b, Val value) {
  const Type type = value.type().with(Elem::I32);
  const Val bits = bitcast(value, type);
  const Val magnitude = bits & 0x7fffffff;
  const Val high = shrU(bits, 16);
  const Val rounded = shrU(bits + 0x7fff + (high & 1), 16);
  const Val isNan = b.compare(Compare::Gt, magnitude, b.constant(type, int64_t(0x7f800000)));
  const Val isTiny = b.compare(Compare::Lt, magnitude, b.constant(type, int64_t(0x00800000)));
  return b.select(isNan, high | 0x40, b.select(isTiny, high & 0x8000, rounded));
}

Val loadF16(KernelBuilder &b, Val pointer, int64_t byteOffset, uint32_t lanes) {
  return b.convert(Convert::FloatExtend, b.load({Elem::F16, lanes}, pointer, byteOffset),
                   {Elem::F32, lanes});
}

Val roundToInt(KernelBuilder &b, Val value) {
  return b.convert(Convert::FloatToInt, b.unary(Unary::RoundEven, value),
                   value.type().with(Elem::I32));
}

// ---- Rule E ------------------------------------------------------------------------------------

Val exp(KernelBuilder &b, Val x) {
  const Type type = x.type();
  const auto k = [&](float value) { return b.constant(type, double(value)); };
  x = b.select(b.compare(Compare::Lt, x, k(numerics::kExpMin)), k(numerics::kExpMin), x);
  x = b.select(b.compare(Compare::Gt, x, k(numerics::kExpMax)), k(numerics::kExpMax), x);
  const Val n = b.unary(Unary::RoundEven, x * k(numerics::kLog2E));
  const Val minusN = b.unary(Unary::Neg, n);
  Val r = b.fma(minusN, k(numerics::kLn2High), x);
  r = b.fma(minusN, k(numerics::kLn2Low), r);
  Val p = k(numerics::kExpPoly[0]);
  for (int i = 1; i < 5; ++i)
    p = b.fma(p, r, k(numerics::kExpPoly[i]));
  p = b.fma(p, r * r, r + 1.0f);
  const Type bits = type.with(Elem::I32);
  const Val shift = shl(b.convert(Convert::FloatToInt, n, bits), 23);
  const Val scaled = bitcast(bitcast(p, bits) + shift, type);
  return b.select(b.compare(Compare::Unordered, n, n), n, scaled);
}

Val silu(KernelBuilder &b, Val x) {
  const Val one = b.constant(x.type(), 1.0);
  return x / (one + exp(b, b.unary(Unary::Neg, x)));
}

SinCosVals sinCos(KernelBuilder &b, Val x) {
  const Type type = x.type(), bits = type.with(Elem::I32);
  const auto k = [&](float value) { return b.constant(type, double(value)); };
  const Val n = b.unary(Unary::RoundEven, x * k(numerics::kTwoOverPi));
  const Val minusN = b.unary(Unary::Neg, n);
  Val r = x;
  for (float part : numerics::kPiOver2)
    r = b.fma(minusN, k(part), r);
  const Val z = r * r;
  Val s = b.fma(b.fma(k(numerics::kSinPoly[0]), z, k(numerics::kSinPoly[1])), z,
                k(numerics::kSinPoly[2]));
  s = b.fma(s * z, r, r);
  Val c = b.fma(b.fma(k(numerics::kCosPoly[0]), z, k(numerics::kCosPoly[1])), z,
                k(numerics::kCosPoly[2]));
  c = b.fma(c, z * z, b.fma(k(-0.5f), z, k(1.0f)));
  const Val quadrant = b.convert(Convert::FloatToInt, n, bits) & 3;
  const Val swap = b.compare(Compare::Ne, quadrant & 1, b.zero(bits));
  const Val sine = bitcast(b.select(swap, c, s), bits) ^ shl(quadrant & 2, 30);
  const Val cosine = bitcast(b.select(swap, s, c), bits) ^ shl((quadrant + 1) & 2, 30);
  return {bitcast(sine, type), bitcast(cosine, type)};
}

// ---- Rule R ------------------------------------------------------------------------------------

namespace {

template <typename Combine>
Val reduceTree(KernelBuilder &b, Vals parts, const Combine &combine) {
  while (parts.size() > 1) {
    const size_t half = parts.size() / 2;
    for (size_t i = 0; i < half; ++i)
      parts[i] = combine(parts[i], parts[i + half]);
    parts.resize(half);
  }
  Val lanes = parts[0];
  for (int64_t width = lanes.type().lanes / 2; width >= 1; width /= 2)
    lanes = width > 1 ? combine(slice(b, lanes, 0, width), slice(b, lanes, width, width))
                      : combine(b.extract(lanes, 0), b.extract(lanes, 1));
  return lanes;
}

} // namespace

Val halvingTree(KernelBuilder &b, Vals parts) {
  return reduceTree(b, std::move(parts), [](Val x, Val y) { return x + y; });
}

Val maxOf(KernelBuilder &b, Val a, Val c) { return b.select(b.compare(Compare::Gt, a, c), a, c); }

Val maxTree(KernelBuilder &b, Vals parts) {
  return reduceTree(b, std::move(parts), [&](Val x, Val y) { return maxOf(b, x, y); });
}

Val absolute(KernelBuilder &b, Val x) {
  const Type bits = x.type().with(Elem::I32);
  return bitcast(bitcast(x, bits) & 0x7fffffff, x.type());
}

// ---- activations -------------------------------------------------------------------------------

namespace {

struct GroupScale {
  Val inverse; ///< values are multiplied by it
  Val stored;  ///< ActGroupMeta::exponent
};

/// numerics::actExponent on a scalar.
GroupScale powerOfTwoScale(KernelBuilder &b, Val amax) {
  const Val bits = bitcast(amax, kI32);
  const Val carries = b.convert(Convert::ZeroExtend,
                                b.compare(Compare::Gt, bits & 0x7fffff, b.i32(0x7e0000)), kI32);
  const Val exponent = shrU(bits, 23) - (127 + 6) + carries;
  const Val isTiny = b.compare(Compare::Lt, bits, b.i32(0x00800000));
  const Val lowest = b.i32(-numerics::kScaleBias);
  const Val e = b.select(isTiny, lowest, b.binary(Binary::MaxS, exponent, lowest));
  return {bitcast(shl(b.i32(127) - e, 23), kF32), shl(e + numerics::kScaleBias, 23)};
}

GroupScale floatScale(KernelBuilder &b, Val amax) {
  const Val isZero = b.compare(Compare::Lt, amax, b.f32(0x1p-60f));
  const Val scale = b.select(isZero, b.f32(0), amax / 127.0f);
  const Val inverse = b.select(isZero, b.f32(0), b.f32(127.0f) / amax);
  return {inverse, bitcast(scale, kI32)};
}

} // namespace

void quantizeGroup(KernelBuilder &b, Val low, Val high, bool useFloatScale, Val bytes, Val meta) {
  const Val zero = b.zero(kF32x16);
  const Val largest = maxOf(b, absolute(b, high), maxOf(b, absolute(b, low), zero));
  const Val amax = maxTree(b, {largest});
  const GroupScale scale = useFloatScale ? floatScale(b, amax) : powerOfTwoScale(b, amax);
  const Val inverse = b.splat(scale.inverse, 16);
  const Val q[2] = {roundToInt(b, low * inverse), roundToInt(b, high * inverse)};
  for (int i = 0; i < 2; ++i)
    b.store(b.convert(Convert::Truncate, q[i], kI8x16), bytes, 16 * i);
  const Val sum = halvingTree(b, {q[0] + q[1]});
  b.store(scale.stored, meta, 0);
  b.store(sum * -8, meta, 4);
}

} // namespace ingot::cpu
