// The graph of a schedule as the driver is told it.
#include "runtime/engine/Session.h"
#include "tests/cts/FakeCubin.h"
#include "tests/cts/Subjects.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <set>
#include <sstream>

using namespace ingot;
using namespace ingot::testing;
using cuda::Grid;
using mock::Machine;
using mock::MockPanel;

namespace {

std::optional<Grid> gridOf(const artifact::GridShape &shape, uint64_t items, uint64_t tokens,
                           bool persistent = false) {
  constexpr uint32_t kMultiprocessors = 5;
  return cuda::gridOf({shape, "sm_90a", persistent, {}}, items, tokens, kMultiprocessors);
}
artifact::GridShape kernelOf(uint32_t itemsPerBlock, uint32_t blocksPerItem,
                             uint32_t tokensPerBlock) {
  return {128, 0, itemsPerBlock, blocksPerItem, tokensPerBlock};
}

bool isGrid(const std::optional<Grid> &grid, uint32_t x, uint32_t y) {
  return grid && grid->x == x && grid->y == y;
}

/// How sm_90a launches a kernel whose slot 2 is a row of 32 floats: at most one block per
/// multiprocessor, a tensor map behind the slots.
artifact::LevelShape hopperShape() {
  artifact::TensorMap map;
  map.slot = 2, map.elementBytes = 4, map.columns = 32, map.rows.base = 1, map.pitchBytes = 128;
  map.boxColumns = 32, map.boxRows = 8, map.swizzle = true;
  return {{384, 2048, 1, 1, 0}, "sm_90a", true, {map}};
}

/// Opens a session on a GPU of capability 9.0; the session's error, if any.
Status openOnHopper(const artifact::LevelShape &shape) {
  test::TempDir dir;
  FakeOptions fake;
  fake.gpu = {{"sm_90a", fakeCubin()}};
  fake.gpuLevels = {shape};
  writeFakeArtifact(dir.file("fake.ingot"), fake);
  SessionOptions options;
  options.device = "cuda";
  options.cpu.threads = 1;
  return Session::open(dir.file("fake.ingot"), options).status();
}

/// The recorded graphs after a session was opened on a GPU of this capability.
std::string graphsOn(int major, int minor, int driverVersion, const char *level) {
  Machine machine;
  machine.capabilityMajor = major;
  machine.capabilityMinor = minor;
  machine.driverVersion = driverVersion;
  const MockPanel panel(machine);
  test::TempDir dir;
  FakeOptions fake;
  fake.gpu = {{level, fakeCubin()}};
  writeFakeArtifact(dir.file("fake.ingot"), fake);
  SessionOptions options;
  options.device = "cuda";
  options.cpu.threads = 1;
  auto session = Session::open(dir.file("fake.ingot"), options);
  INFO(session.status().toString());
  REQUIRE(session.isOk());
  return panel.graphs();
}

} // namespace

TEST_CASE("a grid holds all items and tokens, and never more than a GPU takes") {
  CHECK(isGrid(gridOf(kernelOf(1, 1, 0), 7, 100), 7, 1));
  CHECK(isGrid(gridOf(kernelOf(4, 1, 0), 9, 100), 3, 1));
  CHECK(isGrid(gridOf(kernelOf(1, 3, 0), 7, 100), 21, 1));
  CHECK(isGrid(gridOf(kernelOf(2, 3, 0), 7, 100), 11, 1));
  CHECK(isGrid(gridOf(kernelOf(1, 1, 64), 7, 100), 7, 2));
  CHECK(isGrid(gridOf(kernelOf(1, 1, 64), 0, 0), 1, 1));
  CHECK(isGrid(gridOf(kernelOf(2, 1, 64), 7, 100, true), 5, 1));
  CHECK(isGrid(gridOf(kernelOf(4, 1, 64), 7, 100, true), 4, 1));
  CHECK(isGrid(gridOf(kernelOf(4, 1, 64), 0, 0, true), 1, 1));
  CHECK_FALSE(gridOf(kernelOf(1, 1, 0), uint64_t(1) << 40, 1));
  CHECK_FALSE(gridOf(kernelOf(1, ~0u, 0), uint64_t(1) << 31, 1));
  CHECK_FALSE(gridOf(kernelOf(1, 1, 1), 1, 65536));
}

