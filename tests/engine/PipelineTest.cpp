// Two steps in flight: the next step is launched before the ids of the last one are read. Nothing
// that a request gets may show it.
#include "tests/engine/FakeRequests.h"
#include "tests/engine/LateDevice.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace ingot;
using namespace ingot::testing;

namespace {

/// An engine on a device that holds two steps.
struct Pipelined {
  explicit Pipelined(const EngineConfig &config = {}, std::optional<Tokenizer> tokenizer = {},
                     uint32_t maxSequences = 6)
      : model(96, 48, maxSequences), device(model.hook()) {
    model.addSampling();
    EngineParts parts = model.parts(std::move(tokenizer));
    parts.device = &device;
    auto made = Engine::create(std::move(parts), config);
    INFO(made.status().toString());
    REQUIRE(made.isOk());
    engine = *std::move(made);
    const std::span<uint8_t> pool = engine->executor().kvPool();
    std::fill(pool.begin(), pool.end(), uint8_t(0xff));
  }
  RequestId submit(const Request &request) {
    auto id = engine->submit(request);
    INFO(id.status().toString());
    REQUIRE(id.isOk());
    return *id;
  }
  std::map<RequestId, Answer> &drain() {
    engine->drain();
    collect(engine->takeEvents(), answers);
    return answers;
  }
  bool allFree() const { return engine->pool().freeBlocks() == engine->pool().totalBlocks(); }

  FakeModel model;
  LateDevice device;
  std::unique_ptr<Engine> engine;
  std::map<RequestId, Answer> answers;
};

/// What the request gets from the engine that reads every step before it plans the next.
Answer synchronous(const Request &request, std::optional<Tokenizer> tokenizer = {}) {
  FakeModel model;
  auto engine = Engine::create(model.parts(std::move(tokenizer)), {});
  REQUIRE(engine.isOk());
  const auto id = (*engine)->submit(request);
  REQUIRE(id.isOk());
  (*engine)->drain();
  std::map<RequestId, Answer> answers;
  collect((*engine)->takeEvents(), answers);
  return answers[*id];
}

Request simple(uint32_t maxTokens, bool sampled = false) {
  Request request;
  request.prompt = {1, 2, 3};
  request.maxTokens = maxTokens;
  request.ignoreEos = true;
  request.sampling.temperature = sampled ? 0.9f : 0.0f;
  return request;
}

void compare(const Answer &together, const Answer &alone) {
  if (together.finish == FinishReason::Cancelled) {
    REQUIRE(together.tokens.size() <= alone.tokens.size());
    REQUIRE(std::equal(together.tokens.begin(), together.tokens.end(), alone.tokens.begin()));
    return;
  }
  REQUIRE(together.finish == alone.finish);
  REQUIRE(together.tokens == alone.tokens);
  REQUIRE(together.text == alone.text);
  REQUIRE(together.samples.size() == alone.samples.size());
  for (size_t k = 0; k < alone.samples.size(); ++k)
    REQUIRE(together.samples[k].logprob == alone.samples[k].logprob);
  REQUIRE(together.scores.size() == alone.scores.size());
}

} // namespace

TEST_CASE("mixed requests with two steps in flight get what a synchronous engine gives") {
  const uint32_t seed = GENERATE(range(1u, 9u));
  std::mt19937 random(seed);
  EngineConfig config;
  config.kvBlocks = 26;
  config.maxChunkTokens = 1 + random() % 17;
  config.maxBatchTokens = 8 + random() % 30;
  config.shuffleBlocks = seed % 2 ? 0 : seed;
  config.forceSchedule = seed % 3 == 0 ? 1 : -1;
  const Tokenizer tokenizer = byteTokenizer();
  Pipelined late(config, tokenizer);
  Engine &engine = *late.engine;

  // Every other seed without log-probabilities: no step needs the host.
  std::vector<Request> requests;
  std::vector<RequestId> ids;
  bool busy = true;
  for (int step = 0; busy || requests.size() < 40; ++step) {
    REQUIRE(step < 10000);
    while (requests.size() < 40 && random() % 2 == 0) {
      Request request = randomRequest(random);
      if (seed % 2 == 0)
        request.sampling.logprobs = -1;
      if (random() % 4 == 0)
        request.stopStrings = {"e", std::string(1, static_cast<char>('a' + random() % 26))};
      if (random() % 12 == 0) {
        request = {};
        request.prompt = {5, 6, 7, 8, 9};
        request.scorePrompt = true;
      }
      requests.push_back(request);
      ids.push_back(late.submit(request));
    }
    if (random() % 12 == 0 && !ids.empty())
      engine.cancel(ids[random() % ids.size()]);
    busy = engine.step();
    if (random() % 3 == 0)
      collect(engine.takeEvents(), late.answers);
    REQUIRE(engine.pool().checkInvariants().isOk());
  }
  late.drain();
  REQUIRE(late.allFree());
  REQUIRE(late.device.mostInFlight == 2);
  REQUIRE(late.device.inFlight() == 0);
  REQUIRE(engine.stats().preemptions > 0);
  REQUIRE(engine.stats().requestsFinished == requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    CAPTURE(seed, i);
    compare(late.answers[ids[i]], synchronous(requests[i], tokenizer));
  }
}

TEST_CASE("the comparison notices ids of the wrong row") {
  Pipelined late;
  late.model.offset = 1;
  Request other = simple(8);
  other.prompt = {4, 5, 6, 7};
  const RequestId first = late.submit(simple(8)), second = late.submit(other);
  auto &answers = late.drain();
  // The first token comes from the prompt, which the host knows.
  CHECK(answers[first].tokens[0] == synchronous(simple(8)).tokens[0]);
  CHECK(answers[first].tokens != synchronous(simple(8)).tokens);
  CHECK(answers[second].tokens != synchronous(other).tokens);
}

