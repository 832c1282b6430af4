#include "codegen/cpu/kernels/EmitAttention.h"

#include "codegen/cpu/Primitives.h"
#include "runtime/base/Numerics.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace ingot::cpu {

namespace {

constexpr int64_t kTile = numerics::kAttentionTile;       ///< positions
constexpr int64_t kSegment = numerics::kAttentionSegment; ///< positions
constexpr int64_t kSubTile = abi::kKvTile;                ///< positions per vector of keys
constexpr int64_t kSubTiles = kTile / kSubTile;
constexpr int64_t kLanes = 16;

/// Softmax state of one head: {maximum, sum} and the weighted values [valueStride].
struct StateOffsets {
  int64_t values, scalars;
};

class AttentionEmitter {
public:
  AttentionEmitter(KernelBuilder &builder, const KernelProgram &program)
      : b_(builder), op_(program.ops.front()), query_(program.values[op_.operands[0]]),
        cache_(program.values[op_.operands[1]]), result_(program.values[op_.results[0]]),
        kv_(cache_.kv), headDim_(kv_.headDim), stride_(int64_t(kv_.valueStride())),
        group_(op_.heads / int64_t(kv_.kvHeads)) {
    assert(program.ops.size() == 1 && op_.kind == OpKind::PagedAttention);
    assert(query_.kind == ValueKind::Bf16Rows && "fix-numerics rounds the query");
  }

  uint64_t emit(std::string_view name) {
    defineFunctions(std::string(name));
    b_.kernel(name, [&](Val args, Val begin, Val end, Val scratch) {
      batch_ = b_.load(kPtr, args, 0);
      view_ = b_.load(kPtr, args, cache_.slot * 8);
      queries_ = b_.load(kPtr, args, query_.slot * 8);
      results_ = b_.load(kPtr, args, result_.slot * 8);
      scratch_ = scratch;
      b_.loop(begin, end, 1, [&](Val index) { item(index); });
    });
    return uint64_t(scratchBytes());
  }

private:
  // ---- scratch: current state, total state, probabilities, pointers to the key sub-tiles ----
  int64_t stateBytes() const { return group_ * (stride_ * 4 + 8); }
  StateOffsets current() const { return {0, group_ * stride_ * 4}; }
  StateOffsets total() const {
    const int64_t base = align(stateBytes());
    return {base, base + group_ * stride_ * 4};
  }
  int64_t probabilities() const { return 2 * align(stateBytes()); }
  int64_t pointers() const { return probabilities() + group_ * kTile * 4; }
  int64_t scratchBytes() const { return pointers() + align(kSubTiles * 8); }
  static int64_t align(int64_t bytes) { return (bytes + 63) / 64 * 64; }

  Val field32(size_t offset, Val index) {
    const Val table = b_.load(kPtr, batch_, int64_t(offset));
    return widen(b_.load(kI32, table + index * 4));
  }
  Val widen(Val value) { return b_.convert(Convert::ZeroExtend, value, kI64); }
  Val minimum(Val a, Val c) { return b_.binary(Binary::MinS, a, c); }
  Val maximum(Val a, Val c) { return b_.binary(Binary::MaxS, a, c); }

  // ---- heads that one function call computes together: what the registers hold ----
  int64_t headsPerCall() const { return b_.isa().avx512 ? 4 : 1; }
  int64_t valueVectors() const { return b_.isa().avx512 ? 4 : 2; }

  void defineFunctions(const std::string &name) {
    for (int64_t first = 0; first < group_; first += headsPerCall()) {
      const int64_t heads = std::min(headsPerCall(), group_ - first);
      const auto same = [&](const Chunk &chunk) { return chunk.heads == heads; };
      const auto known = std::find_if(chunks_.begin(), chunks_.end(), same);
      if (known != chunks_.end()) {
        chunks_.push_back({first, heads, known->scores, known->values});
        continue;
      }
      const std::string suffix = std::to_string(heads);
      chunks_.push_back({first, heads, defineScores(name + "_scores" + suffix, heads),
                         defineValues(name + "_values" + suffix, heads)});
    }
    fold_ = defineFold(name + "_fold");
  }

  /// void (queries, key pointers, scalars, probabilities, values, lo, hi): the probabilities of a
  /// tile; maximum and sum (`scalars`, 8 bytes per head) and the weighted values move to the new
  /// maximum.
  Function defineScores(const std::string &name, int64_t heads) {
    return b_.function(
        name, {kPtr, kPtr, kPtr, kPtr, kPtr, kI64, kI64}, {}, [&](const Vals &a) -> Vals {
          const Vals sums = scoreSums(a[0], a[1], heads);
          const Vals visible = visibleLanes(a[5], a[6]);
          for (int64_t h = 0; h < heads; ++h)
            softmax({sums.begin() + h * kSubTiles, sums.begin() + (h + 1) * kSubTiles}, visible,
                    a[2] + h * 8, a[3] + h * kTile * 4, a[4] + h * stride_ * 4);
          return {};
        });
  }

