#include "tests/codegen/support/KernelHarness.h"

#include "codegen/cpu/Linker.h"

#include <cstring>
#include <immintrin.h>
#include <stdexcept>

namespace ingot::test {

static constexpr std::string_view kName = "kernel_under_test";

static std::string emitAs(CpuLevel level, const EmitFn &emit, cpu::EmitKind kind,
                          uint64_t *scratch) {
  cpu::KernelBuilder builder(level);
  const uint64_t bytes = emit(builder, kName);
  if (scratch)
    *scratch = bytes;
  Result<std::string> result = cpu::emitKernel(builder, kind);
  if (!result)
    throw std::runtime_error(result.status().toString());
  return *result;
}

std::string assemblyOf(CpuLevel level, const EmitFn &emit) {
  return emitAs(level, emit, cpu::EmitKind::Assembly, nullptr);
}

LoadedKernel::LoadedKernel(CpuLevel level, const EmitFn &emit) {
  const std::string object = emitAs(level, emit, cpu::EmitKind::Object, &scratchBytes_);
  const std::string name(kName);
  Result<std::string> image = cpu::linkImage({&object, 1}, {&name, 1});
  if (!image)
    throw std::runtime_error(image.status().toString());
  image_ = *image;
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t *>(image_.data()),
                                       image_.size());
  Result<CodeImage> code = CodeImage::load(bytes, /*descriptor=*/-1, 0);
  if (!code)
    throw std::runtime_error(code.status().toString());
  code_ = *std::move(code);
  const Result<abi::KernelFn> kernel = code_.kernel(name);
  if (!kernel)
    throw std::runtime_error(kernel.status().toString());
  function_ = *kernel;
}

void LoadedKernel::run(std::vector<uint64_t> args, uint32_t begin, uint32_t end) const {
  Buffer scratch(scratchBytes_);
  KernelMxcsr mxcsr;
  if (function_(args.data(), begin, end, scratch.as<void>()) != 0)
    throw std::runtime_error("the kernel returned an error");
}

std::vector<CpuLevel> runnableLevels() {
  std::vector<CpuLevel> levels;
  const CpuFeatures host = CpuFeatures::host();
  for (CpuLevel level : {CpuLevel::V3, CpuLevel::V4Vnni, CpuLevel::V4VnniBf16})
    if (host.runs(level))
      levels.push_back(level);
  return levels;
}

Buffer::Buffer(size_t bytes, uint8_t fill) : bytes_(bytes) {
  const size_t rounded = (bytes + 63) / 64 * 64 + 64;
  data_.reset(static_cast<uint8_t *>(std::aligned_alloc(64, rounded)));
  std::memset(data_.get(), fill, rounded);
}

bool Buffer::operator==(const Buffer &other) const {
  return bytes_ == other.bytes_ && std::memcmp(data_.get(), other.data_.get(), bytes_) == 0;
}

KernelMxcsr::KernelMxcsr() : saved_(_mm_getcsr()) { _mm_setcsr(0x9fc0); }
KernelMxcsr::~KernelMxcsr() { _mm_setcsr(saved_); }

} // namespace ingot::test
