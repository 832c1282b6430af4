// A whole session on the mock GPU: the fake model's kernels are executed, with paging, batching and
// preemption, and must answer as on the CPU.
#include "runtime/engine/KnownAnswers.h"
#include "tests/cts/Subjects.h"

#include <catch2/catch.hpp>

#include <map>

using namespace ingot;
using namespace ingot::testing;
using mock::Machine;
using mock::MockPanel;

namespace {

struct Opened {
  explicit Opened(const std::string &device, SessionOptions options = {}) {
    FakeOptions fake;
    fake.gpu = {{"host", fakeGpuModule()}};
    writeFakeArtifact(dir.file("fake.ingot"), fake);
    options.device = device;
    options.cpu.threads = 2;
    auto opened = Session::open(dir.file("fake.ingot"), options);
    INFO(opened.status().toString());
    REQUIRE(opened.isOk());
    session = *std::move(opened);
  }
  test::TempDir dir;
  std::unique_ptr<Session> session;
};

struct Given {
  std::vector<uint32_t> tokens;
  FinishReason finish = FinishReason::None;
  std::string error;
};

/// Twelve requests of all lengths, greedy and sampled, on a pool that is too small for all. None
/// comes upon the token at which the fake kernels fail.
std::map<RequestId, Given> answers(Session &session) {
  Engine &engine = session.engine();
  for (uint32_t i = 0; i < 12; ++i) {
    Request request;
    for (uint32_t k = 0; k < 1 + 9 * (i % 5); ++k)
      request.prompt.push_back((31 * i + 7 * k + 3) % 256);
    request.maxTokens = 20 + 10 * (i % 4);
    request.ignoreEos = true;
    request.sampling.temperature = i % 2 ? 0.8f : 0.0f;
    request.sampling.seed = i;
    REQUIRE(engine.submit(request).isOk());
  }
  engine.drain();
  std::map<RequestId, Given> given;
  for (const Event &event : engine.takeEvents()) {
    Given &one = given[event.request];
    one.tokens.insert(one.tokens.end(), event.tokens.begin(), event.tokens.end());
    one.finish = event.finish;
    one.error = event.error.id();
  }
  return given;
}

} // namespace

TEST_CASE("the mock GPU answers as the CPU does") {
  SessionOptions options;
  options.engine.kvBlocks = 8;
  Opened cpu("cpu", options);
  const auto expected = answers(*cpu.session);
  for (const uint32_t order : {0u, 1u}) {
    CAPTURE(order);
    Machine machine;
    machine.order = order;
    const MockPanel panel(machine);
    {
      Opened cuda("cuda", options);
      const auto given = answers(*cuda.session);
      REQUIRE(given.size() == expected.size());
      for (const auto &[id, one] : expected) {
        CAPTURE(id);
        REQUIRE(one.finish == FinishReason::Length);
        CHECK(given.at(id).tokens == one.tokens);
        CHECK(given.at(id).finish == one.finish);
      }
      CHECK(cuda.session->engine().stats().preemptions > 0);
      // Blocks of the finished come back a step late.
      CHECK(cuda.session->engine().stats().steps >= cpu.session->engine().stats().steps);
      // One launch per step, nothing else.
      CHECK(MockPanel::lines(panel.calls(), "cuGraphLaunch").size() ==
            cuda.session->engine().stats().steps);
    }
    CHECK(panel.live() == 0);
    CHECK(panel.violations() == "");
  }
}

TEST_CASE("known answers hold on the mock GPU") {
  const MockPanel panel;
  Opened opened("cuda");
  auto results = runKnownAnswers(*opened.session);
  INFO(results.status().toString());
  REQUIRE(results.isOk());
  REQUIRE(results->size() == 5);
  for (const KnownAnswerResult &result : *results) {
    INFO(result.what << ", error " << result.largestError);
    CHECK(result.passed());
  }
  CHECK(panel.violations() == "");
}

TEST_CASE("a step carries its tables in one copy of their size, and the rows it returns") {
  const MockPanel panel;
  Opened opened("cuda");
  Request request;
  request.prompt = {1, 2, 3};
  request.maxTokens = 2;
  request.ignoreEos = true;
  REQUIRE(opened.session->engine().submit(request).isOk());
  opened.session->engine().drain();
  const auto up = MockPanel::lines(panel.graphs(), "run 1 copy up ");
  const auto down = MockPanel::lines(panel.graphs(), "run 1 copy down ");
  REQUIRE(up.size() == 2);
  // Batch view and one KV view, then tables of 3 tokens and of 1, each on 16 bytes, and the id of
  // the one block in use.
  CHECK(up[0] == "run 1 copy up 324");
  CHECK(up[1] == "run 1 copy up 292");
  CHECK(down == std::vector<std::string>(2, "run 1 copy down 4"));
}

