// Workbench of the matmul kernel: compiles one shape for one level, times it on one thread and
// prints the distance to the walls, which are measured in the same moment: the vpdpbusd (or FMA)
// peak and the read bandwidth.
//   matmul_bench [int4|int8|bf16] [rows] [outputs] [inputs] [group] [level] [asm]
#include "codegen/cpu/kernels/EmitMatmul.h"
#include "tests/codegen/support/KernelHarness.h"
#include "tests/codegen/support/MatmulCase.h"

#include "runtime/base/Numerics.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <immintrin.h>

using namespace ingot;
using namespace ingot::test;

namespace {

/// Processor time of this thread: other processes on the machine cost caches, not time.
double now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

/// Seconds of the fastest of several runs within about half a second.
template <typename Work>
double fastest(const Work &work) {
  double best = 1e9;
  const double start = now();
  for (int i = 0; i < 3 || now() - start < 0.5; ++i) {
    const double from = now();
    work();
    best = std::min(best, now() - from);
  }
  return best;
}

/// Operations per second of 12 independent chains of one instruction.
double peakAvx512(bool integer) {
  constexpr int64_t turns = 1000000;
  const double seconds = fastest([&] {
    for (int64_t i = 0; i < turns; ++i)
      if (integer)
        asm volatile("vpdpbusd %%zmm30,%%zmm31,%%zmm0\nvpdpbusd %%zmm30,%%zmm31,%%zmm1\n"
                     "vpdpbusd %%zmm30,%%zmm31,%%zmm2\nvpdpbusd %%zmm30,%%zmm31,%%zmm3\n"
                     "vpdpbusd %%zmm30,%%zmm31,%%zmm4\nvpdpbusd %%zmm30,%%zmm31,%%zmm5\n"
                     "vpdpbusd %%zmm30,%%zmm31,%%zmm6\nvpdpbusd %%zmm30,%%zmm31,%%zmm7\n"
                     "vpdpbusd %%zmm30,%%zmm31,%%zmm8\nvpdpbusd %%zmm30,%%zmm31,%%zmm9\n"
                     "vpdpbusd %%zmm30,%%zmm31,%%zmm10\nvpdpbusd %%zmm30,%%zmm31,%%zmm11\n" ::
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                           "xmm9", "xmm10", "xmm11");
      else
        asm volatile("vfmadd231ps %%zmm30,%%zmm31,%%zmm0\nvfmadd231ps %%zmm30,%%zmm31,%%zmm1\n"
                     "vfmadd231ps %%zmm30,%%zmm31,%%zmm2\nvfmadd231ps %%zmm30,%%zmm31,%%zmm3\n"
                     "vfmadd231ps %%zmm30,%%zmm31,%%zmm4\nvfmadd231ps %%zmm30,%%zmm31,%%zmm5\n"
                     "vfmadd231ps %%zmm30,%%zmm31,%%zmm6\nvfmadd231ps %%zmm30,%%zmm31,%%zmm7\n"
                     "vfmadd231ps %%zmm30,%%zmm31,%%zmm8\nvfmadd231ps %%zmm30,%%zmm31,%%zmm9\n"
                     "vfmadd231ps %%zmm30,%%zmm31,%%zmm10\nvfmadd231ps %%zmm30,%%zmm31,%%zmm11\n" ::
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                           "xmm9", "xmm10", "xmm11");
  });
  return turns * 12 * (integer ? 128 : 32) / seconds;
}

/// Bytes per second of reading 256 MiB once.
double readBandwidth() {
  static const Buffer memory(size_t(256) << 20, 1);
  const double seconds = fastest([&] {
    __m256i sum[4] = {};
    const auto *from = memory.as<const __m256i>();
    for (size_t i = 0; i < memory.bytes() / 32; i += 4)
      for (int j = 0; j < 4; ++j)
        sum[j] = _mm256_xor_si256(sum[j], _mm256_load_si256(from + i + j));
    asm volatile("" ::"x"(sum[0]), "x"(sum[1]), "x"(sum[2]), "x"(sum[3]));
  });
  return double(memory.bytes()) / seconds;
}

WeightFormat formatOf(const char *text) {
  return !std::strcmp(text, "int8")   ? WeightFormat::Int8
         : !std::strcmp(text, "bf16") ? WeightFormat::Bf16
                                      : WeightFormat::Int4;
}

} // namespace

int main(int argc, char **argv) {
  const auto number = [&](int i, int64_t otherwise) {
    return argc > i ? std::atoll(argv[i]) : otherwise;
  };
  const WeightFormat format = formatOf(argc > 1 ? argv[1] : "int4");
  MatmulSize size{format, number(2, 512), number(3, 2048), number(4, 2048),
                  format == WeightFormat::Bf16 ? 0 : number(5, 32)};
  const Result<CpuLevel> level = parseLevel(argc > 6 ? argv[6] : "v4-vnni");
  if (!level)
    return std::fprintf(stderr, "%s\n", level.status().toString().c_str()), 64;

  const MatmulCase test(size, 3);
  const KernelProgram program = test.program();
  const EmitFn emit = [&](cpu::KernelBuilder &builder, std::string_view name) {
    return cpu::emitMatmul(builder, program, name);
  };
  if (argc > 7)
    return std::puts(assemblyOf(*level, emit).c_str()), 0;
  const double compileStart = now();
  const LoadedKernel kernel(*level, emit);
  const double compileSeconds = now() - compileStart;

  Buffer result(size.rows * abi::f32RowBytes(size.outputs)), scratch(kernel.scratchBytes());
  abi::BatchView batch{};
  batch.tokens = uint32_t(size.rows);
  std::vector<uint64_t> args = test.args(batch, 0, result);
  const bool integer = format != WeightFormat::Bf16;
  KernelMxcsr mxcsr;
  const double peak = peakAvx512(integer);
  const double bandwidth = size.rows <= 16 ? readBandwidth() : 0;
  const double seconds = fastest([&] {
    kernel.function()(args.data(), 0, uint32_t(test.layout().units), scratch.as<void>());
  });
  const double operations = 2.0 * size.rows * size.outputs * size.inputs / seconds;
  std::printf(
      "%s group %lld, %lld x %lld x %lld, %s: %.1f GOP/s = %.1f %% of %.1f (1 thread, peak of %s)",
      argc > 1 ? argv[1] : "int4", (long long)size.group, (long long)size.rows,
      (long long)size.outputs, (long long)size.inputs, levelName(*level), operations * 1e-9,
      100 * operations / peak, peak * 1e-9, integer ? "vpdpbusd" : "FMA");
  if (bandwidth > 0)
    std::printf("; weights at %.2f GB/s = %.0f %% of %.2f read",
                test.layout().bytes / seconds * 1e-9,
                100 * test.layout().bytes / seconds / bandwidth, bandwidth * 1e-9);
  std::printf("; compiled in %.0f ms, image %zu B\n", compileSeconds * 1e3, kernel.image().size());
}
