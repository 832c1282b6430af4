// Requests and the tokenizer for tests of engines on the fake model.
#pragma once

#include "tests/engine/FakeModel.h"

#include <random>
#include <stdexcept>

namespace ingot::testing {

inline Request randomRequest(std::mt19937 &random) {
  Request request;
  const uint32_t length = random() % 4 == 0 ? 1 + random() % 80 : 1 + random() % 12;
  for (uint32_t i = 0; i < length; ++i)
    request.prompt.push_back(random() % 256);
  request.maxTokens = 1 + random() % 30;
  request.ignoreEos = random() % 3 == 0;
  if (random() % 2 == 0) {
    request.sampling.temperature = 0.5f + 0.25f * static_cast<float>(random() % 4);
    request.sampling.topK = random() % 2 ? 0 : random() % 20;
    request.sampling.topP = random() % 2 ? 1.0f : 0.8f;
    request.sampling.minP = random() % 3 ? 0.0f : 0.05f;
    request.sampling.seed = random();
  }
  if (random() % 5 == 0)
    request.sampling.logprobs = 2;
  return request;
}

inline Tokenizer byteTokenizer() {
  auto tokenizer = Tokenizer::create(byteTokenizerData());
  if (!tokenizer.isOk())
    throw std::runtime_error(tokenizer.status().toString());
  return *std::move(tokenizer);
}

} // namespace ingot::testing
