// Outputs are taken eight at a time, K in steps of 16: the weights of a step are decoded once for
// all rows, the rows once for all outputs.
#include "ir/reference/MatrixLinear.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace ingot::reference {
namespace {

/// Elements of K per instruction; outputs side by side.
constexpr int kStep = 16, kLanes = matrix::kTileColumns;
/// K counts as padded with zeros to a multiple of this.
constexpr int64_t kPad = 64;

/// bfloat16 bits of a float that bfloat16 holds.
uint16_t bitsOfBf16(float value) { return static_cast<uint16_t>(numerics::bitsOf(value) >> 16); }

bool isSpecial(uint16_t bits) { return (bits & 0x7f80u) == 0x7f80u; }

/// The rows as factors, padded.
struct DecodedRows {
  explicit DecodedRows(const Rows &input)
      : padded((input.columns + kPad - 1) / kPad * kPad), bits(input.rows * padded, 0),
        significand(bits.size(), 0), exponent(bits.size(), matrix::kZeroExponent),
        special(input.rows * (padded / kStep), 0) {
    for (int64_t r = 0; r < input.rows; ++r)
      for (int64_t k = 0; k < input.columns; ++k) {
        const int64_t at = r * padded + k;
        bits[at] = bitsOfBf16(input.row(r)[k]);
        special[at / kStep] |= isSpecial(bits[at]);
        const matrix::Factor factor = matrix::decodeFactor(bits[at], matrix::Format::Bf16);
        significand[at] = factor.significand;
        exponent[at] = factor.exponent;
      }
  }
  int64_t padded; ///< K
  std::vector<uint16_t> bits;
  std::vector<int32_t> significand, exponent;
  std::vector<uint8_t> special; ///< [rows][padded / 16]: an infinity or NaN among the 16
};

/// Sixteen k of eight outputs.
struct WeightTile {
  uint16_t bits[kLanes][kStep];
  matrix::Factors<kStep, kLanes> factors;
  bool special;

  /// Outputs n .. n + 7 (what is behind the last counts as zero), k .. k + 15.
  void load(const Weight &weight, int64_t n, int64_t k) {
    special = false;
    for (int i = 0; i < kStep; ++i)
      for (int lane = 0; lane < kLanes; ++lane) {
        const bool real = k + i < weight.columns && n + lane < weight.rows;
        const int64_t at = (k + i) * weight.rows + n + lane;
        const float value = !real                            ? 0.0f
                            : weight.kind == WeightKind::Int ? static_cast<float>(weight.ints[at])
                                                             : weight.floats[at];
        const uint16_t element = bitsOfBf16(value);
        special |= isSpecial(element);
        bits[lane][i] = element;
        const matrix::Factor factor = matrix::decodeFactor(element, matrix::Format::Bf16);
        factors.significand[i][lane] = factor.significand;
        factors.exponent[i][lane] = factor.exponent;
      }
  }
};

/// Eight sums of one row.
struct Sums {
  uint32_t bits[kLanes] = {};
  float at(int lane) const { return numerics::floatOf(bits[lane]); }
};

/// One instruction: sums += row[k .. k + 15] * tile.
void multiply(Sums &sums, const DecodedRows &rows, int64_t row, int64_t k, const WeightTile &tile,
              matrix::MatrixUnit unit) {
  const int64_t at = row * rows.padded + k;
  bool special = tile.special || rows.special[at / kStep];
  for (int k0 = 0; k0 < kStep; k0 += unit.products) {
    for (uint32_t bits : sums.bits)
      special |= (bits & matrix::kInfinityBits) == matrix::kInfinityBits;
    if (!special) {
      matrix::stepRow<kStep>(sums.bits, &rows.significand[at], &rows.exponent[at], tile.factors, k0,
                             unit);
      continue;
    }
    for (int lane = 0; lane < kLanes; ++lane)
      sums.bits[lane] = numerics::bitsOf(
          matrix::step(sums.at(lane), &rows.bits[at + k0], tile.bits[lane] + k0,
                       std::min(unit.products, kStep - k0), matrix::Format::Bf16, unit));
  }
}

/// What the slices of a row have given so far.
struct Accumulator {
  Sums chain; ///< of the scale group or slice at hand
  Sums slice; ///< integer weights: groups of the slice, scaled
  Sums total; ///< slices before

  /// F = fma(chain, scale, F).
  void endGroup(const float *scales, int64_t lanes) {
    for (int64_t lane = 0; lane < lanes; ++lane)
      slice.bits[lane] = numerics::bitsOf(std::fmaf(chain.at(lane), scales ? scales[lane] : 0.0f,
                                                    numerics::floatOf(slice.bits[lane])));
    chain = {};
  }
  void endSlice(bool first) {
    for (int lane = 0; lane < kLanes; ++lane)
      total.bits[lane] =
          first ? slice.bits[lane] : numerics::bitsOf(total.at(lane) + slice.at(lane));
    slice = {};
  }
};

} // namespace

void matrixLinear(const Rows &input, const Weight &weight, const LinearOrder &order, Rows &result) {
  assert(input.kind == RowKind::Bf16 && weight.kind != WeightKind::F32 && order.step == kStep);
  const DecodedRows rows(input);
  const bool scaled = weight.kind == WeightKind::Int;
  const int64_t k1 = rows.padded, span = order.span ? order.span : k1;
  const int64_t group = scaled && weight.group ? weight.group : k1;
  WeightTile tile;
  for (int64_t n = 0; n < weight.rows; n += kLanes) {
    const int64_t lanes = std::min<int64_t>(kLanes, weight.rows - n);
    std::vector<Accumulator> sums(input.rows);
    for (int64_t k = 0; k < k1; k += kStep) {
      tile.load(weight, n, k);
      for (int64_t r = 0; r < input.rows; ++r)
        multiply(sums[r].chain, rows, r, k, tile, order.unit);
      const int64_t end = k + kStep;
      const bool endsSlice = end % span == 0 || end == k1;
      if (scaled && (end % group == 0 || end == k1)) {
        const int64_t begin = k / group * group;
        const float *scales = begin < weight.columns
                                  ? &weight.scales[weight.groupOf(begin) * weight.rows + n]
                                  : nullptr;
        for (Accumulator &sum : sums)
          sum.endGroup(scales, lanes);
      }
      for (Accumulator &sum : sums) {
        if (!endsSlice)
          break;
        if (!scaled)
          std::swap(sum.slice, sum.chain);
        sum.endSlice(end <= span);
      }
    }
    for (int64_t r = 0; r < input.rows; ++r)
      std::memcpy(result.row(r) + n, sums[r].total.bits, lanes * sizeof(float));
  }
}

} // namespace ingot::reference