  /// q k^T of a tile: [heads][kSubTiles] vectors, one chain over the pairs of the head.
  Vals scoreSums(Val queries, Val pointers, int64_t heads) {
    Vals keys;
    for (int64_t j = 0; j < kSubTiles; ++j)
      keys.push_back(b_.load(kPtr, pointers, j * 8));
    const Vals zeros(heads * kSubTiles, b_.zero(kF32x16));
    return b_.loop(b_.i64(0), b_.i64(headDim_ / 2), 1, zeros, [&](Val pair, const Vals &carried) {
      Vals sums = carried, weights;
      for (const Val &key : keys)
        weights.push_back(b_.load(kI32x16, key + pair * (kSubTile * 4)));
      for (int64_t h = 0; h < heads; ++h) {
        const Val query = b_.splat(b_.load(kI32, queries + pair * 4, h * headDim_ * 2), kLanes);
        for (int64_t j = 0; j < kSubTiles; ++j) {
          Val &sum = sums[h * kSubTiles + j];
          sum = dotBf16(b_, sum, weights[j], query);
        }
      }
      return sums;
    });
  }

  /// Per vector of a tile: lanes whose position within the tile lies in [lo, hi).
  Vals visibleLanes(Val lo, Val hi) {
    const Val low = b_.splat(b_.convert(Convert::Truncate, lo, kI32), kLanes);
    const Val high = b_.splat(b_.convert(Convert::Truncate, hi, kI32), kLanes);
    Vals masks;
    for (int64_t j = 0; j < kSubTiles; ++j) {
      std::vector<int32_t> lanes(kLanes);
      for (int32_t i = 0; i < kLanes; ++i)
        lanes[i] = int32_t(j * kLanes) + i;
      const Val position = b_.vectorConstant(lanes);
      masks.push_back(b_.binary(Binary::And, b_.compare(Compare::Ge, position, low),
                                b_.compare(Compare::Lt, position, high)));
    }
    return masks;
  }

  /// One head: new maximum and sum, probabilities, and the weighted values times alpha.
  void softmax(const Vals &sums, const Vals &visible, Val scalars, Val probabilities, Val values) {
    const Val start = b_.splat(b_.f32(numerics::kScoreStart), kLanes);
    Vals scores, p;
    for (int64_t j = 0; j < kSubTiles; ++j)
      scores.push_back(b_.select(visible[j], sums[j] * op_.scale, start));
    const Val before = b_.load(kF32, scalars);
    const Val now = maxOf(b_, maxTree(b_, scores), before);
    const Val alpha = exp(b_, b_.binary(Binary::Sub, before, now));
    for (int64_t j = 0; j < kSubTiles; ++j) {
      const Val power = exp(b_, b_.binary(Binary::Sub, scores[j], b_.splat(now, kLanes)));
      p.push_back(b_.select(visible[j], power, b_.zero(kF32x16)));
      b_.store(p.back(), probabilities, j * kLanes * 4);
    }
    b_.store(now, scalars);
    b_.store(b_.fma(b_.load(kF32, scalars, 4), alpha, halvingTree(b_, p)), scalars, 4);
    for (int64_t d = 0; d < stride_; d += kLanes)
      b_.store(b_.load(kF32x16, values, d * 4) * b_.splat(alpha, kLanes), values, d * 4);
  }

  /// void (values of the first position, probabilities, values state, positions): adds p v of a
  /// sub-tile, positions ascending.
  Function defineValues(const std::string &name, int64_t heads) {
    return b_.function(name, {kPtr, kPtr, kPtr, kI64}, {}, [&](const Vals &a) -> Vals {
      const int64_t vectors = stride_ / kLanes;
      for (int64_t first = 0; first < vectors; first += valueVectors())
        addValues(a, heads, first, std::min(valueVectors(), vectors - first));
      return {};
    });
  }

