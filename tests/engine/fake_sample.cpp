// The fake model's sampling on the fake GPU: each question asked of all weights, in order.
#include "runtime/artifact/KernelAbi.h"
#include "runtime/base/Random.h"
#include "runtime/base/Sampling.h"

using namespace ingot;

namespace {

constexpr uint32_t kVocab = 258;

uint64_t sumFrom(const float *weights, float threshold) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < kVocab; ++i)
    if (weights[i] >= threshold)
      sum += sampling::fixedWeight(weights[i]);
  return sum;
}

uint32_t countFrom(const float *weights, float threshold) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < kVocab; ++i)
    count += weights[i] >= threshold;
  return count;
}

/// Drops what is lighter than the heaviest weight of which `enough` of the others are as heavy.
template <class Enough>
void keepLargest(float *weights, const Enough &enough) {
  float threshold = 0;
  for (uint32_t i = 0; i < kVocab; ++i)
    if (weights[i] > threshold && enough(weights[i]))
      threshold = weights[i];
  for (uint32_t i = 0; i < kVocab; ++i)
    weights[i] = weights[i] >= threshold ? weights[i] : 0.0f;
}

uint32_t draw(float *row, const abi::SampleParams &p) {
  const float infinity = numerics::floatOf(0x7f800000u);
  uint32_t best = 0;
  for (uint32_t i = 0; i < kVocab; ++i) {
    if (!(row[i] < infinity))
      return abi::kNotFinite;
    best = row[i] > row[best] ? i : best;
  }
  if (p.temperature == 0.0f)
    return best;
  const float max = row[best];
  for (uint32_t i = 0; i < kVocab; ++i) {
    const float weight = sampling::weightOf(row[i], max, p.temperature);
    row[i] = weight >= p.minP ? weight : 0.0f;
  }
  if (p.topK > 0 && p.topK < kVocab)
    keepLargest(row, [&](float t) { return countFrom(row, t) >= p.topK; });
  if (p.topP < 1.0f) {
    const uint64_t goal = sampling::shareOf(sumFrom(row, 0.0f), p.topP);
    keepLargest(row, [&](float t) { return sumFrom(row, t) >= goal; });
  }
  const float number = unitFloat(randomBits(randomKey(p.seed, p.sampleIndex), p.position));
  const uint64_t goal = sampling::drawnShare(sumFrom(row, 0.0f), number);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < kVocab; ++i)
    if ((sum += sampling::fixedWeight(row[i])) > goal)
      return i;
  return kVocab - 1;
}

} // namespace

/// args: batch, logits f32 rows, ids u32 per row. item = returned row.
extern "C" int32_t fake_sample(const uint64_t *args, uint32_t begin, uint32_t end, void *) {
  const auto &batch = *reinterpret_cast<const abi::BatchView *>(args[0]);
  for (uint32_t row = begin; row < end; ++row)
    reinterpret_cast<uint32_t *>(args[2])[row] = draw(
        reinterpret_cast<float *>(args[1] + row * abi::f32RowBytes(kVocab)), batch.sampling[row]);
  return 0;
}
