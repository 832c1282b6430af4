#include "runtime/text/Utf8.h"
#include "tests/engine/FakeModel.h"
#include "tests/engine/FakeRequests.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <thread>

using namespace ingot;
using namespace ingot::testing;

namespace {

std::unique_ptr<Engine> makeEngine(FakeModel &model, const EngineConfig &config = {},
                                   std::optional<Tokenizer> tokenizer = {}) {
  auto engine = Engine::create(model.parts(std::move(tokenizer)), config);
  INFO(engine.status().toString());
  REQUIRE(engine.isOk());
  // Pages hold garbage before they are written, as after other sequences.
  const std::span<uint8_t> pool = (*engine)->executor().kvPool();
  std::fill(pool.begin(), pool.end(), uint8_t(0xff));
  return *std::move(engine);
}

Answer runAlone(const Request &request, std::optional<Tokenizer> tokenizer = {}) {
  FakeModel model;
  auto engine = makeEngine(model, {}, std::move(tokenizer));
  auto id = engine->submit(request);
  REQUIRE(id.isOk());
  engine->drain();
  std::map<RequestId, Answer> answers;
  collect(engine->takeEvents(), answers);
  return answers[*id];
}

} // namespace

TEST_CASE("greedy output is the model's own argmax chain") {
  Request request;
  request.prompt = {1, 2, 3};
  request.maxTokens = 10;
  request.ignoreEos = true;
  const Answer answer = runAlone(request);
  REQUIRE(answer.finish == FinishReason::Length);
  std::vector<uint32_t> history = request.prompt;
  for (const uint32_t token : answer.tokens) {
    float logits[kFakeVocab];
    fakeLogits(history, logits);
    REQUIRE(token == std::max_element(logits, logits + kFakeVocab) - logits);
    history.push_back(token);
  }
  REQUIRE(history.size() == 13);
}

TEST_CASE("mixed requests with cancels in a tiny pool give what each gives alone") {
  const uint32_t seed = GENERATE(range(1u, 7u));
  std::mt19937 random(seed);
  FakeModel model;
  EngineConfig config;
  config.kvBlocks = 26; // 104 positions: one full context, little more
  config.maxChunkTokens = 1 + random() % 17;
  config.maxBatchTokens = 8 + random() % 30;
  config.shuffleBlocks = seed % 2 ? 0 : seed;
  config.forceSchedule = seed % 3 == 0 ? 1 : -1;
  auto engine = makeEngine(model, config);

  std::vector<Request> requests;
  std::vector<RequestId> ids, cancelled;
  std::map<RequestId, Answer> answers;
  bool busy = true;
  for (int step = 0; busy || requests.size() < 40; ++step) {
    REQUIRE(step < 10000);
    while (requests.size() < 40 && random() % 2 == 0) {
      requests.push_back(randomRequest(random));
      const auto id = engine->submit(requests.back());
      INFO(id.status().toString());
      REQUIRE(id.isOk());
      ids.push_back(*id);
    }
    if (random() % 12 == 0 && !ids.empty()) {
      cancelled.push_back(ids[random() % ids.size()]);
      engine->cancel(cancelled.back());
    }
    busy = engine->step();
    if (random() % 3 == 0)
      collect(engine->takeEvents(), answers);
    REQUIRE(engine->pool().checkInvariants().isOk());
  }
  collect(engine->takeEvents(), answers);
  REQUIRE(engine->pool().freeBlocks() == engine->pool().totalBlocks());
  REQUIRE(engine->stats().preemptions > 0);
  REQUIRE(engine->stats().requestsFinished == requests.size());

  for (size_t i = 0; i < requests.size(); ++i) {
    const Answer &together = answers[ids[i]];
    const Answer alone = runAlone(requests[i]);
    CAPTURE(seed, i);
    if (together.finish == FinishReason::Cancelled) {
      REQUIRE(std::count(cancelled.begin(), cancelled.end(), ids[i]) > 0);
      REQUIRE(together.tokens.size() <= alone.tokens.size());
      REQUIRE(std::equal(together.tokens.begin(), together.tokens.end(), alone.tokens.begin()));
      continue;
    }
    REQUIRE(together.finish == alone.finish);
    REQUIRE(together.tokens == alone.tokens);
    REQUIRE(together.samples.size() == alone.samples.size());
    for (size_t k = 0; k < alone.samples.size(); ++k)
      REQUIRE(together.samples[k].logprob == alone.samples[k].logprob);
  }
}

