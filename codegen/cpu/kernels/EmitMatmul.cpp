#include "codegen/cpu/kernels/EmitMatmul.h"

#include "codegen/cpu/kernels/MatmulEpilogue.h"
#include "codegen/cpu/kernels/MatmulTile.h"

#include <algorithm>
#include <cassert>

namespace ingot::cpu {

namespace {

/// Most rows that pass over K together, chunk by chunk: their part of a chunk stays in the
/// second-level cache while the panels of a group use it.
constexpr int64_t kRowsPerBlock = 256;
/// The same for rows widened to float32, in bytes: whole rows wait in scratch.
constexpr int64_t kWidenedBytes = 512 * 1024;
/// Panels that share the rows of a chunk; their sums wait in the second-level cache, too.
constexpr int64_t kPanelsPerGroup = 4;
/// Undoes the bias that the exponents of activation scales carry.
constexpr float kUndoBias = 0x1p-40f;

class MatmulEmitter {
public:
  MatmulEmitter(KernelBuilder &builder, const KernelProgram &program)
      : b_(builder), program_(program), linear_(findLinear(program)),
        input_(program.values[program.ops[linear_].operands[0]]),
        weight_(program.values[program.ops[linear_].operands[1]]),
        shape_(matmulShape(builder.isa(), input_, weight_)) {}

  uint64_t emit(std::string_view name) {
    defineFunctions(std::string(name));
    b_.kernel(name, [&](Val args, Val begin, Val end, Val scratch) {
      args_ = args, begin_ = begin, end_ = end;
      sums_ = scratch;
      workspace_ = scratch + panelsPerGroup() * panelSumBytes();
      const Val batch = b_.load(kPtr, args, 0);
      const int64_t field = program_.returnedRows ? offsetof(abi::BatchView, returnedRows)
                                                  : offsetof(abi::BatchView, tokens);
      const Val rows = b_.convert(Convert::ZeroExtend, b_.load(kI32, batch, field), kI64);
      // As few blocks as possible, of row counts that differ by one at most.
      const Val blocks = (rows + (rowsPerBlock() - 1)) / rowsPerBlock();
      b_.loop(b_.i64(0), blocks, 1, [&](Val block) {
        const Val first = block * rows / blocks;
        rowBlock(first, (block + 1) * rows / blocks - first);
      });
    });
    return uint64_t(panelsPerGroup() * panelSumBytes() + workspaceBytes());
  }

private:
  static size_t findLinear(const KernelProgram &program) {
    const auto isLinear = [](const ProgramOp &op) { return op.kind == OpKind::Linear; };
    const auto found = std::find_if(program.ops.begin(), program.ops.end(), isLinear);
    assert(found != program.ops.end() && "a matmul kernel has a linear");
    return size_t(found - program.ops.begin());
  }

  int64_t rowsPerBlock() const {
    if (!shape_.widened)
      return kRowsPerBlock;
    const int64_t tiles = kWidenedBytes / shape_.rowBytes / shape_.tallest;
    return std::clamp<int64_t>(tiles, 2, 24) * shape_.tallest;
  }
  int64_t panelsPerGroup() const { return shape_.widened ? 1 : kPanelsPerGroup; }
  int64_t panelSumBytes() const { return rowsPerBlock() * kSumBytes; }

  /// Behind the sums: a chunk of unpacked weights and prepared scales, or widened rows.
  int64_t workspaceBytes() const {
    if (shape_.isQuantized())
      return kUnpackedBytes + (shape_.isPrepared() ? preparedBytes() : 0);
    return shape_.widened ? rowsPerBlock() * shape_.rowBytes : 0;
  }
  static constexpr int64_t kUnpackedBytes = kIntChunkBlocks * kIntChunkBlockBytes;
  /// Of a chunk for all rows of a block, or of whole rows where rows are few.
  int64_t preparedBytes() const {
    return std::max(rowsPerBlock() * kChunkScaleBytes, kChunkRows * shape_.metaBytes);
  }

