// What the emitter of attention refuses, the numbers that it writes, and the registers of its
// widest kernels.
#include "codegen/cuda/CompileKernels.h"
#include "codegen/cuda/EmitAttention.h"
#include "codegen/cuda/Literal.h"

#include <catch2/catch.hpp>

#include <iostream>
#include <limits>

using namespace ingot;

namespace {

/// Eight query heads over two KV heads.
KernelProgram attention(uint32_t headDim, float softcap = 0) {
  ProgramValue batch{ValueKind::Batch}, rows{ValueKind::Bf16Rows}, cache{ValueKind::Kv},
      out{ValueKind::F32Rows};
  rows.columns = out.columns = 8 * headDim;
  rows.slot = 1, cache.slot = 2, out.slot = 3;
  cache.kv = {1, 2, headDim, 16};
  ProgramOp op{OpKind::PagedAttention, {1, 2}, {3}};
  op.heads = 8, op.headDim = headDim, op.scale = 0.125f, op.softcap = softcap;
  return {{batch, rows, cache, out}, {op}, false};
}

Status refusalOf(const KernelProgram &program, uint32_t tokens = 16) {
  return cuda::emitAttention(program, "attention", {tokens}).status();
}

} // namespace

TEST_CASE("sizes that attention does not have are the program's fault, with those that it has") {
  CHECK(refusalOf(attention(256)).isOk());
  KernelProgram seven = attention(64); // query heads per KV head
  seven.ops[0].heads = 14;
  CHECK(refusalOf(seven, 2048).isOk());
  const Status wide = refusalOf(attention(320));
  CHECK(wide.id() == "attention-cuda");
  CHECK(wide.errorClass() == ErrorClass::Config);
  CHECK(wide.message().find("8 query heads over 2 KV heads of 320 columns") != std::string::npos);
  CHECK(wide.message().find("2 to 256 columns") != std::string::npos);
  CHECK(refusalOf(attention(64), 65536).isOk());
  KernelProgram many = attention(64);
  many.values[2].kv.kvHeads = 8;
  const Status counters = refusalOf(many, 65536);
  CHECK(counters.id() == "attention-cuda");
  CHECK(counters.message().find("--max-tokens") != std::string::npos);
}

TEST_CASE("a softcap without a reciprocal is refused, and no text holds inf or nan") {
  CHECK(refusalOf(attention(64, 50.0f)).isOk());
  CHECK(refusalOf(attention(64, 1e-45f)).id() == "cuda-kernel");
  CHECK(refusalOf(attention(64, std::numeric_limits<float>::infinity())).id() == "cuda-kernel");
  CHECK(cuda::literal(0.125f) == "0x1p-3f");
  CHECK(cuda::literal(std::numeric_limits<float>::infinity()) == "numerics::floatOf(0x7f800000u)");
  CHECK(cuda::literal(std::numeric_limits<float>::quiet_NaN()).find("nan") == std::string::npos);
}

TEST_CASE("attention of the widest heads over a cache of bytes compiles without spills") {
  if (const auto nvrtc = cuda::Nvrtc::load(); !nvrtc) {
    std::cerr << "skipped: " << nvrtc.status().message() << "\n";
    return;
  }
  std::vector<cuda::KernelSource> sources;
  for (const abi::KvFormat format : {abi::KvFormat::E4m3, abi::KvFormat::Int8}) {
    KernelProgram program = attention(256);
    program.values[2].kvFormat = format;
    auto source = cuda::emitAttention(
        program, "bytes_" + std::to_string(static_cast<uint32_t>(format)), {256});
    REQUIRE(source.isOk());
    sources.push_back(std::move(*source));
  }
  cuda::CompileKernelsOptions options;
  options.architectures = {"sm_100a"};
  options.threads = 2;
  const auto images = cuda::compileKernels(sources, options, {});
  INFO(images.status().toString());
  REQUIRE(images.isOk());
  for (const cuda::KernelCode &code : images->front().kernels) {
    INFO(code.kernel);
    CHECK(code.resources.spillStoreBytes + code.resources.spillLoadBytes == 0);
  }
}
