// A matmul with what stands before and behind it, under construction: the ops of RowBench and the
// linear among them.
#pragma once

#include "tests/cuda/support/RowBench.h"

namespace ingot::test {

class RegionBench : public RowBench {
public:
  using RowBench::RowBench;

  int bf16Input(int64_t columns, uint64_t seed);
  /// A weight in layout mma16. `headDim`: its heads are packed in rotary pairs.
  int matrix(const char *format, int64_t outputs, int64_t columns, uint32_t group,
             uint32_t headDim = 0);
  /// Inner rows; `span`: elements of K per slice.
  int linear(int a, int weight, int64_t span);

  /// The kernel for steps of at most `maxTokens` tokens.
  cuda::KernelSource matmulSource(uint32_t maxTokens);

protected:
  gpu::host::Launch launch() const override;

private:
  uint32_t panels_ = 0;
};

} // namespace ingot::test
