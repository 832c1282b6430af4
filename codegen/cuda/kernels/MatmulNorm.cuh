// RMS norm of a step's few rows by every block of the matmul that reads them (MatmulFew.cuh), while
// its first weights are under way.
//
//   reads    float32 rows (of the step's tokens, or of those that are returned), the gain
//   writes   shared memory: the rows rounded to bf16, blocks of 64 k outside, rows inside, chunks
//            placed as chunkPlace says; columns behind K are zero
//   order    Rule R: the bits of the row-wise kernel
//   shared   the rounded rows; a few float32 rows at a time; a scale per row
//
// Where `Config::kNorm`, `Config::Norm` says: kGainSlot; kGather (rows are batch.returnRows);
// eps(). `Tile` says: kRows, most rows of a launch; kStagedRows, those that are normalized at once;
// kStagesGain, whether the gain comes along with them.
#pragma once

#include "codegen/cuda/kernels/MatmulWeights.cuh"
#include "codegen/cuda/kernels/Rowwise.cuh"

namespace ingot::gpu {

/// Shared memory of the norm. How much is staged moves no bit: see MatmulTiles.cpp.
template <class Config, class Tile>
struct NormShared {
  static constexpr u32 kRowsBytes = Stream<Config>::kBlocks * Tile::kRows * kRowBlockBytes;
  static constexpr u32 kStagedRow = static_cast<u32>(abi::f32RowBytes(Config::kColumns));
  static constexpr u32 kStagedBytes = Tile::kStagedRows * kStagedRow;
  static constexpr u32 kScaleBytes = ceilDiv(Tile::kStagedRows, 4) * 16;
  static constexpr u32 kGainBytes = Tile::kStagesGain ? kStagedRow : 0;
  static constexpr u32 kBytes = kRowsBytes + kStagedBytes + kScaleBytes + kGainBytes;
};

/// What all threads of the block do together; `memory` has NormShared::kBytes.
template <class Config, class Tile>
class NormRows {
  using Shared = NormShared<Config, Tile>;
  using Norm = typename Config::Norm;
  static constexpr u32 kColumns = Config::kColumns;

public:
  NormRows(const KernelArgs &args, u32 rows, u8 *memory)
      : args_(args), rows_(rows), rounded_(memory), staged_(memory + Shared::kRowsBytes),
        scales_(reinterpret_cast<float *>(staged_ + Shared::kStagedBytes)) {}

  /// Starts what does not depend on earlier launches.
  void begin() {
    if constexpr (Tile::kStagesGain)
      copyChunks(gainPlace(), args_.pointer<const u8>(Norm::kGainSlot));
  }

  /// Leaves all rows rounded in shared memory, visible to all threads.
  void compute() {
    for (u32 first = 0; first < rows_; first += Tile::kStagedRows) {
      const u32 left = rows_ - first, count = left < Tile::kStagedRows ? left : Tile::kStagedRows;
      stage(first, count);
      copyCommit();
      copyWait<0>();
      syncThreads();
      for (u32 row = warpId(); row < count; row += blockThreads() / kWarp) {
        const float scale = warpRmsScale<kColumns>(stagedRow(row), 0, Norm::eps());
        if (laneId() == 0)
          scales_[row] = scale;
      }
      syncThreads();
      round(first, count);
      syncThreads();
    }
  }

  /// Operand B as loadRowsTile gives it, of block `block` of K. Rows of the tile that do not exist
  /// are those of another: their columns of the sums are never stored.
  void load(u32 (&b)[4], u32 block, u32 tile, u32 half) const {
    const u32 lane = laneId(), wanted = tile * 8 + lane % 8;
    const u32 row = wanted < Tile::kRows ? wanted : Tile::kRows - 1;
    ldmatrix4(b, rounded_ + block * (Tile::kRows * kRowBlockBytes) +
                     chunkPlace(row, half * 4 + lane / 8));
  }

private:
  MemoryRow<kColumns> stagedRow(u32 row) const {
    return {reinterpret_cast<const float *>(staged_ + row * Shared::kStagedRow)};
  }

  /// Starts to copy rows [first, first + count).
  void stage(u32 first, u32 count) {
    INGOT_LOOP
    for (u32 i = 0; i < count; ++i) {
      u32 row = first + i;
      if constexpr (Norm::kGather)
        row = batchOf(args_).returnRows[row];
      copyChunks(staged_ + i * Shared::kStagedRow,
                 args_.pointer<const u8>(Config::kRowsSlot) + u64(row) * Shared::kStagedRow);
    }
  }
  /// A row of float32.
  static void copyChunks(u8 *to, const u8 *from) {
    INGOT_LOOP
    for (u32 i = threadIndex() * 16; i < Shared::kStagedRow; i += blockThreads() * 16)
      copyAsync16(to + i, from + i);
  }
  u8 *gainPlace() const { return reinterpret_cast<u8 *>(scales_) + Shared::kScaleBytes; }

  /// Eight columns per thread at a time.
  void round(u32 first, u32 count) {
    constexpr u32 kChunks = Stream<Config>::kPaddedK / 8;
    const auto *gain = Tile::kStagesGain ? reinterpret_cast<const float *>(gainPlace())
                                         : args_.pointer<const float>(Norm::kGainSlot);
    INGOT_LOOP
    for (u32 i = threadIndex(); i < count * kChunks; i += blockThreads()) {
      const u32 row = i / kChunks, chunk = i % kChunks;
      const auto values = norm(stagedRow(row), scales_[row], gain);
      const Quad low = paddedQuad(values, chunk * 8), high = paddedQuad(values, chunk * 8 + 4);
      store128(rounded_ + chunk / kRowChunks * (Tile::kRows * kRowBlockBytes) +
                   chunkPlace(first + row, chunk % kRowChunks),
               Config::kRows == RowNumber::F16 ? packEightF16(low, high) : packEight(low, high));
    }
  }

  const KernelArgs &args_;
  u32 rows_;
  u8 *rounded_, *staged_;
  float *scales_; ///< of the staged rows
};

} // namespace ingot::gpu
