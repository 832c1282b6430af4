#include "runtime/sched/Scheduler.h"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <random>

using namespace ingot;

namespace {

constexpr SchedulerLimits kLimits{/*maxBatchTokens=*/32, /*maxSequences=*/4, /*maxReturnedRows=*/32,
                                  /*maxChunkTokens=*/32, /*blockTokens=*/4};

/// A scheduler with its sequences; `step` computes a plan and appends one token per returned row.
struct Bench {
  explicit Bench(uint32_t blocks, SchedulerLimits limits = kLimits)
      : pool(blocks), scheduler(limits, pool) {}

  Sequence &add(uint32_t promptTokens) {
    auto sequence = std::make_unique<Sequence>();
    sequence->id = sequences.size();
    sequence->tokens.assign(promptTokens, 1);
    sequence->promptTokens = promptTokens;
    sequence->returnFrom = promptTokens - 1;
    scheduler.add(*sequence);
    sequences.push_back(std::move(sequence));
    return *sequences.back();
  }

  StepPlan step() {
    StepPlan plan = scheduler.plan();
    scheduler.complete(plan);
    for (const ScheduledChunk &chunk : plan.chunks)
      if (chunk.returnedRows > 0) {
        chunk.sequence->tokens.push_back(2);
        chunk.sequence->returnFrom = chunk.sequence->length() - 1;
      }
    return plan;
  }

  BlockPool pool;
  Scheduler scheduler;
  std::vector<std::unique_ptr<Sequence>> sequences;
};

} // namespace

TEST_CASE("nothing to do is an empty plan") {
  Bench bench(8);
  REQUIRE(bench.step().chunks.empty());
}

TEST_CASE("tokens behind the end are never computed") {
  Bench bench(32);
  Sequence &sequence = bench.add(3);
  sequence.computeEnd = 4; // two answers, the second of which nothing follows
  REQUIRE(bench.step().tokens == 3);
  REQUIRE(bench.step().tokens == 1);
  REQUIRE(sequence.length() == 5);
  REQUIRE(sequence.pending() == 0);
  REQUIRE(bench.step().chunks.empty());
  bench.scheduler.remove(sequence);
  REQUIRE(bench.pool.freeBlocks() == 32);
}

TEST_CASE("a prompt longer than the budget is read in chunks and returns one row") {
  Bench bench(32);
  bench.add(70);
  StepPlan plan = bench.step();
  REQUIRE(plan.tokens == 32);
  REQUIRE(plan.returnedRows == 0);
  plan = bench.step();
  REQUIRE(plan.chunks[0].firstToken == 32);
  plan = bench.step();
  REQUIRE(plan.chunks[0].firstToken == 64);
  REQUIRE(plan.tokens == 6);
  REQUIRE(plan.returnedRows == 1);
  plan = bench.step();
  REQUIRE(plan.tokens == 1);
  REQUIRE(plan.chunks[0].firstToken == 70);
}

TEST_CASE("decodes come before prompts and prompts fill what is left") {
  Bench bench(64);
  Sequence &first = bench.add(3);
  bench.step();
  Sequence &second = bench.add(100);
  const StepPlan plan = bench.step();
  REQUIRE(plan.chunks.size() == 2);
  REQUIRE(plan.chunks[0].sequence == &first);
  REQUIRE(plan.chunks[0].tokens == 1);
  REQUIRE(plan.chunks[1].sequence == &second);
  REQUIRE(plan.chunks[1].tokens == 31);
}

TEST_CASE("a chunk never exceeds the chunk limit") {
  SchedulerLimits limits = kLimits;
  limits.maxChunkTokens = 5;
  Bench bench(64, limits);
  bench.add(12);
  bench.add(2);
  const StepPlan plan = bench.step();
  REQUIRE(plan.chunks[0].tokens == 5);
  REQUIRE(plan.chunks[1].tokens == 2);
}

TEST_CASE("rows of the prompt are returned once each, within the row budget") {
  SchedulerLimits limits = kLimits;
  limits.maxReturnedRows = 4;
  Bench bench(64, limits);
  Sequence &sequence = bench.add(10);
  sequence.returnFrom = 0;
  uint32_t rows = 0;
  while (sequence.generated() == 0) {
    const StepPlan plan = bench.scheduler.plan();
    bench.scheduler.complete(plan);
    REQUIRE(plan.returnedRows <= 4);
    REQUIRE(plan.tokens == plan.returnedRows);
    rows += plan.returnedRows;
    if (sequence.pending() == 0)
      sequence.tokens.push_back(2);
  }
  REQUIRE(rows == 10);
}

