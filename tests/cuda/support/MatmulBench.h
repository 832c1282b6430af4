// A linear with its epilogue: weight, program, buffers, what the reference gives, and the kernel
// that is compared with it.
#pragma once

#include "codegen/cuda/EmitMatmul.h"
#include "ir/reference/Ops.h"
#include "tests/cuda/support/HostImage.h"

#include <vector>

namespace ingot::test {

/// What follows the linear.
enum class MatmulTail {
  Plain,        ///< its rows
  BiasResidual, ///< residual + (rows + bias)
  SwiGlu,       ///< silu(gate) * up of an interleaved weight
  SwiGluBf16,   ///< the same, rounded
  Argmax,       ///< partials
  RoundTwice,   ///< rounded rows and float32 rows
};

struct MatmulCase {
  const char *name, *format;
  uint64_t outputs, columns;
  uint32_t group = 0; ///< columns per scale
  int64_t span = 0;   ///< elements of K per slice
  MatmulTail tail = MatmulTail::Plain;
  bool returned = false; ///< rows are returned ones
  reference::RowKind rows = reference::RowKind::Bf16;
};

class MatmulBench {
public:
  /// Buffers for `mostRows` rows and one more that holds NaN.
  MatmulBench(const MatmulCase &c, int64_t mostRows);

  /// The kernel for a bound; its name holds the case's and the bound.
  cuda::KernelSource source(uint32_t maxTokens) const;
  /// Evaluates the reference for all rows on a matrix unit.
  void evaluate(matrix::MatrixUnit unit);

  struct Run {
    int64_t rows;
    uint32_t architecture; ///< of the unit that `evaluate` got
    bool allOrders = false;
  };
  /// Runs a kernel for `rows` rows (behind them the input holds NaN) and compares every byte of the
  /// results: rows, padding, and what must stay untouched. Empty when all is well.
  std::string run(const HostImage &image, const cuda::KernelSource &kernel, Run request);

  reference::Weight &weight() { return weight_; }
  /// Packs `weight()` again.
  void repack();

private:
  void makeWeight();
  void makeProgram();
  void makeTail();
  int addValue(ValueKind kind, int64_t columns, int slot);
  void addOp(OpKind kind, std::vector<int> operands, std::vector<int> results);
  int addGated(int slot);
  void expect(std::vector<uint8_t> bytes) { expected_.push_back(std::move(bytes)); }
  std::string compare(const std::vector<uint8_t> &got, const std::vector<uint8_t> &want,
                      int64_t rows) const;

  MatmulCase case_;
  int64_t mostRows_;
  WeightLayout layout_;
  reference::Weight weight_, bias_;
  std::vector<uint16_t> scaleBits_; ///< [outputs][groups]
  std::vector<uint8_t> packed_;
  KernelProgram program_;
  int firstSlot_ = 2; ///< of the weight
  reference::Rows input_, residual_;
  std::vector<uint8_t> inputBytes_, residualBytes_, biasBytes_;
  std::vector<std::vector<uint8_t>> expected_; ///< per result
};

/// The kernels in two translation units, which are compiled faster than one each.
std::vector<cuda::KernelSource> joinSources(std::vector<cuda::KernelSource> sources);

} // namespace ingot::test
