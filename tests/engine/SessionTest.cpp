#include "runtime/engine/KnownAnswers.h"
#include "tests/engine/FakeArtifact.h"
#include "tests/engine/FakeModel.h"
#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::testing;

namespace {
struct Opened {
  explicit Opened(const SessionOptions &options = {}) {
    writeFakeArtifact(dir.file("fake.ingot"));
    auto result = Session::open(dir.file("fake.ingot"), options);
    INFO(result.status().toString());
    REQUIRE(result.isOk());
    session = *std::move(result);
  }
  test::TempDir dir;
  std::unique_ptr<Session> session;
};
} // namespace

TEST_CASE("known answers pass on a healthy artifact and name the largest error otherwise") {
  Opened opened;
  auto results = runKnownAnswers(*opened.session);
  INFO(results.status().toString());
  REQUIRE(results.isOk());
  // The model, then each of the probe's two schedules in one step and token by token.
  REQUIRE(results->size() == 5);
  for (const KnownAnswerResult &result : *results) {
    INFO(result.what << ", error " << result.largestError);
    CHECK(result.passed());
    CHECK(result.tokens == 3);
  }
  CHECK((*results)[0].what == "whole model");
  CHECK((*results)[0].compared == 3);
  CHECK((*results)[1].what == "first layer, logits.4, one step");
  CHECK((*results)[1].compared == 3);
  CHECK((*results)[1].deviation > 0);
  CHECK((*results)[4].what == "first layer, argmax.64, one token per step");
  CHECK((*results)[4].compared == 1);
}

TEST_CASE("weights are verified in the background when asked") {
  SessionOptions options;
  options.verify = VerifyMode::Background;
  Opened opened(options);
  REQUIRE(opened.session->verified().isOk());
  REQUIRE(opened.session->verified().isOk());
}

TEST_CASE("a damaged weight is found in the background, too") {
  test::TempDir dir;
  const std::string path = dir.file("fake.ingot");
  writeFakeArtifact(path);
  std::vector<uint8_t> bytes = test::readFile(path);
  uint64_t offset = 0;
  {
    OpenOptions open;
    auto artifact = Artifact::open(path, open);
    REQUIRE(artifact.isOk());
    offset = static_cast<uint64_t>((*artifact)->param(0).data() - (*artifact)->bytes().data());
  }
  bytes[offset] ^= 1;
  test::writeFile(path, bytes);
  REQUIRE_FALSE(Session::open(path, {}).isOk());
  SessionOptions options;
  options.verify = VerifyMode::Background;
  auto session = Session::open(path, options);
  REQUIRE(session.isOk());
  REQUIRE_FALSE((*session)->verified().isOk());
}

TEST_CASE("an unknown instruction set is refused by name") {
  test::TempDir dir;
  writeFakeArtifact(dir.file("fake.ingot"));
  SessionOptions options;
  options.cpu.level = "x86-64-v9";
  const Status status = Session::open(dir.file("fake.ingot"), options).status();
  REQUIRE(status.id() == "cpu-level");
  REQUIRE(status.message().find("x86-64-v9") != std::string::npos);
}

TEST_CASE("the profile option times every launch") {
  SessionOptions options;
  options.cpu.profile = true;
  options.cpu.threads = 2;
  Opened opened(options);
  Request request;
  request.prompt = {1, 2};
  request.maxTokens = 5;
  request.ignoreEos = true;
  REQUIRE(opened.session->engine().submit(request).isOk());
  opened.session->engine().drain();
  uint64_t calls = 0;
  for (const auto &[program, times] : opened.session->cpu()->commandTimes())
    for (const CpuDevice::CommandTime &time : times)
      calls += time.calls;
  REQUIRE(calls == 2 * opened.session->engine().stats().steps);
}
