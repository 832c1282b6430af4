// Point-wise ops, norms, rotations and rounding of rows. Gathers and the cache: RowGather.cpp.
#include "codegen/cpu/kernels/RowOps.h"

#include "codegen/cpu/Primitives.h"
#include "codegen/cpu/kernels/RowVectors.h"
#include "runtime/base/Numerics.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace ingot::cpu {

namespace {

/// for (c = 0; c < padded columns; c += 16) body(byte offset of column c in a float32 row)
void overVectors(KernelBuilder &b, int64_t columns, const std::function<void(Val)> &body) {
  const int64_t bytes = int64_t(abi::f32RowBytes(uint64_t(columns)));
  b.loop(b.i64(0), b.i64(bytes), 64, body);
}

/// 1 / sqrt(sum / n + eps) from 64 lanes in four vectors.
Val inverseRms(KernelBuilder &b, const Vals &lanes, int64_t n, float eps) {
  const Val mean = halvingTree(b, lanes) / float(n);
  return b.f32(1) / b.unary(Unary::Sqrt, mean + eps);
}

void normWholeRow(KernelBuilder &b, Val from, Val gamma, Val to, int64_t columns, float eps) {
  const int64_t bytes = int64_t(abi::f32RowBytes(uint64_t(columns)));
  const int64_t whole = bytes / 256 * 256; // 64 lanes at a time; 32 may be left
  Vals lanes = b.loop(b.i64(0), b.i64(whole), 256, Vals(4, b.zero(kF32x16)),
                      [&](Val at, const Vals &carried) {
                        Vals sums = carried;
                        for (int64_t v = 0; v < 4; ++v) {
                          const Val x = b.load(kF32x16, from + at, v * 64);
                          sums[v] = b.fma(x, x, sums[v]);
                        }
                        return sums;
                      });
  for (int64_t v = 0; v * 64 < bytes - whole; ++v) {
    const Val x = b.load(kF32x16, from, whole + v * 64);
    lanes[v] = b.fma(x, x, lanes[v]);
  }
  const Val scale = b.splat(inverseRms(b, lanes, columns, eps), 16);
  overVectors(b, columns, [&](Val at) {
    b.store(b.load(kF32x16, from + at) * scale * b.load(kF32x16, gamma + at), to + at);
  });
}

void normHead(KernelBuilder &b, Val from, Val gamma, Val to, int64_t headDim, float eps) {
  Vals lanes(4, b.zero(kF32x16));
  for (int64_t i = 0; i < headDim; i += 16) {
    const Val x = loadLanes(b, from, i * 4, headDim - i);
    Val &sum = lanes[(i / 16) % 4];
    sum = b.fma(x, x, sum);
  }
  const Val scale = b.splat(inverseRms(b, lanes, headDim, eps), 16);
  for (int64_t i = 0; i < headDim; i += 16) {
    const Val x = loadLanes(b, from, i * 4, headDim - i);
    storeLanes(b, x * scale * b.load(kF32x16, gamma, i * 4), to, i * 4, headDim - i);
  }
}

/// Sums over 64 lanes of what `take` adds of each vector of columns; `valid`: how many of its lanes
/// are columns.
using TakeLanes = std::function<Val(Val x, Val sum, int64_t valid)>;
Val laneSum(KernelBuilder &b, Val from, int64_t columns, const TakeLanes &take) {
  const int64_t whole = columns / 64 * 64;
  Vals lanes = b.loop(b.i64(0), b.i64(whole * 4), 256, Vals(4, b.zero(kF32x16)),
                      [&](Val at, const Vals &carried) {
                        Vals sums = carried;
                        for (int64_t v = 0; v < 4; ++v)
                          sums[v] = take(b.load(kF32x16, from + at, v * 64), sums[v], 16);
                        return sums;
                      });
  for (int64_t c = whole; c < columns; c += 16) {
    Val &sum = lanes[(c - whole) / 16];
    sum = take(loadLanes(b, from, c * 4, columns - c), sum, std::min<int64_t>(16, columns - c));
  }
  return halvingTree(b, lanes);
}

/// Zeros behind the first `valid` lanes.
Val keepLanes(KernelBuilder &b, Val vector, int64_t valid) {
  if (valid == 16)
    return vector;
  std::vector<int32_t> mask(16, 0);
  std::fill_n(mask.begin(), valid, -1);
  return bitcast(bitcast(vector, kI32x16) & b.vectorConstant(mask), kF32x16);
}

/// The running best of a scan in ascending index: the first of equal values stays.
struct Best {
  Val value, index;
};
Best betterOf(KernelBuilder &b, const Best &best, Val value, Val index) {
  const Val better = b.compare(Compare::Gt, value, best.value);
  return {b.select(better, value, best.value), b.select(better, index, best.index)};
}

/// Largest of columns [first, first + count), count a value.
Best largest(KernelBuilder &b, Val from, Val first, Val count) {
  const Val lowest = b.f32(-std::numeric_limits<float>::infinity());
  const Vals best = b.loop(first, first + count, 1, {lowest, first}, [&](Val i, const Vals &c) {
    const Best next = betterOf(b, {c[0], c[1]}, b.load(kF32, from + i * 4), i);
    return Vals{next.value, next.index};
  });
  return {best[0], best[1]};
}

Val toU32(KernelBuilder &b, Val index) { return b.convert(Convert::Truncate, index, kI32); }

} // namespace