TEST_CASE("the comparison notices a model that mixes up block tables") {
  FakeModel model;
  model.forgetsTable = true;
  auto engine = makeEngine(model);
  std::map<RequestId, Answer> answers;
  std::vector<Request> requests(2);
  requests[0].prompt = {1, 2, 3};
  requests[1].prompt = {4, 5, 6, 7};
  std::vector<RequestId> ids;
  for (Request &request : requests) {
    request.maxTokens = 8;
    ids.push_back(*engine->submit(request));
  }
  engine->drain();
  collect(engine->takeEvents(), answers);
  REQUIRE(answers[ids[1]].tokens != runAlone(requests[1]).tokens);
}

TEST_CASE("a request can be cancelled before its first step and unknown ids are ignored") {
  FakeModel model;
  auto engine = makeEngine(model);
  Request request;
  request.prompt = {1};
  const RequestId id = *engine->submit(request);
  engine->cancel(id);
  engine->cancel(id);
  engine->cancel(999);
  REQUIRE_FALSE(engine->step());
  const std::vector<Event> events = engine->takeEvents();
  REQUIRE(events.size() == 1);
  REQUIRE(events[0].finish == FinishReason::Cancelled);
  REQUIRE(events[0].tokens.empty());
}

TEST_CASE("bad requests are refused at the edge with their numbers") {
  FakeModel model;
  EngineConfig config;
  config.kvBlocks = 5; // 20 positions
  auto engine = makeEngine(model, config);
  Request request;
  REQUIRE(engine->submit(request).status().id() == "prompt-empty");
  request.prompt.assign(20, 1);
  const Status tooLong = engine->submit(request).status();
  REQUIRE(tooLong.id() == "prompt-too-long");
  REQUIRE(tooLong.message().find("20") != std::string::npos);
  request.prompt = {kFakeVocab};
  REQUIRE(engine->submit(request).status().id() == "token-out-of-range");
  request.prompt = {1};
  request.stopStrings = {"x"};
  REQUIRE(engine->submit(request).status().id() == "stop-string-invalid");
  request.stopStrings.clear();
  request.sampling.topP = 0;
  REQUIRE(engine->submit(request).status().id() == "sampling-out-of-range");
}

TEST_CASE("answers end where the pool or the context ends") {
  FakeModel model;
  EngineConfig config;
  config.kvBlocks = 5;
  auto engine = makeEngine(model, config);
  Request request;
  request.prompt = {1, 2, 3};
  request.ignoreEos = true;
  const RequestId id = *engine->submit(request);
  engine->drain();
  std::map<RequestId, Answer> answers;
  collect(engine->takeEvents(), answers);
  REQUIRE(answers[id].finish == FinishReason::Length);
  REQUIRE(answers[id].tokens.size() == 17);
}

TEST_CASE("a failing kernel ends the requests of its step and no other") {
  FakeModel model(96, 48, 1); // one sequence at a time
  model.failToken = 200;
  auto engine = makeEngine(model);
  Request good, bad;
  good.prompt = {1, 2};
  good.maxTokens = 1;
  bad.prompt = {200};
  const RequestId first = *engine->submit(good), second = *engine->submit(bad);
  const RequestId third = *engine->submit(good);
  engine->drain();
  std::map<RequestId, Answer> answers;
  collect(engine->takeEvents(), answers);
  REQUIRE(answers[first].finish == FinishReason::Length);
  REQUIRE(answers[second].finish == FinishReason::Error);
  REQUIRE(answers[second].error.id() == "kernel-failed");
  REQUIRE(answers[third].tokens == answers[first].tokens);
  REQUIRE(engine->pool().freeBlocks() == engine->pool().totalBlocks());
}

TEST_CASE("a row that is not a number ends its own request only") {
  FakeModel model;
  model.nanToken = 9;
  auto engine = makeEngine(model);
  Request sick, healthy;
  sick.prompt = {1, 9};
  healthy.prompt = {1, 2};
  sick.maxTokens = healthy.maxTokens = 1;
  sick.sampling.temperature = healthy.sampling.temperature = 1;
  const RequestId a = *engine->submit(sick), b = *engine->submit(healthy);
  engine->drain();
  std::map<RequestId, Answer> answers;
  collect(engine->takeEvents(), answers);
  REQUIRE(answers[a].finish == FinishReason::Error);
  REQUIRE(answers[a].error.id() == "logits-not-finite");
  REQUIRE(answers[b].finish == FinishReason::Length);
}

