#include "runtime/device/ChooseDevice.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <optional>

namespace ingot {
namespace {

/// What a name asks for.
struct Wanted {
  bool cpu = false, cuda = false;
  int index = 0; ///< of the GPU
};

std::optional<Wanted> parseName(const std::string &name) {
  if (name == "auto" || name.empty())
    return Wanted{true, true, 0};
  if (name == "cpu")
    return Wanted{true, false, 0};
  if (name == "cuda")
    return Wanted{false, true, 0};
  const std::string prefix = "cuda:", digits = name.substr(std::min(name.size(), prefix.size()));
  if (name.compare(0, prefix.size(), prefix) != 0 || digits.empty() || digits.size() > 3 ||
      digits.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return Wanted{false, true, std::stoi(digits)};
}

Result<ChosenDevice> takeCuda(const Artifact &artifact, const DeviceRequest &request, int index) {
  CudaOptions options;
  options.index = index;
  options.threads = request.cpu.threads;
  options.pin = request.cpu.pin;
  options.allowJit = request.allowJit;
  INGOT_ASSIGN(std::unique_ptr<CudaDevice> device, CudaDevice::create(artifact, options));
  ChosenDevice chosen;
  chosen.target = "cuda";
  chosen.why = device->describe();
  chosen.device = std::move(device);
  return chosen;
}

Result<ChosenDevice> takeCpu(const Artifact &artifact, const DeviceRequest &request) {
  INGOT_ASSIGN(std::unique_ptr<CpuDevice> device, CpuDevice::create(artifact, request.cpu));
  ChosenDevice chosen;
  chosen.target = "cpu";
  chosen.cpu = device.get();
  chosen.why = device->describe();
  chosen.device = std::move(device);
  return chosen;
}

} // namespace

Result<ChosenDevice> chooseDevice(const Artifact &artifact, const DeviceRequest &request) {
  const std::optional<Wanted> wanted = parseName(request.name);
  if (!wanted)
    return Status(ErrorClass::Usage, "device-name",
                  format("there is no device \"%s\"; known are cpu, cuda, cuda:0, cuda:1, ... and "
                         "auto",
                         request.name.c_str()));
  const bool namesLevel = wanted->cpu && !request.cpu.level.empty();
  if (!wanted->cuda || namesLevel) {
    INGOT_ASSIGN(ChosenDevice chosen, takeCpu(artifact, request));
    chosen.why += wanted->cuda ? "; not cuda: an instruction set of the CPU was asked for"
                               : "; not cuda: --device says so";
    return chosen;
  }
  Result<ChosenDevice> cuda = takeCuda(artifact, request, wanted->index);
  if (cuda) {
    cuda->why += wanted->cpu ? "; not cpu: a GPU that runs the artifact comes first"
                             : "; not cpu: --device says so";
    return cuda;
  }
  // An artifact for GPUs alone leaves no choice.
  if (!wanted->cpu || !artifact.manifest().programOf("cpu"))
    return std::move(cuda).status();
  INGOT_ASSIGN(ChosenDevice chosen, takeCpu(artifact, request));
  chosen.why += "; not cuda: " + cuda.status().message();
  return chosen;
}

} // namespace ingot
