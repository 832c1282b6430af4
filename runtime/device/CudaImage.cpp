#include "runtime/device/CudaImage.h"

#include "runtime/base/Format.h"

#include <cstring>
#include <elf.h>

namespace ingot::cuda {

bool CudaLevel::runs(int gpuMajor, int gpuMinor) const {
  const bool isHost = gpuMajor == 0;
  if (kind == Kind::Host || isHost)
    return kind == Kind::Host && isHost && (major == 0 || major * 10 + minor == gpuMinor);
  if (suffix == 'a')
    return major == gpuMajor && minor == gpuMinor;
  if (kind == Kind::Ptx && suffix == 0)
    return std::pair(gpuMajor, gpuMinor) >= std::pair(major, minor);
  return major == gpuMajor && minor <= gpuMinor;
}

std::optional<CudaLevel> parseCudaLevel(std::string_view name) {
  CudaLevel level;
  if (name == "host") {
    level.kind = CudaLevel::Kind::Host;
    return level;
  }
  for (const auto &[prefix, kind] :
       {std::pair<std::string_view, CudaLevel::Kind>("sm_", CudaLevel::Kind::Cubin),
        {"compute_", CudaLevel::Kind::Ptx},
        {"host_", CudaLevel::Kind::Host}}) {
    if (name.substr(0, prefix.size()) != prefix)
      continue;
    std::string_view digits = name.substr(prefix.size());
    if (!digits.empty() && (digits.back() == 'a' || digits.back() == 'f')) {
      level.suffix = digits.back();
      digits.remove_suffix(1);
    }
    if (digits.size() < 2 || digits.size() > 3 ||
        digits.find_first_not_of("0123456789") != std::string_view::npos || digits[0] == '0')
      return std::nullopt;
    int number = 0;
    for (const char digit : digits)
      number = number * 10 + (digit - '0');
    level.kind = kind;
    level.major = number / 10;
    level.minor = number % 10;
    return level;
  }
  return std::nullopt;
}

/// Larger = made more closely for the GPU.
static int closeness(const CudaLevel &level) {
  const int specific = level.suffix == 'a' ? 2 : level.suffix == 'f' ? 1 : 0;
  const int number = level.major * 10 + level.minor;
  const bool isPtx = level.kind == CudaLevel::Kind::Ptx;
  return (isPtx ? 0 : 100'000) + (specific == 2 ? 10'000 : 0) + number * 10 + specific;
}

/// What to do where no code runs on the GPU. Kernels of 9.0 and 10.0 are written for those alone;
/// others run code of their generation that is not newer than they are.
static std::string nextStep(const Gpu &gpu) {
  const auto compile = [](const std::string &target) {
    return "compile it again with --target " + target + ", or use --device cpu";
  };
  if (gpu.major == 0) // a driver that executes on the host
    return compile("cuda-host");
  if (gpu.major < 8)
    return "its kernels need compute capability 8.0 or later; use --device cpu";
  if (gpu.minor == 0 && (gpu.major == 9 || gpu.major == 10))
    return compile(format("cuda:sm_%d0a", gpu.major));
  if (gpu.major == 8)
    return compile(gpu.minor >= 9 ? "cuda:sm_89" : gpu.minor >= 6 ? "cuda:sm_86" : "cuda:sm_80");
  return compile(gpu.major == 12 ? "cuda:sm_120" : "cuda:compute_80 and run it with --allow-jit");
}

Result<ImageChoice> chooseCudaImage(const std::vector<artifact::Image> &images, const Gpu &gpu,
                                    bool allowJit) {
  std::optional<ImageChoice> best;
  int bestCloseness = -1;
  bool ptxWouldDo = false;
  std::string present;
  for (uint32_t i = 0; i < images.size(); ++i) {
    const std::optional<CudaLevel> level = parseCudaLevel(images[i].level);
    if (images[i].target != "cuda" || !level)
      continue;
    present += (present.empty() ? "" : ", ") + images[i].level;
    if (!level->runs(gpu.major, gpu.minor))
      continue;
    const bool isPtx = level->kind == CudaLevel::Kind::Ptx;
    ptxWouldDo |= isPtx;
    if ((isPtx && !allowJit) || closeness(*level) <= bestCloseness)
      continue;
    best = ImageChoice{i, isPtx};
    bestCloseness = closeness(*level);
  }
  if (best)
    return *best;
  if (present.empty())
    return Status(ErrorClass::Unavailable, "cuda-code-absent",
                  "the artifact has no code for CUDA; use --device cpu, or compile it again with "
                  "--target cpu,cuda:...");
  return Status(
      ErrorClass::Unavailable, "cuda-unsupported",
      format("the artifact has CUDA code for %s; %s runs none of it%s; %s", present.c_str(),
             gpu.describe().c_str(),
             ptxWouldDo ? " but the PTX, which --allow-jit lets the driver compile at every start"
                        : "",
             nextStep(gpu).c_str()));
}

// ---- The frame of a module
// --------------------------------------------------------------------------

static Status damaged(std::string why) {
  return {ErrorClass::Data, "cuda-image", std::move(why) + "; compile the artifact again"};
}

/// [offset, offset + count * each) lies inside `bytes`.
static bool inside(size_t bytes, uint64_t offset, uint64_t count, uint64_t each) {
  return offset <= bytes && count * each <= bytes - offset;
}

static Status checkSections(std::span<const uint8_t> bytes, const Elf64_Ehdr &header) {
  for (uint32_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    std::memcpy(&section, bytes.data() + header.e_shoff + i * sizeof section, sizeof section);
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL &&
        !inside(bytes.size(), section.sh_offset, 1, section.sh_size))
      return damaged(format("section %u of a module lies outside its %zu bytes", i, bytes.size()));
  }
  return Status::ok();
}

Status checkModule(std::span<const uint8_t> bytes, CudaLevel::Kind kind) {
  if (kind == CudaLevel::Kind::Ptx) {
    // A final zero may be there or not; one inside would cut the text.
    if (bytes.size() < 2 || std::memchr(bytes.data(), 0, bytes.size() - 1))
      return damaged("a PTX module is no text");
    return Status::ok();
  }
  constexpr uint16_t kCudaMachine = 190;
  const uint16_t machine = kind == CudaLevel::Kind::Host ? uint16_t(EM_X86_64) : kCudaMachine;
  Elf64_Ehdr header;
  if (bytes.size() < sizeof header)
    return damaged(format("a module of %zu bytes is no code", bytes.size()));
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != machine)
    return damaged(format("a module is no 64-bit ELF file for machine %u", machine));
  if (!inside(bytes.size(), header.e_shoff, header.e_shnum, sizeof(Elf64_Shdr)) ||
      !inside(bytes.size(), header.e_phoff, header.e_phnum, sizeof(Elf64_Phdr)) ||
      (header.e_shnum > 0 && header.e_shentsize != sizeof(Elf64_Shdr)) ||
      (header.e_phnum > 0 && header.e_phentsize != sizeof(Elf64_Phdr)))
    return damaged(format("the tables of a module lie outside its %zu bytes", bytes.size()));
  return checkSections(bytes, header);
}

} // namespace ingot::cuda
