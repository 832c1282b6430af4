#include "runtime/sched/Scheduler.h"

#include <algorithm>
#include <cassert>

namespace ingot {

void Scheduler::add(Sequence &sequence) {
  assert(sequence.pending() > 0 && "a sequence needs a token to compute");
  sequence.state = SequenceState::Waiting;
  waiting_.push_back(&sequence);
}

void Scheduler::remove(Sequence &sequence) {
  if (sequence.state == SequenceState::Waiting)
    std::erase(waiting_, &sequence);
  else if (sequence.state == SequenceState::Running)
    std::erase(running_, &sequence);
  sequence.blocks.releaseAll(pool_);
  sequence.state = SequenceState::Finished;
}

StepPlan Scheduler::plan() {
  StepPlan plan;
  planDecodes(plan);
  planPrefills(plan);
  // A step that had to take blocks away has none to give to newcomers.
  if (plan.preempted == 0)
    admit(plan);
  return plan;
}

void Scheduler::complete(const StepPlan &plan) {
  for (const ScheduledChunk &chunk : plan.chunks)
    if (chunk.sequence->state == SequenceState::Running)
      chunk.sequence->computed = chunk.firstToken + chunk.tokens;
}

bool Scheduler::hasBudget(const StepPlan &plan) const {
  return plan.tokens < limits_.maxBatchTokens && plan.returnedRows < limits_.maxReturnedRows;
}

void Scheduler::planDecodes(StepPlan &plan) {
  // Preemption shortens running_ from the back, never before the current index.
  for (size_t i = 0; i < running_.size() && hasBudget(plan); ++i) {
    Sequence &sequence = *running_[i];
    if (sequence.pending() == 1 && growOrPreempt(sequence, plan))
      schedule(sequence, plan);
  }
}

void Scheduler::planPrefills(StepPlan &plan) {
  for (Sequence *sequence : running_)
    if (sequence->pending() > 1 && hasBudget(plan))
      schedule(*sequence, plan);
}

void Scheduler::admit(StepPlan &plan) {
  while (!waiting_.empty() && running_.size() < limits_.maxSequences && hasBudget(plan)) {
    Sequence &sequence = *waiting_.front();
    const uint64_t needed = blocksForTokens(sequence.length(), limits_.blockTokens);
    // One block per running sequence stays in reserve, so that an admission does not cause the next
    // preemption.
    if (needed + running_.size() > pool_.freeBlocks())
      return;
    sequence.blocks.tryGrow(static_cast<uint32_t>(needed), pool_);
    sequence.state = SequenceState::Running;
    waiting_.pop_front();
    running_.push_back(&sequence);
    schedule(sequence, plan);
  }
}

void Scheduler::schedule(Sequence &sequence, StepPlan &plan) {
  const uint32_t first = sequence.computed;
  uint32_t tokens =
      std::min({sequence.pending(), limits_.maxChunkTokens, limits_.maxBatchTokens - plan.tokens});
  // Rows are returned from returnFrom on; the chunk ends where the row budget does.
  const uint32_t rowsLeft = limits_.maxReturnedRows - plan.returnedRows;
  const uint32_t firstRow = std::max(first, sequence.returnFrom);
  tokens = static_cast<uint32_t>(std::min<uint64_t>(tokens, uint64_t(firstRow) + rowsLeft - first));
  const uint32_t end = first + tokens;
  const uint32_t rows = end > firstRow ? end - firstRow : 0;
  plan.chunks.push_back({&sequence, first, tokens, rows});
  plan.tokens += tokens;
  plan.returnedRows += rows;
}

bool Scheduler::growOrPreempt(Sequence &sequence, StepPlan &plan) {
  const auto needed =
      static_cast<uint32_t>(blocksForTokens(sequence.length(), limits_.blockTokens));
  while (!sequence.blocks.tryGrow(needed, pool_)) {
    Sequence &victim = *running_.back();
    preempt(victim);
    ++plan.preempted;
    if (&victim == &sequence)
      return false;
  }
  return true;
}

void Scheduler::preempt(Sequence &sequence) {
  assert(running_.back() == &sequence && "the youngest goes first");
  running_.pop_back();
  sequence.blocks.releaseAll(pool_);
  sequence.computed = 0;
  sequence.state = SequenceState::Waiting;
  ++sequence.preemptions;
  waiting_.push_front(&sequence);
}

} // namespace ingot
