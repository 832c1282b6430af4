// NVRTC without a GPU: cubins for every architecture, equal from run to run, errors that say what
// is wrong. What needs the library says so and passes where it is absent.
#include "codegen/cuda/CompileKernels.h"
#include "runtime/artifact/ModuleBundle.h"
#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <iostream>

using namespace ingot;
using namespace ingot::cuda;
using Catch::Matchers::Contains;

namespace {

/// A kernel over the device header and the shared arithmetic: y[i] = silu(x[i]).
KernelSource siluKernel(const std::string &name) {
  KernelSource source;
  source.name = name;
  source.text = "#include \"codegen/cuda/kernels/Device.cuh\"\n"
                "#include \"runtime/base/Numerics.h\"\n"
                "using namespace ingot::gpu;\n"
                "INGOT_KERNEL(" +
                name +
                ", 32) {\n"
                "  const float *x = reinterpret_cast<const float *>(args.slot[1]);\n"
                "  float *y = reinterpret_cast<float *>(args.slot[2]);\n"
                "  y[threadIndex()] = ingot::numerics::silu(x[threadIndex()]);\n"
                "}\n";
  source.shape.threads = 32;
  return source;
}

bool haveNvrtc() {
  static const bool have = [] {
    const Result<std::unique_ptr<Nvrtc>> nvrtc = Nvrtc::load();
    if (!nvrtc)
      std::cerr << "skipped: " << nvrtc.status().message() << "\n";
    return nvrtc.isOk();
  }();
  return have;
}

} // namespace

TEST_CASE("the assembler's log gives a kernel's resources") {
  const KernelResources resources =
      readResources("ptxas info    : 108 bytes gmem, 136 bytes cmem[4]\n"
                    "ptxas info    : Function properties for helper\n"
                    "    96 bytes stack frame, 1 bytes spill stores, 2 bytes spill loads\n"
                    "ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async "
                    "instructions are serialized\n"
                    "ptxas info    : Compiling entry function 'k' for 'sm_80'\n"
                    "    16 bytes stack frame, 24 bytes spill stores, 40 bytes spill loads\n"
                    "ptxas info    : Used 126 registers, used 1 barriers, 16896 bytes smem, 376 "
                    "bytes cmem[0]\n");
  CHECK(resources.registers == 126);
  CHECK(resources.stackBytes == 16);
  CHECK(resources.spillStoreBytes == 24);
  CHECK(resources.spillLoadBytes == 40);
  CHECK(resources.staticSharedBytes == 16896);
  CHECK(resources.losses == 1);
}

TEST_CASE("a missing NVRTC is named with what to install") {
  const char *before = std::getenv("INGOT_NVRTC");
  const std::string saved = before ? before : "";
  ::setenv("INGOT_NVRTC", "/nowhere/libnvrtc.so", 1);
  const Result<std::unique_ptr<Nvrtc>> nvrtc = Nvrtc::load();
  before ? ::setenv("INGOT_NVRTC", saved.c_str(), 1) : ::unsetenv("INGOT_NVRTC");
  REQUIRE_FALSE(nvrtc);
  CHECK(nvrtc.status().id() == "nvrtc-missing");
  CHECK_THAT(nvrtc.status().message(),
             Contains("/nowhere/libnvrtc.so") && Contains("install") && Contains("INGOT_NVRTC"));
}

TEST_CASE("unknown architectures are refused with the known ones") {
  CHECK(checkArchitecture("sm_90a").isOk());
  CHECK(checkArchitecture("host").isOk());
  CHECK_THAT(checkArchitecture("sm_70").message(), Contains("sm_80") && Contains("sm_120"));
}

TEST_CASE(
    "kernels compile for every architecture, equal from run to run and from thread to thread") {
  if (!haveNvrtc())
    return;
  const std::vector<KernelSource> sources = {siluKernel("first"), siluKernel("second")};
  const test::TempDir temp;
  const KernelCache cache(temp.file("kernels"));
  CompileKernelsOptions options;
  options.architectures = defaultArchitectures();
  options.threads = 2;
  const auto fresh = compileKernels(sources, options, {});
  REQUIRE(fresh.status().toString() == "ok");
  REQUIRE(fresh->size() == 7);
  options.threads = 1;
  options.cache = &cache;
  const auto stored = compileKernels(sources, options, {});
  const auto cached = compileKernels(sources, options, {});
  REQUIRE((stored && cached));
  for (size_t i = 0; i < fresh->size(); ++i) {
    const CudaImage &image = (*fresh)[i];
    INFO(image.architecture);
    CHECK(image.bundle == (*stored)[i].bundle);
    CHECK(image.bundle == (*cached)[i].bundle);
    const auto modules = readModuleBundle(image.bundle);
    REQUIRE(modules);
    REQUIRE(modules->size() == 2);
    CHECK((*modules)[1].kernels == std::vector<std::string_view>{"second"});
    const bool ptx = image.architecture.starts_with("compute_");
    const std::span<const uint8_t> code = (*modules)[0].bytes;
    CHECK(std::string_view(reinterpret_cast<const char *>(code.data()), 4) == (ptx ? "//\n/"
                                                                                   : "\x7f"
                                                                                     "ELF"));
    for (size_t k = 0; k < 2; ++k) {
      CHECK_FALSE((*stored)[i].kernels[k].cached);
      CHECK((*cached)[i].kernels[k].cached);
      CHECK((*cached)[i].kernels[k].resources.registers == image.kernels[k].resources.registers);
      CHECK((image.kernels[k].resources.registers > 0) == !ptx);
      CHECK(image.kernels[k].resources.spillStoreBytes == 0);
    }
  }
}

TEST_CASE("a kernel that does not compile is named, with the compiler's words") {
  if (!haveNvrtc())
    return;
  KernelSource source = siluKernel("broken");
  source.text += "int x = undeclared;\n";
  CompileKernelsOptions options;
  options.architectures = {"sm_80"};
  const auto images = compileKernels(std::span(&source, 1), options, {});
  REQUIRE_FALSE(images);
  CHECK(images.status().id() == "nvrtc-failed");
  CHECK_THAT(images.status().message(),
             Contains("broken") && Contains("sm_80") && Contains("undeclared"));
}
