#include "runtime/engine/Sampler.h"
#include "runtime/base/Mxcsr.h"
#include "runtime/base/Numerics.h"
#include "runtime/engine/RowMath.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <map>
#include <random>

using namespace ingot;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Sample sample(const std::vector<float> &row, const SamplingParams &params, uint64_t position = 0) {
  SamplerScratch scratch;
  auto result = sampleRow(row, params, position, scratch);
  INFO(result.status().toString());
  REQUIRE(result.isOk());
  return *std::move(result);
}

/// Which tokens come up in `draws` draws, and how often.
std::map<uint32_t, int> histogram(const std::vector<float> &row, const SamplingParams &params,
                                  int draws) {
  std::map<uint32_t, int> counts;
  for (int i = 0; i < draws; ++i)
    ++counts[sample(row, params, static_cast<uint64_t>(i)).token];
  return counts;
}

std::vector<float> randomRow(uint32_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> row(size);
  for (float &x : row)
    x = normal(random);
  return row;
}

} // namespace

TEST_CASE("the vector exponential has the bits of the scalar one") {
  const MxcsrGuard mode;
  std::vector<float> row;
  for (int i = 0; i < 40000; ++i)
    row.push_back(-110.0f + 0.00275f * static_cast<float>(i));
  row.push_back(-kInfinity);
  row.push_back(-1e30f);
  row.push_back(0.0f);
  std::vector<float> weights(row.size());
  rowExp(row, 0.0f, 1.0f, weights.data());
  for (size_t i = 0; i < row.size(); ++i) {
    const float expected = row[i] == -kInfinity ? 0.0f : numerics::exp(row[i]);
    REQUIRE(numerics::bitsOf(weights[i]) == numerics::bitsOf(expected));
  }
  // The tail of a row goes through the scalar form: the split must not show.
  std::vector<float> shifted(weights.size() - 1);
  rowExp(std::span(row).subspan(1), 0.0f, 1.0f, shifted.data());
  REQUIRE(std::equal(shifted.begin(), shifted.end(), weights.begin() + 1));
}

TEST_CASE("greedy takes the largest logit and the lowest id of equals") {
  REQUIRE(sample({1, 5, 5, 2}, {}).token == 1);
  REQUIRE(sample({-kInfinity, -3, -2}, {}).token == 2);
  REQUIRE(sample({7}, {}).token == 0);
}

TEST_CASE("rows that are not numbers are refused") {
  SamplerScratch scratch;
  for (const std::vector<float> &row :
       {std::vector<float>{1, NAN}, std::vector<float>{kInfinity, 1},
        std::vector<float>{-kInfinity, -kInfinity}, std::vector<float>{}}) {
    SamplingParams params;
    REQUIRE(sampleRow(row, params, 0, scratch).status().id() == "logits-not-finite");
    params.temperature = 1;
    REQUIRE(sampleRow(row, params, 0, scratch).status().id() == "logits-not-finite");
  }
}

TEST_CASE("draws follow the distribution") {
  const std::vector<float> row = {std::log(0.5f), std::log(0.3f), std::log(0.2f), -kInfinity};
  SamplingParams params;
  params.temperature = 1;
  params.seed = 42;
  const auto counts = histogram(row, params, 20000);
  REQUIRE(counts.size() == 3);
  REQUIRE(std::abs(counts.at(0) - 10000) < 300);
  REQUIRE(std::abs(counts.at(1) - 6000) < 300);
  REQUIRE(std::abs(counts.at(2) - 4000) < 300);
}

TEST_CASE("temperature sharpens and flattens") {
  const std::vector<float> row = {2, 1, 0};
  SamplingParams params;
  params.temperature = 0.5f;
  const int sharp = histogram(row, params, 4000).at(0);
  params.temperature = 2.0f;
  const int flat = histogram(row, params, 4000).at(0);
  REQUIRE(std::abs(sharp - 3467) < 150); // softmax(4, 2, 0)
  REQUIRE(std::abs(flat - 2026) < 150);  // softmax(1, 0.5, 0)
  params.temperature = 0.001f;
  REQUIRE(histogram(row, params, 100).size() == 1);
}

TEST_CASE("top-k keeps the k likeliest and those tied with the last of them") {
  SamplingParams params;
  params.temperature = 1;
  params.topK = 2;
  REQUIRE(histogram({3, 1, 2, 0}, params, 500).size() == 2);
  REQUIRE(histogram({3, 2, 2, 0}, params, 500).size() == 3);
  params.topK = 1;
  REQUIRE(histogram({3, 1, 2, 0}, params, 500).size() == 1);
  params.topK = 100;
  REQUIRE(histogram({1, 1, 1, 1}, params, 500).size() == 4);
}

TEST_CASE("top-p keeps the least set that reaches its share") {
  const std::vector<float> row = {std::log(0.2f), std::log(0.5f), std::log(0.1f), std::log(0.2f)};
  SamplingParams params;
  params.temperature = 1;
  const auto kept = [&](float topP) {
    params.topP = topP;
    return histogram(row, params, 1000).size();
  };
  REQUIRE(kept(0.01f) == 1);
  REQUIRE(kept(0.49f) == 1);
  REQUIRE(kept(0.55f) == 3); // the two of 0.2 are tied: both or none
  REQUIRE(kept(0.95f) == 4);
  REQUIRE(kept(1.0f) == 4);
}

