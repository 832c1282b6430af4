#include "codegen/Target.h"

#include "codegen/ReadKernel.h"
#include "codegen/cuda/CompileKernels.h"
#include "codegen/cuda/EmitKernel.h"

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
  report.staticSharedBytes = code.resources.staticSharedBytes;
  report.dynamicSharedBytes = shape.dynamicSharedBytes;
  report.codeBytes = code.bytes;
  report.seconds = code.seconds;
  report.cached = code.cached;
  return report;
}

} // namespace

Result<CompiledKernels> compileCudaKernels(std::span<const KernelRequest> requests,
                                           const CudaOptions &options,
                                           const std::function<void(double)> &progress) {
  std::vector<cuda::KernelSource> sources;
  CompiledKernels compiled;
  for (const KernelRequest &request : requests) {
    INGOT_ASSIGN(const KernelProgram program, readKernelProgram(request.fused));
    INGOT_ASSIGN(cuda::KernelSource source,
                 cuda::emitKernel(program, request.name, {request.maxTokens}, options.profile));
    compiled.shapes.push_back(source.shape);
    compiled.scratchBytes.push_back(source.shape.scratchBytes);
    sources.push_back(std::move(source));
  }
  const cuda::KernelCache cache = cuda::KernelCache::standard();
  cuda::CompileKernelsOptions compile;
  compile.architectures =
      options.architectures.empty() ? cuda::defaultArchitectures() : options.architectures;
  compile.threads = options.threads;
  compile.cache = options.cache ? &cache : nullptr;
  INGOT_ASSIGN(std::vector<cuda::CudaImage> images,
               cuda::compileKernels(sources, compile, progress));
  for (cuda::CudaImage &image : images) {
    for (size_t i = 0; i < image.kernels.size(); ++i)
      compiled.reports.push_back(reportOf(
          image.kernels[i], image.architecture,
          image.kernels.size() == sources.size() ? compiled.shapes[i] : cuda::LaunchShape()));
    compiled.images.push_back({image.architecture, {}, std::move(image.bundle)});
  }
  return compiled;
}

} // namespace ingot
