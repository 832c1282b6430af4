#include "codegen/cpu/kernels/EmitMatmul.h"

#include "codegen/cpu/kernels/MatmulEpilogue.h"
#include "codegen/cpu/kernels/MatmulTile.h"

#include <algorithm>
#include <cassert>

namespace ingot::cpu {

namespace {

/// Bytes of activation rows that stay in the second-level cache while panels pass by.
constexpr int64_t kRowBlockBytes = 512 * 1024;
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
      workspace_ = scratch + rowsPerBlock() * kSumBytes;
      const Val batch = b_.load(kPtr, args, 0);
      const int64_t field = program_.returnedRows ? offsetof(abi::BatchView, returnedRows)
                                                  : offsetof(abi::BatchView, tokens);
      const Val rows = b_.convert(Convert::ZeroExtend, b_.load(kI32, batch, field), kI64);
      b_.loop(b_.i64(0), rows, rowsPerBlock(), [&](Val first) {
        rowBlock(first, b_.binary(Binary::MinS, rows - first, b_.i64(rowsPerBlock())));
      });
    });
    return uint64_t(rowsPerBlock() * kSumBytes + workspaceBytes());
  }

private:
  static size_t findLinear(const KernelProgram &program) {
    const auto isLinear = [](const ProgramOp &op) { return op.kind == OpKind::Linear; };
    const auto found = std::find_if(program.ops.begin(), program.ops.end(), isLinear);
    assert(found != program.ops.end() && "a matmul kernel has a linear");
    return size_t(found - program.ops.begin());
  }

  int64_t rowsPerBlock() const {
    const int64_t tiles = kRowBlockBytes / shape_.rowBytes / shape_.tallest;
    return std::clamp<int64_t>(tiles, 2, 24) * shape_.tallest;
  }

  /// Behind the sums: a chunk of unpacked weights, or widened rows.
  int64_t workspaceBytes() const {
    if (shape_.isQuantized())
      return kIntChunkBlocks * kIntChunkBlockBytes;
    return shape_.widened ? rowsPerBlock() * shape_.rowBytes : 0;
  }

  int64_t inputStride() const {
    return shape_.widened ? int64_t(abi::bf16RowBytes(weight_.weight.columns)) : shape_.rowBytes;
  }

  void defineFunctions(const std::string &name) {
    for (int64_t rows = 1; rows <= shape_.tallest; ++rows) {
      const std::string suffix = std::to_string(rows);
      chunkTiles_.push_back(defineChunkTile(b_, shape_, name + "_chunk" + suffix, rows));
      if (shape_.isQuantized() && rows <= shape_.tallestPacked)
        packedTiles_.push_back(definePackedTile(b_, shape_, name + "_packed" + suffix, rows));
    }
    if (shape_.isQuantized())
      unpack_ = defineUnpack(b_, shape_, name + "_unpack");
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
    b_.loop(begin_, end_, 1, [&](Val panel) {
      const Val bytes = weights + panel * shape_.panelBytes;
      if (shape_.isQuantized())
        b_.ifElse(
            b_.compare(Compare::Ge, count, b_.i64(kChunkRows)),
            [&] { return chunks(rows, bytes, panel, b_.i64(kIntChunkBlocks)); },
            [&] { return packed(rows, bytes); });
      else
        chunks(rows, bytes, panel,
               b_.select(b_.compare(Compare::Ge, count, b_.i64(kChunkRows)),
                         b_.i64(kBf16ChunkBlocks), b_.i64(shape_.blocks)));
      b_.call(finish_, {args_, first, count, panel, sums_});
    });
  }

  Vals packed(const Rows &rows, Val panel) {
    tiles(rows, packedTiles_, [&](Val row, Val, Val, Val) -> Vals {
      return {panel, rows.activations + row * shape_.rowBytes, rows.meta + row * shape_.metaBytes,
              sums_ + row * kSumBytes};
    });
    return {};
  }

  Vals chunks(const Rows &rows, Val bytes, Val panel, Val chunkBlocks) {
    b_.loop(b_.i64(0), rows.count * (kSumBytes / 64), 1,
            [&](Val line) { b_.store(b_.zero(kF32x16), sums_ + line * 64); });
    const Val turns = (b_.i64(shape_.blocks - 1) + chunkBlocks) / chunkBlocks;
    b_.loop(b_.i64(0), turns, 1, [&](Val turn) {
      const Val first = turn * chunkBlocks;
      const Val blocks = b_.binary(Binary::MinS, b_.i64(shape_.blocks) - first, chunkBlocks);
      const Val weights = shape_.isQuantized() ? workspace_ : bytes + first * kBf16BlockBytes;
      if (shape_.isQuantized())
        b_.call(unpack_, {bytes, first, blocks, workspace_});
      const Val isLast = b_.compare(Compare::Eq, turn, turns - 1);
      tiles(rows, chunkTiles_, [&](Val row, Val height, Val tile, Val count) -> Vals {
        prefetchWeights(bytes, first + blocks, tile, count);
        b_.ifThen(isLast, [&] { prefetchOutput(rows.first + row, height, panel); });
        return {weights,
                rows.activations + (row * shape_.rowBytes + first * shape_.activationBlockBytes()),
                rows.meta + (row * shape_.metaBytes + first * 8), sums_ + row * kSumBytes, blocks};
      });
    });
    return {};
  }

  /// Each of `count` tiles brings its share of the next chunk (or the next panel) into the
  /// second-level cache.
  void prefetchWeights(Val bytes, Val nextBlock, Val tile, Val count) {
    const int64_t blockBytes = shape_.panelBytes / shape_.blocks / 64 * 64;
    const int64_t chunkLines =
        blockBytes / 64 * (shape_.isQuantized() ? kIntChunkBlocks : kBf16ChunkBlocks);
    const Val from = bytes + nextBlock * blockBytes;
    const Val lines = (count + (chunkLines - 1)) / count;
    b_.loop(tile * lines, tile * lines + lines, 1,
            [&](Val line) { b_.prefetch(from + line * 64, 0, Prefetch::Far); });
  }

  /// While the last chunk computes, what the epilogue touches comes closer.
  void prefetchOutput(Val first, Val rows, Val panel) {
    MatmulEpilogue epilogue(b_, program_, linear_);
    b_.loop(first, first + rows, 1, [&](Val row) { epilogue.prefetch(args_, row, panel); });
  }

  /// Cuts the rows into as few tiles as possible, of heights that differ by one at most.
  template <typename Arguments>
  void tiles(const Rows &rows, const std::vector<Function> &functions, const Arguments &arguments) {
    const int64_t tallest = int64_t(functions.size());
    const Val count = (rows.count + (tallest - 1)) / tallest;
    const Val height = rows.count / count, taller = rows.count % count;
    b_.loop(b_.i64(0), count, 1, {b_.i64(0)}, [&](Val tile, const Vals &carried) -> Vals {
      const Val row = carried[0];
      const Val isTaller = b_.compare(Compare::Lt, tile, taller);
      const Val tileRows = height + b_.convert(Convert::ZeroExtend, isTaller, kI64);
      const Vals operands = arguments(row, tileRows, tile, count);
      for (size_t i = 0; i < functions.size(); ++i)
        b_.ifThen(b_.compare(Compare::Eq, tileRows, b_.i64(int64_t(i) + 1)),
                  [&] { b_.call(functions[i], operands); });
      return {row + tileRows};
    });
  }

  KernelBuilder &b_;
  const KernelProgram &program_;
  size_t linear_;
  const ProgramValue &input_, &weight_;
  MatmulShape shape_;
  std::vector<Function> packedTiles_, chunkTiles_; ///< [rows - 1]
  Function unpack_, widen_, finish_;
  Val args_, begin_, end_;
  Val sums_;      ///< [rows of a block][32] float32
  Val workspace_; ///< see workspaceBytes
};

} // namespace

uint64_t emitMatmul(KernelBuilder &builder, const KernelProgram &program, std::string_view name) {
  return MatmulEmitter(builder, program).emit(name);
}

} // namespace ingot::cpu