TEST_CASE("admission waits for blocks, in order of arrival") {
  Bench bench(8);                   // 32 positions
  bench.add(24);                    // 6 blocks
  Sequence &second = bench.add(12); // 3 blocks: must wait
  Sequence &third = bench.add(1);   // would fit, but stays behind the second
  bench.step();
  REQUIRE(second.state == SequenceState::Waiting);
  REQUIRE(third.state == SequenceState::Waiting);
  bench.scheduler.remove(*bench.sequences[0]);
  bench.step();
  REQUIRE(second.state == SequenceState::Running);
  REQUIRE(third.state == SequenceState::Running);
}

TEST_CASE("admission stops at the number of sequences") {
  Bench bench(64);
  for (int i = 0; i < 6; ++i)
    bench.add(2);
  REQUIRE(bench.step().chunks.size() == 4);
  REQUIRE(bench.scheduler.waiting() == 2);
}

TEST_CASE("the youngest gives its blocks back and is computed again from its first token") {
  Bench bench(6);
  Sequence &old = bench.add(7);   // 2 blocks
  Sequence &young = bench.add(8); // 2 blocks, 2 left
  while (young.state == SequenceState::Running || young.preemptions == 0) {
    bench.step();
    REQUIRE(bench.pool.checkInvariants().isOk());
    REQUIRE(old.preemptions == 0);
  }
  REQUIRE(young.preemptions == 1);
  REQUIRE(young.computed == 0);
  REQUIRE(young.blocks.empty());
  REQUIRE(young.generated() > 0);
  const uint32_t known = young.length();
  bench.scheduler.remove(old);
  const StepPlan plan = bench.step();
  REQUIRE(plan.chunks.size() == 1);
  REQUIRE(plan.chunks[0].tokens == known);
  REQUIRE(plan.chunks[0].returnedRows == 1);
}

TEST_CASE("a sequence can be removed while it waits, reads its prompt, or decodes") {
  Bench bench(64);
  Sequence &decoding = bench.add(3);
  bench.step();
  Sequence &reading = bench.add(90);
  bench.step();
  for (int i = 0; i < 4; ++i)
    bench.add(3);
  Sequence &waiting = *bench.sequences.back();
  bench.scheduler.remove(waiting);
  bench.scheduler.remove(reading);
  bench.scheduler.remove(decoding);
  bench.scheduler.remove(decoding); // twice is harmless
  for (auto &sequence : bench.sequences)
    bench.scheduler.remove(*sequence);
  REQUIRE(bench.pool.freeBlocks() == 64);
  REQUIRE(bench.pool.checkInvariants().isOk());
}

TEST_CASE("a sequence removed between plan and complete is not touched") {
  Bench bench(64);
  Sequence &sequence = bench.add(9);
  const StepPlan plan = bench.scheduler.plan();
  bench.scheduler.remove(sequence);
  bench.scheduler.complete(plan);
  REQUIRE(sequence.computed == 0);
  REQUIRE(bench.pool.freeBlocks() == 64);
}

TEST_CASE("random load: budgets hold, everyone finishes, all blocks return, twice the same") {
  const uint32_t seed = GENERATE(1u, 2u, 3u, 4u, 5u);
  auto runLoad = [seed] {
    std::mt19937 random(seed);
    SchedulerLimits limits = kLimits;
    limits.maxChunkTokens = 1 + random() % 17;
    Bench bench(16, limits);
    std::map<const Sequence *, uint32_t> goal;
    std::vector<uint32_t> trace;
    uint32_t finished = 0;
    for (int step = 0; finished < 60; ++step) {
      REQUIRE(step < 20000);
      if (bench.sequences.size() < 60 && random() % 3 == 0) {
        Sequence &added = bench.add(1 + random() % 40);
        goal[&added] = added.promptTokens + 1 + random() % (64 - added.promptTokens);
      }
      const StepPlan plan = bench.step();
      REQUIRE(plan.tokens <= limits.maxBatchTokens);
      REQUIRE(bench.scheduler.running() <= limits.maxSequences);
      for (const ScheduledChunk &chunk : plan.chunks) {
        REQUIRE(chunk.tokens >= 1);
        REQUIRE(chunk.tokens <= limits.maxChunkTokens);
        trace.insert(trace.end(), {uint32_t(chunk.sequence->id), chunk.firstToken, chunk.tokens});
        const bool done = chunk.sequence->length() >= goal[chunk.sequence];
        if (done || random() % 50 == 0) {
          bench.scheduler.remove(*chunk.sequence);
          ++finished;
        }
      }
      REQUIRE(bench.pool.checkInvariants().isOk());
    }
    REQUIRE(bench.pool.freeBlocks() == 16);
    return trace;
  };
  REQUIRE(runLoad() == runLoad());
}
