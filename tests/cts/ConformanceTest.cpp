// What every device must do, whatever it is. Expected values are computed here, with the formulas
// of fake_image.c.
#include "runtime/base/Mxcsr.h"
#include "tests/cts/Subjects.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <numeric>

using namespace ingot;
using namespace ingot::testing;

namespace {

std::span<const uint8_t> asBytes(const std::vector<uint32_t> &words) {
  return {reinterpret_cast<const uint8_t *>(words.data()), words.size() * 4};
}

/// A program made by hand, with the extents that its commands point to.
class TestProgram {
public:
  /// `last`: the arguments after the batch, which these kernels do not read.
  void add(uint32_t kernel, uint64_t items, std::vector<uint64_t> last) {
    labels_.push_back("launch" + std::to_string(labels_.size()));
    extents_.push_back(std::make_unique<artifact::Extent>(artifact::Extent{items, {}}));
    program.commands.push_back({kernel, static_cast<uint32_t>(program.args.size()),
                                extents_.back().get(), labels_.back()});
    program.args.push_back(0);
    program.args.insert(program.args.end(), last.begin(), last.end());
  }
  void mix(const Memory &memory, uint32_t words, uint32_t factor) {
    add(kCtsMix, words, {memory.address(), factor, words});
  }
  Program program{{}, {}, "test", {1, 1, 1, 1}, nullptr, nullptr, nullptr};

private:
  std::vector<std::unique_ptr<artifact::Extent>> extents_;
  std::deque<std::string> labels_;
};

std::unique_ptr<Memory> allocate(Device &device, uint64_t bytes) {
  auto memory = device.allocate(bytes, "test");
  INFO(memory.status().toString());
  REQUIRE(memory.isOk());
  return *std::move(memory);
}

std::vector<uint32_t> readWords(Device &device, Memory &memory, size_t words) {
  std::vector<uint32_t> out(words, 0xdeadbeef);
  const Status status =
      device.read(memory, 0, {reinterpret_cast<uint8_t *>(out.data()), words * 4});
  INFO(status.toString());
  REQUIRE(status.isOk());
  return out;
}

void run(Device &device, Program &program) {
  const Status prepared = device.prepare(program);
  INFO(prepared.toString());
  REQUIRE(prepared.isOk());
  const Status status = device.wait(device.launch(program, {{1, 1, 1, 1}, 0, 0, 0}));
  INFO(status.toString());
  REQUIRE(status.isOk());
}

} // namespace

TEST_CASE("memory is zeroed, aligned, written and read back") {
  forEachSubject([](Subject &subject) {
    Device &device = *subject.device;
    for (const uint64_t bytes : {uint64_t(4), uint64_t(4096), uint64_t(5'000'000)}) {
      CAPTURE(subject.name, bytes);
      const auto memory = allocate(device, bytes);
      REQUIRE(memory->bytes() >= bytes);
      REQUIRE(memory->address() % 64 == 0);
      REQUIRE((memory->host() != nullptr) == device.sharesHostMemory());
      std::vector<uint8_t> seen(bytes, 1);
      REQUIRE(device.read(*memory, 0, seen).isOk());
      REQUIRE(std::all_of(seen.begin(), seen.end(), [](uint8_t byte) { return byte == 0; }));
      const uint8_t last[] = {7, 9};
      REQUIRE(device.write(*memory, bytes - 2, last).isOk());
      REQUIRE(device.read(*memory, 0, seen).isOk());
      REQUIRE(seen[bytes - 1] == 9);
      REQUIRE(seen[bytes - 2] == 7);
      REQUIRE(seen[0] == 0);
    }
  });
}

TEST_CASE("a step's memory has a zeroed side for every slot") {
  forEachSubject([](Subject &subject) {
    CAPTURE(subject.name);
    auto memory = subject.device->allocateStep(1000, "test");
    REQUIRE(memory.isOk());
    REQUIRE(subject.device->stepsInFlight() >= 1);
    for (uint32_t slot = 0; slot < subject.device->stepsInFlight(); ++slot) {
      uint8_t *host = (*memory)->host(slot);
      REQUIRE(host != nullptr);
      REQUIRE(std::all_of(host, host + 1000, [](uint8_t byte) { return byte == 0; }));
      host[999] = static_cast<uint8_t>(slot + 1);
    }
    if (!subject.device->sharesHostMemory())
      REQUIRE((*memory)->host(0)[999] != (*memory)->host(1)[999]);
  });
}

TEST_CASE("placed bytes are what kernels read, whatever their sizes") {
  forEachSubject([](Subject &subject) {
    CAPTURE(subject.name);
    Device &device = *subject.device;
    // Larger than several staging buffers, odd, one word, none.
    std::vector<std::vector<uint32_t>> pieces = {
        std::vector<uint32_t>(5'000'001), {1, 2, 3}, {}, {9}};
    std::iota(pieces[0].begin(), pieces[0].end(), 17u);
    std::vector<std::span<const uint8_t>> spans;
    for (const auto &piece : pieces)
      spans.push_back(asBytes(piece));
    auto placed = device.place(spans, "test weights");
    INFO(placed.status().toString());
    REQUIRE(placed.isOk());
    REQUIRE(placed->addresses[2] == 0);
    for (const size_t i : {size_t(0), size_t(1), size_t(3)}) {
      REQUIRE(placed->addresses[i] != 0);
      if (!subject.computes)
        continue;
      const auto words = static_cast<uint32_t>(pieces[i].size());
      const auto out = allocate(device, words * 4);
      TestProgram program;
      program.add(kCtsCopy, words, {placed->addresses[i], out->address(), words});
      run(device, program.program);
      REQUIRE(readWords(device, *out, words) == pieces[i]);
    }
  });
}