  int64_t inputStride() const {
    return shape_.widened ? int64_t(abi::bf16RowBytes(weight_.weight.columns)) : shape_.rowBytes;
  }

  /// Least height of a tile when kChunkRows rows or more are cut evenly; bf16 uses these tiles for
  /// few rows, too.
  int64_t lowestChunk() const {
    const int64_t tiles = (kChunkRows + shape_.tallest - 1) / shape_.tallest;
    return shape_.isQuantized() ? kChunkRows / tiles : 1;
  }

  void defineFunctions(const std::string &name) {
    for (int64_t rows = lowestChunk(); rows <= shape_.tallest; ++rows)
      chunkTiles_.tiles.push_back(
          defineChunkTile(b_, shape_, name + "_chunk" + std::to_string(rows), rows));
    chunkTiles_.lowest = lowestChunk();
    if (shape_.isQuantized())
      for (int64_t rows = 1; rows <= shape_.tallestPacked; ++rows)
        packedTiles_.tiles.push_back(
            definePackedTile(b_, shape_, name + "_packed" + std::to_string(rows), rows));
    if (shape_.isQuantized())
      unpack_ = defineUnpack(b_, shape_, name + "_unpack");
    if (shape_.isPrepared()) {
      prepareChunk_ = definePrepare(b_, shape_, name + "_scales", kChunkScaleBytes);
      prepareRows_ = definePrepare(b_, shape_, name + "_row_scales", shape_.metaBytes);
    }
    if (shape_.widened)
      widen_ = defineWiden(b_, shape_, name + "_widen", inputStride());
    finish_ = defineFinish(name + "_finish");
  }

  /// void (args, first row, rows, panel, sums): the epilogue.
  Function defineFinish(const std::string &name) {
    return b_.function(name, {kPtr, kI64, kI64, kI64, kPtr}, {}, [&](const Vals &a) -> Vals {
      MatmulEpilogue epilogue(b_, program_, linear_);
      b_.loop(b_.i64(0), a[2], 1, [&](Val row) {
        const Val from = a[4] + row * kSumBytes;
        Vals sums = {b_.load(kF32x16, from, 0), b_.load(kF32x16, from, 64)};
        if (shape_.isQuantized() && !shape_.floatScale)
          for (Val &sum : sums)
            sum = sum * kUndoBias;
        epilogue.emit(a[0], a[1] + row, a[3], sums);
      });
      return {};
    });
  }

  /// A run of rows as tiles see them.
  struct Rows {
    Val first, count, activations, meta;
  };

  /// All panels of the launch for `count` rows from `first`.
  void rowBlock(Val first, Val count) {
    Rows rows{first, count, b_.load(kPtr, args_, input_.slot * 8) + first * inputStride(), {}};
    rows.meta = rows.activations; // bf16: not read
    if (shape_.isQuantized())
      rows.meta = b_.load(kPtr, args_, (input_.slot + 1) * 8) + first * shape_.metaBytes;
    if (shape_.widened) {
      b_.call(widen_, {rows.activations, count, workspace_});
      rows.activations = workspace_;
    }
    const Val weights = b_.load(kPtr, args_, weight_.slot * 8);
    b_.ifElse(
        b_.compare(Compare::Ge, count, b_.i64(kChunkRows)), [&] { return inGroups(rows, weights); },
        [&] { return panelByPanel(rows, weights); });
  }

  /// Few rows: each panel in one go.
  Vals panelByPanel(Rows rows, Val weights) {
    if (shape_.isPrepared()) {
      const Val prepared = workspace_ + kUnpackedBytes;
      b_.call(prepareRows_, {rows.meta, prepared, rows.count, b_.i64(shape_.blocks)});
      rows.meta = prepared;
    }
    b_.loop(begin_, end_, 1, [&](Val panel) {
      const Val bytes = weights + panel * shape_.panelBytes;
      if (shape_.isQuantized())
        packed(rows, bytes);
      else
        wholePanel(rows, bytes);
      finish(rows, panel, sums_);
    });
    return {};
  }

