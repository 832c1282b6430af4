// From "cpu", "cuda", "cuda:1" or "auto" to a device that runs the artifact.
#pragma once

#include "runtime/device/CpuDevice.h"
#include "runtime/device/CudaDevice.h"

namespace ingot {

struct DeviceRequest {
  std::string name = "auto"; ///< "cpu", "cuda", "cuda:N", "auto" = cuda where it can run, else cpu
  CpuOptions cpu;            ///< threads and pin also for the host side of a GPU
  bool allowJit = false;     ///< see CudaOptions
};

struct ChosenDevice {
  std::unique_ptr<Device> device;
  std::string target;       ///< of the artifact's program that it runs: "cpu", "cuda"
  CpuDevice *cpu = nullptr; ///< the device when it is the CPU
  std::string why;          ///< for people: which one, and why not the other
};

/// Ids: "device-name" for a name that is none, and those of CpuDevice::create and
/// CudaDevice::create.
Result<ChosenDevice> chooseDevice(const Artifact &artifact, const DeviceRequest &request);

} // namespace ingot
