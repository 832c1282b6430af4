#include "codegen/cpu/kernels/MatmulTile.h"

#include "codegen/cpu/Primitives.h"
#include "runtime/base/Numerics.h"

#include <vector>

namespace ingot::cpu {

namespace {

constexpr int64_t kGroupScaleBytes = 64; ///< 32 f16
constexpr int64_t kPrefetchBlocks = 4;
constexpr int64_t kCorrectionAt = 4; ///< in ActGroupMeta
constexpr int64_t kUnitAt = 4;       ///< in prepared scales
/// The correction undoes the offset 8 of nibbles; bytes have the offset 128.
constexpr int kByteCorrectionShift = 4;
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
    state.weights = values[next], state.activations = values[next + 1],
    state.meta = values[next + 2];
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
Val highNibbles(Val bytes) {
  const Type words{Elem::I16, bytes.type().lanes / 2};
  return bitcast(shrU(bitcast(bytes, words), 4), bytes.type()) & 15;
}

// ---- integer weights ---------------------------------------------------------------------------

/// One pass: `count` registers of columns from register `first` of the panel's 32 columns on.
struct ColumnPass {
  int64_t first, count;
  uint32_t lanes;

  /// Offset of register v's columns in data of `bytesPer16` bytes per 16 columns.
  int64_t offset(int64_t v, int64_t bytesPer16, int64_t bytesPerColumn) const {
    const int64_t column = (first + v) * lanes;
    return column / 16 * bytesPer16 + column % 16 * bytesPerColumn;
  }
  int64_t floatAt(int64_t v) const { return offset(v, 64, 4); }
  int64_t f16At(int64_t v) const { return offset(v, 32, 2); }
  Type floats() const { return {Elem::F32, lanes}; }
  Type ints() const { return {Elem::I32, lanes}; }
  Type bytes() const { return {Elem::I8, 4 * lanes}; }
};

/// One block of 32 k for all rows of a tile, from nibbles or from bytes.
class IntBlock {
public:
  /// `scaleBytes`: stride of the rows of activation scales.
  IntBlock(KernelBuilder &builder, const MatmulShape &shape, const ColumnPass &pass, bool nibbles,
           int64_t scaleBytes)
      : b_(builder), shape_(shape), pass_(pass), nibbles_(nibbles), scaleBytes_(scaleBytes) {}

