#include "runtime/engine/Sampler.h"

#include "runtime/base/Format.h"
#include "runtime/base/Random.h"
#include "runtime/base/Sampling.h"
#include "runtime/engine/RowMath.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

namespace ingot {
namespace {

using Candidate = SamplerScratch::Candidate;

Status outOfRange(const char *name, double value, const char *allowed) {
  return {ErrorClass::Usage, "sampling-out-of-range",
          format("%s is %g; allowed: %s", name, value, allowed)};
}

Status notFinite(std::span<const float> logits) {
  size_t bad = 0;
  while (bad < logits.size() && logits[bad] < std::numeric_limits<float>::infinity())
    ++bad; // -inf is a masked entry; a row that is masked everywhere ends at its size
  return logitsNotFinite(format(" (first at vocabulary entry %zu of %zu)", bad, logits.size()));
}

/// Sum of the candidates' weights that are at least `threshold`.
uint64_t keptSum(const std::vector<Candidate> &kept, float threshold) {
  uint64_t sum = 0;
  for (const Candidate &candidate : kept)
    if (candidate.weight >= threshold)
      sum += sampling::fixedWeight(candidate.weight);
  return sum;
}

void dropBelow(std::vector<Candidate> &kept, float threshold) {
  std::erase_if(kept, [threshold](const Candidate &c) { return c.weight < threshold; });
}

void keepTopK(std::vector<Candidate> &kept, uint32_t k, std::vector<float> &sorted) {
  if (k == 0 || kept.size() <= k)
    return;
  sorted.clear();
  for (const Candidate &candidate : kept)
    sorted.push_back(candidate.weight);
  std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end(), std::greater<>());
  dropBelow(kept, sorted[k - 1]);
}

/// Keeps the weights >= t for the largest t whose kept sum reaches topP of the whole. Positive
/// floats order like their bits, so t is found by bisection over bit patterns.
void keepTopP(std::vector<Candidate> &kept, float topP) {
  if (topP >= 1.0f || kept.size() <= 1)
    return;
  const uint64_t total = keptSum(kept, 0.0f), goal = sampling::shareOf(total, topP);
  // Tokens this light hold less than half of what may be dropped, all together: leaving them out
  // first makes the bisection short.
  const float light =
      0.5f * (1.0f - topP) * static_cast<float>(total) * 0x1p-40f / static_cast<float>(kept.size());
  dropBelow(kept, light);
  uint32_t reached = 0, missed = 0; // threshold bits that keep enough, and that keep too little
  for (const Candidate &candidate : kept) {
    uint32_t bits;
    std::memcpy(&bits, &candidate.weight, sizeof bits);
    missed = std::max(missed, bits + 1);
  }
  while (missed - reached > 1) {
    const uint32_t middle = reached + (missed - reached) / 2;
    float threshold;
    std::memcpy(&threshold, &middle, sizeof threshold);
    (keptSum(kept, threshold) >= goal ? reached : missed) = middle;
  }
  float threshold;
  std::memcpy(&threshold, &reached, sizeof threshold);
  dropBelow(kept, threshold);
}

/// The first candidate, in token order, at which the running sum exceeds its drawn share.
uint32_t pick(const std::vector<Candidate> &kept, float draw) {
  const uint64_t goal = sampling::drawnShare(keptSum(kept, 0.0f), draw);
  uint64_t sum = 0;
  for (const Candidate &candidate : kept) {
    sum += sampling::fixedWeight(candidate.weight);
    if (sum > goal)
      return candidate.token;
  }
  return kept.back().token; // not reached: the goal is below the sum of all
}

uint32_t draw(std::span<const float> logits, const RowMax &max, const SamplingParams &params,
              uint64_t position, SamplerScratch &scratch) {
  scratch.weights.resize(logits.size());
  rowExp(logits, max.value, params.temperature, scratch.weights.data());
  scratch.kept.clear();
  // The likeliest token has weight exp(0) = 1, so minP is a threshold as it stands.
  for (uint32_t i = 0; i < logits.size(); ++i)
    if (scratch.weights[i] > 0.0f && scratch.weights[i] >= params.minP)
      scratch.kept.push_back({i, scratch.weights[i]});
  keepTopK(scratch.kept, params.topK, scratch.sorted);
  keepTopP(scratch.kept, params.topP);
  return pick(scratch.kept, drawAt(params.seed, params.sampleIndex, position));
}

/// Adds the log-probabilities of sample.token and of the likeliest `alternatives`.
void addLogprobs(std::span<const float> logits, const RowMax &max, uint32_t alternatives,
                 SamplerScratch &scratch, Sample &sample) {
  scratch.weights.resize(logits.size());
  rowExp(logits, max.value, 1.0f, scratch.weights.data());
  const double logSum = std::log(static_cast<double>(rowSum(scratch.weights, scratch.blockSums)));
  const auto logprob = [&](uint32_t token) {
    return static_cast<float>(static_cast<double>(logits[token]) - max.value - logSum);
  };
  sample.logprob = logprob(sample.token);
  const size_t count = std::min<size_t>(alternatives, logits.size());
  std::vector<uint32_t> ids(count ? logits.size() : 0);
  for (uint32_t i = 0; i < ids.size(); ++i)
    ids[i] = i;
  std::partial_sort(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(count), ids.end(),
                    [&](uint32_t a, uint32_t b) {
                      return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
                    });
  for (size_t i = 0; i < count; ++i)
    sample.top.push_back({ids[i], logprob(ids[i])});
}

} // namespace

