// Drives a session from outside, step by step: what the programs of this folder share.
#pragma once

#include "runtime/engine/Session.h"

#include <functional>
#include <map>

namespace ingot::e2e {

/// Everything one request got. Equality is bit for bit.
struct Answer {
  std::vector<uint32_t> tokens;
  std::vector<float> logprobs; ///< of new tokens and their alternatives, or of the prompt's tokens
  FinishReason finish = FinishReason::None;

  bool operator==(const Answer &other) const;
};

/// Ends the program with the status when it is none.
void demand(const Status &status);
template <typename T>
T demand(Result<T> result) {
  demand(result.status());
  return *std::move(result);
}

void collect(std::vector<Event> events, std::map<RequestId, Answer> &answers);

/// Fills the free blocks of the KV pool with 0xff bytes, which are NaN in bfloat16.
void poisonFreeBlocks(Engine &engine);

/// Submits all requests, then steps until they are done; `afterStep` gets the number of the step.
std::vector<Answer> runTogether(Engine &engine, const std::vector<Request> &requests,
                                const std::function<void(uint64_t)> &afterStep = {});

/// `tokens` pseudo-random ids below `vocab`.
std::vector<uint32_t> randomPrompt(uint64_t seed, uint32_t tokens, uint32_t vocab);

} // namespace ingot::e2e
