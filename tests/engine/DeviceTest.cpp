// What every device must do, whatever it is; and how the CPU reports a kernel that fails.

#include "runtime/base/Mxcsr.h"
#include "runtime/device/NullDevice.h"
#include "runtime/engine/Session.h"
#include "tests/engine/FakeArtifact.h"
#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace ingot;

namespace {

/// A device of each kind; the CPU's comes from the fake artifact.
class Devices {
public:
  Devices() {
    testing::writeFakeArtifact(dir_.file("fake.ingot"));
    auto opened = Artifact::open(dir_.file("fake.ingot"));
    REQUIRE(opened.isOk());
    artifact_ = *std::move(opened);
    all_.push_back(std::make_unique<NullDevice>());
    for (const uint32_t threads : {1u, 3u}) {
      CpuOptions options;
      options.threads = threads;
      auto cpu = CpuDevice::create(*artifact_, options);
      INFO(cpu.status().toString());
      REQUIRE(cpu.isOk());
      all_.push_back(*std::move(cpu));
    }
  }
  const std::vector<std::unique_ptr<Device>> &all() const { return all_; }

private:
  test::TempDir dir_;
  std::unique_ptr<Artifact> artifact_;
  std::vector<std::unique_ptr<Device>> all_;
};

} // namespace

TEST_CASE("memory is zeroed, aligned and writable") {
  const Devices devices;
  for (const auto &device : devices.all())
    for (const uint64_t bytes : {uint64_t(1), uint64_t(4096), uint64_t(5'000'000)}) {
      CAPTURE(device->name(), bytes);
      auto memory = device->allocate(bytes, "test");
      REQUIRE(memory.isOk());
      uint8_t *data = (*memory)->host();
      REQUIRE((*memory)->bytes() >= bytes);
      REQUIRE(reinterpret_cast<uintptr_t>(data) % 64 == 0);
      REQUIRE(std::all_of(data, data + bytes, [](uint8_t byte) { return byte == 0; }));
      data[bytes - 1] = 1;
    }
}

TEST_CASE("forEach does every index once, in the step's mode") {
  const Devices devices;
  for (const auto &device : devices.all())
    for (const uint32_t items : {0u, 1u, 2u, 100u}) {
      CAPTURE(device->name(), items);
      std::vector<std::atomic<uint32_t>> done(items);
      std::atomic<uint32_t> wrongMode{0};
      device->forEach(items, [&](uint32_t i) {
        ++done[i];
        wrongMode += (_mm_getcsr() & ~0x3fu) != kKernelMxcsr;
      });
      REQUIRE(wrongMode == 0);
      for (const auto &count : done)
        REQUIRE(count == 1);
    }
}

TEST_CASE("an empty program is a step that succeeds") {
  const Devices devices;
  for (const auto &device : devices.all()) {
    const Program program;
    REQUIRE(device->wait(device->launch(program, {})).isOk());
    REQUIRE(device->workers() >= 1);
  }
}

TEST_CASE("a launch with too many items is refused, not cut") {
  const Devices devices;
  const artifact::Extent huge{uint64_t(1) << 40, {}};
  Program program;
  program.commands = {{0, 0, &huge, "huge"}};
  const Status status =
      devices.all().back()->wait(devices.all().back()->launch(program, {1, 1, 1, 1}));
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