TEST_CASE("a schedule is one chain: tables, kernels, results") {
  const std::string graphs = graphsOn(9, 0, 13000, "sm_90a");
  // The plan's first schedule: up to 4 tokens, argmax; 16 rows at most, four items per block.
  const std::vector<std::string> nodes = MockPanel::lines(graphs, "graph 1 node");
  REQUIRE(nodes.size() == 4);
  CHECK(nodes[0].find("copy up") != std::string::npos);
  CHECK(nodes[1] == "graph 1 node kernel fake_append grid 1x1 threads 128 shared 0");
  CHECK(nodes[2] == "graph 1 node kernel fake_argmax grid 1x1 threads 128 shared 0");
  CHECK(nodes[3] == "graph 1 node copy down 64");
  CHECK(MockPanel::lines(graphs, "graph 1 edge") ==
        std::vector<std::string>{"graph 1 edge 0 1 full", "graph 1 edge 1 2 programmatic",
                                 "graph 1 edge 2 3 full"});
  // The second: up to 64 tokens, 16 rows.
  const std::vector<std::string> wide = MockPanel::lines(graphs, "graph 2 node kernel");
  REQUIRE(wide.size() == 2);
  CHECK(wide[0] == "graph 2 node kernel fake_append grid 16x1 threads 128 shared 0");
  CHECK(wide[1] == "graph 2 node kernel fake_argmax grid 4x1 threads 128 shared 0");
  // Sampling behind the head.
  const std::vector<std::string> sampled = MockPanel::lines(graphs, "graph 5 node");
  REQUIRE(sampled.size() == 5);
  CHECK(sampled[3] == "graph 5 node kernel fake_sample grid 1x1 threads 128 shared 0");
  CHECK(sampled[4] == "graph 5 node copy down 64");
  // Six schedules of the plan, two of the probe.
  CHECK(MockPanel::lines(graphs, "graph 8 node").size() == 4);
  CHECK(MockPanel::lines(graphs, "graph 9").empty());
}

TEST_CASE("scratch of one kernel never reaches the counters of another") {
  Machine machine;
  machine.capabilityMajor = 9;
  const MockPanel panel(machine);
  test::TempDir dir;
  FakeOptions fake;
  fake.gpu = {{"sm_90a", fakeCubin()}};
  fake.gpuScratch = true;
  writeFakeArtifact(dir.file("fake.ingot"), fake);
  SessionOptions options;
  options.device = "cuda";
  options.cpu.threads = 1;
  auto session = Session::open(dir.file("fake.ingot"), options);
  INFO(session.status().toString());
  REQUIRE(session.isOk());
  const std::string graphs = panel.graphs();
  // The last slot of each kernel, wherever it is launched.
  const auto scratchOf = [&](const std::string &kernel) {
    std::set<uint64_t> places;
    for (int graph = 1; graph <= 8; ++graph)
      for (const std::string &line :
           MockPanel::lines(graphs, "graph " + std::to_string(graph) + " slots " + kernel + " ")) {
        std::istringstream in(line.substr(line.find(kernel) + kernel.size()));
        uint64_t last = 0;
        for (uint64_t slot; in >> slot && slot != 0;)
          last = slot;
        places.insert(last);
      }
    REQUIRE(places.size() == 1);
    return *places.begin();
  };
  const uint64_t begin = scratchOf("fake_append");
  CHECK(scratchOf("fake_logits") == begin + 4096);
  CHECK(scratchOf("fake_argmax") == begin + 4096 - 1024);
  // Counters of the widest, then the most that any has behind its own.
  CHECK(
      MockPanel::lines(panel.calls(), "cuMemAlloc " + std::to_string(4096 + 8192 - 1024)).size() ==
      1);
}

TEST_CASE("kernels wait for each other's end where nothing else is known") {
  for (const std::string &graphs :
       {graphsOn(8, 0, 13000, "sm_80"), graphsOn(9, 0, 12020, "sm_90a")}) {
    CHECK(MockPanel::lines(graphs, "graph 1 edge") ==
          std::vector<std::string>{"graph 1 edge 0 1 full", "graph 1 edge 1 2 full",
                                   "graph 1 edge 2 3 full"});
  }
}