TEST_CASE("prompt scores come once each, whatever the chunks and rows of a step") {
  Request request;
  for (uint32_t i = 0; i < 60; ++i)
    request.prompt.push_back(i * 7 % 250);
  request.scorePrompt = true;
  request.sampling.logprobs = 1;
  std::vector<float> reference;
  for (const uint32_t rows : {0u, 1u, 5u, 48u})
    for (const uint32_t chunk : {0u, 1u, 13u}) {
      FakeModel model;
      EngineConfig config;
      config.maxReturnedRows = rows;
      config.maxChunkTokens = chunk;
      auto engine = makeEngine(model, config);
      const RequestId id = *engine->submit(request);
      engine->drain();
      std::map<RequestId, Answer> answers;
      collect(engine->takeEvents(), answers);
      REQUIRE(answers[id].finish == FinishReason::Length);
      REQUIRE(answers[id].tokens.empty());
      REQUIRE(answers[id].scores.size() == 59);
      std::vector<float> scores;
      for (size_t i = 0; i < 59; ++i) {
        REQUIRE(answers[id].scores[i].token == request.prompt[i + 1]);
        REQUIRE(answers[id].scores[i].top.size() == 1);
        scores.push_back(answers[id].scores[i].logprob);
      }
      if (reference.empty())
        reference = scores;
      REQUIRE(scores == reference);
    }
}

TEST_CASE("text streams whole characters and joins to the text of the tokens") {
  const Tokenizer tokenizer = byteTokenizer();
  Request request;
  request.prompt = {'a'};
  request.maxTokens = 60;
  request.ignoreEos = true;
  FakeModel model;
  auto engine = makeEngine(model, {}, tokenizer);
  REQUIRE(engine->submit(request).isOk());
  std::string joined;
  std::vector<uint32_t> tokens;
  for (bool busy = true; busy;) {
    busy = engine->step();
    for (const Event &event : engine->takeEvents()) {
      REQUIRE(findInvalidUtf8(event.text) == std::string_view::npos);
      joined += event.text;
      tokens.insert(tokens.end(), event.tokens.begin(), event.tokens.end());
    }
  }
  REQUIRE(tokens.size() == 60);
  REQUIRE(joined == tokenizer.decode(tokens, {true, true}));
}

TEST_CASE("stop strings and stop ids end the text before themselves") {
  const Tokenizer tokenizer = byteTokenizer();
  Request request;
  request.prompt = {'b', 'c'};
  request.maxTokens = 60;
  request.ignoreEos = true;
  const Answer whole = runAlone(request, tokenizer);
  REQUIRE(whole.tokens.size() == 60);

  // A string across three tokens that have text of their own.
  size_t at = 0;
  const auto ascii = [&](size_t i) { return whole.tokens[i] >= 32 && whole.tokens[i] < 127; };
  while (at + 2 < 60 && !(ascii(at) && ascii(at + 1)))
    ++at;
  REQUIRE(at + 2 < 60);
  const std::string stop = tokenizer.decode(
      std::vector(whole.tokens.begin() + long(at), whole.tokens.begin() + long(at) + 2),
      {true, true});
  request.stopStrings = {"never seen", stop};
  const Answer stopped = runAlone(request, tokenizer);
  REQUIRE(stopped.finish == FinishReason::Stop);
  REQUIRE(stopped.text == whole.text.substr(0, whole.text.find(stop)));
  REQUIRE(stopped.tokens.size() == at + 2);

  request.stopStrings.clear();
  request.stopIds = {whole.tokens[5]};
  const Answer byId = runAlone(request, tokenizer);
  REQUIRE(byId.finish == FinishReason::Stop);
  const auto first = std::find(whole.tokens.begin(), whole.tokens.end(), whole.tokens[5]);
  REQUIRE(byId.tokens.size() == static_cast<size_t>(first - whole.tokens.begin()) + 1);
}

TEST_CASE("requests may be submitted and cancelled while another thread steps") {
  FakeModel model;
  auto engine = makeEngine(model);
  std::atomic<bool> done{false};
  std::thread producer([&] {
    std::mt19937 random(3);
    for (int i = 0; i < 50; ++i) {
      const auto id = engine->submit(randomRequest(random));
      if (id.isOk() && i % 7 == 0)
        engine->cancel(*id);
    }
    done = true;
  });
  while (engine->step() || !done) {
  }
  producer.join();
  engine->drain();
  REQUIRE(engine->stats().requestsFinished == 50);
  REQUIRE(engine->pool().freeBlocks() == engine->pool().totalBlocks());
}

TEST_CASE("an idle engine computes nothing") {
  FakeModel model;
  auto engine = makeEngine(model);
  REQUIRE_FALSE(engine->step());
  REQUIRE(model.device().launches() == 0);
  REQUIRE(engine->takeEvents().empty());
}