TEST_CASE("the next step is launched before the last one is read") {
  for (const bool sampled : {false, true}) {
    Pipelined late;
    late.submit(simple(3, sampled));
    REQUIRE(late.engine->step());
    CHECK(late.device.inFlight() == 1);
    CHECK(late.engine->takeEvents().empty());
    REQUIRE(late.engine->step());
    CHECK(late.device.launches() == 2);
    CHECK(late.device.inFlight() == 1);
    CHECK(late.engine->takeEvents().size() == 1);
    late.drain();
    CHECK(late.allFree());
  }
}

TEST_CASE("a step whose rows the host must see is read at once") {
  Pipelined late;
  Request request = simple(3);
  request.sampling.logprobs = 1;
  late.submit(request);
  late.submit(simple(3));
  REQUIRE(late.engine->step());
  CHECK(late.device.inFlight() == 0);
  CHECK(late.engine->takeEvents().size() == 2);
}

TEST_CASE("the last token that a request may have needs no step behind it") {
  Pipelined late;
  const RequestId id = late.submit(simple(5));
  CHECK(late.drain()[id].tokens.size() == 5);
  CHECK(late.device.launches() == 5);
  // Nor does the end of the context.
  EngineConfig config;
  config.kvBlocks = 5;
  Pipelined small(config);
  const RequestId longest = small.submit(simple(0));
  CHECK(small.drain()[longest].tokens.size() == 17);
  CHECK(small.device.launches() == 17);
  CHECK(small.allFree());
}

TEST_CASE("a request that stops is dropped from the step behind") {
  const std::vector<uint32_t> whole = synchronous(simple(8)).tokens;
  Request request = simple(8);
  request.stopIds = {whole[3]};
  const size_t expected = synchronous(request).tokens.size();
  Pipelined late;
  const RequestId id = late.submit(request);
  Answer &answer = late.drain()[id];
  CHECK(answer.finish == FinishReason::Stop);
  CHECK(answer.tokens.size() == expected);
  CHECK(late.device.launches() == expected + 1);
  CHECK(late.engine->stats().tokensGenerated == expected);
  CHECK(late.allFree());
}

TEST_CASE("a request that is cancelled with a step in flight gets nothing more") {
  Pipelined late;
  const RequestId id = late.submit(simple(20)), other = late.submit(simple(4));
  for (int step = 0; step < 3; ++step)
    late.engine->step();
  collect(late.engine->takeEvents(), late.answers);
  const size_t before = late.answers[id].tokens.size();
  late.engine->cancel(id);
  late.drain();
  CHECK(late.answers[id].finish == FinishReason::Cancelled);
  CHECK(late.answers[id].tokens.size() == before);
  CHECK(late.answers[other].tokens == synchronous(simple(4)).tokens);
  CHECK(late.allFree());
}

TEST_CASE("a device that is lost with two steps in flight fails the requests of both") {
  EngineConfig config;
  config.maxChunkTokens = 2;
  Pipelined late(config);
  late.device.dies = true;
  late.model.failToken = 200;
  Request bad = simple(4);
  bad.prompt = {1, 2, 200, 3};
  const RequestId first = late.submit(bad);
  REQUIRE(late.engine->step()); // tokens 1, 2
  const RequestId second = late.submit(simple(4));
  REQUIRE(late.engine->step()); // 200, 3, and the newcomer
  const RequestId third = late.submit(simple(4));
  auto &answers = late.drain();
  for (const RequestId id : {first, second, third}) {
    CHECK(answers[id].finish == FinishReason::Error);
    CHECK(answers[id].error.id() == "kernel-failed");
    CHECK(answers[id].tokens.empty());
  }
  CHECK(late.allFree());
  CHECK(late.engine->stats().requestsFinished == 3);
  CHECK_FALSE(late.engine->step());
}

TEST_CASE("a failed step behind a good one takes nothing from it") {
  const std::vector<uint32_t> whole = synchronous(simple(8)).tokens;
  Pipelined late;
  late.model.failToken = whole[2]; // the step that computes it fails
  const RequestId id = late.submit(simple(8));
  Answer &answer = late.drain()[id];
  CHECK(answer.finish == FinishReason::Error);
  CHECK(answer.tokens == std::vector<uint32_t>(whole.begin(), whole.begin() + 3));
  CHECK(late.allFree());
  // The device lives on.
  late.model.failToken = ~0u;
  const RequestId next = late.submit(simple(8));
  CHECK(late.drain()[next].tokens == whole);
}

TEST_CASE("a row that is not a number ends its own request, wherever it is sampled") {
  Pipelined late;
  late.model.nanToken = 9;
  Request sick = simple(3, true);
  sick.prompt = {1, 9};
  const RequestId a = late.submit(sick), b = late.submit(simple(3, true));
  auto &answers = late.drain();
  CHECK(answers[a].finish == FinishReason::Error);
  CHECK(answers[a].error.id() == "logits-not-finite");
  CHECK(answers[b].tokens == synchronous(simple(3, true)).tokens);
}

TEST_CASE("failAll ends requests whose steps are in flight") {
  Pipelined late;
  const RequestId id = late.submit(simple(20));
  late.engine->step();
  late.engine->step();
  late.engine->failAll({ErrorClass::Os, "out-of-memory", "no memory for a step"});
  CHECK(late.drain()[id].error.id() == "out-of-memory");
  CHECK(late.device.inFlight() == 0);
  CHECK(late.allFree());
}
