// Picks a token from one row of logits. One row is one item: computed by one thread in one order,
// so that the choice is a function of the row, the parameters and the position alone.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace ingot {

/// How a request chooses its tokens. The filters apply in the order of the fields, after
/// temperature.
struct SamplingParams {
  float temperature = 0; ///< 0 = greedy: the largest logit, ties to the lowest id
  float minP = 0;        ///< keep tokens at least minP times as likely as the likeliest; 0 = all
  uint32_t topK = 0;     ///< keep the K likeliest and those tied with the last of them; 0 = all
  float topP = 1; ///< keep the least set of the likeliest with this share of what is left; 1 = all
  uint64_t seed = 0;
  uint32_t sampleIndex = 0; ///< tells apart several answers to one prompt
  int32_t logprobs = -1;    ///< alternatives reported per token; -1 = no log-probabilities at all

  bool greedy() const { return temperature == 0; }
  /// Needs the row of logits, not only the token.
  bool needsLogits() const { return logprobs >= 0; }
};

/// Id "sampling-out-of-range", with the name, the value and what is allowed.
Status checkSampling(const SamplingParams &params);

/// A token and its natural log-probability under the model: temperature 1, before any filter.
struct TokenLogprob {
  uint32_t token = 0;
  float logprob = 0;
};

struct Sample {
  uint32_t token = 0;
  float logprob = 0;             ///< of `token`, when params.logprobs >= 0
  std::vector<TokenLogprob> top; ///< params.logprobs likeliest, ties to the lowest id
};

/// Working memory of one thread; keeps its capacity between rows.
struct SamplerScratch {
  struct Candidate {
    uint32_t token;
    float weight;
  };
  std::vector<float> weights;   ///< [vocab]
  std::vector<float> blockSums; ///< [ceil(vocab / kSumBlock)]
  std::vector<float> sorted;    ///< weights above zero, for the top-k threshold
  std::vector<Candidate> kept;  ///< in token order
};

/// Random number in [0, 1) of the draw at `position`: a function of its arguments, never of the
/// step.
float drawAt(uint64_t seed, uint32_t sampleIndex, uint64_t position);

/// Id "logits-not-finite"; `where` among the entries, as " (...)", or nothing.
Status logitsNotFinite(const std::string &where);

/// Chooses the token at `position` (its index in the sequence). Id "logits-not-finite".
Result<Sample> sampleRow(std::span<const float> logits, const SamplingParams &params,
                         uint64_t position, SamplerScratch &scratch);

/// Scores a given token instead of choosing one. Ids "logits-not-finite", "token-out-of-range".
Result<Sample> scoreRow(std::span<const float> logits, uint32_t token, uint32_t alternatives,
                        SamplerScratch &scratch);

} // namespace ingot
