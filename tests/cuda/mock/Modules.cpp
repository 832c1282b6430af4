// Modules: host code is loaded and executed, cubins and PTX are only looked at for names.
#include "tests/cuda/mock/State.h"

#include "runtime/base/Hash.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ingot::mock {

/// Bytes of an ELF file by its own tables; 0 for what is none.
static size_t elfBytes(const uint8_t *data) {
  Elf64_Ehdr header;
  std::memcpy(&header, data, sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return 0;
  uint64_t end = std::max<uint64_t>(
      {sizeof header, header.e_shoff + uint64_t(header.e_shnum) * sizeof(Elf64_Shdr),
       header.e_phoff + uint64_t(header.e_phnum) * sizeof(Elf64_Phdr)});
  for (uint32_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    std::memcpy(&section, data + header.e_shoff + i * sizeof section, sizeof section);
    if (section.sh_type != SHT_NOBITS)
      end = std::max<uint64_t>(end, section.sh_offset + section.sh_size);
  }
  return end;
}

/// The shared object with these bytes, loaded once per process: its threads and statics stay.
static void *openShared(const uint8_t *data, size_t bytes) {
  static std::map<uint64_t, void *> loaded;
  void *&handle = loaded[hash64({data, bytes})];
  if (handle)
    return handle;
  const int descriptor = ::memfd_create("ingot-mock-module", 0);
  size_t written = 0;
  while (descriptor >= 0 && written < bytes) {
    const ssize_t now = ::write(descriptor, data + written, bytes - written);
    if (now <= 0)
      return nullptr;
    written += static_cast<size_t>(now);
  }
  // The descriptor stays open: the loader tells objects apart by their names.
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    state().violation(std::string("host code does not load: ") + ::dlerror());
  return handle;
}

static Code loadHostCode(ModuleRecord &module, const uint8_t *data, size_t bytes) {
  void *handle = openShared(data, bytes);
  if (!handle)
    return kInvalidImage;
  using namespace gpu::host;
  module.launch = reinterpret_cast<LaunchFn>(::dlsym(handle, kLaunchSymbol));
  const auto list = reinterpret_cast<KernelListFn>(::dlsym(handle, kKernelListSymbol));
  if (!module.launch || !list)
    return kInvalidImage;
  size_t count = 0;
  const KernelInfo *kernels = list(&count);
  for (size_t i = 0; i < count; ++i)
    module.kernels[kernels[i].name] = kernels[i];
  return kSuccess;
}

Code loadModule(Module *module, const void *image) {
  State &s = state();
  const auto *data = static_cast<const uint8_t *>(image);
  auto made = std::make_unique<ModuleRecord>();
  const bool isHost = s.machine.capabilityMajor == 0;
  if (std::isprint(data[0])) {
    made->text = reinterpret_cast<const char *>(data);
  } else {
    const size_t bytes = elfBytes(data);
    if (bytes == 0)
      return kInvalidImage;
    Elf64_Ehdr header;
    std::memcpy(&header, data, sizeof header);
    if ((header.e_machine == EM_X86_64) != isHost)
      return kNoBinaryForGpu;
    made->text.assign(reinterpret_cast<const char *>(data), bytes);
    if (isHost)
      if (const Code code = loadHostCode(*made, data, bytes); code != kSuccess)
        return code;
  }
  *module = made.get();
  s.modules.emplace(made.get(), std::move(made));
  return kSuccess;
}

Code findFunction(Function *function, ModuleRecord &module, const char *name) {
  const bool there =
      module.launch ? module.kernels.count(name) != 0 : module.text.find(name) != std::string::npos;
  if (!there)
    return kNotFound;
  module.functions.push_back(
      std::make_unique<FunctionRecord>(FunctionRecord{&module, name, 48 * 1024}));
  *function = module.functions.back().get();
  return kSuccess;
}

Code launchKernel(const NodeRecord &node) {
  State &s = state();
  const ModuleRecord &module = *node.function->module;
  if (!module.launch)
    return kSuccess;
  gpu::host::Launch launch;
  launch.gridX = node.kernel.gridX;
  launch.gridY = node.kernel.gridY;
  launch.threads = node.kernel.blockX;
  launch.sharedBytes = node.kernel.sharedBytes;
  launch.order = static_cast<gpu::host::Order>(s.machine.order);
  launch.architecture = s.machine.architecture;
  launch.seed = s.machine.seed;
  launch.maps = &node.maps;
  char error[1024] = "";
  if (module.launch(node.function->name.c_str(), node.slots, 16, &launch, error, sizeof error) == 0)
    return kSuccess;
  s.graphs += "kernel " + node.function->name + " failed: " + error + "\n";
  return kLaunchFailed;
}

} // namespace ingot::mock
