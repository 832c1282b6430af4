// A matmul with random operands, its packed weight and Rule M in scalar form.
#pragma once

#include "tests/codegen/support/KernelHarness.h"

#include <cstdint>
#include <vector>

namespace ingot::test {

struct MatmulSize {
  WeightFormat format;
  int64_t rows, outputs, inputs;
  int64_t group = 0; ///< columns per scale, 0 = per channel (int formats)
  bool floatScale = false;
  uint32_t interleave = 0;
};

/// Random operands in the layouts of the kernels.
class MatmulCase {
public:
  MatmulCase(const MatmulSize &size, uint64_t seed);

  /// Rule M for one output, before any epilogue.
  float expected(int64_t row, int64_t output) const;
  const WeightLayout &layout() const { return layout_; }
  const MatmulSize &size() const { return size_; }

  Buffer weights, activations, meta; ///< meta: int formats only

  /// The program of a bare linear: slot 1 activations (2 meta), then the weight, then the result.
  KernelProgram program() const;
  /// args of that program for rows [first, first + count).
  std::vector<uint64_t> args(const abi::BatchView &batch, int64_t first,
                             const Buffer &result) const;
  bool isQuantized() const { return layout_.isQuantized(); }

private:
  void fillWeights();
  void fillActivations();

  MatmulSize size_;
  WeightLayout layout_;
  uint64_t random_;
  uint64_t next();
  std::vector<int8_t> weightValues_;   ///< int: [N][Kp]
  std::vector<uint16_t> weightHalves_; ///< bf16 bits: [N][Kp]
  std::vector<uint16_t> weightScales_; ///< f16 bits: [N][groups]
};

} // namespace ingot::test