void clearPadding(KernelBuilder &b, Val row, int64_t columns) {
  for (int64_t c = columns; c < int64_t(abi::paddedColumns(uint64_t(columns))); ++c)
    b.store(b.f32(0), row, c * 4);
}

void emitBinaryRow(KernelBuilder &b, Binary op, Val lhs, Val rhs, Val to, int64_t columns) {
  overVectors(b, columns, [&](Val at) {
    b.store(b.binary(op, b.load(kF32x16, lhs + at), b.load(kF32x16, rhs + at)), to + at);
  });
}

void emitSiluRow(KernelBuilder &b, Val from, Val to, int64_t columns) {
  overVectors(b, columns, [&](Val at) { b.store(silu(b, b.load(kF32x16, from + at)), to + at); });
}

void emitCopyRow(KernelBuilder &b, Val from, Val to, int64_t columns) {
  const int64_t whole = columns / 16 * 16;
  b.loop(b.i64(0), b.i64(whole * 4), 64,
         [&](Val at) { b.store(b.load(kF32x16, from + at), to + at); });
  if (whole < columns)
    storeLanes(b, loadLanes(b, from, whole * 4, columns - whole), to, whole * 4, columns - whole);
  clearPadding(b, to, columns);
}

void emitDeinterleaveRow(KernelBuilder &b, Val from, Val to, int64_t columns, int64_t interleave,
                         bool second) {
  assert(interleave == 16 && columns % 16 == 0 && "panels hold runs of 16");
  b.loop(b.i64(0), b.i64(columns / 16), 1, [&](Val run) {
    b.store(b.load(kF32x16, from + run * 128, second ? 64 : 0), to + run * 64);
  });
  clearPadding(b, to, columns);
}

void emitRmsNormRow(KernelBuilder &b, Val from, Val gamma, Val to, int64_t columns, float eps,
                    int64_t headDim) {
  if (headDim == 0)
    return normWholeRow(b, from, gamma, to, columns, eps);
  b.loop(b.i64(0), b.i64(columns / headDim), 1, [&](Val head) {
    const Val at = head * (headDim * 4);
    normHead(b, from + at, gamma, to + at, headDim, eps);
  });
  clearPadding(b, to, columns);
}

