// Every way in which driver and GPU can refuse, as the mock driver plays it.
#include "runtime/device/ChooseDevice.h"
#include "runtime/engine/Session.h"
#include "tests/cts/FakeCubin.h"
#include "tests/cts/Subjects.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::testing;
using mock::Machine;
using mock::MockPanel;

namespace {

Machine machineOf(int major, int minor) {
  Machine machine;
  machine.capabilityMajor = major;
  machine.capabilityMinor = minor;
  return machine;
}

/// The fake artifact, opened once per test.
class Fake {
public:
  explicit Fake(const std::vector<FakeGpuImage> &gpu = {{"host", fakeGpuModule()}},
                FakeOptions options = {}) {
    options.gpu = gpu;
    writeFakeArtifact(path(), options);
    auto opened = Artifact::open(path());
    INFO(opened.status().toString());
    REQUIRE(opened.isOk());
    artifact = *std::move(opened);
  }
  std::string path() const { return dir_.file("fake.ingot"); }
  Status open(int index = 0, bool allowJit = false) const {
    CudaOptions options;
    options.index = index;
    options.threads = 1;
    options.allowJit = allowJit;
    return CudaDevice::create(*artifact, options).status();
  }
  SessionOptions session(const std::string &device) const {
    SessionOptions options;
    options.device = device;
    options.cpu.threads = 2;
    return options;
  }
  std::unique_ptr<Artifact> artifact;

private:
  test::TempDir dir_;
};

bool says(const Status &status, const std::string &text) {
  INFO(status.toString());
  return status.message().find(text) != std::string::npos;
}

} // namespace

TEST_CASE("no driver at all is no GPU, with the loader's reason") {
  const Fake fake;
  ::setenv("INGOT_CUDA_DRIVER", "/nowhere/libcuda.so.1", 1);
  const Status status = fake.open();
  ::unsetenv("INGOT_CUDA_DRIVER");
  CHECK(status.id() == "cuda-unavailable");
  CHECK(says(status, "/nowhere/libcuda.so.1"));
}

TEST_CASE("a driver that does not start is no GPU, with its reason") {
  const Fake fake;
  MockPanel panel;
  for (const auto &[code, id] : {std::pair(int(cuda::kStubLibrary), "cuda-unavailable"),
                                 {cuda::kNoDevice, "cuda-unavailable"},
                                 {cuda::kSystemDriverMismatch, "cuda-unavailable"},
                                 {cuda::kSystemNotReady, "cuda-unavailable"},
                                 {cuda::kCompatNotSupported, "cuda-driver-old"},
                                 {cuda::kUnknown, "cuda-lost"}}) {
    panel.set({});
    panel.fail("cuInit", 1, code);
    const Status status = fake.open();
    CHECK(status.id() == id);
    CHECK(says(status, "(" + std::to_string(code) + ","));
  }
}

TEST_CASE("a driver that is too old is named with both versions") {
  const Fake fake;
  Machine machine;
  machine.driverVersion = 11080;
  MockPanel panel(machine);
  const Status status = fake.open();
  CHECK(status.id() == "cuda-driver-old");
  CHECK(says(status, "CUDA 11.8"));
  CHECK(says(status, "12.0"));

  machine.driverVersion = 12000;
  panel.set(machine);
  CHECK(fake.open().isOk()); // without typed edges

  std::snprintf(machine.missing, sizeof machine.missing, "cuGraphAddMemcpyNode");
  panel.set(machine);
  const Status missing = fake.open();
  CHECK(missing.id() == "cuda-driver-old");
  CHECK(says(missing, "cuGraphAddMemcpyNode"));
}

TEST_CASE("one of several GPUs is chosen by its number, and a wrong number lists them") {
  const Fake fake;
  Machine machine;
  machine.gpus = 2;
  MockPanel panel(machine);
  CHECK(fake.open(1).isOk());
  CHECK(MockPanel::lines(panel.calls(), "cuDevicePrimaryCtxRetain 1").size() == 1);
  const Status status = fake.open(2);
  CHECK(status.id() == "cuda-ordinal");
  CHECK(says(status, "no cuda:2"));
  CHECK(says(status, "2 GPUs"));
  CHECK(says(status, "cuda:1 (Mock GPU"));
  machine.gpus = 0;
  panel.set(machine);
  CHECK(fake.open().id() == "cuda-unavailable");
  CHECK(panel.violations() == "");
}

