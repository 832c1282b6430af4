// Binds the artifact's plan to memory once and runs its launch lists. It owns every device buffer;
// it knows nothing of requests.
#pragma once

#include "runtime/artifact/KernelAbi.h"
#include "runtime/device/Device.h"
#include "runtime/engine/StepTables.h"

namespace ingot {

struct ExecutorConfig {
  uint32_t kvBlocks = 0;        ///< of the pool
  uint32_t maxReturnedRows = 0; ///< rows of the io buffers
  int32_t forceSchedule = -1;   ///< >= 0: only the schedules with this rank among their output kind
};

/// A step handed to the device: where its results will be.
struct LaunchedStep {
  Ticket ticket;
  artifact::StepOutput output = artifact::StepOutput::Logits;
  uint32_t rows = 0;
  uint32_t slot = 0; ///< of the device's steps in flight
};

class Executor {
public:
  /// `manifest`, `params` (packed bytes per parameter) and `device` must outlive the executor.
  /// Ids: "plan-unsupported" for what this runtime cannot run, or the device's.
  static Result<std::unique_ptr<Executor>> create(const artifact::Manifest &manifest,
                                                  const std::vector<const uint8_t *> &params,
                                                  Device &device, const ExecutorConfig &config);

  /// Waits for what it launched.
  ~Executor() { device_.drain(); }
  Executor(const Executor &) = delete;
  Executor &operator=(const Executor &) = delete;

  /// Tokens that one step may have under the schedules in use.
  uint32_t maxStepTokens() const { return maxStepTokens_; }

  /// Fills the tables the kernels read and launches the first schedule that holds the batch and has
  /// the output that is wanted; where the plan does not offer it, one with logits.
  Result<LaunchedStep> launch(const Batch &batch, artifact::StepOutput wanted);
  /// The same with a schedule of a probe, whose tokens the batch must fit.
  Result<LaunchedStep> launchProbe(size_t probe, size_t schedule, const Batch &batch);
  Status wait(const LaunchedStep &step);
  /// Whether the ids that `step` chooses stay on the device, so that the tokens of the next step
  /// (and only that) may be abi::kPreviousId and a row of this one.
  bool keepsIds(const LaunchedStep &step) const;

  /// Row r of the last step with that output that was waited for; valid until as many more steps
  /// are launched as the device holds in flight.
  std::span<const float> logits(uint32_t row) const;
  /// The id of a step with output Argmax or Sampled; abi::kNotFinite: its logits are not finite.
  uint32_t token(artifact::StepOutput output, uint32_t row) const;

  /// The block pool's bytes: block b begins at b * kvBlockBytes(). Empty where the host cannot
  /// reach them.
  std::span<uint8_t> kvPool() { return {kv_->host(), kv_->host() ? kv_->bytes() : 0}; }
  /// Fills one block with a byte.
  Status fillKvBlock(uint32_t block, uint8_t value);
  uint64_t kvBlockBytes() const;

private:
  struct BoundSchedule {
    const artifact::Schedule *schedule;
    Program program;
  };

  Executor(const artifact::Manifest &manifest, Device &device)
      : manifest_(manifest), device_(device) {}
  Status allocate(const ExecutorConfig &config);
  Status allocateKv(uint32_t blocks);
  Status placeParams(const std::vector<const uint8_t *> &params);
  Status bindSchedules(int32_t forceSchedule);
  Result<BoundSchedule> bind(const artifact::Schedule &schedule) const;
  artifact::SymbolValues boundsOf(const artifact::Schedule &schedule) const;
  const uint8_t *resultRow(artifact::StepOutput output, uint32_t row) const;
  Result<LaunchedStep> launchOn(const BoundSchedule *bound, const Batch &batch);
  Result<uint64_t> resolve(const artifact::Arg &arg, const artifact::Schedule &schedule) const;
  const BoundSchedule *choose(uint32_t tokens, artifact::StepOutput output) const;

  const artifact::Manifest &manifest_;
  Device &device_;
  uint32_t maxReturnedRows_ = 0;
  uint32_t maxStepTokens_ = 0;
  std::unique_ptr<Memory> arena_;
  std::unique_ptr<Memory> kv_;
  std::vector<std::unique_ptr<StepMemory>> io_; ///< [buffer], null for arena buffers
  PlacedBytes params_;                          ///< addresses [param]
  std::unique_ptr<StepTables> tables_;
  std::vector<BoundSchedule> schedules_; ///< in the plan's order
  std::vector<std::vector<BoundSchedule>> probes_;
  uint64_t launched_ = 0;    ///< steps
  uint64_t previousIds_ = 0; ///< where the last step leaves its ids; 0: nowhere
  /// [StepOutput] of the last step with it that was waited for.
  uint32_t resultSlot_[artifact::kStepOutputs] = {};
};

} // namespace ingot