  void addValues(const Vals &a, int64_t heads, int64_t firstVector, int64_t vectors) {
    const auto place = [&](int64_t h, int64_t v) {
      return (h * stride_ + (firstVector + v) * kLanes) * 4;
    };
    Vals state;
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t v = 0; v < vectors; ++v)
        state.push_back(b_.load(kF32x16, a[2], place(h, v)));
    state = b_.loop(b_.i64(0), a[3], 1, state, [&](Val position, const Vals &carried) {
      Vals sums = carried, row;
      const Val from = a[0] + position * (stride_ * 2);
      for (int64_t v = 0; v < vectors; ++v)
        row.push_back(fromBf16(b_, b_.load(kI16x16, from, (firstVector + v) * kLanes * 2)));
      for (int64_t h = 0; h < heads; ++h) {
        const Val p = b_.splat(b_.load(kF32, a[1] + position * 4, h * kTile * 4), kLanes);
        for (int64_t v = 0; v < vectors; ++v)
          sums[h * vectors + v] = b_.fma(p, row[v], sums[h * vectors + v]);
      }
      return sums;
    });
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t v = 0; v < vectors; ++v)
        b_.store(state[h * vectors + v], a[2], place(h, v));
  }

  /// void (scratch): folds the current state of every head into the total and clears it.
  Function defineFold(const std::string &name) {
    return b_.function(name, {kPtr}, {}, [&](const Vals &a) -> Vals {
      b_.loop(b_.i64(0), b_.i64(group_), 1, [&](Val h) { foldHead(a[0], h); });
      return {};
    });
  }

  void foldHead(Val scratch, Val h) {
    const Val part = scratch + (h * 8 + current().scalars),
              all = scratch + (h * 8 + total().scalars);
    const Val m = b_.load(kF32, part), before = b_.load(kF32, all), now = maxOf(b_, m, before);
    const Val a = exp(b_, b_.binary(Binary::Sub, before, now));
    const Val c = exp(b_, b_.binary(Binary::Sub, m, now));
    b_.store(now, all);
    b_.store(b_.fma(b_.load(kF32, all, 4), a, b_.load(kF32, part, 4) * c), all, 4);
    const Val from = scratch + (h * (stride_ * 4) + current().values);
    const Val to = scratch + (h * (stride_ * 4) + total().values);
    for (int64_t d = 0; d < stride_; d += kLanes) {
      const Val scaled = b_.load(kF32x16, from, d * 4) * b_.splat(c, kLanes);
      b_.store(b_.fma(b_.load(kF32x16, to, d * 4), b_.splat(a, kLanes), scaled), to, d * 4);
    }
    clearHead(scratch, h, current());
  }

  void clearHead(Val scratch, Val h, StateOffsets state) {
    const Val values = scratch + (h * (stride_ * 4) + state.values);
    for (int64_t d = 0; d < stride_; d += kLanes)
      b_.store(b_.zero(kF32x16), values, d * 4);
    const Val scalars = scratch + (h * 8 + state.scalars);
    b_.store(b_.f32(numerics::kScoreStart), scalars);
    b_.store(b_.f32(0), scalars, 4);
  }

  // ---- the walk: item, token, segment, tile ----

  void item(Val index) {
    const Val entry = index / int64_t(kv_.kvHeads);
    head_ = index % int64_t(kv_.kvHeads);
    const Val table = b_.load(kPtr, batch_, offsetof(abi::BatchView, attentionTable)) + entry * 8;
    const Val first = widen(b_.load(kI32, table)), count = widen(b_.load(kI32, table, 4));
    b_.loop(first, first + count, 1, [&](Val row) { token(row); });
  }

  void token(Val row) {
    const Val sequence = field32(offsetof(abi::BatchView, tokenSequence), row);
    const Val begin = field32(offsetof(abi::BatchView, visibleBegin), row);
    const Val end = field32(offsetof(abi::BatchView, visibleEnd), row);
    const Val pitch = widen(b_.load(kI32, view_, offsetof(abi::KvView, tablePitch)));
    blocks_ = b_.load(kPtr, view_, offsetof(abi::KvView, table)) + sequence * pitch * 4;
    row_ = row;
    b_.loop(b_.i64(0), b_.i64(group_), 1, [&](Val h) {
      clearHead(scratch_, h, current());
      clearHead(scratch_, h, total());
    });
    b_.loop(begin / kSegment * kSegment, end, kSegment, [&](Val segment) {
      const Val from = maximum(segment, begin / kTile * kTile);
      const Val to = minimum(segment + kSegment, end);
      b_.loop(from, to, kTile, [&](Val first) {
        tile(first, maximum(begin - first, b_.i64(0)), minimum(end - first, b_.i64(kTile)));
      });
      b_.call(fold_, {scratch_});
    });
    writeRow();
  }

  /// Address of the sub-tile of 16 positions with this absolute number.
  Val subTile(Val number) {
    const int64_t perBlock = int64_t(kv_.blockTokens / abi::kKvTile);
    const Val block = widen(b_.load(kI32, blocks_ + number / perBlock * 4));
    const Val blockBytes = b_.load(kI64, view_, offsetof(abi::KvView, blockBytes));
    return b_.load(kPtr, view_, offsetof(abi::KvView, pool)) +
           (block * blockBytes + head_ * int64_t(kv_.headBytes()) +
            number % perBlock * int64_t(kv_.tileBytes()));
  }

  /// Positions [lo, hi) of the tile at `first` are visible, at least one.
  void tile(Val first, Val lo, Val hi) {
    const Val lowest = lo / kSubTile, highest = (hi - 1) / kSubTile;
    const Val pointers = scratch_ + this->pointers();
    for (int64_t j = 0; j < kSubTiles; ++j) {
      // Sub-tiles without a visible position may have no page: read another one, lanes are masked.
      const Val number = minimum(maximum(b_.i64(j), lowest), highest);
      b_.store(subTile(first / kSubTile + number), pointers, j * 8);
    }
    const Val query = queries_ + (row_ * int64_t(abi::bf16RowBytes(query_.columns)) +
                                  head_ * (group_ * headDim_ * 2));
    for (const Chunk &chunk : chunks_) {
      const Val scalars = scratch_ + (current().scalars + chunk.first * 8);
      const Val p = scratch_ + (probabilities() + chunk.first * kTile * 4);
      const Val values = scratch_ + (current().values + chunk.first * stride_ * 4);
      b_.call(chunk.scores,
              {query + chunk.first * headDim_ * 2, pointers, scalars, p, values, lo, hi});
      b_.loop(lowest, highest + 1, 1, [&](Val j) {
        const Val from = maximum(lo - j * kSubTile, b_.i64(0));
        const Val to = minimum(hi - j * kSubTile, b_.i64(kSubTile));
        const Val page = b_.load(kPtr, pointers + j * 8) + int64_t(kv_.keyTileBytes());
        b_.call(chunk.values,
                {page + from * (stride_ * 2), p + (j * kSubTile + from) * 4, values, to - from});
      });
    }
  }

  /// Total / sum + 0 for every head of the group; the last KV head also clears the padding.
  void writeRow() {
    const Val row = results_ + row_ * int64_t(abi::f32RowBytes(result_.columns));
    b_.loop(b_.i64(0), b_.i64(group_), 1, [&](Val h) {
      const Val sum = b_.load(kF32, scratch_ + (h * 8 + total().scalars), 4);
      const Val inverse = b_.f32(1) / sum;
      const Val from = scratch_ + (h * (stride_ * 4) + total().values);
      const Val to = row + (head_ * group_ + h) * (headDim_ * 4);
      for (int64_t d = 0, width = kLanes; d < headDim_; d += width) {
        while (width > headDim_ - d)
          width /= 2; // a narrower store: the next columns are another item's
        const Type type{Elem::F32, uint32_t(width)};
        const Val value = b_.load(width == 1 ? kF32 : type, from, d * 4);
        const Val scale = width == 1 ? inverse : b_.splat(inverse, uint32_t(width));
        b_.store(value * scale + 0.0f, to, d * 4);
      }
    });
    const int64_t columns = result_.columns, padded = int64_t(abi::paddedColumns(columns));
    if (columns == padded)
      return;
    b_.ifThen(b_.compare(Compare::Eq, head_, b_.i64(int64_t(kv_.kvHeads) - 1)), [&] {
      for (int64_t c = columns; c < padded; ++c)
        b_.store(b_.f32(0), row, c * 4);
    });
  }

  /// Heads [first, first + heads) of the group and the functions for that many.
  struct Chunk {
    int64_t first, heads;
    Function scores, values;
  };

  KernelBuilder &b_;
  const ProgramOp &op_;
  const ProgramValue &query_, &cache_, &result_;
  const abi::KvLayout kv_;
  const int64_t headDim_; ///< columns of a head
  const int64_t stride_;  ///< headDim rounded up to 16
  const int64_t group_;   ///< query heads per KV head
  std::vector<Chunk> chunks_;
  Function fold_;
  Val batch_, view_, queries_, results_, scratch_; ///< of the launch
  Val head_, row_, blocks_;                        ///< of the item: KV head, token, block table
};

} // namespace

uint64_t emitAttention(KernelBuilder &builder, const KernelProgram &program,
                       std::string_view name) {
  return AttentionEmitter(builder, program).emit(name);
}

} // namespace ingot::cpu
