// The program `ingot` with --device, the mock driver in the place of NVIDIA's.
#include "tests/cts/Subjects.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <sys/wait.h>

using namespace ingot;
using namespace ingot::testing;

namespace {

struct Outcome {
  int code;
  std::string out, err;
};

class Tool {
public:
  Tool() {
    FakeOptions options;
    writeFakeArtifact(dir_.file("cpu.ingot"), options);
    options.gpu = {{"host", fakeGpuModule()}};
    writeFakeArtifact(dir_.file("both.ingot"), options);
  }

  /// `machine`: INGOT_MOCK; CPU and BOTH in the arguments stand for the artifacts.
  Outcome operator()(std::string arguments, const std::string &machine = "",
                     const std::string &driver = INGOT_MOCK_DRIVER) const {
    for (const auto &[word, file] : {std::pair("CPU", "cpu.ingot"), {"BOTH", "both.ingot"}})
      if (const size_t at = arguments.find(word); at != std::string::npos)
        arguments.replace(at, std::string(word).size(), dir_.file(file));
    const std::string command = "INGOT_MOCK='" + machine + "' INGOT_CUDA_DRIVER=" + driver + " " +
                                INGOT_TOOL + " " + arguments + " </dev/null >" + dir_.file("out") +
                                " 2>" + dir_.file("err");
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text("out"), text("err")};
  }

private:
  std::string text(const std::string &name) const {
    const std::vector<uint8_t> content = test::readFile(dir_.file(name));
    return {content.begin(), content.end()};
  }
  test::TempDir dir_;
};

bool contains(const std::string &text, const std::string &part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

const std::string kRun = "run BOTH -p hello -n 12 --temp 0 ";

} // namespace

TEST_CASE("run says which device it chose and why not the other") {
  const Tool ingot;
  const Outcome automatic = ingot(kRun), cuda = ingot(kRun + "--device cuda"),
                cpu = ingot(kRun + "--device cpu"), none = ingot(kRun, "", "/nowhere/libcuda.so.1");
  for (const Outcome *outcome : {&automatic, &cuda, &cpu, &none}) {
    INFO(outcome->err);
    REQUIRE(outcome->code == 0);
    CHECK(outcome->out == cpu.out);
  }
  CHECK(contains(automatic.err, "device cuda:0 (Mock GPU"));
  CHECK(contains(automatic.err, "not cpu: a GPU that runs the artifact comes first"));
  CHECK(contains(cuda.err, "not cpu: --device says so"));
  CHECK(contains(cpu.err, "device cpu x86-64-v"));
  CHECK(contains(cpu.err, "not cuda: --device says so"));
  CHECK(contains(none.err, "not cuda: no NVIDIA driver on this machine: /nowhere/libcuda.so.1"));
}

TEST_CASE("where there is nothing to choose nothing is said, and what is asked for in vain fails") {
  const Tool ingot;
  const Outcome silent = ingot("run CPU -p hello -n 3");
  CHECK(silent.code == 0);
  CHECK_FALSE(contains(silent.err, "not cuda"));
  const Outcome absent = ingot("run CPU -p hello --device cuda");
  CHECK(absent.code == 69);
  CHECK(contains(absent.err, "error[cuda-code-absent]"));
  const Outcome second = ingot(kRun + "--device cuda:1", "gpus=1");
  CHECK(second.code == 64);
  CHECK(contains(second.err, "error[cuda-ordinal]"));
  CHECK(ingot(kRun + "--device cuda:1", "gpus=2").code == 0);
  const Outcome wrong = ingot(kRun + "--device tpu");
  CHECK(wrong.code == 64);
  CHECK(contains(wrong.err, "error[device-name]"));
  CHECK(contains(ingot(kRun + "--device cuda", "capability=9.0").err, "error[cuda-unsupported]"));
  CHECK(contains(ingot(kRun + "--device cuda", "driver=11040").err, "error[cuda-driver-old]"));
}

TEST_CASE("a GPU that is lost ends the run with its reason") {
  const Tool ingot;
  const Outcome lost = ingot(kRun + "--device cuda", "fail=cuGraphLaunch:3:719:late");
  CHECK(lost.code == 70);
  CHECK(contains(lost.err, "error[cuda-lost]"));
  CHECK(contains(lost.err, "(719,"));
}

TEST_CASE("bench, eval and verify take a device, too") {
  const Tool ingot;
  const Outcome bench =
      ingot("bench BOTH --device cuda --runs 1 --decode-tokens 4 --prompt-tokens 8");
  INFO(bench.err);
  CHECK(bench.code == 0);
  CHECK(contains(bench.out, "cuda:0 (Mock GPU"));
  CHECK(contains(bench.out, "decode, 1 sequence"));
  CHECK(ingot("bench BOTH --device cuda --profile").code == 64);
  const Outcome onCpu = ingot("eval BOTH --device cpu -f " INGOT_CTS_PTX " --window 40 --count 1"),
                onGpu = ingot("eval BOTH --device cuda -f " INGOT_CTS_PTX " --window 40 --count 1");
  INFO(onGpu.err);
  CHECK(onGpu.code == 0);
  CHECK(onGpu.out == onCpu.out);
  const Outcome verify = ingot("verify BOTH --run --device cuda");
  INFO(verify.err);
  CHECK(verify.code == 0);
  CHECK(contains(verify.out, "answer whole model"));
}
