// The tables of a step where kernels find them: the batch view, a view of the cache per layer, and
// everything those point to. Their addresses are fixed when they are made, so that launch lists
// hold them as plain arguments.
//
// In the host's memory the views point straight at the batch's own tables: nothing is copied. On a
// device with memory of its own a step is one block, packed front to back without holes, and one
// copy carries it there:
//   BatchView (128 bytes) | KvView[layers] | token ids | positions | ... | block table
#pragma once

#include "runtime/device/Device.h"
#include "runtime/sched/Batch.h"

namespace ingot {

/// What a step's tables hold beside those of its batch.
struct StepChoice {
  bool sampled = false;     ///< the rows' sampling parameters
  uint64_t previousIds = 0; ///< where the step before left its ids; 0: nobody refers to them
};

/// Most that any step of the executor has.
struct TableLimits {
  uint64_t tokens = 0, sequences = 0, rows = 0;
  uint64_t tablePitch = 0; ///< blocks of one sequence
};

class StepTables {
public:
  /// `views`: [layer] with pool and block bytes, which never change.
  static Result<std::unique_ptr<StepTables>> create(Device &device, std::vector<abi::KvView> views,
                                                    const TableLimits &limits);

  uint64_t batchAddress() const;
  uint64_t kvAddress(size_t layer) const;
  size_t layers() const { return kvViews_.size(); }
  /// What travels; null in the host's memory.
  StepMemory *memory() { return memory_.get(); }

  /// Fills the tables of `slot` and returns the bytes that must travel. Id "step-too-large".
  Result<uint64_t> fill(const Batch &batch, uint32_t slot, const StepChoice &choice);

private:
  StepTables() = default;
  uint64_t viewBytes() const;

  abi::BatchView batchView_{};       ///< contents change per step, the address never
  std::vector<abi::KvView> kvViews_; ///< [layer] of the one KV group
  std::unique_ptr<StepMemory> memory_;
};

} // namespace ingot