TEST_CASE("an image launches its kernels by its own shape, with tensor maps from the driver") {
  Machine machine;
  machine.capabilityMajor = 9;
  const MockPanel panel(machine);
  const Status status = openOnHopper(hopperShape());
  INFO(status.toString());
  REQUIRE(status.isOk());
  const auto nodes = MockPanel::lines(panel.graphs(), "graph 2 node kernel fake_argmax");
  REQUIRE(nodes.size() == 1);
  // 16 rows on four multiprocessors.
  CHECK(nodes[0] == "graph 2 node kernel fake_argmax grid 4x1 threads 384 shared 2048");
  CHECK(MockPanel::lines(panel.calls(), "cuTensorMapEncodeTiled").size() >= 2);
  CHECK(panel.violations() == "");
}

TEST_CASE("tensor maps that the driver or the launch has not are refused") {
  Machine machine;
  machine.capabilityMajor = 9;
  std::strcpy(machine.missing, "cuTensorMapEncodeTiled");
  MockPanel panel(machine);
  Status status = openOnHopper(hopperShape());
  CHECK(status.id() == std::string_view("cuda-driver-old"));
  CHECK(status.message().find("tensor maps") != std::string::npos);

  machine.missing[0] = 0;
  panel.set(machine);
  artifact::LevelShape shape = hopperShape();
  shape.maps[0].slot = 9;
  CHECK(openOnHopper(shape).id() == std::string_view("cuda-program"));
  shape = hopperShape();
  shape.maps[0].rows.base = 0;
  CHECK(openOnHopper(shape).id() == std::string_view("cuda-program"));

  panel.fail("cuTensorMapEncodeTiled", 1, cuda::kInvalidValue);
  status = openOnHopper(hopperShape());
  CHECK(status.id() == std::string_view("cuda-error"));
  CHECK(status.message().find("encoding a tensor map") != std::string::npos);

  // Seen by the mock alone: more rows than there are.
  panel.set(machine);
  shape = hopperShape();
  shape.maps[0].rows.base = 1000;
  CHECK(openOnHopper(shape).isOk());
  CHECK(panel.violations().find("beyond the memory") != std::string::npos);
}

TEST_CASE("the mock refuses the tensor maps that a driver refuses") {
  const MockPanel panel;
  const auto driver = cuda::Driver::load();
  REQUIRE(driver.isOk());
  struct Request {
    int type = cuda::kTensorUint16;
    uint32_t rank = 2;
    uint64_t address = 4096, sizes[2] = {64, 16}, pitch = 192;
    uint32_t box[2] = {64, 8}, steps[2] = {1, 1};
    int interleave = 0, swizzle = cuda::kTensorSwizzle128, fill = 0;
  };
  const auto encode = [&](auto change) {
    Request r;
    change(r);
    cuda::TensorMapBytes map;
    return (*driver)->calls().tensorMapEncode(
               &map, r.type, r.rank, reinterpret_cast<void *>(r.address), r.sizes, &r.pitch, r.box,
               r.steps, r.interleave, r.swizzle, cuda::kTensorPromote256, r.fill) == cuda::kSuccess;
  };
  CHECK(encode([](Request &) {}));
  CHECK_FALSE(encode([](Request &r) { r.type = 77; }));
  CHECK_FALSE(encode([](Request &r) { r.rank = 1; }));
  CHECK_FALSE(encode([](Request &r) { r.address = 4104; }));
  CHECK_FALSE(encode([](Request &r) { r.sizes[0] = 0; }));
  CHECK_FALSE(encode([](Request &r) { r.sizes[1] = (uint64_t(1) << 32) + 1; }));
  CHECK_FALSE(encode([](Request &r) { r.pitch = 200; }));
  CHECK_FALSE(encode([](Request &r) { r.pitch = uint64_t(1) << 40; }));
  CHECK_FALSE(encode([](Request &r) { r.box[0] = 128; })); // 256 bytes under the swizzle
  CHECK_FALSE(encode([](Request &r) { r.box[0] = 4; }));
  CHECK_FALSE(encode([](Request &r) { r.box[1] = 257; }));
  CHECK_FALSE(encode([](Request &r) { r.steps[1] = 2; }));
  CHECK_FALSE(encode([](Request &r) { r.interleave = 1; }));
  CHECK_FALSE(encode([](Request &r) { r.swizzle = 2; }));
  CHECK_FALSE(encode([](Request &r) { r.fill = 1; }));
}
