// Decides which tokens of which sequences the next step computes. It asks the block pool for blocks
// by number and never touches memory; it reads lengths, never token values.
#pragma once

#include "runtime/sched/Sequence.h"

#include <deque>

namespace ingot {

struct SchedulerLimits {
  uint32_t maxBatchTokens = 0;  ///< tokens of one step
  uint32_t maxSequences = 0;    ///< admitted at the same time
  uint32_t maxReturnedRows = 0; ///< rows of one step
  uint32_t maxChunkTokens = 0;  ///< tokens of one sequence in one step
  uint32_t blockTokens = 0;     ///< positions per KV block
};

/// Consecutive tokens of one sequence in one step; the last `returnedRows` of them return a row.
struct ScheduledChunk {
  Sequence *sequence;
  uint32_t firstToken;
  uint32_t tokens;
  uint32_t returnedRows;
};

/// What one step computes. Empty chunks: nothing to do.
struct StepPlan {
  std::vector<ScheduledChunk> chunks;
  uint32_t tokens = 0;
  uint32_t returnedRows = 0;
  uint32_t preempted = 0; ///< sequences sent back to the queue while planning
};

/// Continuous batching with chunked prefill. Both queues are ordered by age. Running sequences with
/// a single pending token come first, then the unfinished prompts, then new admissions while the
/// token budget lasts. When the pool is empty the youngest running sequence gives its blocks back
/// and is computed again later; the oldest always advances. Deterministic: a function of queues and
/// pool.
class Scheduler {
public:
  Scheduler(const SchedulerLimits &limits, BlockPool &pool) : limits_(limits), pool_(pool) {}

  /// Enqueues a new sequence; the caller keeps it alive until remove(). Its id is the largest so
  /// far.
  void add(Sequence &sequence);
  /// Takes a finished or cancelled sequence out, in whatever state, and frees its blocks.
  void remove(Sequence &sequence);
  /// Chooses the next step; admits and preempts on the way.
  StepPlan plan();
  /// Marks the planned tokens as computed; sequences removed since are skipped.
  void complete(const StepPlan &plan);

  const SchedulerLimits &limits() const { return limits_; }
  size_t waiting() const { return waiting_.size(); }
  size_t running() const { return running_.size(); }

private:
  void planDecodes(StepPlan &plan);
  void planPrefills(StepPlan &plan);
  void admit(StepPlan &plan);
  bool hasBudget(const StepPlan &plan) const;
  void schedule(Sequence &sequence, StepPlan &plan);
  bool growOrPreempt(Sequence &sequence, StepPlan &plan);
  void preempt(Sequence &sequence);

  SchedulerLimits limits_;
  BlockPool &pool_;
  std::deque<Sequence *> waiting_;  ///< oldest first
  std::vector<Sequence *> running_; ///< oldest first; all are older than every waiting one
};

} // namespace ingot
