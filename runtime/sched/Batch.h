// The tables of one step, as kernels read them (abi::BatchView), built from a StepPlan.
#pragma once

#include "runtime/artifact/KernelAbi.h"
#include "runtime/sched/Scheduler.h"

namespace ingot {

/// A returned row: row r of the step belongs to the token `tokenIndex` of `sequence`.
struct ReturnedRow {
  Sequence *sequence;
  uint32_t tokenIndex;
};

/// Storage is reserved once at the limits; assemble() allocates nothing.
class Batch {
public:
  /// `maxContext`: tokens of one sequence.
  Batch(const SchedulerLimits &limits, uint32_t maxContext);

  /// Fills every table from the plan. The plan's sequences must own blocks for all planned tokens.
  void assemble(const StepPlan &plan);

  /// How the token of each returned row is chosen: greedily after assemble(), for the caller to
  /// change.
  std::span<abi::SampleParams> sampling() { return sampling_; }

  /// Pointers into this batch, valid until the next assemble().
  abi::BatchView view() const;
  /// [sequences][tablePitch] block ids; entries behind a sequence's blocks are 0.
  const uint32_t *blockTable() const { return blockTable_.data(); }
  /// Most blocks that any sequence of the step has.
  uint32_t tablePitch() const { return tablePitch_; }
  /// [R], in the order of the rows in the logits and argmax buffers.
  const std::vector<ReturnedRow> &rows() const { return rows_; }
  uint32_t tokens() const { return static_cast<uint32_t>(tokenIds_.size()); }
  uint32_t sequences() const { return sequences_; }

private:
  void appendChunk(const ScheduledChunk &chunk);

  uint32_t sequences_ = 0, tablePitch_ = 0, attentionSegments_ = 0;
  std::vector<uint32_t> tokenIds_, tokenSequence_, kvPositions_, visibleBegin_, visibleEnd_;
  std::vector<uint32_t> ropePositions_;     ///< [3][T], planes of equal positions
  std::vector<uint32_t> returnRows_;        ///< [R]
  std::vector<uint32_t> attentionTable_;    ///< [W][2]
  std::vector<uint32_t> blockTable_;        ///< [B][tablePitch]
  std::vector<abi::SampleParams> sampling_; ///< [R]
  std::vector<ReturnedRow> rows_;           ///< [R]
};

} // namespace ingot
