#include "codegen/Target.h"

#include "codegen/ReadKernel.h"
#include "codegen/cuda/CompileKernels.h"
#include "codegen/cuda/EmitKernel.h"
#include "runtime/base/Format.h"

#include <algorithm>
#include <map>

namespace ingot {

namespace {

KernelReport reportOf(const cuda::KernelCode &code, const std::string &level,
                      const cuda::LaunchShape &shape) {
  KernelReport report;
  report.kernel = code.kernel;
  report.level = level;
  report.registers = code.resources.registers;
  report.stackBytes = code.resources.stackBytes;
  report.spillBytes = code.resources.spillStoreBytes + code.resources.spillLoadBytes;
  report.losses = code.resources.losses;
  report.staticSharedBytes = code.resources.staticSharedBytes;
  report.dynamicSharedBytes = shape.dynamicSharedBytes;
  report.codeBytes = code.bytes;
  report.seconds = code.seconds;
  report.cached = code.cached;
  return report;
}

/// A text without the kernel's name, and how it is launched.
std::string meaningOf(std::string text, const std::string &name, const cuda::LaunchShape &s) {
  for (size_t at = 0; (at = text.find(name, at)) != std::string::npos;)
    text.replace(at, name.size(), "kernel");
  text += format("\n%u %u %u %u %u %llu %llu %d", s.threads, s.dynamicSharedBytes, s.itemsPerBlock,
                 s.blocksPerItem, s.tokensPerBlock, ull(s.scratchBytes), ull(s.counterBytes),
                 s.persistent);
  for (const artifact::TensorMap &map : s.maps)
    text += format("\n%u %llu %u %llu %llu %u %u %d", map.slot, ull(map.offset), map.elementBytes,
                   ull(map.columns), ull(map.pitchBytes), map.boxColumns, map.boxRows, map.swizzle);
  return text;
}

/// Equal for kernels that can stand in for each other.
std::string meaningOf(const cuda::KernelSource &source) {
  std::string text = meaningOf(source.text, source.name, source.shape);
  for (const cuda::KernelVariant &variant : source.variants)
    text += "\n" + variant.architecture + meaningOf(variant.text, source.name, variant.shape);
  return text;
}

/// The variants of a source that the architectures use, without their texts.
std::vector<cuda::KernelVariant> variantsOf(const cuda::KernelSource &source,
                                            std::span<const std::string> architectures) {
  std::vector<cuda::KernelVariant> used;
  for (const cuda::KernelVariant &variant : source.variants)
    if (std::any_of(architectures.begin(), architectures.end(), [&](const std::string &name) {
          return cuda::sourceFor(source, name).text == variant.text;
        }))
      used.push_back({variant.architecture, {}, variant.shape});
  return used;
}

/// Per source the first with its meaning.
std::vector<uint32_t> findShared(std::span<const cuda::KernelSource> sources) {
  std::map<std::string, uint32_t> first;
  std::vector<uint32_t> shared;
  for (const cuda::KernelSource &source : sources)
    shared.push_back(
        first.try_emplace(meaningOf(source), static_cast<uint32_t>(shared.size())).first->second);
  return shared;
}

} // namespace

Result<CompiledKernels> compileCudaKernels(std::span<const KernelRequest> requests,
                                           const CudaOptions &options,
                                           const std::function<void(double)> &progress) {
  const cuda::KernelCache cache = cuda::KernelCache::standard();
  cuda::CompileKernelsOptions compile;
  compile.architectures =
      options.architectures.empty() ? cuda::defaultArchitectures() : options.architectures;
  compile.threads = options.threads;
  compile.cache = options.cache ? &cache : nullptr;
  std::vector<cuda::KernelSource> sources;
  CompiledKernels compiled;
  for (const KernelRequest &request : requests) {
    INGOT_ASSIGN(const KernelProgram program, readKernelProgram(request.fused));
    Result<cuda::KernelSource> emitted =
        cuda::emitKernel(program, request.name, {request.maxTokens});
    if (!emitted) // the program's own place: the kernel's name says nothing to people
      return std::move(emitted).status().at(FusedOp(request.fused).getLabel().str());
    cuda::KernelSource source = *std::move(emitted);
    compiled.shapes.push_back(source.shape);
    compiled.scratchBytes.push_back(source.shape.scratchBytes);
    compiled.variants.push_back(variantsOf(source, compile.architectures));
    sources.push_back(std::move(source));
  }
  compiled.sharedWith = findShared(sources);
  std::vector<cuda::KernelSource> distinct;
  for (uint32_t i = 0; i < sources.size(); ++i)
    if (compiled.sharedWith[i] == i)
      distinct.push_back(std::move(sources[i]));

  INGOT_ASSIGN(std::vector<cuda::CudaImage> images,
               cuda::compileKernels(distinct, compile, progress));
  for (cuda::CudaImage &image : images) {
    for (size_t i = 0; i < image.kernels.size(); ++i) // one, without a shape, for the host
      compiled.reports.push_back(
          reportOf(image.kernels[i], image.architecture,
                   image.kernels.size() == distinct.size()
                       ? cuda::sourceFor(distinct[i], image.architecture).shape
                       : cuda::LaunchShape()));
    compiled.images.push_back({image.architecture, {}, std::move(image.bundle)});
  }
  return compiled;
}

} // namespace ingot
