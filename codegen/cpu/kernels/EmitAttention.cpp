#include "codegen/cpu/kernels/EmitAttention.h"

#include "codegen/cpu/kernels/AttentionTile.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace ingot::cpu {

namespace {

constexpr int64_t kSegment = numerics::kAttentionSegment; ///< positions
/// Rows (tokens times heads of the group) whose state should stay in the first-level caches; an
/// item with more takes its tokens in several passes over the cache.
constexpr int64_t kRowsPerPass = 64;

class AttentionEmitter {
public:
  AttentionEmitter(KernelBuilder &builder, const KernelProgram &program)
      : b_(builder), op_(program.ops.front()), query_(program.values[op_.operands[0]]),
        cache_(program.values[op_.operands[1]]), result_(program.values[op_.results[0]]),
        kv_(cache_.kv), group_(op_.heads / int64_t(kv_.kvHeads)),
        tokensPerPass_(std::clamp<int64_t>(kRowsPerPass / group_, 1, abi::kAttentionTokens)),
        shape_(attentionShape(builder.isa(), kv_, op_.scale)) {
    assert(program.ops.size() == 1 && op_.kind == OpKind::PagedAttention);
    assert(query_.kind == ValueKind::Bf16Rows && "fix-numerics rounds the query");
    placeScratch();
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
    return uint64_t(scratchBytes_);
  }

private:
  // ---- scratch ----

  /// Offsets of arrays in scratch. Per row: query, probabilities, and the softmax state of the
  /// segment and of all segments before.
  struct Scratch {
    int64_t query, probabilities, scalars, state, totalScalars, totalState;
    int64_t keys, values; ///< of the tile at hand
    int64_t subTiles;     ///< addresses of its sub-tiles
  };

  void placeScratch() {
    const int64_t rows = tokensPerPass_ * group_;
    const auto take = [&](int64_t bytes) {
      scratchBytes_ += (bytes + 63) / 64 * 64;
      return scratchBytes_ - (bytes + 63) / 64 * 64;
    };
    at_.query = take(rows * shape_.queryBytes());
    at_.probabilities = take(rows * kProbabilityBytes);
    at_.scalars = take(rows * kScalarBytes);
    at_.state = take(rows * shape_.valueRowBytes());
    at_.totalScalars = take(rows * kScalarBytes);
    at_.totalState = take(rows * shape_.valueRowBytes());
    at_.keys = take(shape_.keyBytes());
    at_.values = take(shape_.valueBytes());
    at_.subTiles = take(kSubTiles * 8);
  }

  Val queryOf(Val row) { return scratch_ + (row * shape_.queryBytes() + at_.query); }
  Val probabilitiesOf(Val row) { return scratch_ + (row * kProbabilityBytes + at_.probabilities); }
  Val scalarsOf(Val row) { return scratch_ + (row * kScalarBytes + at_.scalars); }
  Val stateOf(Val row) { return scratch_ + (row * shape_.valueRowBytes() + at_.state); }
  Val totalScalarsOf(Val row) { return scratch_ + (row * kScalarBytes + at_.totalScalars); }
  Val totalStateOf(Val row) { return scratch_ + (row * shape_.valueRowBytes() + at_.totalState); }

  // ---- functions ----

  void defineFunctions(const std::string &name) {
    loadQuery_ = defineQuery(b_, shape_, name + "_query");
    loadKeys_ = defineKeys(b_, shape_, name + "_keys");
    loadValues_ = defineValues(b_, shape_, name + "_values");
    fold_ = defineFold(b_, shape_, name + "_fold");
    for (int64_t rows : callSizes()) {
      const std::string suffix = std::to_string(rows);
      calls_.push_back({rows, defineScores(b_, shape_, name + "_scores" + suffix, rows),
                        defineWeighted(b_, shape_, name + "_weighted" + suffix, rows)});
    }
  }

  /// Numbers of rows that calls take: as many as fit, and what is left of 1..tokensPerPass_ tokens.
  std::vector<int64_t> callSizes() const {
    std::vector<int64_t> sizes;
    for (int64_t rows = 1; rows <= shape_.rowsPerCall; ++rows) {
      bool used = false;
      for (int64_t tokens = 1; tokens <= tokensPerPass_; ++tokens) {
        const int64_t all = tokens * group_;
        used |= all % shape_.rowsPerCall == rows || (rows == shape_.rowsPerCall && all >= rows);
      }
      if (used)
        sizes.push_back(rows);
    }
    return sizes;
  }

  Val field32(size_t offset, Val index) {
    const Val table = b_.load(kPtr, batch_, int64_t(offset));
    return widen(b_.load(kI32, table + index * 4));
  }
  Val widen(Val value) { return b_.convert(Convert::ZeroExtend, value, kI64); }
  Val minimum(Val a, Val c) { return b_.binary(Binary::MinS, a, c); }
  Val maximum(Val a, Val c) { return b_.binary(Binary::MaxS, a, c); }