TEST_CASE("a lost GPU fails the requests in work and all later ones, cleanly") {
  for (const int code : {cuda::kIllegalAddress, cuda::kLaunchFailed, cuda::kEccUncorrectable}) {
    CAPTURE(code);
    MockPanel panel;
    Opened opened("cuda");
    Engine &engine = opened.session->engine();
    Request request;
    request.prompt = {1, 2, 3};
    request.maxTokens = 20;
    request.ignoreEos = true;
    REQUIRE(engine.submit(request).isOk());
    REQUIRE(engine.submit(request).isOk());
    REQUIRE(engine.step());
    panel.fail("cuGraphLaunch", 2, code, /*late=*/true);
    engine.drain();
    REQUIRE(engine.submit(request).isOk());
    engine.drain();
    size_t failed = 0;
    for (const Event &event : engine.takeEvents())
      if (event.finish != FinishReason::None) {
        CHECK(event.finish == FinishReason::Error);
        CHECK(event.error.id() == "cuda-lost");
        CHECK(event.error.message().find("(" + std::to_string(code) + ",") != std::string::npos);
        ++failed;
      }
    CHECK(failed == 3);
    CHECK(engine.pool().freeBlocks() == engine.pool().totalBlocks());
  }
}

TEST_CASE("the next step is launched while the last one runs") {
  for (const float temperature : {0.0f, 0.8f}) {
    const MockPanel panel;
    Opened opened("cuda");
    Request request;
    request.prompt = {1, 2, 3};
    request.maxTokens = 4;
    request.ignoreEos = true;
    request.sampling.temperature = temperature;
    REQUIRE(opened.session->engine().submit(request).isOk());
    opened.session->engine().drain();
    std::string order; // L: a launch, W: a wait for a step
    for (const std::string &call : MockPanel::lines(panel.calls(), "cu"))
      order += call == "cuGraphLaunch" ? "L" : call == "cuEventSynchronize" ? "W" : "";
    // Uploads wait, too, before anything is launched.
    CHECK(order.substr(order.find('L')) == "LLWLWLWW");
    // Ids come back, never logits.
    const auto down = MockPanel::lines(panel.graphs(),
                                       temperature > 0 ? "run 5 copy down 4" : "run 1 copy down 4");
    CHECK(down.size() == 4);
    CHECK(panel.violations() == "");
  }
}

TEST_CASE("log-probabilities bring the logits to the host, and change no token") {
  const MockPanel panel;
  Opened opened("cuda");
  Engine &engine = opened.session->engine();
  std::vector<std::vector<uint32_t>> tokens;
  for (const int32_t logprobs : {-1, 0}) {
    Request request;
    request.prompt = {9, 8, 7};
    request.maxTokens = 12;
    request.ignoreEos = true;
    request.sampling = {0.9f, 0.01f, 40, 0.95f, 77, 1, logprobs};
    REQUIRE(engine.submit(request).isOk());
    engine.drain();
    tokens.emplace_back();
    for (const Event &event : engine.takeEvents())
      tokens.back().insert(tokens.back().end(), event.tokens.begin(), event.tokens.end());
  }
  CHECK(tokens[0].size() == 12);
  CHECK(tokens[0] == tokens[1]);
}

TEST_CASE("a GPU that is lost with two steps in flight fails the requests of both") {
  MockPanel panel;
  Opened opened("cuda");
  Engine &engine = opened.session->engine();
  Request request;
  request.prompt = {1, 2, 3};
  request.maxTokens = 20;
  request.ignoreEos = true;
  REQUIRE(engine.submit(request).isOk());
  panel.fail("cuGraphLaunch", 1, cuda::kIllegalAddress, /*late=*/true);
  REQUIRE(engine.step()); // the GPU has not got there yet
  REQUIRE(engine.submit(request).isOk());
  REQUIRE(engine.step()); // a second one behind it; now the first is waited for
  engine.drain();
  const std::vector<Event> events = engine.takeEvents();
  REQUIRE(events.size() == 2);
  for (const Event &event : events) {
    CHECK(event.finish == FinishReason::Error);
    CHECK(event.error.id() == "cuda-lost");
    CHECK(event.tokens.empty());
  }
  CHECK(engine.pool().freeBlocks() == engine.pool().totalBlocks());
  CHECK_FALSE(engine.step());
}

TEST_CASE("a launch that is refused fails its step, and the engine goes on") {
  MockPanel panel;
  Opened opened("cuda");
  Engine &engine = opened.session->engine();
  Request request;
  request.prompt = {1, 2, 3};
  request.maxTokens = 3;
  request.ignoreEos = true;
  REQUIRE(engine.submit(request).isOk());
  panel.fail("cuGraphLaunch", 2, cuda::kInvalidValue);
  engine.drain();
  REQUIRE(engine.takeEvents().back().error.id() == "cuda-error");
  REQUIRE(engine.submit(request).isOk());
  engine.drain();
  CHECK(engine.takeEvents().back().finish == FinishReason::Length);
}