TEST_CASE("a MIG slice is used and named as one") {
  const Fake fake;
  Machine machine;
  std::snprintf(machine.name, sizeof machine.name, "NVIDIA H200 MIG 1g.18gb");
  MockPanel panel(machine);
  auto device = CudaDevice::create(*fake.artifact, {0, 1, false, false});
  REQUIRE(device.isOk());
  CHECK((*device)->describe().find("one MIG slice") != std::string::npos);
  CHECK(fake.open(1).id() == "cuda-ordinal");
}

TEST_CASE("an artifact without code for this GPU names what it has") {
  MockPanel panel(machineOf(9, 0));
  const Fake fake({{"sm_80", fakeCubin()}, {"compute_80", test::readFile(INGOT_CTS_PTX)}});
  const Status status = fake.open();
  CHECK(status.id() == "cuda-unsupported");
  CHECK(says(status, "sm_80, compute_80"));
  CHECK(says(status, "capability 9.0"));
  CHECK(fake.open(0, true).isOk());
  auto device = CudaDevice::create(*fake.artifact, {0, 1, false, true});
  REQUIRE(device.isOk());
  CHECK((*device)->describe().find("compiled by the driver") != std::string::npos);

  test::TempDir dir;
  writeFakeArtifact(dir.file("cpu.ingot"));
  auto cpuOnly = Artifact::open(dir.file("cpu.ingot"));
  CHECK(CudaDevice::create(**cpuOnly, {}).status().id() == "cuda-code-absent");
}

TEST_CASE("a corrupt cubin is an error of the artifact, found here or by the driver") {
  MockPanel panel(machineOf(9, 0));
  std::vector<uint8_t> cut = fakeCubin();
  cut.resize(cut.size() - 1);
  CHECK(Fake({{"sm_90a", cut}}).open().id() == "cuda-image");
  const Fake fake({{"sm_90a", fakeCubin()}});
  for (const int code : {cuda::kInvalidImage, cuda::kNoBinaryForGpu}) {
    panel.fail("cuModuleLoadData", 1, code);
    const Status status = fake.open();
    CHECK(status.id() == "cuda-image");
    CHECK(says(status, "sm_90a"));
  }
  panel.fail("cuModuleGetFunction", 2, cuda::kNotFound);
  const Status missing = fake.open();
  CHECK(missing.id() == "cuda-image");
  CHECK(says(missing, "fake_logits"));
  CHECK(panel.live() == 0);
  CHECK(panel.violations() == "");
}

TEST_CASE("shared memory beyond the plain amount is asked for; a refusal names the kernel") {
  MockPanel panel(machineOf(9, 0));
  FakeOptions options;
  options.gpuShared = 100 * 1024;
  const Fake fake({{"sm_90a", fakeCubin()}}, options);
  CHECK(fake.open().isOk());
  CHECK(MockPanel::lines(panel.calls(), "cuFuncSetAttribute fake_append 8 102400").size() == 1);
  panel.fail("cuFuncSetAttribute", 1, cuda::kInvalidValue);
  CHECK(says(fake.open(), "fake_append: 102400 bytes of shared memory"));
}

TEST_CASE("a kernel that cannot be launched is named with its launch") {
  FakeOptions options;
  options.gpuThreads = 256; // its launch bound is 128
  MockPanel panel;
  const Fake fake({{"host", fakeGpuModule()}}, options);
  const Status status = Session::open(fake.path(), fake.session("cuda")).status();
  CHECK(status.id() == "cuda-error");
  CHECK(says(status, "launch kv"));
  CHECK(panel.live() == 0);
}

