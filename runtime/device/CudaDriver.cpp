#include "runtime/device/CudaDriver.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>

namespace ingot::cuda {

static_assert(sizeof(void *) == 8 && sizeof(KernelNodeParams) == 72 && sizeof(CopyParams) == 200 &&
              sizeof(EdgeData) == 8 && sizeof(InstantiateParams) == 32 &&
              sizeof(TensorMapBytes) == 128);

std::string versionText(int driverVersion) {
  return format("%d.%d", driverVersion / 1000, driverVersion % 1000 / 10);
}

std::string Gpu::describe() const {
  return format("cuda:%d (%s%s, compute capability %d.%d, %s)", index, name.c_str(),
                isSlice() ? ", one MIG slice" : "", major, minor, formatBytes(totalBytes).c_str());
}

// ---- Errors
// ----------------------------------------------------------------------------------------

namespace {

/// What a code means to people, and what they can do.
struct Meaning {
  Code code;
  ErrorClass errorClass;
  const char *id;
  const char *next;
};

constexpr const char *kLost = "the GPU's state is lost for this process: start it again; if it "
                              "happens again, report it with this message";
constexpr const char *kHardware = "the GPU reports broken hardware: look at nvidia-smi -q and the "
                                  "system log, and use another device";
constexpr const char *kBadImage = "the artifact's code does not load: a driver older than the code "
                                  "or a damaged artifact; update the driver or compile again";

constexpr Meaning kMeanings[] = {
    {kOutOfMemory, ErrorClass::Os, "device-memory",
     "fewer --kv-blocks or another --device need less"},
    {kStubLibrary, ErrorClass::Unavailable, "cuda-unavailable",
     "this libcuda is the toolkit's stub: install the NVIDIA driver"},
    {kDeviceUnavailable, ErrorClass::TempFail, "cuda-busy",
     "another process holds the GPU alone (compute mode): wait for it or use another --device"},
    {kNoDevice, ErrorClass::Unavailable, "cuda-unavailable",
     "no GPU is visible: look at nvidia-smi -L and CUDA_VISIBLE_DEVICES; in MIG mode create a "
     "slice first"},
    {kInvalidDevice, ErrorClass::Usage, "cuda-ordinal", "nvidia-smi -L lists the GPUs"},
    {kInvalidImage, ErrorClass::Data, "cuda-image", kBadImage},
    {kNoBinaryForGpu, ErrorClass::Data, "cuda-image", kBadImage},
    {kInvalidPtx, ErrorClass::Data, "cuda-image", kBadImage},
    {kUnsupportedPtxVersion, ErrorClass::Unavailable, "cuda-driver-old",
     "the driver is older than the artifact's PTX: update it"},
    {kJitCompilerNotFound, ErrorClass::Unavailable, "cuda-image",
     "the driver's PTX compiler is missing: install it, or an artifact with code for this GPU"},
    {kNotFound, ErrorClass::Data, "cuda-image", kBadImage},
    {kEccUncorrectable, ErrorClass::Unavailable, "cuda-lost", kHardware},
    {kNvlinkUncorrectable, ErrorClass::Unavailable, "cuda-lost", kHardware},
    {kContained, ErrorClass::Unavailable, "cuda-lost", kHardware},
    {kIllegalAddress, ErrorClass::Internal, "cuda-lost", kLost},
    {kLaunchOutOfResources, ErrorClass::Internal, "cuda-launch",
     "a kernel asks for more than this GPU has: compile the artifact again and report it"},
    {kLaunchTimeout, ErrorClass::Unavailable, "cuda-lost",
     "the GPU also drives a display that ends long kernels; use one without a display"},
    {kContextIsDestroyed, ErrorClass::Internal, "cuda-lost", kLost},
    {kAssert, ErrorClass::Internal, "cuda-lost", kLost},
    {kHardwareStackError, ErrorClass::Internal, "cuda-lost", kLost},
    {kIllegalInstruction, ErrorClass::Internal, "cuda-lost", kLost},
    {kMisalignedAddress, ErrorClass::Internal, "cuda-lost", kLost},
    {kInvalidAddressSpace, ErrorClass::Internal, "cuda-lost", kLost},
    {kInvalidPc, ErrorClass::Internal, "cuda-lost", kLost},
    {kLaunchFailed, ErrorClass::Internal, "cuda-lost", kLost},
    {kSystemNotReady, ErrorClass::Unavailable, "cuda-unavailable",
     "a service of the machine (fabric manager) is not running: start it"},
    {kSystemDriverMismatch, ErrorClass::Unavailable, "cuda-unavailable",
     "libcuda and the kernel module are of different versions: reboot, or mount the right libcuda"},
    {kCompatNotSupported, ErrorClass::Unavailable, "cuda-driver-old",
     "this GPU does not take the compatibility package: update the driver"},
    {kUnknown, ErrorClass::Unavailable, "cuda-lost", kLost},
};

constexpr Meaning kOther = {kSuccess, ErrorClass::Internal, "cuda-error",
                            "report it with this message"};

const Meaning &meaningOf(Code code) {
  for (const Meaning &meaning : kMeanings)
    if (meaning.code == code)
      return meaning;
  return kOther;
}

} // namespace

bool Driver::isSticky(Code code) {
  return code != kSuccess && std::string_view(meaningOf(code).id) == "cuda-lost";
}

Status Driver::check(Code code, std::string_view what) const {
  if (code == kSuccess)
    return Status::ok();
  const char *name = nullptr, *text = nullptr;
  if (!calls_.errorName || calls_.errorName(code, &name) != kSuccess || !name)
    name = "unknown error";
  if (!calls_.errorText || calls_.errorText(code, &text) != kSuccess || !text)
    text = "no description";
  const Meaning &meaning = meaningOf(code);
  return {meaning.errorClass, meaning.id,
          format("%.*s: %s (%d, %s); %s", static_cast<int>(what.size()), what.data(), name, code,
                 text, meaning.next)};
}

// ---- Loading
// ---------------------------------------------------------------------------------------

namespace {

/// cuGetProcAddress_v2: since CUDA 12.0.
using GetProcAddress = Code (*)(const char *symbol, void **function, int version, uint64_t flags,
                                int *found);

Status tooOld(int version) {
  return {ErrorClass::Unavailable, "cuda-driver-old",
          format("the NVIDIA driver is made for CUDA %s, at least %s is needed; update the driver, "
                 "or use --device cpu",
                 version ? versionText(version).c_str() : "11 or older",
                 versionText(kMinimumDriver).c_str())};
}

} // namespace

Status Driver::bind(void *library) {
  // Before anything else the version, by the oldest way there is.
  using VersionCall = Code (*)(int *);
  if (const auto version = reinterpret_cast<VersionCall>(::dlsym(library, "cuDriverGetVersion")))
    if (version(&version_) != kSuccess)
      version_ = 0;
  const auto find = reinterpret_cast<GetProcAddress>(::dlsym(library, "cuGetProcAddress_v2"));
  if (!find || version_ < kMinimumDriver)
    return tooOld(version_);
  const char *missing = nullptr;
  const auto load = [&](auto &member, const char *name, int version) {
    void *function = nullptr;
    int found = 0;
    if (find(name, &function, version, 0, &found) != kSuccess)
      function = nullptr;
    member = reinterpret_cast<std::remove_reference_t<decltype(member)>>(function);
    return function != nullptr;
  };
#define INGOT_CUDA_LOAD(member, name, version, params)                                             \
  if (!load(calls_.member, name, version) && !missing)                                             \
    missing = name;
  INGOT_CUDA_CALLS(INGOT_CUDA_LOAD)
#undef INGOT_CUDA_LOAD
#define INGOT_CUDA_LOAD(member, name, version, params)                                             \
  if (version_ >= version)                                                                         \
    load(calls_.member, name, version);
  INGOT_CUDA_OPTIONAL_CALLS(INGOT_CUDA_LOAD)
#undef INGOT_CUDA_LOAD
  if (missing)
    return {ErrorClass::Unavailable, "cuda-driver-old",
            format("the NVIDIA driver (CUDA %s) has no %s; update the driver, or use --device cpu",
                   versionText(version_).c_str(), missing)};
  return Status::ok();
}

Result<std::shared_ptr<const Driver>> Driver::load() {
  const char *named = std::getenv("INGOT_CUDA_DRIVER");
  const char *path = named && *named ? named : "libcuda.so.1";
  void *library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = ::dlerror();
    return Status(ErrorClass::Unavailable, "cuda-unavailable",
                  format("no NVIDIA driver on this machine: %s; install it, or use --device cpu",
                         reason ? reason : path));
  }
  std::shared_ptr<Driver> driver(new Driver);
  INGOT_TRY(driver->bind(library));
  INGOT_TRY(driver->check(driver->calls_.init(0), "starting the NVIDIA driver"));
  return std::shared_ptr<const Driver>(std::move(driver));
}