TEST_CASE("launches run in order, each on all its items") {
  forEachSubject([](Subject &subject) {
    if (!subject.computes)
      return;
    CAPTURE(subject.name);
    Device &device = *subject.device;
    for (const uint32_t words : {1u, 3u, 4u, 5u, 1000u}) {
      const auto memory = allocate(device, words * 4);
      TestProgram program;
      std::vector<uint32_t> expected(words, 0);
      for (const uint32_t factor : {5u, 11u, 2u}) {
        program.mix(*memory, words, factor);
        for (uint32_t i = 0; i < words; ++i)
          expected[i] = expected[i] * 3 + factor + i;
      }
      run(device, program.program);
      REQUIRE(readWords(device, *memory, words) == expected);
    }
  });
}

TEST_CASE("tables travel to the device and results back, of the slot and the size of the step") {
  forEachSubject([](Subject &subject) {
    if (!subject.computes)
      return;
    CAPTURE(subject.name);
    Device &device = *subject.device;
    constexpr uint32_t kWords = 64;
    auto tables = device.allocateStep(kWords * 4, "tables"),
         results = device.allocateStep(kWords * 4, "results");
    REQUIRE(tables.isOk());
    REQUIRE(results.isOk());
    TestProgram made;
    made.add(kCtsCopy, kWords, {(*tables)->address(), (*results)->address(), kWords});
    made.program.tables = tables->get();
    made.program.results = results->get();
    REQUIRE(device.prepare(made.program).isOk());

    // As many steps in flight as the device allows, each with its own slot.
    const uint32_t slots = device.stepsInFlight();
    std::vector<Ticket> tickets;
    for (uint32_t step = 0; step < 5; ++step) {
      const uint32_t slot = step % slots;
      if (tickets.size() == slots) {
        REQUIRE(device.wait(tickets.front()).isOk());
        const uint32_t before = step - slots;
        uint32_t first;
        std::memcpy(&first, (*results)->host(slot), 4);
        REQUIRE(first == 100 * before);
        tickets.erase(tickets.begin());
      }
      for (uint32_t i = 0; i < kWords; ++i) {
        const uint32_t value = 100 * step + i;
        std::memcpy((*tables)->host(slot) + i * 4, &value, 4);
      }
      tickets.push_back(
          device.launch(made.program, {{1, 1, 1, 1}, slot, kWords * 4, kWords * 4 / 2}));
    }
    for (const Ticket ticket : tickets)
      REQUIRE(device.wait(ticket).isOk());
    uint32_t last;
    std::memcpy(&last, (*results)->host(4 % slots) + (kWords / 2 - 1) * 4, 4);
    REQUIRE(last == 400 + kWords / 2 - 1);
  });
}

TEST_CASE("waiting twice gives the same answer") {
  forEachSubject([](Subject &subject) {
    if (!subject.mayFail)
      return;
    CAPTURE(subject.name);
    Device &device = *subject.device;
    TestProgram bad;
    bad.add(kCtsFail, 1, {7});
    REQUIRE(device.prepare(bad.program).isOk());
    Program empty;
    REQUIRE(device.prepare(empty).isOk());
    const Ticket fine = device.launch(empty, {});
    REQUIRE(device.wait(fine).isOk());
    REQUIRE(device.wait(fine).isOk());
    const Ticket failed = device.launch(bad.program, {{1, 1, 1, 1}, 0, 0, 0});
    REQUIRE(device.wait(failed).id() == subject.failure);
    REQUIRE(device.wait(failed).id() == subject.failure);
    REQUIRE(failed.number != fine.number);
  });
}

TEST_CASE("a failed kernel fails its step, and the next one as far as the device survives") {
  forEachSubject([](Subject &subject) {
    if (!subject.mayFail)
      return;
    CAPTURE(subject.name);
    Device &device = *subject.device;
    TestProgram bad;
    bad.add(kCtsFail, 1, {7});
    bad.add(kCtsFail, 1, {0});
    REQUIRE(device.prepare(bad.program).isOk());
    Program empty;
    REQUIRE(device.prepare(empty).isOk());
    const Status status = device.wait(device.launch(bad.program, {{1, 1, 1, 1}, 0, 0, 0}));
    REQUIRE(status.id() == subject.failure);
    if (subject.survives)
      REQUIRE(status.message().find("of launch launch0 returned code 7") != std::string::npos);
    else
      REQUIRE(status.message().find("schedule test") != std::string::npos);
    const Status next = device.wait(device.launch(empty, {}));
    REQUIRE(next.isOk() == subject.survives);
    if (!subject.survives)
      REQUIRE(next.id() == subject.failure);
  });
}

TEST_CASE("an empty program is a step that succeeds, and a device says what it is") {
  forEachSubject([](Subject &subject) {
    CAPTURE(subject.name);
    Program program;
    run(*subject.device, program);
    REQUIRE(subject.device->workers() >= 1);
    REQUIRE(subject.name.compare(0, subject.device->name().size(), subject.device->name()) == 0);
    REQUIRE(subject.device->describe().find(subject.device->name()) != std::string::npos);
  });
}

TEST_CASE("forEach does every index once, in the step's mode") {
  forEachSubject([](Subject &subject) {
    for (const uint32_t items : {0u, 1u, 2u, 100u}) {
      CAPTURE(subject.name, items);
      std::vector<std::atomic<uint32_t>> done(items);
      std::atomic<uint32_t> wrongMode{0};
      subject.device->forEach(items, [&](uint32_t i) {
        ++done[i];
        wrongMode += (_mm_getcsr() & ~0x3fu) != kKernelMxcsr;
      });
      REQUIRE(wrongMode == 0);
      for (const auto &count : done)
        REQUIRE(count == 1);
    }
  });
}
