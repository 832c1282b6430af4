// How the CPU reports what goes wrong; what every device must do is in tests/cts.

#include "runtime/engine/Session.h"
#include "tests/engine/FakeArtifact.h"
#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>

using namespace ingot;

TEST_CASE("a launch with too many items is refused, not cut") {
  test::TempDir dir;
  testing::writeFakeArtifact(dir.file("fake.ingot"));
  const auto artifact = Artifact::open(dir.file("fake.ingot"));
  REQUIRE(artifact.isOk());
  const auto device = CpuDevice::create(**artifact, {});
  REQUIRE(device.isOk());
  const artifact::Extent huge{uint64_t(1) << 40, {}};
  Program program;
  program.commands = {{0, 0, &huge, "huge"}};
  const Status status = (*device)->wait((*device)->launch(program, {{1, 1, 1, 1}, 0, 0, 0}));
  REQUIRE(status.id() == "items-overflow");
}

TEST_CASE("a failing kernel is named with its launch and code, and the next step works") {
  test::TempDir dir;
  testing::writeFakeArtifact(dir.file("fake.ingot"));
  SessionOptions options;
  options.cpu.threads = 3;
  auto session = Session::open(dir.file("fake.ingot"), options);
  REQUIRE(session.isOk());
  Engine &engine = (*session)->engine();
  Request bad, good;
  bad.prompt.assign(60, 1);
  bad.prompt[50] = 256; // the token on which the fake kernel gives up
  good.prompt = {1, 2, 3};
  good.maxTokens = 4;
  good.ignoreEos = true;
  REQUIRE(engine.submit(bad).isOk());
  engine.drain();
  std::vector<Event> events = engine.takeEvents();
  REQUIRE(events.back().finish == FinishReason::Error);
  REQUIRE(events.back().error.id() == "kernel-failed");
  REQUIRE(events.back().error.message().find("fake_append of launch kv returned code 7") !=
          std::string::npos);
  REQUIRE(engine.submit(good).isOk());
  engine.drain();
  events = engine.takeEvents();
  REQUIRE(events.back().finish == FinishReason::Length);
}
