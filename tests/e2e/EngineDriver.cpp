#include "tests/e2e/EngineDriver.h"

#include "runtime/base/Random.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace ingot::e2e {

bool Answer::operator==(const Answer &other) const {
  return tokens == other.tokens && finish == other.finish &&
         logprobs.size() == other.logprobs.size() &&
         (logprobs.empty() || std::memcmp(logprobs.data(), other.logprobs.data(),
                                          logprobs.size() * sizeof(float)) == 0);
}

void demand(const Status &status) {
  if (status.isOk())
    return;
  std::fprintf(stderr, "%s\n", status.toString().c_str());
  std::exit(status.exitCode());
}

void collect(std::vector<Event> events, std::map<RequestId, Answer> &answers) {
  for (const Event &event : events) {
    demand(event.error);
    Answer &answer = answers[event.request];
    answer.tokens.insert(answer.tokens.end(), event.tokens.begin(), event.tokens.end());
    answer.finish = event.finish;
    for (const auto *samples : {&event.samples, &event.promptScores})
      for (const Sample &sample : *samples) {
        answer.logprobs.push_back(sample.logprob);
        for (const TokenLogprob &top : sample.top)
          answer.logprobs.push_back(top.logprob);
      }
  }
}

void poisonFreeBlocks(Engine &engine) {
  for (uint32_t block = 0; block < engine.pool().totalBlocks(); ++block)
    if (engine.pool().references(block) == 0)
      demand(engine.executor().fillKvBlock(block, 0xff));
}

std::vector<Answer> runTogether(Engine &engine, const std::vector<Request> &requests,
                                const std::function<void(uint64_t)> &afterStep) {
  std::vector<RequestId> ids;
  for (const Request &request : requests)
    ids.push_back(demand(engine.submit(request)));
  std::map<RequestId, Answer> byId;
  uint64_t steps = 0;
  for (bool busy = true; busy;) {
    busy = engine.step();
    if (afterStep)
      afterStep(steps++);
    collect(engine.takeEvents(), byId);
  }
  std::vector<Answer> answers;
  for (const RequestId id : ids)
    answers.push_back(byId[id]);
  return answers;
}

std::vector<uint32_t> randomPrompt(uint64_t seed, uint32_t tokens, uint32_t vocab) {
  std::vector<uint32_t> prompt(tokens);
  for (uint32_t i = 0; i < tokens; ++i)
    prompt[i] = static_cast<uint32_t>(randomBits(randomKey(seed, tokens), i) % vocab);
  return prompt;
}

} // namespace ingot::e2e
