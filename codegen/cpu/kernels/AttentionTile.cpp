#include "codegen/cpu/kernels/AttentionTile.h"

#include "codegen/cpu/Primitives.h"

#include <algorithm>

namespace ingot::cpu {

namespace {

constexpr int64_t kLanes = 16;
constexpr int32_t kHighHalf = -0x10000; ///< bits 16..31: the odd column of a pair

/// q k^T of a tile: [rows][kSubTiles] vectors, one chain over the pairs of columns, odd first.
Vals scoreSums(KernelBuilder &b, const AttentionShape &shape, Val queries, Val keys, int64_t rows) {
  const int64_t pairBytes = shape.pairs ? 4 : 8;
  const Vals zeros(rows * kSubTiles, b.zero(kF32x16));
  return b.loop(b.i64(0), b.i64(shape.headDim / 2), 1, zeros, [&](Val pair, const Vals &carried) {
    Vals sums = carried;
    const Val key = keys + pair * shape.keyPairBytes(), query = queries + pair * pairBytes;
    const auto add = [&](Type type, int64_t half) {
      Vals columns;
      for (int64_t j = 0; j < kSubTiles; ++j)
        columns.push_back(b.load(type, key, (j + half * kSubTiles) * 64));
      for (int64_t r = 0; r < rows; ++r) {
        const Type scalar{type.elem};
        const Val q = b.splat(b.load(scalar, query, r * shape.queryBytes() + half * 4), kLanes);
        for (int64_t j = 0; j < kSubTiles; ++j) {
          Val &sum = sums[r * kSubTiles + j];
          sum = shape.pairs ? dotBf16(b, sum, columns[j], q) : b.fma(q, columns[j], sum);
        }
      }
    };
    if (shape.pairs) {
      add(kI32x16, 0);
    } else {
      add(kF32x16, 1);
      add(kF32x16, 0);
    }
    return sums;
  });
}

/// Per vector of a tile: lanes whose position within the tile lies in [lo, hi).
Vals visibleLanes(KernelBuilder &b, Val lo, Val hi) {
  const Val low = b.splat(b.convert(Convert::Truncate, lo, kI32), kLanes);
  const Val high = b.splat(b.convert(Convert::Truncate, hi, kI32), kLanes);
  Vals masks;
  for (int64_t j = 0; j < kSubTiles; ++j) {
    std::vector<int32_t> lanes(kLanes);
    for (int32_t i = 0; i < kLanes; ++i)
      lanes[i] = int32_t(j * kLanes) + i;
    const Val position = b.vectorConstant(lanes);
    masks.push_back(b.binary(Binary::And, b.compare(Compare::Ge, position, low),
                             b.compare(Compare::Lt, position, high)));
  }
  return masks;
}

/// One row: new maximum, sum and factor, and the probabilities.
void softmax(KernelBuilder &b, float scale, const Vals &sums, const Vals &visible, Val scalars,
             Val probabilities) {
  const Val start = b.splat(b.f32(numerics::kScoreStart), kLanes);
  Vals scores, p;
  for (int64_t j = 0; j < kSubTiles; ++j)
    scores.push_back(b.select(visible[j], sums[j] * scale, start));
  const Val before = b.load(kF32, scalars);
  const Val now = maxOf(b, maxTree(b, scores), before);
  const Val alpha = exp(b, b.binary(Binary::Sub, before, now));
  for (int64_t j = 0; j < kSubTiles; ++j) {
    const Val power = exp(b, b.binary(Binary::Sub, scores[j], b.splat(now, kLanes)));
    p.push_back(b.select(visible[j], power, b.zero(kF32x16)));
    b.store(p.back(), probabilities, j * kLanes * 4);
  }
  b.store(now, scalars);
  b.store(b.fma(b.load(kF32, scalars, kSumAt), alpha, halvingTree(b, p)), scalars, kSumAt);
  b.store(alpha, scalars, kFactorAt);
}

/// Columns [first, first + vectors) of every row, in vectors. `a`: arguments of defineWeighted.
void addValues(KernelBuilder &b, const AttentionShape &shape, const Vals &a, int64_t rows,
               int64_t first, int64_t vectors) {
  const auto place = [&](int64_t r, int64_t v) {
    return r * shape.valueRowBytes() + (first + v) * kLanes * 4;
  };
  Vals state;
  for (int64_t r = 0; r < rows; ++r) {
    const Val factor = b.splat(b.load(kF32, a[2], r * kScalarBytes + kFactorAt), kLanes);
    for (int64_t v = 0; v < vectors; ++v)
      state.push_back(b.load(kF32x16, a[3], place(r, v)) * factor);
  }
  state = b.loop(b.i64(0), a[4], 1, state, [&](Val position, const Vals &carried) {
    Vals sums = carried, row;
    const Val from = a[0] + position * shape.valueRowBytes();
    for (int64_t v = 0; v < vectors; ++v)
      row.push_back(b.load(kF32x16, from, (first + v) * kLanes * 4));
    for (int64_t r = 0; r < rows; ++r) {
      const Val p = b.splat(b.load(kF32, a[1] + position * 4, r * kProbabilityBytes), kLanes);
      for (int64_t v = 0; v < vectors; ++v)
        sums[r * vectors + v] = b.fma(p, row[v], sums[r * vectors + v]);
    }
    return sums;
  });
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t v = 0; v < vectors; ++v)
      b.store(state[r * vectors + v], a[3], place(r, v));
}

void foldRow(KernelBuilder &b, const AttentionShape &shape, const Vals &a, Val row) {
  const Val part = a[0] + row * kScalarBytes, all = a[2] + row * kScalarBytes;
  const Val m = b.load(kF32, part), before = b.load(kF32, all), now = maxOf(b, m, before);
  const Val alpha = exp(b, b.binary(Binary::Sub, before, now));
  const Val beta = exp(b, b.binary(Binary::Sub, m, now));
  b.store(now, all);
  const Val added = b.load(kF32, part, kSumAt) * beta;
  b.store(b.fma(b.load(kF32, all, kSumAt), alpha, added), all, kSumAt);
  const Val from = a[1] + row * shape.valueRowBytes(), to = a[3] + row * shape.valueRowBytes();
  for (int64_t d = 0; d < shape.stride; d += kLanes) {
    const Val scaled = b.load(kF32x16, from, d * 4) * b.splat(beta, kLanes);
    b.store(b.fma(b.load(kF32x16, to, d * 4), b.splat(alpha, kLanes), scaled), to, d * 4);
  }
  clearState(b, shape, part, from);
}

} // namespace

