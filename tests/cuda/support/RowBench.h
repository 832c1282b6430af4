// A chain of row-wise ops under construction: each call adds an op to a program and evaluates it
// with the reference, so that a program knows what its kernel must write.
#pragma once

#include "codegen/cuda/EmitRowwise.h"
#include "ir/reference/Ops.h"
#include "tests/cuda/support/HostImage.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ingot::test {

class RowBench {
public:
  /// `tokens` rows with random ids below kTableRows and positions; the second and the last are
  /// returned.
  RowBench(std::string name, int64_t tokens, bool returnedRows = false);
  virtual ~RowBench() = default;

  static constexpr int64_t kTableRows = 50;

  // Each gives the number of a value. Results are yielded unless `inner`.
  int input(int64_t columns, uint64_t seed, bool returned = false);
  int partials(int64_t runs, uint64_t seed);
  int vectorParameter(int64_t columns, uint64_t seed);
  int table(const char *format, const char *layout, int64_t columns, uint32_t group);
  int cache(uint32_t heads, uint32_t headDim, uint32_t blockTokens,
            abi::KvFormat format = abi::KvFormat::Bf16);
  int add(int a, int b, bool inner = false);
  int mul(int a, int b, bool inner = false);
  int addBias(int a, int bias, bool inner = false);
  int silu(int a, bool inner = false);
  int norm(int a, int gamma, int64_t headDim = 0, bool inner = false);
  int rope(int a, int angles, int64_t headDim, bool inner = false);
  int embed(int table);
  int angles(int64_t headDim, float factor);
  std::vector<int> split(int a, std::vector<int64_t> widths, int64_t interleave,
                         bool inner = false);
  int select(int a, bool inner = false);
  int layerNorm(int a, int gamma, int beta, bool inner = false);
  int round(int a, bool inner = false, reference::RowKind kind = reference::RowKind::Bf16);
  int quantize(int a, reference::RowKind kind);
  int argmax(int a);
  int argmaxPartial(int a);
  int argmaxFold(int a);
  void append(int cache, int keys, int values);

  /// The kernel; empty text when the emitter refuses (the status is in `refusal`).
  cuda::KernelSource source();
  Status refusal = Status::ok();
  /// Runs the kernel in all orders and compares every byte it may write. Empty when all is well.
  std::string run(const HostImage &image);

protected:
  /// How the kernel of `shape_` is launched.
  virtual gpu::host::Launch launch() const;
  int value(ValueKind kind, int64_t columns, int slot);
  int result(OpKind kind, std::vector<int> operands, reference::Rows rows, bool inner);
  ProgramOp &op() { return program_.ops.back(); }
  const reference::Rows &rows(int value) const { return rows_.at(value); }
  int64_t rowCount(int value) const;
  std::vector<uint8_t> packed(int value) const;
  std::vector<uint8_t> packedMeta(int value) const;

  std::string name_;
  KernelProgram program_;
  reference::Batch batch_;
  std::map<int, reference::Rows> rows_;            ///< of every value with rows
  std::map<int, std::vector<uint8_t>> parameters_; ///< packed
  std::map<int, reference::Weight> weights_;
  std::map<int, std::vector<uint8_t>> buffers_, meta_; ///< what slots point to
  std::vector<bool> given_;                            ///< per value: an operand
  std::optional<cuda::LaunchShape> shape_;
  int slots_ = 1;

  void writeCache(const reference::KvRun &run, uint32_t sequence, uint32_t position, uint32_t head);

  // The cache: pages of blockTokens, handed out backwards; two sequences.
  int cache_ = -1;
  abi::KvRowsLayout layout_{};
  std::vector<uint8_t> pool_, wantPool_;
  std::vector<uint32_t> table_;
};

} // namespace ingot::test
