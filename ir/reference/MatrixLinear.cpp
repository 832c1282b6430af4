// Outputs are taken eight at a time, K in steps of one instruction: the weights of a step are
// decoded once for all rows, the rows once for all outputs.
#include "ir/reference/MatrixLinear.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace ingot::reference {
namespace {

/// Outputs side by side.
constexpr int kLanes = matrix::kTileColumns;
/// K counts as padded with zeros to a multiple of this.
constexpr int64_t kPad = 64;

using matrix::Format;

/// Bits of a number that the format holds.
uint16_t bitsIn(Format format, float value) {
  switch (format) {
  case Format::Bf16:
    return static_cast<uint16_t>(numerics::bitsOf(value) >> 16);
  case Format::F16:
    return numerics::toF16(value);
  case Format::E4m3:
    break;
  }
  return numerics::toE4m3(value);
}

/// The rows as factors of steps of kStep, padded.
template <int kStep>
struct DecodedRows {
  DecodedRows(const Rows &input, Format format)
      : padded((input.columns + kPad - 1) / kPad * kPad), bits(input.rows * padded, 0),
        significand(bits.size(), 0), exponent(bits.size(), matrix::kZeroExponent),
        special(input.rows * (padded / kStep), 0) {
    for (int64_t r = 0; r < input.rows; ++r)
      for (int64_t k = 0; k < input.columns; ++k) {
        const int64_t at = r * padded + k;
        bits[at] = bitsIn(format, input.row(r)[k]);
        special[at / kStep] |= matrix::kindOf(bits[at], format) != matrix::Kind::Finite;
        const matrix::Factor factor = matrix::decodeFactor(bits[at], format);
        significand[at] = factor.significand;
        exponent[at] = factor.exponent;
      }
  }
  int64_t padded; ///< K
  std::vector<uint16_t> bits;
  std::vector<int32_t> significand, exponent;
  std::vector<uint8_t> special; ///< [rows][padded / kStep]: an infinity or NaN in the step
};

/// One step's k of eight outputs.
template <int kStep>
struct WeightTile {
  uint16_t bits[kLanes][kStep];
  matrix::Factors<kStep, kLanes> factors;
  bool special;

  /// Outputs n .. n + 7 (what is behind the last counts as zero), k .. k + kStep - 1.
  void load(const Weight &weight, int64_t n, int64_t k, Format format) {
    special = false;
    for (int i = 0; i < kStep; ++i)
      for (int lane = 0; lane < kLanes; ++lane) {
        const bool real = k + i < weight.columns && n + lane < weight.rows;
        const uint16_t element = bitsIn(format, real ? weight.numberAt(n + lane, k + i) : 0.0f);
        special |= matrix::kindOf(element, format) != matrix::Kind::Finite;
        bits[lane][i] = element;
        const matrix::Factor factor = matrix::decodeFactor(element, format);
        factors.significand[i][lane] = factor.significand;
        factors.exponent[i][lane] = factor.exponent;
      }
  }
};

/// Eight sums of one row: bits of float32, or integers.
struct Sums {
  uint32_t bits[kLanes] = {};
  float at(int lane) const { return numerics::floatOf(bits[lane]); }
};

/// Steps of the matrix unit on floating-point factors.
template <int kStep>
class FloatSteps {
public:
  static constexpr int kDepth = kStep;
  static constexpr bool kInteger = false;
  FloatSteps(const Rows &input, const Weight &weight, Format format, matrix::MatrixUnit unit)
      : weight_(weight), format_(format), unit_(unit), rows_(input, format) {}

  void load(int64_t n, int64_t k) { tile_.load(weight_, n, k, format_); }
  /// sums += row[k .. k + kStep - 1] * the loaded tile.
  void multiply(Sums &sums, int64_t row, int64_t k) const {
    const int64_t at = row * rows_.padded + k;
    bool special = tile_.special || rows_.special[at / kStep];
    for (int k0 = 0; k0 < kStep; k0 += unit_.products) {
      for (uint32_t bits : sums.bits)
        special |= (bits & matrix::kInfinityBits) == matrix::kInfinityBits;
      if (!special) {
        matrix::stepRow<kStep>(sums.bits, &rows_.significand[at], &rows_.exponent[at],
                               tile_.factors, k0, unit_);
        continue;
      }
      for (int lane = 0; lane < kLanes; ++lane)
        sums.bits[lane] = numerics::bitsOf(
            matrix::step(sums.at(lane), &rows_.bits[at + k0], tile_.bits[lane] + k0,
                         std::min(unit_.products, kStep - k0), format_, unit_));
    }
  }

private:
  const Weight &weight_;
  Format format_;
  matrix::MatrixUnit unit_;
  DecodedRows<kStep> rows_;
  WeightTile<kStep> tile_;
};

/// Exact sums of products of int8.
class IntegerSteps {
public:
  static constexpr int kDepth = 32;
  static constexpr bool kInteger = true;
  IntegerSteps(const Rows &input, const Weight &weight) : input_(input), weight_(weight) {}

