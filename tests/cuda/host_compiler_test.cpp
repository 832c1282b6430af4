#include "codegen/cuda/HostCompiler.h"
#include "tests/cuda/support/HostImage.h"
#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <sys/wait.h>
#include <unistd.h>

using namespace ingot;
namespace fs = std::filesystem;

namespace {

/// y[i] = x[i] * factor of 64 floats, through shared memory.
cuda::KernelSource scaleKernel(const std::string &name, const std::string &factor) {
  return {name,
          "#include \"codegen/cuda/kernels/Device.cuh\"\n"
          "INGOT_KERNEL(" +
              name +
              ", 64) {\n"
              "  using namespace ingot::gpu;\n"
              "  INGOT_SHARED(float, tile, 64);\n"
              "  waitForPrior();\n"
              "  tile[threadIndex()] = args.pointer<const float>(0)[threadIndex()];\n"
              "  syncThreads();\n"
              "  args.pointer<float>(1)[63 - threadIndex()] = tile[63 - threadIndex()] * " +
              factor + ";\n}\n",
          {}};
}

/// One kind of the engine is enough for this program.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kSanitize = true;
#else
constexpr bool kSanitize = false;
#endif

/// Sets a variable of the environment for its lifetime.
class ScopedVariable {
public:
  ScopedVariable(const char *name, const char *value) : name_(name) {
    if (const char *old = std::getenv(name))
      old_ = old;
    ::setenv(name, value, 1);
  }
  ~ScopedVariable() {
    if (old_.empty())
      ::unsetenv(name_);
    else
      ::setenv(name_, old_.c_str(), 1);
  }

private:
  const char *name_;
  std::string old_;
};

} // namespace

TEST_CASE("kernels of several sources run from one object") {
  const cuda::KernelSource sources[] = {scaleKernel("twice", "2.0f"),
                                        scaleKernel("halved", "0.5f")};
  auto image = test::HostImage::build(sources);
  INFO(image.status().toString());
  REQUIRE(image.isOk());
  CHECK((*image)->kernels() == std::vector<std::string>{"twice", "halved"});

  std::vector<float> x(64), y(64);
  for (int i = 0; i < 64; ++i)
    x[i] = static_cast<float>(i);
  const uint64_t slots[] = {reinterpret_cast<uint64_t>(x.data()),
                            reinterpret_cast<uint64_t>(y.data())};
  const auto bytes = [&] {
    std::vector<uint8_t> out(256);
    std::memcpy(out.data(), y.data(), 256);
    return out;
  };
  const gpu::host::Launch launch{.threads = 64};
  CHECK((*image)->runAllOrders("twice", slots, launch, [] {}, bytes) == "");
  CHECK(y[63] == 126.0f);
  CHECK((*image)->launch("halved", slots, launch) == "");
  CHECK(y[63] == 31.5f);

  CHECK((*image)->launch("thrice", slots, launch) == "thrice: there is no kernel of this name");
  CHECK((*image)->launch("twice", slots, {.threads = 96}) ==
        "twice: its launch bound is 64 threads, not 96");
  const std::vector<uint64_t> many(17);
  CHECK((*image)->launch("twice", many, launch) == "twice: a kernel has at most 16 slots, not 17");
}

TEST_CASE("equal kernels give equal bytes") {
  const cuda::KernelSource sources[] = {scaleKernel("twice", "2.0f"),
                                        scaleKernel("halved", "0.5f")};
  auto one = cuda::compileForHost(sources, {.processes = 1, .sanitize = kSanitize});
  auto two = cuda::compileForHost(sources, {.processes = 2, .sanitize = kSanitize});
  REQUIRE(one.isOk());
  REQUIRE(two.isOk());
  const bool equal = *one == *two; // not expanded: these are long
  CHECK(equal);
}

TEST_CASE("a kernel that does not compile is named with the compiler's words") {
  std::vector<cuda::KernelSource> sources(6, scaleKernel("broken", "nothing"));
  for (int i = 0; i < 5; ++i) // the last shares its unit with the second
    sources[i] = scaleKernel("fine_" + std::to_string(i), "2.0f");
  auto object = cuda::compileForHost(sources, {.sanitize = kSanitize});
  REQUIRE(!object.isOk());
  CHECK(object.status().id() == "host-compile-failed");
  CHECK(object.status().message().find("broken") != std::string::npos);
  CHECK(object.status().message().find("nothing") != std::string::npos);
}

TEST_CASE("a machine without compiler is told what to install") {
  const ScopedVariable none("INGOT_CXX", "no-such-compiler");
  const cuda::KernelSource source = scaleKernel("twice", "2.0f");
  auto object = cuda::compileForHost({&source, 1}, {});
  REQUIRE(!object.isOk());
  CHECK(object.status().id() == "host-compiler-missing");
  CHECK(object.status().message().find("INGOT_CXX") != std::string::npos);
  CHECK(cuda::hostCompilerIdentity().empty());
}

TEST_CASE("what executes kernels is compiled once for all processes that share a cache") {
  const test::TempDir temp;
  const std::string compiler = temp.file("compiler"), log = temp.file("log");
  std::ofstream(compiler) << "#!/bin/sh\necho \"$@\" >>" << log
                          << "\nwhile [ $# -gt 0 ]; do [ \"$1\" = -o ] && echo object >\"$2\"; "
                             "shift; done\nexit 0\n";
  fs::permissions(compiler, fs::perms::owner_all);
  const ScopedVariable own("INGOT_CXX", compiler.c_str());
  const cuda::KernelCache cache(temp.file("cache"));
  const cuda::KernelSource source = scaleKernel("twice", "2.0f");
  const auto compile = [&] { return cuda::compileForHost({&source, 1}, {.cache = &cache}).isOk(); };
  const auto count = [&](const std::string &file) {
    std::ifstream in(log);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    size_t found = 0;
    for (size_t at = 0; (at = text.find(" -c " + file + ".cpp", at)) != std::string::npos; ++at)
      ++found;
    return found;
  };
  const pid_t other = ::fork();
  if (other == 0)
    ::_exit(compile() ? 0 : 1);
  int status = -1;
  REQUIRE(::waitpid(other, &status, 0) == other);
  REQUIRE(status == 0);
  CHECK(count("host-engine") == 1);
  REQUIRE(compile());
  CHECK(count("twice") == 2);
  CHECK(count("host-engine") == 1);
  CHECK(count("host-arithmetic") == 1);
}

TEST_CASE("the identity of the host compiler tells version and flags") {
  const std::string identity = cuda::hostCompilerIdentity();
  CHECK(identity.find("-ffp-contract=off") != std::string::npos);
  CHECK(identity.find('\n') != std::string::npos);
}
