// The devices that the conformance suite examines.
#pragma once

#include "runtime/artifact/Artifact.h"
#include "runtime/device/Device.h"
#include "tests/cuda/mock/MockPanel.h"
#include "tests/engine/FakeArtifact.h"
#include "tests/support/TempDir.h"

#include <functional>
#include <optional>

namespace ingot::testing {

/// The module of host-built fake kernels.
std::vector<uint8_t> fakeGpuModule();

/// A device of one kind with everything it stands on. Only one subject on the mock at a time.
struct Subject {
  std::string name;
  bool computes = true;     ///< runs the kernels of the artifact
  bool survives = true;     ///< a failed kernel leaves the device usable
  bool mayFail = true;      ///< a real GPU would be lost to the whole process
  const char *failure = ""; ///< id of a failed kernel
  std::optional<mock::MockPanel> panel;
  std::unique_ptr<Artifact> artifact;
  std::unique_ptr<Device> device;
};

/// Makes each device in turn and calls fn with it: null, cpu with 1 and 3 threads, cuda on the
/// mock, and cuda where there is a GPU (says so when there is none).
void forEachSubject(const std::function<void(Subject &)> &fn);

} // namespace ingot::testing