AttentionShape attentionShape(const IsaInfo &isa, const abi::KvLayout &kv, float scale) {
  AttentionShape shape{};
  shape.headDim = kv.headDim;
  shape.stride = int64_t(kv.valueStride());
  shape.scale = scale;
  shape.pairs = isa.bf16;
  shape.rowsPerCall = isa.avx512 ? 4 : 1;
  shape.vectors = 4;
  return shape;
}

Function defineQuery(KernelBuilder &b, const AttentionShape &shape, const std::string &name) {
  return b.function(name, {kPtr, kPtr}, {}, [&](const Vals &a) -> Vals {
    for (int64_t d = 0, width = kLanes; d < shape.headDim; d += width) {
      while (width > shape.headDim - d)
        width /= 2;
      const Val bits = b.load({Elem::I16, uint32_t(width)}, a[0], d * 2);
      if (shape.pairs)
        b.store(bits, a[1], d * 2);
      else
        b.store(fromBf16(b, bits), a[1], d * 4);
    }
    return {};
  });
}

Function defineKeys(KernelBuilder &b, const AttentionShape &shape, const std::string &name) {
  return b.function(name, {kPtr, kPtr}, {}, [&](const Vals &a) -> Vals {
    Vals subTiles;
    for (int64_t j = 0; j < kSubTiles; ++j)
      subTiles.push_back(b.load(kPtr, a[0], j * 8));
    b.loop(b.i64(0), b.i64(shape.headDim / 2), 1, [&](Val pair) {
      const Val to = a[1] + pair * shape.keyPairBytes();
      for (int64_t j = 0; j < kSubTiles; ++j) {
        const Val both = b.load(kI32x16, subTiles[j] + pair * (kSubTile * 4));
        b.store(shape.pairs ? both : shl(both, 16), to, j * 64);
        if (!shape.pairs)
          b.store(both & kHighHalf, to, (j + kSubTiles) * 64);
      }
    });
    return {};
  });
}

Function defineValues(KernelBuilder &b, const AttentionShape &shape, const std::string &name) {
  return b.function(name, {kPtr, kPtr}, {}, [&](const Vals &a) -> Vals {
    b.loop(b.i64(0), b.i64(kSubTile * shape.stride), kLanes,
           [&](Val i) { b.store(fromBf16(b, b.load(kI16x16, a[0] + i * 2)), a[1] + i * 4); });
    return {};
  });
}

Function defineScores(KernelBuilder &b, const AttentionShape &shape, const std::string &name,
                      int64_t rows) {
  return b.function(name, {kPtr, kPtr, kPtr, kPtr, kI64, kI64}, {}, [&](const Vals &a) -> Vals {
    const Vals sums = scoreSums(b, shape, a[0], a[1], rows);
    const Vals visible = visibleLanes(b, a[4], a[5]);
    for (int64_t r = 0; r < rows; ++r)
      softmax(b, shape.scale, {sums.begin() + r * kSubTiles, sums.begin() + (r + 1) * kSubTiles},
              visible, a[2] + r * kScalarBytes, a[3] + r * kProbabilityBytes);
    return {};
  });
}

Function defineWeighted(KernelBuilder &b, const AttentionShape &shape, const std::string &name,
                        int64_t rows) {
  return b.function(name, {kPtr, kPtr, kPtr, kPtr, kI64}, {}, [&](const Vals &a) -> Vals {
    const int64_t vectors = shape.stride / kLanes;
    for (int64_t first = 0; first < vectors; first += shape.vectors)
      addValues(b, shape, a, rows, first, std::min(shape.vectors, vectors - first));
    return {};
  });
}

Function defineFold(KernelBuilder &b, const AttentionShape &shape, const std::string &name) {
  return b.function(name, {kPtr, kPtr, kPtr, kPtr, kI64}, {}, [&](const Vals &a) -> Vals {
    b.loop(b.i64(0), a[4], 1, [&](Val row) { foldRow(b, shape, a, row); });
    return {};
  });
}

void clearState(KernelBuilder &b, const AttentionShape &shape, Val scalars, Val state) {
  for (int64_t d = 0; d < shape.stride; d += kLanes)
    b.store(b.zero(kF32x16), state, d * 4);
  b.store(b.f32(numerics::kScoreStart), scalars);
  b.store(b.f32(0), scalars, kSumAt);
}

} // namespace ingot::cpu