  // ---- the walk: item, pass over tokens, segment, tile ----

  void item(Val index) {
    const Val entry = index / int64_t(kv_.kvHeads);
    head_ = index % int64_t(kv_.kvHeads);
    const Val table = b_.load(kPtr, batch_, offsetof(abi::BatchView, attentionTable)) + entry * 8;
    const Val first = widen(b_.load(kI32, table)), count = widen(b_.load(kI32, table, 4));
    const Val pitch = widen(b_.load(kI32, view_, offsetof(abi::KvView, tablePitch)));
    const Val sequence = field32(offsetof(abi::BatchView, tokenSequence), first);
    blocks_ = b_.load(kPtr, view_, offsetof(abi::KvView, table)) + sequence * pitch * 4;
    b_.loop(first, first + count, tokensPerPass_, [&](Val token) {
      pass(token, minimum(first + count - token, b_.i64(tokensPerPass_)));
    });
  }

  /// A range of positions.
  struct Range {
    Val begin, end;
  };
  Range visible(Val token) {
    const Val begin = field32(offsetof(abi::BatchView, visibleBegin), token);
    const Val end = field32(offsetof(abi::BatchView, visibleEnd), token);
    return {op_.window > 0 ? maximum(begin, end - b_.i64(op_.window)) : begin, end};
  }

  void pass(Val token, Val tokens) {
    token_ = token, tokens_ = tokens;
    start();
    // What any of the tokens sees, and what all of them see.
    const Range own = visible(token);
    const Vals ranges =
        b_.loop(token + 1, token + tokens, 1, {own.begin, own.end, own.begin, own.end},
                [&](Val other, const Vals &r) -> Vals {
                  const Range next = visible(other);
                  return {minimum(r[0], next.begin), maximum(r[1], next.end),
                          maximum(r[2], next.begin), minimum(r[3], next.end)};
                });
    any_ = {ranges[0], ranges[1]}, all_ = {ranges[2], ranges[3]};
    b_.loop(any_.begin / kSegment * kSegment, any_.end, kSegment, [&](Val segment) {
      const Val from = maximum(segment, any_.begin / kAttentionTile * kAttentionTile);
      b_.loop(from, minimum(segment + kSegment, any_.end), kAttentionTile,
              [&](Val first) { tile(first); });
      const Val zero = b_.i64(0);
      b_.call(fold_, {scalarsOf(zero), stateOf(zero), totalScalarsOf(zero), totalStateOf(zero),
                      tokens_ * group_});
    });
    forRows([&](Val row, Val t, Val h) { writeRow(row, token_ + t, head_ * group_ + h); });
    clearResultPadding();
  }

  /// body(row, token of the pass, head of the group)
  void forRows(const std::function<void(Val, Val, Val)> &body) {
    b_.loop(b_.i64(0), tokens_, 1, [&](Val t) {
      b_.loop(b_.i64(0), b_.i64(group_), 1, [&](Val h) { body(t * group_ + h, t, h); });
    });
  }