TEST_CASE("too little memory names what was asked, what is free and what would fit") {
  const Fake fake;
  Machine machine;
  machine.memoryBytes = 1 << 20;
  MockPanel panel(machine);
  SessionOptions options = fake.session("cuda");
  options.engine.kvBlocks = 100'000;
  const Status status = Session::open(fake.path(), options).status();
  CHECK(status.id() == "device-memory");
  CHECK(says(status, "KV pool of 100000 blocks"));
  CHECK(says(status, "free of 1.0 MiB"));
  // What it says would fit does fit.
  const size_t at = status.message().find("about ");
  REQUIRE(at != std::string::npos);
  options.engine.kvBlocks = static_cast<uint32_t>(std::stoul(status.message().substr(at + 6)));
  CHECK(options.engine.kvBlocks > 100);
  CHECK(Session::open(fake.path(), options).isOk());
  // Without a wish the pool takes what is there.
  options.engine.kvBlocks = 0;
  CHECK(Session::open(fake.path(), options).isOk());
  CHECK(panel.live() == 0);
  CHECK(panel.violations() == "");
}

TEST_CASE("every call may fail: the session does not open, nothing is left behind") {
  const Fake fake;
  MockPanel panel;
  {
    REQUIRE(Session::open(fake.path(), fake.session("cuda")).isOk());
  }
  // The calls of a healthy start, each failing in turn.
  std::map<std::string, int> counts;
  for (const std::string &line : MockPanel::lines(panel.calls(), "cu"))
    ++counts[line.substr(0, line.find(' '))];
  for (const auto &[function, count] : counts) {
    if (function.find("Destroy") != std::string::npos ||
        function.find("Free") != std::string::npos ||
        function.find("Release") != std::string::npos ||
        function.find("Unload") != std::string::npos || function == "cuMemGetInfo")
      continue;
    for (const int nth : {1, (count + 1) / 2, count}) {
      // The last waits of a session are those of its end.
      if (function == "cuStreamSynchronize" && nth == count)
        continue;
      CAPTURE(function, nth);
      panel.set({});
      panel.fail(function.c_str(), nth, cuda::kInvalidValue);
      const Status status = Session::open(fake.path(), fake.session("cuda")).status();
      CHECK_FALSE(status.isOk());
      CHECK(panel.live() == 0);
      CHECK(panel.violations() == "");
    }
  }
}

TEST_CASE("auto takes the GPU where it can, else the CPU, and says why") {
  const Fake fake;
  MockPanel panel;
  {
    auto session = Session::open(fake.path(), fake.session("auto"));
    REQUIRE(session.isOk());
    CHECK((*session)->cpu() == nullptr);
    CHECK((*session)->whyDevice().find("not cpu:") != std::string::npos);
    CHECK((*session)->manifest().target == "cuda");
  }
  panel.fail("cuInit", 1, cuda::kNoDevice);
  auto session = Session::open(fake.path(), fake.session("auto"));
  REQUIRE(session.isOk());
  CHECK((*session)->cpu() != nullptr);
  CHECK((*session)->whyDevice().find("not cuda: starting the NVIDIA driver") != std::string::npos);
  CHECK((*session)->manifest().target == "cpu");
  CHECK(Session::open(fake.path(), fake.session("gpu")).status().id() == "device-name");
  CHECK(Session::open(fake.path(), fake.session("cuda:x")).status().id() == "device-name");
  CHECK(Session::open(fake.path(), fake.session("cuda:7")).status().id() == "cuda-ordinal");
}

TEST_CASE("an artifact for GPUs alone needs one") {
  FakeOptions options;
  options.cpu = false;
  const Fake fake({{"host", fakeGpuModule()}}, options);
  MockPanel panel;
  CHECK(Session::open(fake.path(), fake.session("auto")).isOk());
  CHECK(Session::open(fake.path(), fake.session("cpu")).status().id() == "cpu-code-absent");
  panel.fail("cuInit", 1, cuda::kNoDevice);
  CHECK(Session::open(fake.path(), fake.session("auto")).status().id() == "cuda-unavailable");
}
