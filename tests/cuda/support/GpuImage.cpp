#include "tests/cuda/support/GpuImage.h"

#include "codegen/cuda/HostCompiler.h"
#include "codegen/cuda/Nvrtc.h"
#include "codegen/cuda/host/TensorMap.h"
#include "codegen/cuda/kernels/Types.h"
#include "runtime/base/Format.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <dlfcn.h>
#include <pthread.h>

namespace ingot::test {
namespace {

/// The driver's functions that a test needs; signatures as the driver declares them.
struct Driver {
  int (*init)(unsigned);
  int (*deviceGet)(int *, int);
  int (*attribute)(int *, int, int);
  int (*contextRetain)(void **, int);
  int (*contextSetCurrent)(void *);
  int (*allocManaged)(uint64_t *, size_t, unsigned);
  int (*moduleLoad)(void **, const void *);
  int (*moduleUnload)(void *);
  int (*moduleFunction)(void **, void *, const char *);
  int (*functionSet)(void *, int, int);
  int (*launch)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                void *, void **, void **);
  int (*synchronize)();
  int (*errorText)(int, const char **);
  int (*encodeTiled)(void *, int, unsigned, void *, const uint64_t *, const uint64_t *,
                     const uint32_t *, const uint32_t *, int, int, int, int);
  int major = 0, minor = 0;

  std::string text(int code) const {
    const char *text = nullptr;
    errorText(code, &text);
    return format("driver error %d: %s", code, text ? text : "?");
  }
};

constexpr unsigned kAttachGlobal = 1; ///< CU_MEM_ATTACH_GLOBAL
constexpr int kAttributeMajor = 75, kAttributeMinor = 76;
constexpr int kFunctionDynamicShared = 8; ///< CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_...
constexpr int kPlainShared = 48 << 10;

[[noreturn]] void giveUp(const std::string &why) {
  std::fprintf(stderr, "INGOT_TEST_GPU is set, but %s\n", why.c_str());
  std::_Exit(70);
}

/// Loads the driver and makes device INGOT_TEST_GPU current, or ends the program. It allocates
/// nothing by operator new: it is called from there.
const Driver &driver() {
  static Driver driver = [] {
    const char *name = std::getenv("INGOT_CUDA_DRIVER");
    void *library = ::dlopen(name && *name ? name : "libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
    if (!library)
      giveUp("libcuda.so.1 does not open");
    Driver d{};
    const auto find = [&](auto &function, const char *symbol) {
      function =
          reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, symbol));
      if (!function)
        giveUp("the driver lacks a function; it is too old");
    };
    find(d.init, "cuInit");
    find(d.deviceGet, "cuDeviceGet");
    find(d.attribute, "cuDeviceGetAttribute");
    find(d.contextRetain, "cuDevicePrimaryCtxRetain");
    find(d.contextSetCurrent, "cuCtxSetCurrent");
    find(d.allocManaged, "cuMemAllocManaged");
    find(d.moduleLoad, "cuModuleLoadData");
    find(d.moduleUnload, "cuModuleUnload");
    find(d.moduleFunction, "cuModuleGetFunction");
    find(d.functionSet, "cuFuncSetAttribute");
    find(d.launch, "cuLaunchKernel");
    find(d.synchronize, "cuCtxSynchronize");
    find(d.errorText, "cuGetErrorString");
    find(d.encodeTiled, "cuTensorMapEncodeTiled");
    int device = 0;
    void *context = nullptr;
    if (d.init(0) != 0 || d.deviceGet(&device, std::atoi(std::getenv("INGOT_TEST_GPU"))) != 0 ||
        d.contextRetain(&context, device) != 0 || d.contextSetCurrent(context) != 0)
      giveUp("the driver has no such device");
    d.attribute(&d.major, kAttributeMajor, device);
    d.attribute(&d.minor, kAttributeMinor, device);
    return d;
  }();
  return driver;
}

/// A cubin for the device.
Result<std::vector<uint8_t>> compile(const cuda::KernelSource &source) {
  const Driver &d = driver();
  static const Result<std::unique_ptr<cuda::Nvrtc>> compiler = cuda::Nvrtc::load();
  if (!compiler)
    return compiler.status();
  const bool family = (d.major == 9 || d.major == 10) && d.minor == 0;
  const std::string architecture = format("sm_%d%d%s", d.major, d.minor, family ? "a" : "");
  INGOT_ASSIGN(cuda::NvrtcOutput output, (*compiler)->compile(source.text, architecture));
  return std::move(output.code);
}

/// Whether an address lies on this thread's stack.
bool isOnStack(uint64_t address) {
  pthread_attr_t attributes;
  void *bottom = nullptr;
  size_t bytes = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &bottom, &bytes);
  pthread_attr_destroy(&attributes);
  const auto from = reinterpret_cast<uint64_t>(bottom);
  return address >= from && address < from + bytes;
}