  /// `weights`: the block; `scale(v)` gives the scales of register v.
  template <typename Scale>
  void emit(TileState &state, Val weights, const Scale &scale) {
    Dots dots = startDots(state);
    for (int64_t i = 0; i < (nibbles_ ? 4 : 8); ++i) {
      Vals bytes;
      for (int64_t v = 0; v < pass_.count; ++v)
        bytes.push_back(
            b_.load(pass_.bytes(), weights, pass_.offset(v, nibbles_ ? 256 : 512, 4) + i * 64));
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
    for (int64_t v = 0; v < pass_.count; ++v)
      scales.push_back(scale(v));
    for (size_t r = 0; r < state.sums.size(); ++r) {
      const int64_t at = r * scaleBytes_ + (shape_.isPrepared() ? kUnitAt : 0);
      const Val unit = b_.splat(b_.load(kF32, state.meta, at), pass_.lanes);
      for (int64_t v = 0; v < pass_.count; ++v)
        state.sums[r][v] = accumulate(state.sums[r][v], dots[r][v].finish(), scales[v], unit);
    }
  }

private:
  using Dots = std::vector<std::vector<IntDot>>; ///< [row][register]

  Dots startDots(const TileState &state) {
    const bool bytes = shape_.format == WeightFormat::Int8;
    const DotWeights range = bytes ? DotWeights::Bytes : DotWeights::Nibbles;
    Dots dots;
    for (size_t r = 0; r < state.sums.size(); ++r) {
      const int64_t at = r * scaleBytes_ + (shape_.isPrepared() ? 0 : kCorrectionAt);
      Val start = b_.splat(b_.load(kI32, state.meta, at), pass_.lanes);
      if (bytes && !shape_.isPrepared())
        start = shl(start, kByteCorrectionShift);
      dots.emplace_back(pass_.count, IntDot(b_, range, start));
    }
    return dots;
  }

  /// Four k of every row.
  void step(Dots &dots, const Vals &bytes, const TileState &state, int64_t k) {
    for (size_t r = 0; r < dots.size(); ++r) {
      const Val four = b_.load(kI32, state.activations, r * shape_.rowBytes + k);
      const Val a = bitcast(b_.splat(four, pass_.lanes), pass_.bytes());
      for (int64_t v = 0; v < pass_.count; ++v)
        dots[r][v].step(bytes[v], a);
    }
  }

  Val accumulate(Val sum, Val dot, Val scale, Val unit) {
    if (!shape_.isPrepared())
      return b_.fma(b_.convert(Convert::IntToFloat, dot, pass_.floats()), scale * unit, sum);
    return b_.fma(b_.binary(Binary::Sub, bitcast(dot, pass_.floats()), unit), scale, sum);
  }

  KernelBuilder &b_;
  const MatmulShape &shape_;
  const ColumnPass &pass_;
  bool nibbles_;
  int64_t scaleBytes_;
};

void advance(TileState &state, int64_t weightBytes) {
  state.weights = state.weights + weightBytes;
  state.activations = state.activations + 32;
  state.meta = state.meta + 8;
}

/// `count` packed blocks. Groups of one block bring their scales along; else `hoisted` has them,
/// one per register of the pass.
TileState packedBlocks(KernelBuilder &b, const MatmulShape &shape, const ColumnPass &pass,
                       Val count, const TileState &start, const Vals &hoisted) {
  const int64_t scaleBytes = hoisted.empty() ? kGroupScaleBytes : 0;
  const int64_t stride = packedBlockBytes(shape.format) + scaleBytes;
  IntBlock block(b, shape, pass, shape.format == WeightFormat::Int4, shape.metaBytes);
  return repeat(b, count, start, [&](TileState &state) {
    if (pass.first == 0) // later passes find the panel in the caches
      for (int64_t line = 0; line < stride; line += 64)
        b.prefetch(state.weights, kPrefetchBlocks * stride + line);
    const Val weights = state.weights;
    block.emit(state, weights + scaleBytes, [&](int64_t v) {
      return hoisted.empty() ? loadF16(b, weights, pass.f16At(v), pass.lanes) : hoisted[v];
    });
    advance(state, stride);
  });
}

TileState packedGroups(KernelBuilder &b, const MatmulShape &shape, const ColumnPass &pass,
                       const TileState &start) {
  if (shape.blocksPerGroup == 1)
    return packedBlocks(b, shape, pass, b.i64(shape.blocks), start, {});
  const auto group = [&](Val first, const Vals &carried) {
    TileState state = start.with(carried);
    Vals scales;
    for (int64_t v = 0; v < pass.count; ++v)
      scales.push_back(loadF16(b, state.weights, pass.f16At(v), pass.lanes));
    state.weights = state.weights + kGroupScaleBytes;
    const Val count = b.binary(Binary::MinS, b.i64(shape.blocks) - first,
                               b.i64(shape.blocksPerGroup)); // the last group may be short
    return packedBlocks(b, shape, pass, count, state, scales).flat();
  };
  return start.with(
      b.loop(b.i64(0), b.i64(shape.blocks), shape.blocksPerGroup, start.flat(), group));
}

TileState intChunk(KernelBuilder &b, const MatmulShape &shape, const ColumnPass &pass, Val count,
                   const TileState &start) {
  const int64_t scaleBytes = shape.isPrepared() ? kChunkScaleBytes : shape.metaBytes;
  IntBlock block(b, shape, pass, false, scaleBytes);
  return repeat(b, count, start, [&](TileState &state) {
    const Val weights = state.weights;
    block.emit(state, weights,
               [&](int64_t v) { return b.load(pass.floats(), weights, 1024 + pass.floatAt(v)); });
    advance(state, kIntChunkBlockBytes);
  });
}

// ---- bf16 weights ------------------------------------------------------------------------------

/// Two k of every row. `pair`: their index from the state's pointers.
void bf16Pair(KernelBuilder &b, const MatmulShape &shape, const ColumnPass &pass, int64_t pair,
              TileState &state) {
  Vals weights;
  for (int64_t v = 0; v < pass.count; ++v)
    weights.push_back(b.load(pass.ints(), state.weights, pair * kPairBytes + pass.floatAt(v)));
  for (size_t r = 0; r < state.sums.size(); ++r) {
    const int64_t at = r * shape.rowBytes + pair * (shape.widened ? 8 : 4);
    const auto broadcast = [&](Type type, int64_t byte) {
      return b.splat(b.load(type, state.activations, at + byte), pass.lanes);
    };
    for (int64_t v = 0; v < pass.count; ++v) {
      Val &sum = state.sums[r][v];
      sum = shape.widened
                ? dotBf16Widened(b, sum, weights[v], broadcast(kF32, 0), broadcast(kF32, 4))
                : dotBf16(b, sum, weights[v], broadcast(kI32, 0));
    }
  }
}

TileState bf16Chunk(KernelBuilder &b, const MatmulShape &shape, const ColumnPass &pass, Val count,
                    const TileState &start) {
  constexpr int64_t pairsPerTurn = 4;
  return repeat(b, count * (16 / pairsPerTurn), start, [&](TileState &state) {
    for (int64_t pair = 0; pair < pairsPerTurn; ++pair) {
      if (pass.first == 0)
        for (int64_t line = 0; line < kPairBytes; line += 64)
          b.prefetch(state.weights, kBf16BlockBytes + pair * kPairBytes + line);
      bf16Pair(b, shape, pass, pair, state);
    }
    state.weights = state.weights + pairsPerTurn * kPairBytes;
    state.activations = state.activations + pairsPerTurn * (shape.widened ? 8 : 4);
  });
}

/// Runs the passes over K that 32 columns take. `run(pass, start state)` gives the end state.
template <typename Run>
void emitPasses(KernelBuilder &b, const MatmulShape &shape, int64_t rows, bool startFromMemory,
                const Vals &a, const Run &run) {
  ColumnPass pass{0, shape.vectorsPerPass(rows), shape.lanes};
  for (; pass.first * pass.lanes < 32; pass.first += pass.count) {
    TileState state{std::vector<Vals>(rows), a[0], a[1], a[2]};
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t v = 0; v < pass.count; ++v)
        state.sums[r].push_back(startFromMemory
                                    ? b.load(pass.floats(), a[3], r * kSumBytes + pass.floatAt(v))
                                    : b.zero(pass.floats()));
    state = run(pass, state);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t v = 0; v < pass.count; ++v)
        b.store(state.sums[r][v], a[3], r * kSumBytes + pass.floatAt(v));
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
  shape.lanes = nativeLanes(isa);
  shape.tallest = isa.avx512 ? 6 : 4;
  shape.tallestPacked = isa.avx512 ? 5 : shape.tallest;
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

int64_t MatmulShape::vectorsPerPass(int64_t rows) const {
  if (lanes == 16)
    return 2;
  // Of 16 registers: sums and dots (rows x vectors each; bf16 has no dots), weights, a broadcast,
  // masks, and the scales of a group of several blocks.
  if (!isQuantized())
    return rows == 1 ? 4 : 2;
  return rows > 1 ? 1 : blocksPerGroup == 1 ? 4 : 2;
}

Function defineChunkTile(KernelBuilder &b, const MatmulShape &shape, std::string_view name,
                         int64_t rows) {
  return b.function(name, {kPtr, kPtr, kPtr, kPtr, kI64}, {}, [&](const Vals &a) -> Vals {
    emitPasses(b, shape, rows, true, a, [&](const ColumnPass &pass, const TileState &start) {
      return shape.isQuantized() ? intChunk(b, shape, pass, a[4], start)
                                 : bf16Chunk(b, shape, pass, a[4], start);
    });
    return {};
  });
}

Function definePackedTile(KernelBuilder &b, const MatmulShape &shape, std::string_view name,
                          int64_t rows) {
  return b.function(name, {kPtr, kPtr, kPtr, kPtr}, {}, [&](const Vals &a) -> Vals {
    emitPasses(b, shape, rows, false, a, [&](const ColumnPass &pass, const TileState &start) {
      return packedGroups(b, shape, pass, start);
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

Function definePrepare(KernelBuilder &b, const MatmulShape &shape, std::string_view name,
                       int64_t toStride) {
  std::vector<int64_t> even(16), odd(16);
  std::vector<int32_t> onEven(16);
  for (int lane = 0; lane < 16; ++lane)
    even[lane] = lane & ~1, odd[lane] = lane | 1, onEven[lane] = lane % 2 ? 0 : -1;
  return b.function(name, {kPtr, kPtr, kI64, kI64}, {}, [&](const Vals &a) -> Vals {
    const Val isStart = b.vectorConstant(onEven);
    b.loop(b.i64(0), a[2], 1, [&](Val row) {
      const Val from = a[0] + row * shape.metaBytes, to = a[1] + row * toStride;
      b.loop(b.i64(0), a[3] * 8, 64, [&](Val at) { // rows of meta are whole cache lines
        const Val meta = b.load(kI32x16, from + at);
        Val correction = b.shuffle(meta, meta, odd) & isStart;
        if (shape.format == WeightFormat::Int8)
          correction = shl(correction, kByteCorrectionShift);
        const Val unit = b.shuffle(meta, meta, even) + numerics::kIntegerBits;
        b.store(unit + correction, to + at);
      });
    });
    return {};
  });
}

Function defineWiden(KernelBuilder &b, const MatmulShape &shape, std::string_view name,
                     int64_t fromStride) {
  return b.function(name, {kPtr, kI64, kPtr}, {}, [&](const Vals &a) -> Vals {
    b.loop(b.i64(0), a[1], 1, [&](Val row) {
      const Val from = a[0] + row * fromStride, to = a[2] + row * shape.rowBytes;
      b.loop(b.i64(0), b.i64(shape.blocks * 32), 16,
             [&](Val k) { b.store(fromBf16(b, b.load(kI16x16, from + k * 2)), to + k * 4); });
    });
    return {};
  });
}

} // namespace ingot::cpu
