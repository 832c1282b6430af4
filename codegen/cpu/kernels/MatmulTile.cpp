#include "codegen/cpu/kernels/MatmulTile.h"

#include "codegen/cpu/Primitives.h"

#include <vector>

namespace ingot::cpu {

namespace {

constexpr int64_t kGroupScaleBytes = 64; ///< 32 f16
constexpr int64_t kPrefetchBlocks = 4;
constexpr int64_t kPairBytes = 128; ///< bf16: 32 columns x 2 k

int64_t packedBlockBytes(WeightFormat format) { return format == WeightFormat::Int4 ? 512 : 1024; }

/// What a pass over K carries from block to block: the sums and where it reads.
struct TileState {
  std::vector<Vals> sums; ///< [row][vector of the pass]
  Val weights, activations, meta;

  Vals flat() const {
    Vals values;
    for (const Vals &row : sums)
      values.insert(values.end(), row.begin(), row.end());
    values.insert(values.end(), {weights, activations, meta});
    return values;
  }
  /// Back from flat(), with the shape of this state.
  TileState with(const Vals &values) const {
    TileState state = *this;
    size_t next = 0;
    for (Vals &row : state.sums)
      for (Val &sum : row)
        sum = values[next++];
    state.weights = values[next], state.activations = values[next + 1], state.meta = values[next + 2];
    return state;
  }
};

/// Runs `turn` on the state `count` times.
template <typename Turn>
TileState repeat(KernelBuilder &b, Val count, const TileState &start, const Turn &turn) {
  return start.with(b.loop(b.i64(0), count, 1, start.flat(), [&](Val, const Vals &carried) {
    TileState state = start.with(carried);
    turn(state);
    return state.flat();
  }));
}

Val lowNibbles(Val bytes) { return bytes & 15; }
Val highNibbles(Val bytes) { return bitcast(shrU(bitcast(bytes, kI16x32), 4), kI8x64) & 15; }

// ---- integer weights ---------------------------------------------------------------------------

/// One block of 32 k for all rows of a tile, from nibbles or from bytes. A pass computes `vectors` vectors of
/// 16 columns from `firstVector` on.
class IntBlock {
public:
  IntBlock(KernelBuilder &builder, const MatmulShape &shape, int64_t firstVector, bool nibbles)
      : b_(builder), shape_(shape), firstVector_(firstVector), nibbles_(nibbles) {}

  /// `weights`: the block; `scale(v)` gives the 16 scales of vector v.
  template <typename Scale>
  void emit(TileState &state, Val weights, const Scale &scale) {
    Dots dots = startDots(state);
    for (int64_t i = 0; i < (nibbles_ ? 4 : 8); ++i) {
      Vals bytes;
      for (int64_t v = 0; v < shape_.vectors; ++v)
        bytes.push_back(
            b_.load(kI8x64, weights, (firstVector_ + v) * (nibbles_ ? 256 : 512) + i * 64));
      if (!nibbles_) {
        step(dots, bytes, state, i * 4);
        continue;
      }
      Vals low, high;
      for (Val packed : bytes)
        low.push_back(lowNibbles(packed)), high.push_back(highNibbles(packed));
      step(dots, low, state, i * 8);
      step(dots, high, state, i * 8 + 4);
    }
    // Scales come last: while the dot products run, registers are scarce.
    Vals scales;
    for (int64_t v = 0; v < shape_.vectors; ++v)
      scales.push_back(scale(firstVector_ + v));
    for (size_t r = 0; r < state.sums.size(); ++r) {
      const Val exponent = b_.splat(b_.load(kI32, state.meta, r * shape_.metaBytes), 16);
      for (int64_t v = 0; v < shape_.vectors; ++v)
        state.sums[r][v] = accumulate(state.sums[r][v], dots[r][v].finish(), scales[v], exponent);
    }
  }

private:
  using Dots = std::vector<std::vector<IntDot>>; ///< [row][vector]

  Dots startDots(const TileState &state) {
    const bool bytes = shape_.format == WeightFormat::Int8;
    const DotWeights range = bytes ? DotWeights::Bytes : DotWeights::Nibbles;
    Dots dots;
    for (size_t r = 0; r < state.sums.size(); ++r) {
      // -8 * sum(a) undoes the offset 8 of nibbles; bytes have the offset 128.
      Val start = b_.splat(b_.load(kI32, state.meta, r * shape_.metaBytes + 4), 16);
      if (bytes)
        start = shl(start, 4);
      dots.emplace_back(shape_.vectors, IntDot(b_, range, start));
    }
    return dots;
  }

  /// Four k of every row.
  void step(Dots &dots, const Vals &bytes, const TileState &state, int64_t k) {
    for (size_t r = 0; r < dots.size(); ++r) {
      const Val a = broadcastBytes(b_, state.activations, r * shape_.rowBytes + k);
      for (int64_t v = 0; v < shape_.vectors; ++v)
        dots[r][v].step(bytes[v], a);
    }
  }