  void start() {
    forRows([&](Val row, Val t, Val h) {
      const Val query = queries_ + (token_ + t) * int64_t(abi::bf16RowBytes(query_.columns)) +
                        (head_ * group_ + h) * (shape_.headDim * 2);
      b_.call(loadQuery_, {query, queryOf(row)});
      clearState(b_, shape_, scalarsOf(row), stateOf(row));
      clearState(b_, shape_, totalScalarsOf(row), totalStateOf(row));
    });
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

  /// The part of `range` that lies in the tile at `first`, from its start.
  Range within(const Range &range, Val first) {
    return {maximum(range.begin - first, b_.i64(0)),
            minimum(range.end - first, b_.i64(kAttentionTile))};
  }

  void tile(Val first) {
    load(first);
    forVisible(first, [&](const Call &call, Val row, const Range &seen) {
      b_.call(call.scores, {queryOf(row), scratch_ + at_.keys, scalarsOf(row), probabilitiesOf(row),
                            seen.begin, seen.end});
    });
    forVisible(first, [&](const Call &call, Val row, const Range &seen) {
      b_.call(call.weighted, {scratch_ + (seen.begin * shape_.valueRowBytes() + at_.values),
                              probabilitiesOf(row) + seen.begin * 4, scalarsOf(row), stateOf(row),
                              seen.end - seen.begin});
    });
  }

  /// Widens the keys and values of the tile at `first`, of which any token sees something.
  void load(Val first) {
    const Range seen = within(any_, first);
    const Val lowest = seen.begin / kSubTile, highest = (seen.end - 1) / kSubTile;
    const Val subTiles = scratch_ + at_.subTiles;
    for (int64_t j = 0; j < kSubTiles; ++j) {
      // Sub-tiles without a visible position may have no page: read another one, lanes are masked.
      const Val number = minimum(maximum(b_.i64(j), lowest), highest);
      b_.store(subTile(first / kSubTile + number), subTiles, j * 8);
    }
    b_.call(loadKeys_, {subTiles, scratch_ + at_.keys});
    b_.loop(lowest, highest + 1, 1, [&](Val j) {
      const Val page = b_.load(kPtr, subTiles + j * 8);
      b_.call(loadValues_, {page + int64_t(kv_.keyTileBytes()),
                            scratch_ + (j * (kSubTile * shape_.valueRowBytes()) + at_.values)});
    });
  }

  /// Functions for a number of rows.
  struct Call {
    int64_t rows;
    Function scores, weighted;
  };
  using RowsBody = std::function<void(const Call &, Val row, const Range &seen)>;

  /// All rows that see some of the tile, in as few calls as possible: rows of several tokens share
  /// a call only where all see the whole tile.
  void forVisible(Val first, const RowsBody &body) {
    const Val allSee = b_.binary(Binary::And, b_.compare(Compare::Le, all_.begin, first),
                                 b_.compare(Compare::Ge, all_.end, first + kAttentionTile));
    // Rows per turn: those of all tokens at once, or of one.
    const Val tokens = b_.select(allSee, tokens_, b_.i64(1));
    b_.loop(b_.i64(0), (tokens_ + tokens - 1) / tokens, 1, [&](Val turn) {
      const Range seen = within(visible(token_ + turn), first);
      b_.ifThen(b_.compare(Compare::Lt, seen.begin, seen.end),
                [&] { inCalls(turn * group_, tokens * group_, seen, body); });
    });
  }

  void inCalls(Val first, Val rows, const Range &seen, const RowsBody &body) {
    b_.loop(b_.i64(0), rows, shape_.rowsPerCall, [&](Val done) {
      const Val count = minimum(rows - done, b_.i64(shape_.rowsPerCall));
      for (const Call &call : calls_)
        b_.ifThen(b_.compare(Compare::Eq, count, b_.i64(call.rows)),
                  [&] { body(call, first + done, seen); });
    });
  }

  /// Total / sum + 0 of one row.
  void writeRow(Val row, Val token, Val head) {
    const Val inverse = b_.f32(1) / b_.load(kF32, totalScalarsOf(row), kSumAt);
    const Val from = totalStateOf(row);
    const Val to = resultRow(token) + head * (shape_.headDim * 4);
    for (int64_t d = 0, width = kSubTile; d < shape_.headDim; d += width) {
      while (width > shape_.headDim - d)
        width /= 2; // a narrower store: the next columns are another item's
      const Type type{Elem::F32, uint32_t(width)};
      const Val scale = width == 1 ? inverse : b_.splat(inverse, uint32_t(width));
      b_.store(b_.load(type, from, d * 4) * scale + 0.0f, to, d * 4);
    }
  }

  Val resultRow(Val token) { return results_ + token * int64_t(abi::f32RowBytes(result_.columns)); }

  /// The last KV head writes the columns behind the last head.
  void clearResultPadding() {
    const int64_t columns = result_.columns, padded = int64_t(abi::paddedColumns(columns));
    if (columns == padded)
      return;
    b_.ifThen(b_.compare(Compare::Eq, head_, b_.i64(int64_t(kv_.kvHeads) - 1)), [&] {
      b_.loop(token_, token_ + tokens_, 1, [&](Val token) {
        for (int64_t c = columns; c < padded; ++c)
          b_.store(b_.f32(0), resultRow(token), c * 4);
      });
    });
  }

  KernelBuilder &b_;
  const ProgramOp &op_;
  const ProgramValue &query_, &cache_, &result_;
  const abi::KvLayout kv_;
  const int64_t group_;         ///< query heads per KV head
  const int64_t tokensPerPass_; ///< tokens that walk the cache together
  const AttentionShape shape_;
  Scratch at_{};
  int64_t scratchBytes_ = 0;
  Function loadQuery_, loadKeys_, loadValues_, fold_;
  std::vector<Call> calls_;                        ///< ascending rows
  Val batch_, view_, queries_, results_, scratch_; ///< of the launch
  Val head_, blocks_;                              ///< of the item: KV head, block table
  Val token_, tokens_;                             ///< of the pass: first token, tokens
  Range any_, all_; ///< of the pass: positions that some token sees, that all see
};

} // namespace

uint64_t emitAttention(KernelBuilder &builder, const KernelProgram &program,
                       std::string_view name) {
  return AttentionEmitter(builder, program).emit(name);
}

} // namespace ingot::cpu
