// What the host does for a step of 64 sequences on the CUDA device: planning, tables, the graph's
// parameters, reading ids. The plan has the launches and layers of a model with eight billion
// parameters; the driver is the mock, whose own time does not count.
//
//   ingot-host-step [STEPS [--json]]
//
// Fails when a step takes more calls of the driver than it should.
#include "runtime/base/JsonWriter.h"
#include "runtime/engine/Session.h"
#include "tests/cts/FakeCubin.h"
#include "tests/cuda/mock/MockPanel.h"
#include "tests/engine/FakeArtifact.h"
#include "tests/support/TempDir.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

using namespace ingot;
using namespace ingot::testing;

namespace {

constexpr uint32_t kSequences = 64, kPromptTokens = 1000;
/// Beyond the measured steps: while the last prompts are computed, the first answers begin.
constexpr uint32_t kMoreTokens = 400;
/// Tables and results of another slot, the launch, the event, waiting for the one before; and the
/// context's for each side.
constexpr size_t kMostCalls = 7;

struct HostTime {
  double median = 0, most = 0; ///< us; `most`: 99 of 100 steps
  size_t calls = 0;            ///< of the driver, per step
};

void submit(Engine &engine, bool sampled, uint32_t newTokens) {
  for (uint32_t i = 0; i < kSequences; ++i) {
    Request request;
    request.prompt.assign(kPromptTokens, 1 + i);
    request.maxTokens = newTokens;
    request.ignoreEos = true;
    request.sampling.temperature = sampled ? 0.7f : 0.0f;
    request.sampling.topP = 0.9f;
    request.sampling.seed = i;
    if (const auto id = engine.submit(std::move(request)); !id)
      throw std::runtime_error(id.status().toString());
  }
}

size_t countLines(const std::string &text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

HostTime measure(Engine &engine, const mock::MockPanel &panel, bool sampled, uint32_t steps) {
  using Clock = std::chrono::steady_clock;
  submit(engine, sampled, steps + kMoreTokens);
  do // prompts first
    engine.step();
  while (engine.takeEvents().size() != kSequences);
  const size_t calls = countLines(panel.calls());
  std::vector<double> times;
  for (uint32_t i = 0; i < steps; ++i) {
    const uint64_t inDriver = panel.nanoseconds();
    const Clock::time_point begin = Clock::now();
    engine.step();
    const std::vector<Event> events = engine.takeEvents();
    const double all = std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
    times.push_back(all - static_cast<double>(panel.nanoseconds() - inDriver) / 1000);
    if (events.size() != kSequences)
      throw std::runtime_error("a step did not bring a token for each sequence");
  }
  HostTime result;
  result.calls = (countLines(panel.calls()) - calls) / steps;
  std::sort(times.begin(), times.end());
  result.median = times[times.size() / 2];
  result.most = times[times.size() * 99 / 100];
  engine.drain();
  engine.takeEvents();
  return result;
}

} // namespace

int main(int argc, char **argv) try {
  const uint32_t steps = argc > 1 ? static_cast<uint32_t>(std::atoi(argv[1])) : 300;
  const bool asJson = argc > 2 && std::strcmp(argv[2], "--json") == 0;
  const test::TempDir dir;
  mock::Machine machine;
  machine.capabilityMajor = 9;
  machine.guarded = false;
  const mock::MockPanel panel(machine);
  FakeOptions fake;
  fake.cpu = false;
  fake.large = true;
  fake.gpu = {{"sm_90a", fakeCubin()}};
  writeFakeArtifact(dir.file("large.ingot"), fake);
  SessionOptions options;
  options.device = "cuda";
  options.cpu.threads = 1;
  options.engine.kvBlocks = kSequences * ((kPromptTokens + steps + kMoreTokens) / 16 + 1);
  auto session = Session::open(dir.file("large.ingot"), options);
  if (!session)
    throw std::runtime_error(session.status().toString());

  bool fine = true;
  std::ostringstream text;
  JsonWriter json(text);
  json.beginObject();
  for (const bool sampled : {false, true}) {
    const HostTime time = measure((*session)->engine(), panel, sampled, steps);
    const char *name = sampled ? "sampled" : "greedy";
    json.key(name).beginObject().field("median_us", time.median).field("p99_us", time.most);
    json.field("driver_calls", uint64_t(time.calls)).endObject();
    if (!asJson)
      std::printf("host work per step, %u sequences, %s: %.1f us (99 of 100 steps: %.1f us), %zu "
                  "calls of the driver\n",
                  kSequences, name, time.median, time.most, time.calls);
    fine &= time.calls <= kMostCalls;
  }
  json.endObject();
  if (asJson)
    std::printf("%s\n", text.str().c_str());
  return fine ? 0 : 1;
} catch (const std::exception &error) {
  std::fprintf(stderr, "ingot-host-step: %s\n", error.what());
  return 1;
}