/// The map of host execution as the driver encodes it.
int encode(const Driver &d, const gpu::TensorMap &from, gpu::TensorMap &to) {
  // CU_TENSOR_MAP_DATA_TYPE_UINT8, 16, 32, 64; ..._SWIZZLE_128B; ..._L2_PROMOTION_L2_256B.
  constexpr int kTypes[] = {0, 0, 1, 0, 2, 0, 0, 0, 4}, kSwizzle128 = 3, kPromote256 = 3;
  const gpu::host::TensorMapFields f = gpu::host::decodeTensorMap(from);
  const uint64_t sizes[] = {f.columns, f.rows}, pitches[] = {f.pitchBytes};
  const uint32_t box[] = {f.boxColumns, f.boxRows}, steps[] = {1, 1};
  return d.encodeTiled(&to, kTypes[f.elementBytes], 2, reinterpret_cast<void *>(f.base), sizes,
                       pitches, box, steps, 0, f.swizzle ? kSwizzle128 : 0, kPromote256, 0);
}

} // namespace

bool gpuWanted() {
  const char *device = std::getenv("INGOT_TEST_GPU");
  return device && *device;
}

void *allocateManaged(size_t bytes) {
  uint64_t address = 0;
  if (driver().allocManaged(&address, bytes, kAttachGlobal) != 0)
    giveUp("the device has no managed memory");
  return reinterpret_cast<void *>(address);
}

struct GpuImage::Modules {
  std::vector<void *> modules; ///< each with one kernel or several

  void *find(const std::string &kernel) const {
    void *function = nullptr;
    for (void *module : modules)
      if (driver().moduleFunction(&function, module, kernel.c_str()) == 0)
        return function;
    return nullptr;
  }
};

GpuImage::GpuImage(std::unique_ptr<Modules> modules) : modules_(std::move(modules)) {}
GpuImage::~GpuImage() {
  for (void *module : modules_->modules)
    driver().moduleUnload(module);
}

uint32_t GpuImage::matrixUnit() {
  const int level = driver().major * 10 + driver().minor;
  return level >= 90 || level < 10 ? 90 : level >= 89 ? 89 : 80;
}

Result<std::unique_ptr<GpuImage>> GpuImage::build(std::span<const cuda::KernelSource> sources) {
  const Driver &d = driver();
  auto modules = std::make_unique<Modules>();
  // Texts may have been joined: then some are empty. On the host all become one object.
  for (const cuda::KernelSource &source : sources) {
    if (source.text.empty() || (d.major == 0 && &source != &sources.front()))
      continue;
    INGOT_ASSIGN(const std::vector<uint8_t> code,
                 d.major == 0 ? cuda::compileForHost(sources, {}) : compile(source));
    void *module = nullptr;
    if (const int outcome = d.moduleLoad(&module, code.data()); outcome != 0)
      return Status(ErrorClass::Data, "gpu-image-load", source.name + ": " + d.text(outcome));
    modules->modules.push_back(module);
  }
  return std::unique_ptr<GpuImage>(new GpuImage(std::move(modules)));
}

std::string GpuImage::launch(const std::string &kernel, std::span<const uint64_t> slots,
                             const gpu::host::Launch &launch) const {
  const Driver &d = driver();
  void *const function = modules_->find(kernel);
  if (!function || slots.size() > abi::kMaxSlots)
    return "no such kernel, or too many slots: " + kernel;
  // Tables on the stack: read by kernels, at most this large.
  constexpr size_t kTableBytes = 256;
  std::vector<std::vector<uint8_t>> tables;
  gpu::KernelArgs args = {};
  for (size_t i = 0; i < slots.size(); ++i) {
    args.slot[i] = slots[i];
    if (!isOnStack(slots[i]))
      continue;
    tables.emplace_back(kTableBytes);
    std::memcpy(tables.back().data(), reinterpret_cast<const void *>(slots[i]), kTableBytes);
    args.slot[i] = reinterpret_cast<uint64_t>(tables.back().data());
  }
  gpu::TensorMaps maps = {};
  for (int i = 0; launch.maps && i < abi::kMaxTensorMaps; ++i) {
    const gpu::TensorMap &map = static_cast<const gpu::TensorMaps *>(launch.maps)->map[i];
    if (gpu::host::decodeTensorMap(map).base == 0)
      continue;
    if (const int code = encode(d, map, maps.map[i]); code != 0)
      return format("tensor map %d: ", i) + d.text(code);
  }
  void *parameters[] = {&args, &maps};
  int code = 0;
  if (launch.sharedBytes > kPlainShared)
    code = d.functionSet(function, kFunctionDynamicShared, int(launch.sharedBytes));
  if (code == 0)
    code = d.launch(function, launch.gridX, launch.gridY, 1, launch.threads, 1, 1,
                    launch.sharedBytes, nullptr, parameters, nullptr);
  if (code == 0)
    code = d.synchronize();
  return code == 0 ? "" : kernel + ": " + d.text(code);
}

} // namespace ingot::test