// ---- GPUs
// ------------------------------------------------------------------------------------------

Result<int> Driver::gpuCount() const {
  int count = 0;
  INGOT_TRY(check(calls_.deviceCount(&count), "counting the GPUs"));
  if (count <= 0)
    return check(kNoDevice, "counting the GPUs");
  return count;
}

Result<Gpu> Driver::gpu(int index) const {
  INGOT_ASSIGN(const int count, gpuCount());
  if (index < 0 || index >= count) {
    std::string present;
    for (int i = 0; i < std::min(count, 16); ++i)
      if (const Result<Gpu> other = gpu(i); other)
        present += (present.empty() ? "" : ", ") + other->describe();
    return Status(ErrorClass::Usage, "cuda-ordinal",
                  format("there is no cuda:%d; this process sees %d %s: %s", index, count,
                         count == 1 ? "GPU" : "GPUs", present.c_str()));
  }
  Gpu gpu;
  gpu.index = index;
  const std::string what = format("asking for cuda:%d", index);
  INGOT_TRY(check(calls_.deviceGet(&gpu.ordinal, index), what));
  char name[256] = {};
  INGOT_TRY(check(calls_.deviceName(name, sizeof name - 1, gpu.ordinal), what));
  gpu.name = name;
  INGOT_TRY(check(calls_.deviceAttribute(&gpu.major, kAttributeMajor, gpu.ordinal), what));
  INGOT_TRY(check(calls_.deviceAttribute(&gpu.minor, kAttributeMinor, gpu.ordinal), what));
  INGOT_TRY(check(
      calls_.deviceAttribute(&gpu.multiprocessors, kAttributeMultiprocessors, gpu.ordinal), what));
  size_t bytes = 0;
  INGOT_TRY(check(calls_.deviceTotalMem(&bytes, gpu.ordinal), what));
  gpu.totalBytes = bytes;
  return gpu;
}

} // namespace ingot::cuda