TEST_CASE("top-p agrees with sorting on large random rows") {
  for (const uint32_t seed : {1u, 2u, 3u}) {
    const std::vector<float> row = randomRow(5000, seed);
    const float topP = 0.5f + 0.15f * static_cast<float>(seed);
    std::vector<std::pair<double, uint32_t>> sorted;
    double total = 0;
    for (uint32_t i = 0; i < row.size(); ++i) {
      sorted.push_back({std::exp(double(row[i])), i});
      total += sorted.back().first;
    }
    std::sort(sorted.rbegin(), sorted.rend());
    double sum = 0;
    std::map<uint32_t, bool> allowed;
    for (const auto &[weight, token] : sorted) {
      if (sum > (topP + 1e-5) * total)
        break;
      allowed[token] = true;
      sum += weight;
    }
    SamplingParams params;
    params.temperature = 1;
    params.topP = topP;
    params.seed = seed;
    for (const auto &[token, count] : histogram(row, params, 2000))
      REQUIRE(allowed.count(token) == 1);
  }
}

TEST_CASE("min-p keeps what is likely enough beside the likeliest") {
  const std::vector<float> row = {0, std::log(0.5f), std::log(0.04f)};
  SamplingParams params;
  params.temperature = 1;
  params.minP = 0.05f;
  REQUIRE(histogram(row, params, 3000).size() == 2);
  params.minP = 0.03f;
  REQUIRE(histogram(row, params, 3000).size() == 3);
  params.minP = 1.0f;
  REQUIRE(histogram(row, params, 100).size() == 1);
}

TEST_CASE("a draw is a function of seed, sample index and position") {
  const std::vector<float> row = randomRow(2000, 9);
  SamplingParams params;
  params.temperature = 1.5f;
  params.seed = 7;
  std::vector<uint32_t> first, again, otherIndex, otherSeed;
  for (uint64_t position = 0; position < 50; ++position) {
    first.push_back(sample(row, params, position).token);
    again.push_back(sample(row, params, position).token);
    SamplingParams other = params;
    other.sampleIndex = 1;
    otherIndex.push_back(sample(row, other, position).token);
    other = params;
    other.seed = 8;
    otherSeed.push_back(sample(row, other, position).token);
  }
  REQUIRE(first == again);
  REQUIRE(first != otherIndex);
  REQUIRE(first != otherSeed);
  REQUIRE(drawAt(1, 2, 3) >= 0.0f);
  REQUIRE(drawAt(1, 2, 3) < 1.0f);
  REQUIRE(drawAt(1, 2, 3) != drawAt(1, 2, 4));
}

TEST_CASE("log-probabilities are those of the plain softmax, ties to the lowest id") {
  const std::vector<float> row = {1, 3, 3, 0, -kInfinity};
  SamplingParams params;
  params.temperature = 0.7f;
  params.topK = 2;
  params.logprobs = 3;
  const Sample result = sample(row, params);
  double sum = 0;
  for (int i = 0; i < 4; ++i)
    sum += std::exp(double(row[static_cast<size_t>(i)]) - 3);
  REQUIRE(result.top.size() == 3);
  REQUIRE(result.top[0].token == 1);
  REQUIRE(result.top[1].token == 2);
  REQUIRE(result.top[2].token == 0);
  REQUIRE(std::abs(result.top[0].logprob + std::log(sum)) < 1e-6);
  REQUIRE(std::abs(result.top[2].logprob - (-2 - std::log(sum))) < 1e-6);
  REQUIRE(result.logprob == result.top[0].logprob);
  params.logprobs = 1000;
  REQUIRE(sample(row, params).top.size() == 5);
}

TEST_CASE("scoring gives the log-probability of a given token") {
  SamplerScratch scratch;
  const std::vector<float> row(4, 1.0f);
  const auto score = scoreRow(row, 2, 0, scratch);
  REQUIRE(score.isOk());
  REQUIRE(std::abs((*score).logprob + std::log(4.0)) < 1e-6);
  REQUIRE(scoreRow(row, 4, 0, scratch).status().id() == "token-out-of-range");
}

TEST_CASE("sums run in blocks of 1,024 in token order") {
  std::vector<float> weights(2500);
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = 1.0f / static_cast<float>(i + 1);
  std::vector<float> blocks;
  const float total = rowSum(weights, blocks);
  REQUIRE(blocks.size() == 3);
  float expected[3] = {0, 0, 0};
  for (size_t i = 0; i < weights.size(); ++i)
    expected[i / kSumBlock] += weights[i];
  REQUIRE(blocks == std::vector<float>(expected, expected + 3));
  REQUIRE(total == (expected[0] + expected[1]) + expected[2]);
}

TEST_CASE("parameters out of range are refused by name") {
  const auto refused = [](auto change) {
    SamplingParams params;
    change(params);
    const Status status = checkSampling(params);
    return status.id() == "sampling-out-of-range";
  };
  REQUIRE(checkSampling({}).isOk());
  REQUIRE(refused([](SamplingParams &p) { p.temperature = -1; }));
  REQUIRE(refused([](SamplingParams &p) { p.temperature = NAN; }));
  REQUIRE(refused([](SamplingParams &p) { p.temperature = 1e-6f; }));
  REQUIRE(refused([](SamplingParams &p) { p.topP = 0; }));
  REQUIRE(refused([](SamplingParams &p) { p.topP = 1.5f; }));
  REQUIRE(refused([](SamplingParams &p) { p.minP = NAN; }));
  REQUIRE(refused([](SamplingParams &p) { p.logprobs = -2; }));
}