void emitLayerNormRow(KernelBuilder &b, Val from, Val gamma, Val beta, Val to, int64_t columns,
                      float eps) {
  const Val mean = b.splat(
      laneSum(b, from, columns, [](Val x, Val sum, int64_t) { return sum + x; }) / float(columns),
      16);
  const Val variance = laneSum(b, from, columns,
                               [&](Val x, Val sum, int64_t valid) {
                                 const Val d = keepLanes(b, x - mean, valid);
                                 return b.fma(d, d, sum);
                               }) /
                       float(columns);
  const Val scale = b.splat(b.f32(1) / b.unary(Unary::Sqrt, variance + eps), 16);
  overVectors(b, columns, [&](Val at) {
    const Val d = (b.load(kF32x16, from + at) - mean) * scale;
    b.store(b.fma(d, b.load(kF32x16, gamma + at), b.load(kF32x16, beta + at)), to + at);
  });
  clearPadding(b, to, columns);
}

void emitRopeRow(KernelBuilder &b, Val from, Val angles, Val to, int64_t columns, int64_t headDim) {
  const int64_t half = headDim / 2;
  b.loop(b.i64(0), b.i64(columns / headDim), 1, [&](Val head) {
    const Val in = from + head * (headDim * 4), out = to + head * (headDim * 4);
    for (int64_t i = 0; i < half; i += 16) {
      const int64_t left = half - i;
      const Val lo = loadLanes(b, in, i * 4, left), hi = loadLanes(b, in, (half + i) * 4, left);
      const Val cosine = loadLanes(b, angles, i * 4, left);
      const Val sine = loadLanes(b, angles, (half + i) * 4, left);
      storeLanes(b, b.fma(b.unary(Unary::Neg, hi), sine, lo * cosine), out, i * 4, left);
      storeLanes(b, b.fma(lo, sine, hi * cosine), out, (half + i) * 4, left);
    }
  });
  clearPadding(b, to, columns);
}

void emitRoundRow(KernelBuilder &b, Val from, Val to, int64_t columns) {
  b.loop(b.i64(0), b.i64(int64_t(abi::paddedColumns(uint64_t(columns)))), 16, [&](Val c) {
    const Val bits = toBf16(b, b.load(kF32x16, from + c * 4));
    b.store(b.convert(Convert::Truncate, bits, kI16x16), to + c * 2);
  });
}

void emitQuantizeRow(KernelBuilder &b, Val from, const RowPlace &to, int64_t columns,
                     bool floatScale) {
  const int64_t groups = int64_t(abi::paddedColumns(uint64_t(columns))) / 32;
  b.loop(b.i64(0), b.i64(groups), 1, [&](Val group) {
    const Val x = from + group * 128;
    quantizeGroup(b, b.load(kF32x16, x), b.load(kF32x16, x, 64), floatScale, to.data + group * 32,
                  to.meta + group * 8);
  });
}

void emitArgmaxRow(KernelBuilder &b, Val from, Val to, int64_t columns) {
  b.store(toU32(b, largest(b, from, b.i64(0), b.i64(columns)).index), to);
}

void emitArgmaxPartialRow(KernelBuilder &b, Val from, Val to, int64_t columns) {
  b.loop(b.i64(0), b.i64((columns + 31) / 32), 1, [&](Val run) {
    const Val first = run * 32;
    const Val count = b.binary(Binary::MinS, b.i64(columns) - first, b.i64(32));
    const Best best = largest(b, from, first, count);
    b.store(best.value, to + run * 8);
    b.store(toU32(b, best.index), to + run * 8, 4);
  });
}

void emitArgmaxFoldRow(KernelBuilder &b, Val from, Val to, int64_t partials) {
  const Vals first = {b.load(kF32, from), b.load(kI32, from, 4)};
  const Vals best = b.loop(b.i64(1), b.i64(partials), 1, first, [&](Val i, const Vals &c) {
    const Val at = from + i * 8;
    const Best next = betterOf(b, {c[0], c[1]}, b.load(kF32, at), b.load(kI32, at, 4));
    return Vals{next.value, next.index};
  });
  b.store(best[1], to);
}

} // namespace ingot::cpu
