// Which image a GPU runs, and which files are none.
#include "runtime/device/CudaImage.h"
#include "tests/cts/FakeCubin.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::cuda;

namespace {

Gpu gpuOf(int major, int minor) {
  Gpu gpu;
  gpu.name = "Test GPU";
  gpu.major = major;
  gpu.minor = minor;
  return gpu;
}

std::vector<artifact::Image> imagesOf(const std::vector<std::string> &levels) {
  std::vector<artifact::Image> images = {{"cpu", "x86-64-v3", {}, 0}};
  for (const std::string &level : levels)
    images.push_back({"cuda", level, {}, static_cast<uint32_t>(images.size())});
  return images;
}

/// The chosen level, or the error's id.
std::string choice(const std::vector<std::string> &levels, int major, int minor,
                   bool allowJit = false) {
  const auto images = imagesOf(levels);
  const auto chosen = chooseCudaImage(images, gpuOf(major, minor), allowJit);
  return chosen ? images[chosen->image].level : std::string(chosen.status().id());
}

const std::vector<std::string> kAll = {"sm_80",   "sm_86",  "sm_89",     "sm_90a",
                                       "sm_100a", "sm_120", "compute_80"};

} // namespace

TEST_CASE("each GPU gets the code made most closely for it") {
  CHECK(choice(kAll, 8, 0) == "sm_80");
  CHECK(choice(kAll, 8, 6) == "sm_86");
  CHECK(choice(kAll, 8, 7) == "sm_86");
  CHECK(choice(kAll, 8, 9) == "sm_89");
  CHECK(choice(kAll, 9, 0) == "sm_90a");
  CHECK(choice(kAll, 10, 0) == "sm_100a");
  CHECK(choice(kAll, 12, 0) == "sm_120");
  CHECK(choice(kAll, 12, 1) == "sm_120");
  CHECK(choice({"sm_90", "sm_90a"}, 9, 0) == "sm_90a");
  CHECK(choice({"sm_90a", "sm_90"}, 9, 0) == "sm_90a");
  CHECK(choice({"sm_100", "sm_100f"}, 10, 3) == "sm_100f");
  CHECK(choice({"sm_103", "sm_100f"}, 10, 3) == "sm_103");
}

TEST_CASE("code never runs outside its family") {
  CHECK(choice({"sm_90a"}, 9, 1) == "cuda-unsupported");
  CHECK(choice({"sm_100a"}, 10, 3) == "cuda-unsupported");
  CHECK(choice({"sm_80", "sm_86"}, 9, 0) == "cuda-unsupported");
  CHECK(choice({"sm_89"}, 8, 6) == "cuda-unsupported");
  CHECK(choice({"sm_120"}, 10, 0) == "cuda-unsupported");
  CHECK(choice(kAll, 7, 5, true) == "cuda-unsupported");
}

TEST_CASE("PTX needs permission, and a cubin that fits comes before it") {
  CHECK(choice(kAll, 10, 3) == "cuda-unsupported");
  CHECK(choice(kAll, 10, 3, true) == "compute_80");
  CHECK(choice(kAll, 9, 0, true) == "sm_90a");
  CHECK(choice({"compute_90a"}, 9, 0, true) == "compute_90a");
  CHECK(choice({"compute_90a"}, 10, 0, true) == "cuda-unsupported");
  const Status status = chooseCudaImage(imagesOf(kAll), gpuOf(10, 3), false).status();
  CHECK(status.message().find("--allow-jit") != std::string::npos);
}

TEST_CASE("host code is for a driver that executes on the host, and only for it") {
  CHECK(choice({"sm_80", "host"}, 0, 0) == "host");
  CHECK(choice({"host", "host_90a"}, 0, 0) == "host");
  CHECK(choice({"host", "host_90a"}, 0, 90) == "host_90a");
  CHECK(choice({"host"}, 0, 90) == "host");
  CHECK(choice({"host_90a"}, 0, 0) == "cuda-unsupported");
  CHECK(choice({"host"}, 9, 0) == "cuda-unsupported");
  CHECK(choice({"host_90a"}, 9, 0) == "cuda-unsupported");
  CHECK(choice(kAll, 0, 0, true) == "cuda-unsupported");
}

TEST_CASE("the refusal names what the artifact has and what the GPU is") {
  const Status status = chooseCudaImage(imagesOf({"sm_80", "sm_89"}), gpuOf(9, 0), false).status();
  CHECK(status.message().find("sm_80, sm_89") != std::string::npos);
  CHECK(status.message().find("compute capability 9.0") != std::string::npos);
  CHECK(status.message().find("--target cuda:sm_90a,") != std::string::npos);
  CHECK(status.message().find("--allow-jit") == std::string::npos);
  CHECK(choice({}, 9, 0) == "cuda-code-absent");
  const auto adviceFor = [](int major, int minor) {
    return chooseCudaImage(imagesOf({"sm_110"}), gpuOf(major, minor), false).status().message();
  };
  CHECK(adviceFor(8, 7).find("cuda:sm_86,") != std::string::npos);
  CHECK(adviceFor(10, 0).find("cuda:sm_100a,") != std::string::npos);
  CHECK(adviceFor(12, 1).find("cuda:sm_120,") != std::string::npos);
  CHECK(adviceFor(10, 3).find("cuda:compute_80 and run it with --allow-jit") != std::string::npos);
  CHECK(adviceFor(7, 5).find("8.0 or later") != std::string::npos);
}

TEST_CASE("level names are read strictly") {
  for (const char *name : {"", "sm_", "sm_9", "sm_9x", "sm_1000", "sm_90b", "sm_90aa", "SM_90",
                           "sm_090", "compute_", "compute80", "hosts", "sm_-90"})
    CHECK_FALSE(parseCudaLevel(name).has_value());
  const auto level = parseCudaLevel("sm_100a");
  REQUIRE(level.has_value());
  CHECK((level->major == 10 && level->minor == 0 && level->suffix == 'a'));
}

TEST_CASE("a damaged module is refused before the driver sees it") {
  const std::vector<uint8_t> good = testing::fakeCubin();
  using Kind = CudaLevel::Kind;
  REQUIRE(checkModule(good, Kind::Cubin).isOk());
  CHECK(checkModule(good, Kind::Host).id() == "cuda-image");
  // Cut anywhere: a table or a section is no longer inside.
  for (size_t bytes = 0; bytes < good.size(); ++bytes) {
    CAPTURE(bytes);
    CHECK(checkModule({good.data(), bytes}, Kind::Cubin).id() == "cuda-image");
  }
  for (const size_t at : {0u, 4u, 5u, 18u, 40u + 7u, 58u, 60u + 1u}) {
    CAPTURE(at);
    std::vector<uint8_t> bad = good;
    bad[at] ^= 0xff;
    CHECK(checkModule(bad, Kind::Cubin).id() == "cuda-image");
  }
  const std::string ptx = ".version 8.0\n";
  const auto *text = reinterpret_cast<const uint8_t *>(ptx.c_str());
  CHECK(checkModule({text, ptx.size()}, Kind::Ptx).isOk());
  CHECK(checkModule({text, ptx.size() + 1}, Kind::Ptx).isOk());
  CHECK(checkModule({}, Kind::Ptx).id() == "cuda-image");
  CHECK(checkModule(good, Kind::Ptx).id() == "cuda-image");
}