  Val accumulate(Val sum, Val dot, Val scale, Val exponent) {
    const Val value = b_.convert(Convert::IntToFloat, dot, kF32x16);
    if (shape_.floatScale)
      return b_.fma(value, scale * bitcast(exponent, kF32x16), sum);
    return b_.fma(bitcast(bitcast(value, kI32x16) + exponent, kF32x16), scale, sum);
  }

  KernelBuilder &b_;
  const MatmulShape &shape_;
  int64_t firstVector_;
  bool nibbles_;
};

void advance(TileState &state, int64_t weightBytes) {
  state.weights = state.weights + weightBytes;
  state.activations = state.activations + 32;
  state.meta = state.meta + 8;
}

/// `count` packed blocks. Groups of one block bring their scales along; else `hoisted` has them, one per vector
/// of the pass.
TileState packedBlocks(KernelBuilder &b, const MatmulShape &shape, int64_t firstVector, Val count,
                       const TileState &start, const Vals &hoisted) {
  const int64_t scaleBytes = hoisted.empty() ? kGroupScaleBytes : 0;
  const int64_t stride = packedBlockBytes(shape.format) + scaleBytes;
  IntBlock block(b, shape, firstVector, shape.format == WeightFormat::Int4);
  return repeat(b, count, start, [&](TileState &state) {
    if (firstVector == 0) // a second pass finds the panel in the caches
      for (int64_t line = 0; line < stride; line += 64)
        b.prefetch(state.weights, kPrefetchBlocks * stride + line);
    const Val weights = state.weights;
    block.emit(state, weights + scaleBytes, [&](int64_t v) {
      return hoisted.empty() ? loadF16(b, weights, v * 32) : hoisted[v - firstVector];
    });
    advance(state, stride);
  });
}

TileState packedGroups(KernelBuilder &b, const MatmulShape &shape, int64_t firstVector,
                       const TileState &start) {
  if (shape.blocksPerGroup == 1)
    return packedBlocks(b, shape, firstVector, b.i64(shape.blocks), start, {});
  return start.with(b.loop(b.i64(0), b.i64(shape.blocks), shape.blocksPerGroup, start.flat(),
                           [&](Val first, const Vals &carried) {
    TileState state = start.with(carried);
    Vals scales;
    for (int64_t v = 0; v < shape.vectors; ++v)
      scales.push_back(loadF16(b, state.weights, (firstVector + v) * 32));
    state.weights = state.weights + kGroupScaleBytes;
    const Val count = b.binary(Binary::MinS, b.i64(shape.blocks) - first,
                               b.i64(shape.blocksPerGroup)); // the last group may be short
    return packedBlocks(b, shape, firstVector, count, state, scales).flat();
  }));
}

TileState intChunk(KernelBuilder &b, const MatmulShape &shape, int64_t firstVector, Val count,
                   const TileState &start) {
  IntBlock block(b, shape, firstVector, false);
  return repeat(b, count, start, [&](TileState &state) {
    const Val weights = state.weights;
    block.emit(state, weights,
               [&](int64_t v) { return b.load(kF32x16, weights, 1024 + v * 64); });
    advance(state, kIntChunkBlockBytes);
  });
}

// ---- bf16 weights ------------------------------------------------------------------------------

/// Two k of every row. `pair`: their index from the state's pointers.
void bf16Pair(KernelBuilder &b, const MatmulShape &shape, int64_t firstVector, int64_t pair,
              TileState &state) {
  Vals weights;
  for (int64_t v = 0; v < shape.vectors; ++v)
    weights.push_back(b.load(kI32x16, state.weights, pair * kPairBytes + (firstVector + v) * 64));
  for (size_t r = 0; r < state.sums.size(); ++r) {
    const int64_t at = r * shape.rowBytes + pair * (shape.widened ? 8 : 4);
    for (int64_t v = 0; v < shape.vectors; ++v) {
      Val &sum = state.sums[r][v];
      if (shape.widened)
        sum = dotBf16Widened(b, sum, weights[v], b.splat(b.load(kF32, state.activations, at), 16),
                             b.splat(b.load(kF32, state.activations, at + 4), 16));
      else
        sum = dotBf16(b, sum, weights[v], b.splat(b.load(kI32, state.activations, at), 16));
    }
  }
}

TileState bf16Chunk(KernelBuilder &b, const MatmulShape &shape, int64_t firstVector, Val count,
                    const TileState &start) {
  constexpr int64_t pairsPerTurn = 4;
  return repeat(b, count * (16 / pairsPerTurn), start, [&](TileState &state) {
    for (int64_t pair = 0; pair < pairsPerTurn; ++pair) {
      if (firstVector == 0)
        for (int64_t line = 0; line < kPairBytes; line += 64)
          b.prefetch(state.weights, kBf16BlockBytes + pair * kPairBytes + line);
      bf16Pair(b, shape, firstVector, pair, state);
    }
    state.weights = state.weights + pairsPerTurn * kPairBytes;
    state.activations = state.activations + pairsPerTurn * (shape.widened ? 8 : 4);
  });
}

/// Address offset of vector v of row r in the sums.
int64_t sumAt(int64_t row, int64_t vector) { return row * kSumBytes + vector * 64; }

/// Runs the passes over K that 32 columns take. `pass(first vector, start state)` gives the end state.
template <typename Pass>
void emitPasses(KernelBuilder &b, const MatmulShape &shape, int64_t rows, bool startFromMemory,
                const Vals &a, const Pass &pass) {
  for (int64_t first = 0; first < 2; first += shape.vectors) {
    TileState state{{}, a[0], a[1], a[2]};
    for (int64_t r = 0; r < rows; ++r) {
      state.sums.emplace_back();
      for (int64_t v = 0; v < shape.vectors; ++v)
        state.sums[r].push_back(startFromMemory ? b.load(kF32x16, a[3], sumAt(r, first + v))
                                                : b.zero(kF32x16));
    }
    state = pass(first, state);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t v = 0; v < shape.vectors; ++v)
        b.store(state.sums[r][v], a[3], sumAt(r, first + v));
  }
}

} // namespace

