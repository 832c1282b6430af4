#include "runtime/sched/Batch.h"

#include "runtime/base/Numerics.h"

#include <algorithm>
#include <cassert>

namespace ingot {

Batch::Batch(const SchedulerLimits &limits, uint32_t maxContext) {
  for (auto *perToken : {&tokenIds_, &tokenSequence_, &kvPositions_, &visibleBegin_, &visibleEnd_})
    perToken->reserve(limits.maxBatchTokens);
  ropePositions_.reserve(3 * size_t(limits.maxBatchTokens));
  attentionTable_.reserve(2 * size_t(limits.maxBatchTokens));
  returnRows_.reserve(limits.maxReturnedRows);
  rows_.reserve(limits.maxReturnedRows);
  sampling_.reserve(limits.maxReturnedRows);
  blockTable_.reserve(size_t(limits.maxSequences) *
                      blocksForTokens(maxContext, limits.blockTokens));
}

void Batch::assemble(const StepPlan &plan) {
  for (auto *table : {&tokenIds_, &tokenSequence_, &kvPositions_, &visibleBegin_, &visibleEnd_,
                      &ropePositions_, &returnRows_, &attentionTable_})
    table->clear();
  rows_.clear();
  sampling_.clear();
  sequences_ = tablePitch_ = attentionSegments_ = 0;
  for (const ScheduledChunk &chunk : plan.chunks)
    tablePitch_ = std::max(tablePitch_, chunk.sequence->blocks.size());
  blockTable_.resize(plan.chunks.size() * tablePitch_);
  for (const ScheduledChunk &chunk : plan.chunks)
    appendChunk(chunk);
  for (int plane = 0; plane < 3; ++plane)
    ropePositions_.insert(ropePositions_.end(), kvPositions_.begin(), kvPositions_.end());
}

void Batch::appendChunk(const ScheduledChunk &chunk) {
  Sequence &sequence = *chunk.sequence;
  const std::span<const BlockId> blocks = sequence.blocks.ids();
  uint32_t *row = blockTable_.data() + size_t(sequences_) * tablePitch_;
  std::fill(std::copy(blocks.begin(), blocks.end(), row), row + tablePitch_, 0u);

  const uint32_t firstRow = tokens();
  for (uint32_t i = 0; i < chunk.tokens; ++i) {
    const uint32_t position = chunk.firstToken + i;
    tokenIds_.push_back(sequence.tokens[position]);
    tokenSequence_.push_back(sequences_);
    kvPositions_.push_back(position);
    visibleBegin_.push_back(0);
    visibleEnd_.push_back(position + 1);
  }
  for (uint32_t i = 0; i < chunk.tokens; i += abi::kAttentionTokens) {
    attentionTable_.push_back(firstRow + i);
    const uint32_t count = std::min(abi::kAttentionTokens, chunk.tokens - i);
    attentionTable_.push_back(count);
    const uint32_t seen = visibleEnd_[firstRow + i + count - 1];
    attentionSegments_ += (seen + numerics::kAttentionSegment - 1) / numerics::kAttentionSegment;
  }
  for (uint32_t i = chunk.tokens - chunk.returnedRows; i < chunk.tokens; ++i) {
    returnRows_.push_back(firstRow + i);
    rows_.push_back({&sequence, chunk.firstToken + i});
    sampling_.push_back({});
  }
  ++sequences_;
}

abi::BatchView Batch::view() const {
  return {tokens(),
          sequences_,
          static_cast<uint32_t>(returnRows_.size()),
          static_cast<uint32_t>(attentionTable_.size() / 2),
          tokenIds_.data(),
          ropePositions_.data(),
          tokenSequence_.data(),
          kvPositions_.data(),
          visibleBegin_.data(),
          visibleEnd_.data(),
          returnRows_.data(),
          attentionTable_.data(),
          sampling_.data(),
          nullptr,
          attentionSegments_,
          0,
          nullptr};
}

} // namespace ingot
