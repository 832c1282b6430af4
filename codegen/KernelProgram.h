// The body of a fused op as plain data: what the emitters read. ReadKernel.h makes it from IR,
// tests by hand.
#pragma once

#include "runtime/artifact/KernelAbi.h"
#include "runtime/artifact/WeightLayout.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ingot {

enum class ValueKind : uint8_t {
  F32Rows,   ///< float32, stride abi::f32RowBytes
  Bf16Rows,  ///< bfloat16, stride abi::bf16RowBytes
  F16Rows,   ///< float16, the same stride
  QuantRows, ///< int8 and ActGroupMeta, two slots
  Int8Rows,  ///< int8 in operand order (abi::operandPlace) and a float32 per row, two slots
  E4m3Rows,  ///< float8 e4m3 alike
  IndexRows, ///< one u32 per row
  Partials,  ///< {f32 value, u32 index} per row and panel: half of an argmax
  Parameter, ///< packed weight
  Kv,        ///< one layer of the paged cache
  Batch,     ///< slot 0
};

/// One SSA value of the body.
struct ProgramValue {
  ValueKind kind;
  int64_t columns = 0;       ///< rows: logical columns
  bool returnedRows = false; ///< rows: one per returned token instead of one per token
  bool floatScale = false;   ///< QuantRows: float32 scales instead of powers of two
  int slot = -1;         ///< first slot in args: operands, and results that are yielded; else -1
  WeightLayout weight{}; ///< Parameter
  abi::KvLayout kv{};    ///< Kv
  abi::KvFormat kvFormat = abi::KvFormat::Bf16; ///< Kv
};

/// Whether rows of this kind have scales of their own, which take a second slot.
constexpr bool hasScaleSlot(ValueKind kind) {
  return kind == ValueKind::QuantRows || kind == ValueKind::Int8Rows || kind == ValueKind::E4m3Rows;
}

/// Bytes from one row of a value to the next; 8-bit rows: of their values. 0 for what has no rows.
inline int64_t rowBytes(const ProgramValue &value) {
  const auto columns = static_cast<uint64_t>(value.columns);
  switch (value.kind) {
  case ValueKind::F32Rows:
    return static_cast<int64_t>(abi::f32RowBytes(columns));
  case ValueKind::Bf16Rows:
  case ValueKind::F16Rows:
    return static_cast<int64_t>(abi::bf16RowBytes(columns));
  case ValueKind::QuantRows:
  case ValueKind::Int8Rows:
  case ValueKind::E4m3Rows:
    return static_cast<int64_t>(abi::int8RowBytes(columns));
  case ValueKind::IndexRows:
    return static_cast<int64_t>(abi::kIndexRowBytes);
  case ValueKind::Partials:
    return static_cast<int64_t>(abi::argmaxPartialRowBytes(columns));
  default:
    return 0;
  }
}

/// Ops of the dialect. The first two make rows from the batch; Round and Quantize are the rounding
/// points; ArgmaxPartial and ArgmaxFold are the halves of Argmax.
enum class OpKind : uint8_t {
  Embed,
  RopeAngles,
  Add,
  Mul,
  AddBias,
  Silu,
  RmsNorm,
  LayerNorm,
  Rope,
  Split,
  SelectRows,
  Round,
  Quantize,
  Argmax,
  ArgmaxPartial,
  ArgmaxFold,
  Sample, ///< the batch's parameters choose; overwrites its operand
  Linear,
  PagedAttention,
  KvAppend,
};

/// Operands and results index KernelProgram::values, in the order of the op's definition without
/// its batch. PagedAttention: queries, cache and, where it has them, sinks.
struct ProgramOp {
  OpKind kind;
  std::vector<int> operands{};
  std::vector<int> results{};
  int64_t headDim = 0;          ///< RmsNorm (0: the row), Rope, PagedAttention
  int64_t heads = 0;            ///< PagedAttention: query heads
  int64_t interleave = 0;       ///< Split
  float eps = 0;                ///< RmsNorm, LayerNorm
  float scale = 1;              ///< PagedAttention; RopeAngles: attention factor
  std::vector<float> invFreq{}; ///< RopeAngles
  int64_t window = 0;           ///< PagedAttention: positions visible; 0: all
  float softcap = 0;            ///< PagedAttention; 0: none
  int64_t slice = 0; ///< Linear on CUDA: elements of K per slice (order mma); 0: all of K
};

struct KernelProgram {
  std::vector<ProgramValue> values;
  std::vector<ProgramOp> ops; ///< program order
  bool returnedRows = false;  ///< row space the kernel walks
};

} // namespace ingot