MatmulShape matmulShape(const IsaInfo &isa, const ProgramValue &input, const ProgramValue &weight) {
  const WeightLayout &layout = weight.weight;
  MatmulShape shape{};
  shape.format = layout.format;
  shape.floatScale = input.floatScale;
  shape.panels = int64_t(layout.units);
  shape.panelBytes = int64_t(layout.unitBytes);
  shape.blocks = int64_t(layout.blocks());
  shape.blocksPerGroup = int64_t(layout.blocksPerGroup());
  // Registers: sums and dots (R x vectors each), one vector of weights or two, a broadcast, a mask.
  shape.vectors = isa.avx512 ? 2 : 1;
  shape.tallest = isa.avx512 ? 6 : layout.format == WeightFormat::Bf16 ? 3 : 2;
  const uint64_t columns = layout.columns;
  if (shape.isQuantized()) {
    shape.rowBytes = int64_t(abi::int8RowBytes(columns));
    shape.metaBytes = int64_t(abi::actMetaRowBytes(columns));
  } else {
    shape.widened = !isa.bf16;
    shape.rowBytes = shape.widened ? int64_t(abi::f32RowBytes(columns)) + 64
                                   : int64_t(abi::bf16RowBytes(columns));
  }
  return shape;
}

Function defineChunkTile(KernelBuilder &b, const MatmulShape &shape, std::string_view name,
                         int64_t rows) {
  return b.function(name, {kPtr, kPtr, kPtr, kPtr, kI64}, {}, [&](const Vals &a) -> Vals {
    emitPasses(b, shape, rows, true, a, [&](int64_t first, const TileState &start) {
      return shape.isQuantized() ? intChunk(b, shape, first, a[4], start)
                                 : bf16Chunk(b, shape, first, a[4], start);
    });
    return {};
  });
}

Function definePackedTile(KernelBuilder &b, const MatmulShape &shape, std::string_view name,
                          int64_t rows) {
  return b.function(name, {kPtr, kPtr, kPtr, kPtr}, {}, [&](const Vals &a) -> Vals {
    emitPasses(b, shape, rows, false, a, [&](int64_t first, const TileState &start) {
      return packedGroups(b, shape, first, start);
    });
    return {};
  });
}

Function defineUnpack(KernelBuilder &b, const MatmulShape &shape, std::string_view name) {
  const int64_t blockBytes = packedBlockBytes(shape.format);
  const int64_t groupBytes = kGroupScaleBytes + shape.blocksPerGroup * blockBytes;
  return b.function(name, {kPtr, kI64, kI64, kPtr}, {}, [&](const Vals &a) -> Vals {
    b.loop(b.i64(0), a[2], 1, [&](Val i) {
      const Val block = a[1] + i;
      const Val group = a[0] + (block / shape.blocksPerGroup) * groupBytes;
      const Val from = group + ((block % shape.blocksPerGroup) * blockBytes + kGroupScaleBytes);
      const Val to = a[3] + i * kIntChunkBlockBytes;
      for (int64_t line = 0; line < blockBytes; line += 64) {
        const Val bytes = b.load(kI8x64, from, line);
        if (shape.format == WeightFormat::Int4) {
          b.store(lowNibbles(bytes), to, line * 2);
          b.store(highNibbles(bytes), to, line * 2 + 64);
        } else {
          b.store(bytes, to, line);
        }
      }
      for (int v = 0; v < 2; ++v)
        b.store(loadF16(b, group, v * 32), to, 1024 + v * 64);
    });
    return {};
  });
}

Function defineWiden(KernelBuilder &b, const MatmulShape &shape, std::string_view name,
                     int64_t fromStride) {
  return b.function(name, {kPtr, kI64, kPtr}, {}, [&](const Vals &a) -> Vals {
    b.loop(b.i64(0), a[1], 1, [&](Val row) {
      const Val from = a[0] + row * fromStride, to = a[2] + row * shape.rowBytes;
      b.loop(b.i64(0), b.i64(shape.blocks * 32), 16, [&](Val k) {
        b.store(fromBf16(b, b.load(kI16x16, from + k * 2)), to + k * 4);
      });
    });
    return {};
  });
}

} // namespace ingot::cpu
