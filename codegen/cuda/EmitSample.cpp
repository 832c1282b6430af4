#include "codegen/cuda/EmitSample.h"

#include "runtime/base/Format.h"

namespace ingot::cuda {

KernelSource emitSample(uint32_t vocabulary, std::string_view name, TokenBound bound) {
  constexpr uint32_t kSampleBytes = 25096; // of Sample.cuh
  const uint32_t threads = vocabulary <= 16384 ? 256 : 1024;
  KernelSource source;
  source.name = std::string(name);
  source.shape.threads = threads;
  source.shape.dynamicSharedBytes = kSampleBytes;
  source.shape.scratchBytes = bound.maxTokens * abi::f32RowBytes(vocabulary);
  source.text =
      format("#include \"codegen/cuda/kernels/Sample.cuh\"\n\nnamespace ingot::gpu {\n\n"
             "static_assert(sizeof(SampleShared) == %u);\n\n"
             "INGOT_KERNEL(%s, %u) { sample<%u, %u>(args); }\n\n} // namespace ingot::gpu\n",
             kSampleBytes, source.name.c_str(), threads, vocabulary, threads);
  return source;
}

} // namespace ingot::cuda