  /// Many rows: chunk by chunk of K, each for all panels of a group.
  Vals inGroups(const Rows &rows, Val weights) {
    b_.loop(begin_, end_, panelsPerGroup(), [&](Val first) {
      const Val panels = b_.binary(Binary::MinS, end_ - first, b_.i64(panelsPerGroup()));
      clearSums(panels * panelSumBytes());
      const Val group = weights + first * shape_.panelBytes;
      b_.loop(b_.i64(0), b_.i64(chunkCount()), 1, [&](Val number) {
        const Chunk chunk = beginChunk(rows, number);
        b_.loop(b_.i64(0), panels, 1,
                [&](Val panel) { multiplyChunk(rows, group, first, panel, panels, chunk); });
      });
      b_.loop(b_.i64(0), panels, 1,
              [&](Val panel) { finish(rows, first + panel, sums_ + panel * panelSumBytes()); });
    });
    return {};
  }

  void finish(const Rows &rows, Val panel, Val sums) {
    b_.call(finish_, {args_, rows.first, rows.count, panel, sums});
  }

  void clearSums(Val bytes) {
    b_.loop(b_.i64(0), bytes, 64, [&](Val at) { b_.store(b_.zero(kF32x16), sums_ + at); });
  }

  void packed(const Rows &rows, Val panel) {
    tiles(rows, packedTiles_, [&](Val row, Val, Val, Val) -> Vals {
      return {panel, rows.activations + row * shape_.rowBytes, rows.meta + row * shape_.metaBytes,
              sums_ + row * kSumBytes};
    });
  }

  /// bf16 panels are read as they lie.
  void wholePanel(const Rows &rows, Val panel) {
    clearSums(rows.count * kSumBytes);
    tiles(rows, chunkTiles_, [&](Val row, Val, Val, Val) -> Vals {
      return {panel, rows.activations + row * shape_.rowBytes, rows.meta, sums_ + row * kSumBytes,
              b_.i64(shape_.blocks)};
    });
  }

  int64_t chunkBlocks() const { return shape_.isQuantized() ? kIntChunkBlocks : kBf16ChunkBlocks; }
  int64_t chunkCount() const { return (shape_.blocks + chunkBlocks() - 1) / chunkBlocks(); }
  /// Packed bytes of a chunk, group scales included.
  int64_t packedChunkBytes() const {
    return shape_.panelBytes / shape_.blocks / 64 * 64 * chunkBlocks();
  }

  /// A chunk of K: its number, first block, blocks, and where its activations and their scales
  /// begin.
  struct Chunk {
    Val number, first, blocks, activations, meta;
    int64_t metaBytes;
  };

  Chunk beginChunk(const Rows &rows, Val number) {
    const Val first = number * chunkBlocks();
    const Val blocks =
        b_.binary(Binary::MinS, b_.i64(shape_.blocks) - first, b_.i64(chunkBlocks()));
    const Val activations = rows.activations + first * shape_.activationBlockBytes();
    const Val meta = shape_.isQuantized() ? rows.meta + first * 8 : rows.meta;
    if (!shape_.isPrepared())
      return {number, first, blocks, activations, meta, shape_.metaBytes};
    const Val prepared = workspace_ + kUnpackedBytes;
    b_.call(prepareChunk_, {meta, prepared, rows.count, blocks});
    return {number, first, blocks, activations, prepared, kChunkScaleBytes};
  }

