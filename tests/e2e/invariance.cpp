// The bits of an artifact's answers do not depend on how they are computed: instruction set,
// schedule, threads, chunks, pages, neighbours, the caller's floating-point mode, stale pages.
//
//   ingot-invariance ARTIFACT [every]
//
// Without "every" a few of the chunk sizes are tried. A planted order bug, cached positions in
// reverse, which changes nothing but the order of sums, must be noticed.

#include "runtime/artifact/KernelAbi.h"
#include "runtime/base/Mxcsr.h"
#include "tests/e2e/EngineDriver.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace ingot;
using namespace ingot::e2e;

namespace {

constexpr uint32_t kDefaultMxcsr = 0x1f80;

/// One way to compute.
struct Way {
  std::string name;
  SessionOptions options;
  uint32_t mxcsr = kDefaultMxcsr; ///< of the thread that steps
  bool poison = false;            ///< free pages hold NaN before every step
};

/// Greedy and sampled, with and without log-probabilities, and a scored prompt; lengths around
/// pages, tiles and attention segments.
std::vector<Request> sampleRequests(uint32_t vocab) {
  std::vector<Request> requests;
  for (const uint32_t length : {1u, 2u, 15u, 16u, 17u, 63u, 64u, 65u, 129u, 300u}) {
    Request request;
    request.prompt = randomPrompt(7, length, vocab);
    request.maxTokens = 6;
    request.ignoreEos = true;
    const size_t kind = requests.size() % 3;
    request.sampling.temperature = kind == 1 ? 0.9f : 0.0f;
    request.sampling.topP = 0.95f;
    request.sampling.seed = length;
    request.sampling.logprobs = kind == 0 ? -1 : 1; // kind 0: the argmax twin
    requests.push_back(request);
  }
  Request scored;
  scored.prompt = randomPrompt(8, 280, vocab);
  scored.scorePrompt = true;
  requests.push_back(scored);
  return requests;
}

std::vector<Answer> answersOf(const std::string &path, const Way &way) {
  const auto session = demand(Session::open(path, way.options));
  Engine &engine = session->engine();
  const uint32_t before = _mm_getcsr();
  _mm_setcsr(way.mxcsr);
  const auto poison = [&](uint64_t) {
    if (way.poison)
      poisonFreeBlocks(engine);
  };
  poison(0);
  std::vector<Answer> answers =
      runTogether(engine, sampleRequests(session->manifest().plan.vocab), poison);
  _mm_setcsr(before);
  return answers;
}

Way way(std::string name, uint32_t threads = 1) {
  Way result;
  result.name = std::move(name);
  result.options.cpu.threads = threads;
  return result;
}

/// Instruction sets in the artifact that this machine runs.
std::vector<std::string> runnableLevels(const std::string &path) {
  const auto session = demand(Session::open(path, {}));
  std::vector<std::string> levels;
  for (const char *level : {"x86-64-v3", "x86-64-v4-vnni", "x86-64-v4-vnni-bf16"})
    if (session->artifact().chooseImage(CpuFeatures::host(), level))
      levels.push_back(level);
  return levels;
}

std::vector<Way> allWays(const std::string &path, bool every) {
  std::vector<Way> ways;
  for (const std::string &level : runnableLevels(path))
    for (const int32_t schedule : {-1, 0, 1}) {
      Way w = way(level + (schedule < 0 ? "" : ", schedule " + std::to_string(schedule)));
      w.options.cpu.level = level;
      w.options.engine.forceSchedule = schedule;
      ways.push_back(w);
    }
  for (uint32_t chunk = 1; chunk <= 17; chunk += every || chunk >= 15 ? 1 : 7) {
    ways.push_back(way("chunks of " + std::to_string(chunk), 1 + chunk % 3));
    ways.back().options.engine.maxChunkTokens = chunk;
    ways.back().poison = chunk % 2 == 0;
  }
  for (uint32_t threads : {2u, 3u})
    ways.push_back(way(std::to_string(threads) + " threads", threads));
  for (uint64_t shuffle : {1u, 2u}) {
    ways.push_back(way("pages in random order " + std::to_string(shuffle)));
    ways.back().options.engine.shuffleBlocks = shuffle;
    ways.back().poison = true;
  }
  for (const auto &[name, mode] :
       {std::pair("FTZ and DAZ", 0x9fc0u), std::pair("round up", 0x5f80u),
        std::pair("round down", 0x3f80u), std::pair("chop", 0xffc0u)}) {
    ways.push_back(way(std::string("caller's MXCSR: ") + name, 2));
    ways.back().mxcsr = mode;
  }
  ways.push_back(way("three at a time, steps of 33 tokens", 2));
  ways.back().options.engine.maxSequences = 3;
  ways.back().options.engine.maxBatchTokens = 33;
  return ways;
}

/// Exchanges positions `a` and `b` of the first sequence in every layer and head of the cache. Its
/// pages lie in order in a new engine.
void swapPositions(Engine &engine, const artifact::KvGroup &group, uint32_t a, uint32_t b) {
  const abi::KvLayout layout{group.layers, group.heads, group.keyDim, group.blockTokens};
  uint8_t *pool = engine.executor().kvPool().data();
  const auto tile = [&](uint32_t layer, uint32_t head, uint32_t p) {
    return pool + p / group.blockTokens * group.blockBytes + layer * layout.layerBytes() +
           head * layout.headBytes() + p % group.blockTokens / abi::kKvTile * layout.tileBytes();
  };
  for (uint32_t layer = 0; layer < group.layers; ++layer)
    for (uint32_t head = 0; head < group.heads; ++head) {
      uint8_t *first = tile(layer, head, a), *second = tile(layer, head, b);
      const uint32_t i = a % abi::kKvTile, k = b % abi::kKvTile;
      for (uint32_t pair = 0; pair < group.keyDim / 2; ++pair) // K: [pairs][16 positions][2]
        std::swap_ranges(first + (pair * 16 + i) * 4, first + (pair * 16 + i) * 4 + 4,
                         second + (pair * 16 + k) * 4);
      const uint64_t rowBytes = layout.valueStride() * 2; // V: [16 positions][stride]
      uint8_t *row = first + layout.keyTileBytes() + i * rowBytes;
      std::swap_ranges(row, row + rowBytes, second + layout.keyTileBytes() + k * rowBytes);
    }
}

/// Whether the comparison notices sums in another order, and that it is no more than that. Most of
/// the last bits that move vanish when activations are rounded: hence a long prompt and answer.
bool noticesOrder(const std::string &path) {
  constexpr uint32_t kPrompt = 300;
  Request request;
  request.maxTokens = 400;
  request.ignoreEos = true;
  request.sampling.temperature = 1;
  request.sampling.logprobs = 1;
  std::vector<Answer> answers;
  for (const bool planted : {false, true}) {
    const auto session = demand(Session::open(path, way("").options));
    const artifact::KvGroup &group = session->manifest().plan.kvGroups[0];
    request.prompt = randomPrompt(9, kPrompt, session->manifest().plan.vocab);
    const auto plant = [&](uint64_t step) {
      for (uint32_t p = 0; planted && step == 0 && p < kPrompt / 2; ++p)
        swapPositions(session->engine(), group, p, kPrompt - 1 - p);
    };
    answers.push_back(runTogether(session->engine(), {request}, plant).front());
  }
  double first = 0; // of the first token that differs; later ones drift apart
  for (size_t i = 0; i < answers[0].logprobs.size() && first == 0; ++i)
    first = std::fabs(double(answers[0].logprobs[i]) - answers[1].logprobs[i]);
  const bool noticed = !(answers[0] == answers[1]);
  std::printf("planted order bug: %s, log-probabilities move by %.1e at first\n",
              noticed ? "noticed" : "NOT noticed", first);
  return noticed && first < 0.1;
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: ingot-invariance ARTIFACT [every]\n");
    return 64;
  }
  const std::string path = argv[1];
  Way alone = way("one at a time");
  alone.options.engine.maxSequences = 1;
  const std::vector<Answer> want = answersOf(path, alone);
  uint32_t differ = 0, tried = 0;
  for (const Way &w : allWays(path, argc > 2)) {
    ++tried;
    if (answersOf(path, w) == want)
      continue;
    ++differ;
    std::printf("other bits: %s\n", w.name.c_str());
  }
  const bool noticed = noticesOrder(path);
  std::printf("%u ways to compute %zu requests, %u differ\n", tried, want.size(), differ);
  return differ == 0 && noticed ? 0 : 1;
}