Status logitsNotFinite(const std::string &where) {
  return {ErrorClass::Data, "logits-not-finite",
          format("the model's output for this token is not a number%s; check the weights with "
                 "'ingot verify'",
                 where.c_str())};
}

Status checkSampling(const SamplingParams &params) {
  if (!(params.temperature >= 0.0f && params.temperature <= 100.0f))
    return outOfRange("temperature", params.temperature, "0 (greedy) to 100");
  if (params.temperature > 0.0f && params.temperature < 0.001f)
    return outOfRange("temperature", params.temperature, "0 (greedy), or 0.001 to 100");
  if (!(params.minP >= 0.0f && params.minP <= 1.0f))
    return outOfRange("min-p", params.minP, "0 to 1");
  if (!(params.topP > 0.0f && params.topP <= 1.0f))
    return outOfRange("top-p", params.topP, "above 0, up to 1");
  if (params.logprobs < -1 || params.logprobs > 1000)
    return outOfRange("logprobs", params.logprobs, "-1 (none) to 1000");
  return Status::ok();
}

float drawAt(uint64_t seed, uint32_t sampleIndex, uint64_t position) {
  return unitFloat(randomBits(randomKey(seed, sampleIndex), position));
}

Result<Sample> sampleRow(std::span<const float> logits, const SamplingParams &params,
                         uint64_t position, SamplerScratch &scratch) {
  const RowMax max = rowMax(logits);
  if (!max.finite)
    return notFinite(logits);
  Sample sample;
  sample.token = params.greedy() ? max.index : draw(logits, max, params, position, scratch);
  if (params.logprobs >= 0)
    addLogprobs(logits, max, static_cast<uint32_t>(params.logprobs), scratch, sample);
  return sample;
}

Result<Sample> scoreRow(std::span<const float> logits, uint32_t token, uint32_t alternatives,
                        SamplerScratch &scratch) {
  if (token >= logits.size())
    return Status(ErrorClass::Usage, "token-out-of-range",
                  format("token id %u; the vocabulary has %zu entries", token, logits.size()));
  const RowMax max = rowMax(logits);
  if (!max.finite)
    return notFinite(logits);
  Sample sample;
  sample.token = token;
  addLogprobs(logits, max, alternatives, scratch, sample);
  return sample;
}

} // namespace ingot