  void load(int64_t n, int64_t) { n_ = n; }
  void multiply(Sums &sums, int64_t row, int64_t k) const {
    const int64_t lanes = std::min<int64_t>(kLanes, weight_.rows - n_);
    for (int64_t i = k; i < std::min(k + kDepth, weight_.columns); ++i) {
      const auto a = static_cast<int32_t>(input_.row(row)[i]);
      for (int64_t lane = 0; lane < lanes; ++lane)
        sums.bits[lane] += static_cast<uint32_t>(a * weight_.ints[i * weight_.rows + n_ + lane]);
    }
  }

private:
  const Rows &input_;
  const Weight &weight_;
  int64_t n_ = 0;
};

/// What the slices of a row have given so far.
struct Accumulator {
  Sums chain; ///< at hand
  Sums slice; ///< weights with scales: chains of the slice, scaled
  Sums total; ///< slices before

  /// F = fma(chain, scale, F).
  void endChain(const float *scales, int64_t lanes, bool integer) {
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const float sum = integer ? static_cast<float>(static_cast<int32_t>(chain.bits[lane]))
                                : chain.at(static_cast<int>(lane));
      slice.bits[lane] = numerics::bitsOf(
          std::fmaf(sum, scales ? scales[lane] : 0.0f, numerics::floatOf(slice.bits[lane])));
    }
    chain = {};
  }
  void endSlice(bool first) {
    for (int lane = 0; lane < kLanes; ++lane)
      total.bits[lane] =
          first ? slice.bits[lane] : numerics::bitsOf(total.at(lane) + slice.at(lane));
    slice = {};
  }
};

/// Where the chains of a linear end.
struct Cuts {
  Cuts(const Weight &weight, const LinearOrder &order, int64_t promote)
      : padded((weight.columns + kPad - 1) / kPad * kPad), span(order.span ? order.span : padded),
        group(weight.group ? weight.group : padded), promotion(promote ? promote : padded) {}
  bool endsSlice(int64_t k) const { return k % span == 0 || k == padded; }
  bool endsChain(int64_t k) const { return k % group == 0 || k % promotion == 0 || endsSlice(k); }

  int64_t padded, span, group, promotion;
};

template <class Steps>
void multiplyAll(Steps steps, const Cuts &cuts, const Rows &input, const Weight &weight,
                 Rows &result) {
  for (int64_t n = 0; n < weight.rows; n += kLanes) {
    const int64_t lanes = std::min<int64_t>(kLanes, weight.rows - n);
    std::vector<Accumulator> sums(input.rows);
    for (int64_t k = 0; k < cuts.padded; k += Steps::kDepth) {
      steps.load(n, k);
      for (int64_t r = 0; r < input.rows; ++r)
        steps.multiply(sums[r].chain, r, k);
      const int64_t end = k + Steps::kDepth;
      if (weight.isScaled() && cuts.endsChain(end)) {
        const int64_t begin = (end - 1) / cuts.group * cuts.group; // of the scale group
        const float *scales = begin < weight.columns
                                  ? &weight.scales[weight.groupOf(begin) * weight.rows + n]
                                  : nullptr;
        for (Accumulator &sum : sums)
          sum.endChain(scales, lanes, Steps::kInteger);
      }
      if (!cuts.endsSlice(end))
        continue;
      for (Accumulator &sum : sums) {
        if (!weight.isScaled())
          std::swap(sum.slice, sum.chain);
        sum.endSlice(end <= cuts.span);
      }
    }
    for (int64_t r = 0; r < input.rows; ++r)
      std::memcpy(result.row(r) + n, sums[r].total.bits, lanes * sizeof(float));
  }
  if (input.isRowScaled())
    for (int64_t r = 0; r < input.rows; ++r)
      for (int64_t n = 0; n < weight.rows; ++n)
        result.row(r)[n] = result.row(r)[n] * input.rowScales[r];
}

} // namespace

bool hasMatrixLinear(const Rows &input, const Weight &weight) {
  switch (input.kind) {
  case RowKind::Bf16:
    return weight.kind == WeightKind::Bf16 || weight.isScaled();
  case RowKind::F16:
    return weight.kind == WeightKind::F16;
  case RowKind::Int8Row:
    return weight.kind == WeightKind::Int;
  case RowKind::E4m3Row:
    return weight.kind == WeightKind::E4m3;
  default:
    return false;
  }
}

void matrixLinear(const Rows &input, const Weight &weight, const LinearOrder &order, Rows &result) {
  assert(hasMatrixLinear(input, weight));
  const bool e4m3 = input.kind == RowKind::E4m3Row;
  const Cuts cuts(weight, order, e4m3 ? LinearOrder::kPromotion : 0);
  if (input.kind == RowKind::Int8Row)
    return multiplyAll(IntegerSteps(input, weight), cuts, input, weight, result);
  if (e4m3)
    return multiplyAll(FloatSteps<32>(input, weight, Format::E4m3, order.fp8Unit), cuts, input,
                       weight, result);
  const Format format = input.kind == RowKind::F16 ? Format::F16 : Format::Bf16;
  multiplyAll(FloatSteps<16>(input, weight, format, order.unit), cuts, input, weight, result);
}

} // namespace ingot::reference
