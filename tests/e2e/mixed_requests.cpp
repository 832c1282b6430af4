// Many requests of one artifact at once, arriving and leaving at random, in a KV pool too small
// for them: each must get, bit for bit, what it gets alone.
//
//   ingot-mixed-requests ARTIFACT COUNT [SEED [DIVISOR]]
//
// Lengths are divided by DIVISOR, for devices that are slow.//
// Free blocks hold NaN at every step. Fails also when nothing was preempted or cancelled, because
// then the program does not test what it claims.

#include "runtime/base/Random.h"
#include "tests/e2e/EngineDriver.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace ingot;
using namespace ingot::e2e;

namespace {

/// Sizes of a crowd.
struct Scale {
  uint32_t longestPrompt, shortPrompt, mostNewTokens;
  uint32_t kvBlocks; ///< little more than the longest request fills
  uint32_t batchTokens, chunkTokens;
  uint32_t stepsPerCancel;

  explicit Scale(uint32_t divisor)
      : longestPrompt(400 / divisor), shortPrompt(60 / divisor), mostNewTokens(150 / divisor),
        kvBlocks((longestPrompt + mostNewTokens) / 16 + 2), batchTokens(96 / divisor),
        chunkTokens(40 / divisor), stepsPerCancel(60 / divisor) {}
};

/// Random numbers in a fixed order.
class Dice {
public:
  explicit Dice(uint64_t seed) : key_(randomKey(seed, 0)) {}
  uint32_t below(uint32_t limit) {
    return static_cast<uint32_t>(randomBits(key_, counter_++) % limit);
  }

private:
  uint64_t key_, counter_ = 0;
};

Request randomRequest(Dice &dice, uint32_t vocab, const Scale &scale) {
  Request request;
  request.prompt =
      randomPrompt(dice.below(1u << 30),
                   1 + dice.below(dice.below(3) ? scale.shortPrompt : scale.longestPrompt), vocab);
  request.maxTokens = 1 + dice.below(scale.mostNewTokens);
  request.ignoreEos = dice.below(3) != 0;
  if (dice.below(2) == 0) {
    request.sampling.temperature = 0.5f + 0.25f * static_cast<float>(dice.below(4));
    request.sampling.topK = dice.below(2) ? 0 : 1 + dice.below(50);
    request.sampling.topP = dice.below(2) ? 1.0f : 0.9f;
    request.sampling.minP = dice.below(3) ? 0.0f : 0.02f;
    request.sampling.seed = dice.below(1u << 30);
  }
  if (dice.below(4) == 0)
    request.sampling.logprobs = 2;
  return request;
}

struct Crowd {
  std::vector<Request> requests;
  std::vector<Answer> answers; ///< [request]
  uint64_t preemptions = 0;
  bool allBlocksFree = false;
};

SessionOptions smallPool(uint64_t seed, const Scale &scale) {
  SessionOptions options;
  options.cpu.threads = 2;
  options.engine.maxBatchTokens = scale.batchTokens;
  options.engine.maxChunkTokens = scale.chunkTokens;
  options.engine.kvBlocks = scale.kvBlocks;
  options.engine.shuffleBlocks = seed + 1;
  return options;
}

/// Cancels one of the requests that are not done: the oldest, which is running, or any.
void cancelOne(Engine &engine, Dice &dice, const std::vector<RequestId> &ids,
               std::map<RequestId, Answer> &byId) {
  std::vector<RequestId> open;
  for (const RequestId id : ids)
    if (byId[id].finish == FinishReason::None)
      open.push_back(id);
  if (!open.empty())
    engine.cancel(open[dice.below(2) ? 0 : dice.below(uint32_t(open.size()))]);
}

Crowd runCrowd(const std::string &path, uint32_t count, uint64_t seed, const Scale &scale) {
  const auto session = demand(Session::open(path, smallPool(seed, scale)));
  Engine &engine = session->engine();
  Dice dice(seed);
  Crowd crowd;
  std::vector<RequestId> ids;
  std::map<RequestId, Answer> byId;
  for (bool busy = true; busy || crowd.requests.size() < count;) {
    // Clumps of arrivals; pages of the departed hold NaN.
    uint32_t news = dice.below(6) == 0 ? 1 + dice.below(7) : 0;
    for (; news > 0 && crowd.requests.size() < count; --news) {
      crowd.requests.push_back(randomRequest(dice, session->manifest().plan.vocab, scale));
      ids.push_back(demand(engine.submit(crowd.requests.back())));
    }
    if (dice.below(scale.stepsPerCancel) == 0)
      cancelOne(engine, dice, ids, byId);
    poisonFreeBlocks(engine);
    busy = engine.step();
    demand(engine.pool().checkInvariants());
    collect(engine.takeEvents(), byId);
  }
  for (const RequestId id : ids)
    crowd.answers.push_back(byId[id]);
  crowd.preemptions = engine.stats().preemptions;
  crowd.allBlocksFree = engine.pool().freeBlocks() == engine.pool().totalBlocks();
  return crowd;
}

/// A cancelled answer is a beginning of the whole one.
bool isBeginning(const Answer &part, const Answer &whole) {
  return part.tokens.size() <= whole.tokens.size() &&
         std::equal(part.tokens.begin(), part.tokens.end(), whole.tokens.begin());
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: ingot-mixed-requests ARTIFACT COUNT [SEED [DIVISOR]]\n");
    return 64;
  }
  const auto count = static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10));
  const uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
  const Scale scale(argc > 4 ? static_cast<uint32_t>(std::strtoul(argv[4], nullptr, 10)) : 1);
  const Crowd crowd = runCrowd(argv[1], count, seed, scale);

  SessionOptions options;
  options.cpu.threads = 1;
  options.engine.maxSequences = 1;
  const auto session = demand(Session::open(argv[1], options));
  uint32_t differ = 0, cancelled = 0, interrupted = 0, sampled = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const Answer alone = runTogether(session->engine(), {crowd.requests[i]}).front();
    const Answer &together = crowd.answers[i];
    const bool ended = together.finish != FinishReason::Cancelled;
    cancelled += !ended;
    interrupted += !ended && !together.tokens.empty();
    sampled += !crowd.requests[i].sampling.greedy();
    if (ended ? together == alone : isBeginning(together, alone))
      continue;
    ++differ;
    std::printf("request %u of seed %llu differs: prompt of %zu tokens, %zu against %zu tokens\n",
                i, static_cast<unsigned long long>(seed), crowd.requests[i].prompt.size(),
                together.tokens.size(), alone.tokens.size());
  }
  std::printf("%u requests (%u sampled), %llu preemptions, %u cancelled (%u of them while "
              "answering), %u differ, blocks free after drain: %s\n",
              count, sampled, static_cast<unsigned long long>(crowd.preemptions), cancelled,
              interrupted, differ, crowd.allBlocksFree ? "all" : "not all");
  const bool tried = crowd.preemptions > 0 && cancelled > 0 && sampled > 0 && sampled < count;
  return differ == 0 && crowd.allBlocksFree && tried ? 0 : 1;
}
