// Values of the reference evaluator: rows, weights, the batch and the cache, as plain arrays.
// MLIR-free.
#pragma once

#include "runtime/base/KvFormat.h"
#include "runtime/base/Numerics.h"

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

namespace ingot::reference {

/// Element types of a row tensor.
enum class RowKind {
  F32,
  Bf16,     ///< values are float32 that bfloat16 holds exactly
  Int8Pow2, ///< int8 with a power-of-two scale per 32 columns
  Int8F32,  ///< int8 with a float32 scale per 32 columns
  F16,      ///< values are float32 that float16 holds exactly
  Int8Row,  ///< int8 with a float32 scale per row: `floats` and `rowScales`
  E4m3Row,  ///< float8 e4m3 alike
  Int,      ///< token ids and argmax partials
};

/// A row tensor [rows][columns].
struct Rows {
  RowKind kind = RowKind::F32;
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<float> floats;                ///< F32, Bf16, F16; Int8Row, E4m3Row before scaling
  std::vector<int64_t> ints;                ///< Int
  std::vector<int8_t> int8;                 ///< Int8*: [rows][groups * 32], zeros behind `columns`
  std::vector<numerics::ActGroupMeta> meta; ///< Int8*: [rows][groups]
  std::vector<float> rowScales;             ///< Int8Row, E4m3Row: [rows]

  static Rows ofFloats(int64_t rows, int64_t columns, RowKind kind = RowKind::F32);
  static Rows ofInts(int64_t rows, int64_t columns);

  int64_t groups() const { return (columns + numerics::kActGroup - 1) / numerics::kActGroup; }
  bool isQuantized() const { return kind == RowKind::Int8Pow2 || kind == RowKind::Int8F32; }
  bool isRowScaled() const { return kind == RowKind::Int8Row || kind == RowKind::E4m3Row; }
  float *row(int64_t r) { return floats.data() + r * columns; }
  const float *row(int64_t r) const { return floats.data() + r * columns; }
  /// Value of any kind as a float; quantized rows give q * scale.
  float valueAt(int64_t r, int64_t c) const;
};

enum class WeightKind { F32, Bf16, Int, F16, E4m3 };

/// A parameter [rows][columns] (vectors: columns = 1), stored k-major so that the chains of all
/// outputs of a row can advance side by side.
struct Weight {
  WeightKind kind = WeightKind::F32;
  int64_t rows = 0;
  int64_t columns = 1;
  std::vector<float> floats; ///< [columns][rows]; E4m3: before scaling
  std::vector<int8_t> ints;  ///< Int: [columns][rows]
  std::vector<float> scales; ///< Int, E4m3: [groups][rows]
  int64_t group = 0;         ///< columns per scale; 0 = one per row

  int64_t groupOf(int64_t k) const { return group == 0 ? 0 : k / group; }
  bool isScaled() const { return kind == WeightKind::Int || kind == WeightKind::E4m3; }
  /// Element (n, k) before its scale.
  float numberAt(int64_t n, int64_t k) const {
    return kind == WeightKind::Int ? static_cast<float>(ints[k * rows + n]) : floats[k * rows + n];
  }
  /// Exact value of element (n, k).
  float valueAt(int64_t n, int64_t k) const {
    const float number = numberAt(n, k);
    return isScaled() ? number * scales[groupOf(k) * rows + n] : number;
  }
};

/// How the token of one returned row is drawn: abi::SampleParams.
struct Draw {
  float temperature = 0; ///< 0: the largest logit
  float minP = 0, topP = 1;
  uint32_t topK = 0;
  uint64_t seed = 0, position = 0;
  uint32_t sampleIndex = 0;
};

/// One ragged step; the fields are those of abi::BatchView.
struct Batch {
  std::vector<uint32_t> tokenIds, ropePositions, tokenSequence, kvPositions, visibleBegin,
      visibleEnd;
  std::vector<uint32_t> returnRows;
  std::vector<Draw> draws; ///< per returned row; rows without one are greedy

  int64_t tokens() const { return static_cast<int64_t>(tokenIds.size()); }
  /// Adds causal tokens of `sequence` from position `first` on; all of them or the last are
  /// returned.
  void append(uint32_t sequence, uint32_t first, std::span<const uint32_t> ids, bool returnAll);
};

/// How the cache keeps numbers: Typed as the type of the cache says (numerics' Rule K); F32 rounds
/// nothing: for comparing a program with other people's float32, never what an artifact does.
enum class CacheFormat { Typed, F32 };

/// Keys and values of one sequence in one layer by position, as the format stores them (of bytes,
/// in the lower half).
struct KvRun {
  abi::KvFormat format = abi::KvFormat::Bf16;
  int64_t heads = 1;
  int64_t keyWidth = 0, valueWidth = 0;      ///< heads * width of a head
  std::vector<uint16_t> keys, values;        ///< [positions][width]
  std::vector<float> keyScales, valueScales; ///< Int8: [positions][heads]
  std::vector<float> wideKeys,
      wideValues; ///< the same before rounding, only where the format is F32

  int64_t positions() const { return keyWidth ? static_cast<int64_t>(keys.size()) / keyWidth : 0; }
  float keyAt(int64_t i) const { return wideKeys.empty() ? decode(keys[i]) : wideKeys[i]; }
  float valueAt(int64_t i) const { return wideValues.empty() ? decode(values[i]) : wideValues[i]; }
  /// What the stored numbers of a row are to be multiplied with.
  float keyScale(int64_t position, int64_t head) const {
    return keyScales.empty() || !wideKeys.empty() ? 1.0f : keyScales[position * heads + head];
  }
  float valueScale(int64_t position, int64_t head) const {
    return valueScales.empty() || !wideKeys.empty() ? 1.0f : valueScales[position * heads + head];
  }
  /// A stored number without its scale, exact.
  float decode(uint16_t bits) const;
  /// Makes room for `count` positions; new ones hold NaN until they are written.
  void grow(int64_t count, CacheFormat format = CacheFormat::Typed);
};

/// The whole cache. Sequences are numbers of the caller's choice.
class KvState {
public:
  explicit KvState(CacheFormat format = CacheFormat::Typed) : format_(format) {}
  CacheFormat format() const { return format_; }
  KvRun &run(int64_t group, int64_t layer, uint32_t sequence) {
    return runs_[{group, layer, sequence}];
  }
  /// Every run with its {group, layer, sequence}, in ascending order.
  const std::map<std::tuple<int64_t, int64_t, uint32_t>, KvRun> &runs() const { return runs_; }

private:
  CacheFormat format_;
  std::map<std::tuple<int64_t, int64_t, uint32_t>, KvRun> runs_;
};

} // namespace ingot::reference