  /// `chunk` of panel `panel` of the `panels` in the group that starts with panel `first`.
  void multiplyChunk(const Rows &rows, Val group, Val first, Val panel, Val panels,
                     const Chunk &chunk) {
    const Val bytes = group + panel * shape_.panelBytes;
    const Val weights = shape_.isQuantized() ? workspace_ : bytes + chunk.first * kBf16BlockBytes;
    if (shape_.isQuantized())
      b_.call(unpack_, {bytes, chunk.first, chunk.blocks, workspace_});
    const Val isLastPanel = b_.compare(Compare::Eq, panel, panels - 1);
    const Val chunkAt = chunk.number * packedChunkBytes();
    const Val next = b_.select(isLastPanel, group + (chunkAt + packedChunkBytes()),
                               bytes + (chunkAt + shape_.panelBytes));
    const Val sums = sums_ + panel * panelSumBytes();
    const Val isLast = b_.compare(Compare::Eq, chunk.number, b_.i64(chunkCount() - 1));
    tiles(rows, chunkTiles_, [&](Val row, Val height, Val tile, Val count) -> Vals {
      prefetchWeights(next, tile, count);
      b_.ifThen(isLast, [&] { prefetchOutput(rows.first + row, height, first + panel); });
      return {weights, chunk.activations + row * shape_.rowBytes,
              chunk.meta + row * chunk.metaBytes, sums + row * kSumBytes, chunk.blocks};
    });
  }

  /// Each of `count` tiles brings its share of the chunk at `next` into the second-level cache.
  void prefetchWeights(Val next, Val tile, Val count) {
    const Val lines = (count + (packedChunkBytes() / 64 - 1)) / count;
    b_.loop(tile * lines, tile * lines + lines, 1,
            [&](Val line) { b_.prefetch(next + line * 64, 0, Prefetch::Far); });
  }

  /// While the last chunk computes, what the epilogue touches comes closer.
  void prefetchOutput(Val first, Val rows, Val panel) {
    MatmulEpilogue epilogue(b_, program_, linear_);
    b_.loop(first, first + rows, 1, [&](Val row) { epilogue.prefetch(args_, row, panel); });
  }

  /// Functions for tiles of `lowest` rows and more.
  struct TileSet {
    int64_t lowest = 1;
    std::vector<Function> tiles;
    int64_t tallest() const { return lowest + int64_t(tiles.size()) - 1; }
  };

  /// Cuts the rows into as few tiles as possible, of heights that differ by one at most.
  template <typename Arguments>
  void tiles(const Rows &rows, const TileSet &set, const Arguments &arguments) {
    const Val count = (rows.count + (set.tallest() - 1)) / set.tallest();
    const Val height = rows.count / count, taller = rows.count % count;
    b_.loop(b_.i64(0), count, 1, {b_.i64(0)}, [&](Val tile, const Vals &carried) -> Vals {
      const Val row = carried[0];
      const Val isTaller = b_.compare(Compare::Lt, tile, taller);
      const Val tileRows = height + b_.convert(Convert::ZeroExtend, isTaller, kI64);
      const Vals operands = arguments(row, tileRows, tile, count);
      for (size_t i = 0; i < set.tiles.size(); ++i)
        b_.ifThen(b_.compare(Compare::Eq, tileRows, b_.i64(set.lowest + int64_t(i))),
                  [&] { b_.call(set.tiles[i], operands); });
      return {row + tileRows};
    });
  }

  KernelBuilder &b_;
  const KernelProgram &program_;
  size_t linear_;
  const ProgramValue &input_, &weight_;
  MatmulShape shape_;
  TileSet packedTiles_, chunkTiles_;
  Function unpack_, prepareChunk_, prepareRows_, widen_, finish_;
  Val args_, begin_, end_;
  Val sums_;      ///< [panel of a group][rows of a block][32] float32
  Val workspace_; ///< see workspaceBytes
};

} // namespace

uint64_t emitMatmul(KernelBuilder &builder, const KernelProgram &program, std::string_view name) {
  return MatmulEmitter(builder, program).emit(name);
}

} // namespace ingot::cpu
