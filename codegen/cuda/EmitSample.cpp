#include "codegen/cuda/EmitSample.h"

#include "runtime/base/Format.h"

namespace ingot::cuda {

/// Columns of the logits; 0 where the program is anything but sampling.
static int64_t vocabularyOf(const KernelProgram &program) {
  if (program.ops.size() != 1 || program.ops[0].kind != OpKind::Sample)
    return 0;
  const ProgramOp &op = program.ops[0];
  const ProgramValue &logits = program.values[op.operands[0]], &ids = program.values[op.results[0]];
  return logits.kind == ValueKind::F32Rows && logits.slot == 1 && ids.slot == 2 ? logits.columns
                                                                                : 0;
}

Result<KernelSource> emitSample(const KernelProgram &program, std::string_view name) {
  constexpr uint32_t kSampleBytes = 25096; // of Sample.cuh
  const int64_t vocabulary = vocabularyOf(program);
  if (vocabulary <= 0)
    return Status(ErrorClass::Internal, "cuda-kernel",
                  format("kernel '%s': sampling stands alone in its region, on float32 logits",
                         std::string(name).c_str()));
  const uint32_t threads = vocabulary <= 16384 ? 256 : 1024;
  KernelSource source;
  source.name = std::string(name);
  source.shape.threads = threads;
  source.shape.dynamicSharedBytes = kSampleBytes;
  source.text = format(
      "#include \"codegen/cuda/kernels/Sample.cuh\"\n\nnamespace ingot::gpu {\n\n"
      "static_assert(sizeof(SampleShared) == %u);\n\n"
      "INGOT_KERNEL_OF_FEW(%s, %u) { sample<%lld, %u>(args); }\n\n} // namespace ingot::gpu\n",
      kSampleBytes, source.name.c_str(), threads, static_cast<long long>(vocabulary), threads);
  return source;
}

} // namespace ingot::cuda
