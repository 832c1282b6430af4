#include "tests/cts/Subjects.h"

#include "runtime/device/CpuDevice.h"
#include "runtime/device/CudaDevice.h"
#include "runtime/device/NullDevice.h"

#include <catch2/catch.hpp>

#include <iostream>

namespace ingot::testing {
namespace {

std::unique_ptr<Artifact> openFake(const test::TempDir &dir, const FakeOptions &options) {
  writeFakeArtifact(dir.file("fake.ingot"), options);
  auto opened = Artifact::open(dir.file("fake.ingot"));
  INFO(opened.status().toString());
  REQUIRE(opened.isOk());
  return *std::move(opened);
}

void onNull(const std::function<void(Subject &)> &fn) {
  Subject subject;
  subject.name = "null";
  subject.computes = false;
  subject.failure = "kernel-failed";
  subject.device =
      std::make_unique<NullDevice>([](const Command &command, const uint64_t *args, uint32_t) {
        return command.kernel == kCtsFail ? static_cast<int32_t>(args[1]) : 0;
      });
  fn(subject);
}

void onCpu(const test::TempDir &dir, uint32_t threads, const std::function<void(Subject &)> &fn) {
  Subject subject;
  subject.name = "cpu, threads " + std::to_string(threads);
  subject.failure = "kernel-failed";
  subject.artifact = openFake(dir, {});
  CpuOptions options;
  options.threads = threads;
  auto device = CpuDevice::create(*subject.artifact, options);
  INFO(device.status().toString());
  REQUIRE(device.isOk());
  subject.device = *std::move(device);
  fn(subject);
}

void onCuda(Subject &subject, const test::TempDir &dir, FakeGpuImage image,
            const std::function<void(Subject &)> &fn) {
  subject.survives = false;
  subject.failure = "cuda-lost";
  FakeOptions fake;
  fake.gpu.push_back(std::move(image));
  subject.artifact = openFake(dir, fake);
  CudaOptions options;
  options.threads = 2;
  options.allowJit = true;
  auto device = CudaDevice::create(*subject.artifact, options);
  INFO(device.status().toString());
  REQUIRE(device.isOk());
  subject.device = *std::move(device);
  fn(subject);
  subject.device.reset();
}

void onMock(const test::TempDir &dir, const std::function<void(Subject &)> &fn) {
  for (const uint32_t order : {0u, 1u}) {
    Subject subject;
    subject.name = "cuda on the mock, order " + std::to_string(order);
    mock::Machine machine;
    machine.order = order;
    subject.panel.emplace(machine);
    onCuda(subject, dir, {"host", fakeGpuModule()}, fn);
    CHECK(subject.panel->violations() == "");
  }
}

/// The suite's kernels as PTX: any GPU since compute capability 8.0 runs them.
void onGpu(const test::TempDir &dir, const std::function<void(Subject &)> &fn) {
  const auto driver = cuda::Driver::load();
  if (!driver) {
    static bool said = false;
    if (!said)
      std::cerr << "cuda on a GPU: skipped: " << driver.status().message() << "\n";
    said = true;
    return;
  }
  Subject subject;
  subject.name = "cuda on a GPU";
  subject.mayFail = false;
  onCuda(subject, dir, {"compute_80", test::readFile(INGOT_CTS_PTX)}, fn);
}

} // namespace

std::vector<uint8_t> fakeGpuModule() { return test::readFile(INGOT_FAKE_GPU_IMAGE); }

void forEachSubject(const std::function<void(Subject &)> &fn) {
  const test::TempDir dir;
  onNull(fn);
  onCpu(dir, 1, fn);
  onCpu(dir, 3, fn);
  onMock(dir, fn);
  onGpu(dir, fn);
}

} // namespace ingot::testing
