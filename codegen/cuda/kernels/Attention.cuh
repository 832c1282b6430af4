// Paged attention over a cache in rows (abi::KvRowsLayout), order
// #ingot.order<attention_mma, 64, 256>.
//
//   item      {run of tokens of one sequence, KV head}; blocks take units (AttentionWork.h)
//   reads     bf16 queries; keys and values of what the tokens see, by the block tables
//   writes    f32 or bf16 rows with zeros in their padding; scratch
//   order     AttentionTile.h; the same bits for every unit, block and schedule
//   threads   128
//   shared    tiles, and what AttentionSplit.h and AttentionWork.h say
//   moves     each visible key and value once per unit of rows
#pragma once

#include "codegen/cuda/kernels/AttentionShared.h"
#include "codegen/cuda/kernels/AttentionSplit.h"

namespace ingot::gpu {

/// Shared memory of a block: tiles and what else a unit needs, then the list of work.
template <class S>
struct AttentionMemory {
  static constexpr u32 kSplit = (SplitUnit<S>::kBytes + 15) / 16 * 16;
  static constexpr u32 kShared = S::kSharing ? SharedUnit<S>::kBytes : 0;
  static constexpr u32 kUnit = kSplit > kShared ? kSplit : kShared;
  static constexpr u32 kBytes = kUnit + (sizeof(WorkShared<S>) + 15) / 16 * 16;
};

/// The last block to leave resets the counters of the launch.
template <class S>
inline void leave(const AttentionScratch<S> &scratch) {
  if (threadIndex() != 0)
    return;
  threadFence();
  if (atomicAdd(scratch.finished(), 1) != gridSize() - 1)
    return;
  *scratch.next() = 0;
  *scratch.finished() = 0;
}

template <class S>
INGOT_APART void attendSplit(const AttentionArgs args, const AttentionWork &work, u8 *memory) {
  SplitUnit<S>(args, work, memory).run();
}

template <class S>
inline void attendUnit(const AttentionArgs &args, const AttentionWork &work, u8 *memory) {
  if constexpr (S::kSharing)
    if (work.shared) {
      SharedUnit<S>(args, work, memory).run();
      return;
    }
  // Wide heads of bytes: side by side in one function the two ways would spill on sm_100a, sm_120.
  if constexpr (S::kSharing && S::kSharers > 1 && S::Format::kBytes)
    attendSplit<S>(args, work, memory);
  else
    SplitUnit<S>(args, work, memory).run();
}

template <class S>
inline void attention(const AttentionArgs &args) {
  allowNext();
  // The grid is for the longest contexts; who cannot have a unit leaves before he looks for one.
  if (blockIndex() >= args.batch->attentionSegments * WorkList<S>::kUnitsPerSegment)
    return;
  u8 *memory = dynamicShared();
  auto &shared = *reinterpret_cast<WorkShared<S> *>(memory + AttentionMemory<S>::kUnit);
  WorkList<S> list(args, shared); // tables of the host, not of an earlier launch
  waitForPrior();
  const AttentionScratch<S> scratch{args.scratch};
  u32 unit = blockIndex();
  while (unit < list.units()) {
    const bool counted = list.units() > gridSize(); // else every block has at most one unit
    if (counted && threadIndex() == 0)
      shared.nextUnit = gridSize() + atomicAdd(scratch.next(), 1);
    const AttentionWork &work = list.unit(unit);
    attendUnit<S>(args, work, memory);
    if (!counted)
      return;
    syncThreads();
    unit = shared.nextUnit;
    syncThreads();
  }
  if (list.units() > gridSize())
    leave(scratch);
}

} // namespace ingot::gpu
