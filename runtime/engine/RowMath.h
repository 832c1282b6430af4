// Arithmetic over one row of logits, [vocab] f32, in the order that fixes its bits: sums run over
// blocks of 1,024 entries in token order, and the block sums are folded by index. Whoever computes
// a row, alone or beside others, gets the same bits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ingot {

/// Entries per partial sum.
inline constexpr uint32_t kSumBlock = 1024;

/// Largest entry and its lowest index.
struct RowMax {
  float value = 0;
  uint32_t index = 0;
  bool finite = false; ///< no NaN and no +inf anywhere, and at least one entry above -inf
};
RowMax rowMax(std::span<const float> row);

/// weights[i] = exp((row[i] - max) / temperature) by numerics::exp, bit for bit; entries at -inf
/// get 0.
void rowExp(std::span<const float> row, float max, float temperature, float *weights);

/// Sum of the weights; blockSums[b] gets the partial sum of block b, [ceil(n / kSumBlock)].
float rowSum(std::span<const float> weights, std::vector<float> &blockSums);

} // namespace ingot
