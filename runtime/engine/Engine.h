// The engine: requests in, events out, one step at a time. The walk of a request is in
// runtime/README.md.
#pragma once

#include "runtime/engine/Executor.h"
#include "runtime/engine/Request.h"
#include "runtime/text/Tokenizer.h"

#include <deque>
#include <map>
#include <mutex>
#include <optional>

namespace ingot {

/// Limits within the artifact's memory contract; 0 = the contract's own.
struct EngineConfig {
  uint32_t maxSequences = 0;    ///< computed together
  uint32_t maxBatchTokens = 0;  ///< tokens of one step
  uint32_t maxChunkTokens = 0;  ///< prompt tokens of one sequence in one step
  uint32_t maxReturnedRows = 0; ///< rows of one step; default: maxSequences, at least 16
  uint32_t kvBlocks = 0;        ///< blocks of the KV pool; default: from kvBytes
  uint64_t kvBytes = 0; ///< bytes of the KV pool; default: every sequence at full context, but
                        ///< at most a quarter of the machine's memory
  int32_t forceSchedule = -1; ///< for tests: see ExecutorConfig
  uint64_t shuffleBlocks = 0; ///< for tests: nonzero hands blocks out in a random order
};

/// What an engine is made of; everything referred to must outlive it.
struct EngineParts {
  const artifact::Manifest *manifest = nullptr;
  std::vector<const uint8_t *> params; ///< packed bytes per parameter
  Device *device = nullptr;
  std::optional<Tokenizer> tokenizer; ///< without one there is no text and no stop string
};

/// Counters since the engine was made.
struct EngineStats {
  uint64_t steps = 0;
  uint64_t tokensComputed = 0;  ///< rows through the model, recomputed ones included
  uint64_t tokensGenerated = 0; ///< accepted
  uint64_t preemptions = 0;
  uint64_t requestsFinished = 0;
};

/// submit() and cancel() may be called from any thread; everything else from one thread at a time.
class Engine {
public:
  static Result<std::unique_ptr<Engine>> create(EngineParts parts, const EngineConfig &config);
  ~Engine();

  /// Checks the request and puts it into the inbox. Ids: "prompt-empty", "prompt-too-long",
  /// "token-out-of-range", "sampling-out-of-range", "stop-string-invalid".
  Result<RequestId> submit(Request request);
  /// Ends a request with FinishReason::Cancelled; unknown and finished ids are ignored.
  void cancel(RequestId request);

  /// Launches one step and reads results, where the device holds two steps those of the one before,
  /// and returns whether any request is left.
  bool step();
  /// Steps until no request is left.
  void drain();
  /// Ends every request with FinishReason::Error.
  void failAll(const Status &error);
  /// The events since the last call, in order.
  std::vector<Event> takeEvents();

  const EngineStats &stats() const { return stats_; }
  const BlockPool &pool() const { return pool_; }
  Executor &executor() { return *executor_; }
  /// Longest sequence, prompt and answer together, that this engine can hold.
  uint32_t maxLength() const { return maxLength_; }
  const SchedulerLimits &limits() const { return scheduler_.limits(); }

private:
  struct Active;
  /// A step between its launch and the reading of its results.
  struct InFlight {
    StepPlan plan;
    std::vector<ReturnedRow> rows; ///< [row]
    LaunchedStep step;
    Status launched; ///< why there is no step
  };

  Engine(EngineParts parts, const SchedulerLimits &limits, std::vector<BlockId> blockOrder,
         uint32_t maxLength);
  Status checkRequest(const Request &request) const;
  void drainInbox();
  artifact::StepOutput outputFor(const StepPlan &plan) const;
  void setSampling();
  size_t launch(StepPlan plan);
  void anticipate(const InFlight &inFlight);
  void finishOldest();
  void sampleRows(const InFlight &inFlight);
  Result<Sample> chosenToken(artifact::StepOutput output, uint32_t row) const;
  Result<Sample> sampleOne(const ReturnedRow &returned, uint32_t row, SamplerScratch &scratch);
  void acceptRow(const ReturnedRow &row, Result<Sample> &result);
  void acceptToken(Active &active, uint32_t index, Sample sample);
  void acceptScore(Active &active, uint32_t tokenIndex, Sample sample);
  void finishRequest(Active &active, FinishReason reason, Status error = Status::ok());
  Event &eventOf(Active &active);
  void bury();

  EngineParts parts_;
  uint32_t maxLength_;
  BlockPool pool_;
  Scheduler scheduler_;
  Batch batch_;
  std::unique_ptr<Executor> executor_;
  std::deque<InFlight> inFlight_;                       ///< oldest first; two at most
  std::map<RequestId, std::unique_ptr<Active>> active_; ///< owns every live sequence
  std::vector<RequestId> finished_;                     ///< to be erased from active_
  std::vector<Event> events_;
  std::vector<Result<Sample>> results_;   ///< [row] of the step
  std::vector<SamplerScratch> scratches_; ///< [row]
  EngineStats stats_;

  std::mutex inboxMutex_;
  RequestId nextId_ = 1;                                    ///< guarded by inboxMutex_
  std::deque<std::pair<RequestId, Request>> inboxRequests_; ///< guarded by inboxMutex_
  std::vector<RequestId> inboxCancels_;                     ///< guarded by inboxMutex_
};

} // namespace ingot
