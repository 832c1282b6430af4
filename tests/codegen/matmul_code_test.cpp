// The machine code of the matmul kernels: the instructions that each level is for, and nothing on
// the stack in the loops where the time goes.
#include "codegen/cpu/kernels/EmitMatmul.h"
#include "tests/codegen/support/Assembly.h"
#include "tests/codegen/support/MatmulCase.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::test;

namespace {

std::string assemblyOfMatmul(CpuLevel level, const MatmulSize &size) {
  const KernelProgram program = MatmulCase(size, 1).program();
  return assemblyOf(level, [&](cpu::KernelBuilder &builder, std::string_view name) {
    return cpu::emitMatmul(builder, program, name);
  });
}

/// Every inner loop of every row tile holds at least `perRow` times its rows of `instruction`
/// (tiles that take several passes over K: per pass) and never touches the stack.
void checkTiles(CpuLevel level, const MatmulSize &size, const std::string &instruction,
                int64_t perRow) {
  INFO(levelName(level) << ", format " << int(size.format) << ", group " << size.group);
  int tiles = 0;
  for (const AssemblyLoop &loop : innerLoops(assemblyOfMatmul(level, size))) {
    const bool isTile = loop.function.find("_chunk") != std::string::npos ||
                        loop.function.find("_packed") != std::string::npos;
    if (!isTile)
      continue;
    ++tiles;
    INFO(loop.function);
    CHECK(loop.count(instruction) >= perRow * (loop.function.back() - '0'));
    CHECK(loop.stackAccesses() == 0);
  }
  CHECK(tiles >= 4);
}

} // namespace

TEST_CASE("inner loops of int4 matmuls are dot products without spills") {
  for (int64_t group : {32, 128, 0}) {
    const MatmulSize size{WeightFormat::Int4, 1, 64, 2048, group};
    checkTiles(CpuLevel::V3, size, "vpmaddubsw", 8);
    checkTiles(CpuLevel::V4Vnni, size, "vpdpbusd", 16);
  }
}
TEST_CASE("inner loops of int8 matmuls are dot products without spills") {
  for (int64_t group : {32, 0}) {
    const MatmulSize size{WeightFormat::Int8, 1, 64, 2048, group};
    checkTiles(CpuLevel::V3, size, "vpmaddwd", 16);
    checkTiles(CpuLevel::V4Vnni, size, "vpdpbusd", 16);
  }
}
TEST_CASE("inner loops of bf16 matmuls are fused multiply-adds without spills") {
  const MatmulSize size{WeightFormat::Bf16, 1, 64, 2048};
  checkTiles(CpuLevel::V3, size, "vfmadd", 16);
  checkTiles(CpuLevel::V4Vnni, size, "vfmadd", 16);
  checkTiles(CpuLevel::V4VnniBf16, size, "vdpbf16ps", 8);
}

TEST_CASE("no estimate instruction and no call out of the image is emitted") {
  for (CpuLevel level : {CpuLevel::V3, CpuLevel::V4Vnni, CpuLevel::V4VnniBf16}) {
    const std::string text = assemblyOfMatmul(level, {WeightFormat::Int4, 1, 64, 256, 32});
    for (const char *estimate : {"vrcp", "vrsqrt", "@PLT", "@GOTPCREL"})
      CHECK(text.find(estimate) == std::string::npos);
  }
}
