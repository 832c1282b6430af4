#include "ir/reference/Ops.h"

#include "runtime/base/Random.h"
#include "runtime/base/Sampling.h"

#include <algorithm>
#include <functional>

namespace ingot::reference {
namespace {

constexpr int64_t kNotFinite = 0xffffffff;

/// Weights of the columns; 0 for what min-p drops.
std::vector<float> weightsOf(std::span<const float> logits, float max, const Draw &draw) {
  std::vector<float> weights;
  for (const float x : logits) {
    const float weight = sampling::weightOf(x, max, draw.temperature);
    weights.push_back(weight >= draw.minP ? weight : 0.0f);
  }
  return weights;
}

uint64_t sumFrom(const std::vector<float> &weights, float threshold) {
  uint64_t sum = 0;
  for (const float weight : weights)
    if (weight >= threshold)
      sum += sampling::fixedWeight(weight);
  return sum;
}

/// Drops all but the k largest and those tied with the last of them.
void keepTopK(std::vector<float> &weights, uint32_t k) {
  if (k == 0 || k >= weights.size())
    return;
  std::vector<float> sorted = weights;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  for (float &weight : weights)
    weight = weight >= sorted[k - 1] ? weight : 0.0f;
}

/// Keeps the largest until they hold `share` of what is there, and those tied with the last.
void keepTopP(std::vector<float> &weights, float share) {
  if (share >= 1.0f)
    return;
  const uint64_t goal = sampling::shareOf(sumFrom(weights, 0.0f), share);
  std::vector<float> sorted = weights;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  size_t last = 0;
  while (last + 1 < sorted.size() && sumFrom(weights, sorted[last]) < goal)
    ++last;
  for (float &weight : weights)
    weight = weight >= sorted[last] ? weight : 0.0f;
}

int64_t sampleRow(std::span<const float> logits, const Draw &draw) {
  const float infinity = numerics::floatOf(0x7f800000u);
  const auto finite = [infinity](float x) { return x < infinity; };
  const auto max = std::max_element(logits.begin(), logits.end());
  if (!std::all_of(logits.begin(), logits.end(), finite) || *max == -infinity)
    return kNotFinite;
  if (draw.temperature == 0.0f)
    return max - logits.begin();
  std::vector<float> weights = weightsOf(logits, *max, draw);
  keepTopK(weights, draw.topK);
  keepTopP(weights, draw.topP);
  const uint64_t bits = randomBits(randomKey(draw.seed, draw.sampleIndex), draw.position);
  const uint64_t goal = sampling::drawnShare(sumFrom(weights, 0.0f), unitFloat(bits));
  uint64_t sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    sum += sampling::fixedWeight(weights[i]);
    if (sum > goal)
      return static_cast<int64_t>(i);
  }
  return static_cast<int64_t>(weights.size()) - 1; // not reached: the goal is below the sum of all
}

} // namespace

Rows evalSample(const Rows &input, const Batch &batch) {
  Rows result = Rows::ofInts(input.rows, 1);
  for (int64_t r = 0; r < input.rows; ++r) {
    const size_t index = static_cast<size_t>(r);
    const Draw draw = index < batch.draws.size() ? batch.draws[index] : Draw{};
    result.ints[index] = sampleRow({input.row(r), static_cast<size_t>(input.columns)}, draw);
  }
  return result;
}

} // namespace ingot::reference
