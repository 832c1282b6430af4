// The machine code of the attention kernel: fused multiply-adds or bf16 dot products in its loops,
// nothing on the stack there, no estimates.
#include "codegen/cpu/kernels/EmitAttention.h"
#include "tests/codegen/support/Assembly.h"
#include "tests/codegen/support/KernelHarness.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::test;

namespace {

/// Attention with `group` query heads per KV head, heads of 64 columns.
std::string assemblyOfAttention(CpuLevel level, int64_t group) {
  KernelProgram program;
  const int64_t columns = 2 * group * 64;
  program.values = {{.kind = ValueKind::Bf16Rows, .columns = columns, .slot = 1},
                    {.kind = ValueKind::Kv, .slot = 2, .kv = {1, 2, 64, 16}},
                    {.kind = ValueKind::F32Rows, .columns = columns, .slot = 3}};
  program.ops = {{.kind = OpKind::PagedAttention,
                  .operands = {0, 1},
                  .results = {2},
                  .headDim = 64,
                  .heads = 2 * group}};
  return assemblyOf(level, [&](cpu::KernelBuilder &builder, std::string_view name) {
    return cpu::emitAttention(builder, program, name);
  });
}

/// The inner loops of scores and of weighted values: at least `perScore` and `perValue` times
/// their rows of the instructions, and no access to the stack.
void checkLoops(CpuLevel level, int64_t group, const std::string &scoreInstruction,
                int64_t perScore, int64_t perValue) {
  INFO(levelName(level) << ", group of " << group);
  int loops = 0;
  for (const AssemblyLoop &loop : innerLoops(assemblyOfAttention(level, group))) {
    const bool isScore = loop.function.find("_scores") != std::string::npos;
    if (!isScore && loop.function.find("_weighted") == std::string::npos)
      continue;
    ++loops;
    INFO(loop.function);
    const int64_t rows = loop.function.back() - '0';
    CHECK(loop.count(isScore ? scoreInstruction : "vfmadd") >=
          rows * (isScore ? perScore : perValue));
    CHECK(loop.stackAccesses() == 0);
  }
  CHECK(loops >= 2);
}

} // namespace

TEST_CASE("inner loops of attention multiply without spills") {
  for (int64_t group : {1, 3, 4, 8}) {
    checkLoops(CpuLevel::V3, group, "vfmadd", 16, 8);
    checkLoops(CpuLevel::V4Vnni, group, "vfmadd", 8, 4);
    checkLoops(CpuLevel::V4VnniBf16, group, "vdpbf16ps", 4, 4);
  }
}
TEST_CASE("attention has no estimate instruction and no call out of the image") {
  for (CpuLevel level : {CpuLevel::V3, CpuLevel::V4Vnni, CpuLevel::V4VnniBf16}) {
    const std::string text = assemblyOfAttention(level, 4);
    for (const char *estimate : {"vrcp", "vrsqrt", "@PLT", "@GOTPCREL"})
      CHECK(text.find(estimate) == std::string::npos);
  }
}
