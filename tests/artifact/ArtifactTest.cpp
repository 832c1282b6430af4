#include "runtime/artifact/Artifact.h"

#include "runtime/artifact/Panel32.h"
#include "runtime/artifact/RandomWeights.h"
#include "tests/support/SmallArtifact.h"
#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace ingot;
using test::TempDir;

namespace {

/// Ids with which the container may refuse changed bytes.
bool namesThePlace(const Status &status) {
  for (const char *id : {"artifact-magic", "artifact-header-hash", "artifact-manifest-hash",
                         "artifact-hash", "artifact-padding"})
    if (status.id() == id)
      return status.message().find("byte") != std::string::npos;
  return false;
}

#ifdef __SANITIZE_ADDRESS__
constexpr uint64_t kStep = 17; // sanitized code is slow; the plain build tries every byte
#else
constexpr uint64_t kStep = 1;
#endif

} // namespace

TEST_CASE("a written artifact opens and shows what was put in") {
  const TempDir dir;
  const artifact::Manifest written = test::writeSmallArtifact(dir.file("a"));
  auto opened = Artifact::open(dir.file("a"));
  REQUIRE(opened.isOk());
  const Artifact &a = **opened;
  CHECK(*artifact::encodeManifest(a.manifest()) == *artifact::encodeManifest(written));
  CHECK(std::string(a.tokenizer().begin(), a.tokenizer().end()).rfind("a tokenizer", 0) == 0);
  const std::vector<uint8_t> image = test::smallImage();
  CHECK(std::vector<uint8_t>(a.segment(0).begin(), a.segment(0).end()) == image);
  CHECK_FALSE(a.weightsPending());
  const ArtifactInput input = test::smallInput();
  for (uint32_t i = 0; i < 3; ++i) {
    std::vector<uint8_t> expected;
    REQUIRE(input
                .paramBytes(i,
                            [&](std::span<const uint8_t> bytes) {
                              expected.insert(expected.end(), bytes.begin(), bytes.end());
                              return Status::ok();
                            })
                .isOk());
    CHECK(std::vector<uint8_t>(a.param(i).begin(), a.param(i).end()) == expected);
    CHECK(reinterpret_cast<uintptr_t>(a.param(i).data()) % 64 == 0);
  }
}

TEST_CASE("code is chosen by what the machine runs") {
  const TempDir dir;
  ArtifactInput input = test::smallInput();
  input.images.push_back({"cpu", "x86-64-v4-vnni", {"avx512_vnni"}, test::smallImage()});
  input.images.push_back({"hal", "9000", {}, test::smallImage()}); // a target of the future
  REQUIRE(writeArtifact(dir.file("a"), input).isOk());
  auto opened = Artifact::open(dir.file("a"));
  REQUIRE(opened.isOk());
  const Artifact &a = **opened;
  const CpuFeatures v3 = CpuFeatures::ofLevel(CpuLevel::V3),
                    v4 = CpuFeatures::ofLevel(CpuLevel::V4Vnni);
  CHECK(*a.chooseImage(v3) == 0);
  CHECK(*a.chooseImage(v4) == 1);
  CHECK(*a.chooseImage(CpuFeatures::ofLevel(CpuLevel::V4VnniBf16)) == 1);
  CHECK(*a.chooseImage(v4, "v3") == 0);
  CHECK(a.chooseImage(v3, "v4-vnni").status().id() == "cpu-unsupported");
  CHECK(a.chooseImage(v4, "v4-vnni-bf16").status().id() == "cpu-unsupported");
  CHECK(a.chooseImage(CpuFeatures()).status().id() == "cpu-unsupported");
  CHECK(a.chooseImage(v3, "v7").status().id() == "cpu-level");
  auto image = a.loadImage(0);
  REQUIRE(image.isOk());
  CHECK(image->source() == CodeImage::Source::Mapped);
}

TEST_CASE("an image that lacks a kernel of the manifest is refused") {
  const TempDir dir;
  ArtifactInput input = test::smallInput();
  input.manifest.kernels[1].name = "test_missing";
  REQUIRE(writeArtifact(dir.file("a"), input).isOk());
  auto opened = Artifact::open(dir.file("a"));
  REQUIRE(opened.isOk());
  const Status status = (*opened)->loadImage(0).status();
  CHECK(status.id() == "image-symbol");
  CHECK(status.message().find("test_missing") != std::string::npos);
}

TEST_CASE("every changed byte is found and its place named") {
  const TempDir dir;
  const std::string path = dir.file("a");
  test::writeSmallArtifact(path);
  const std::vector<uint8_t> file = test::readFile(path);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  OpenOptions options;
  options.verify = VerifyMode::Full;
  for (uint64_t at = 0; at < file.size(); at += at < kHeaderBytes ? 1 : kStep) {
    const uint8_t changed = file[at] ^ static_cast<uint8_t>(1 + at % 255);
    REQUIRE(::pwrite(fd, &changed, 1, static_cast<off_t>(at)) == 1);
    const Status status = Artifact::open(path, options).status();
    if (!namesThePlace(status))
      FAIL("byte " << at << ": " << status.toString());
    REQUIRE(::pwrite(fd, &file[at], 1, static_cast<off_t>(at)) == 1);
  }
  ::close(fd);
  CHECK(Artifact::open(path, options).isOk());
}

TEST_CASE("every truncation and extension is refused") {
  const TempDir dir;
  const std::string path = dir.file("a");
  test::writeSmallArtifact(path);
  const uint64_t size = test::readFile(path).size();
  for (uint64_t length = size; length-- > 0; length -= std::min(length, kStep - 1)) {
    REQUIRE(::truncate(path.c_str(), static_cast<off_t>(length)) == 0);
    const Status status = Artifact::open(path).status();
    if (status.id() != "artifact-truncated")
      FAIL("length " << length << ": " << status.toString());
  }
  const std::string longer = dir.file("b");
  test::writeSmallArtifact(longer);
  REQUIRE(::truncate(longer.c_str(), static_cast<off_t>(size + 1)) == 0);
  CHECK(Artifact::open(longer).status().id() == "artifact-size");
}

TEST_CASE("damaged weights are found now, later or never, as asked") {
  const TempDir dir;
  const std::string path = dir.file("a");
  const artifact::Manifest m = test::writeSmallArtifact(path);
  std::vector<uint8_t> file = test::readFile(path);
  file[m.segments[2].offset + 10] ^= 1;
  test::writeFile(path, file);
  const auto open = [&](VerifyMode mode) {
    OpenOptions options;
    options.verify = mode;
    return Artifact::open(path, options);
  };
  CHECK(open(VerifyMode::Auto).status().id() == "artifact-hash");
  CHECK(open(VerifyMode::Full).status().id() == "artifact-hash");
  CHECK(open(VerifyMode::Off).isOk());
  auto later = open(VerifyMode::Background);
  REQUIRE(later.isOk());
  CHECK((*later)->weightsPending());
  CHECK((*later)->verifyWeights(2).id() == "artifact-hash");
}

TEST_CASE("generated weights equal what the generator says and are checked") {
  const TempDir dir;
  const std::string path = dir.file("a");
  const artifact::Manifest m = test::writeSmallArtifact(path, true);
  for (unsigned threads : {1u, 3u}) {
    OpenOptions options;
    options.threads = threads;
    auto opened = Artifact::open(path, options);
    REQUIRE(opened.isOk());
    for (uint32_t i : {1u, 2u}) {
      const artifact::Param &p = m.params[i];
      const WeightLayout layout =
          *WeightLayout::make(p.format, p.layout, p.shape, p.group, p.interleave);
      std::vector<uint8_t> expected(layout.bytes);
      fillRandomUnits(layout, *p.generator, 0, layout.units, expected.data());
      const auto bytes = (*opened)->param(i);
      CHECK(std::vector<uint8_t>(bytes.begin(), bytes.end()) == expected);
    }
  }
  OpenOptions lookOnly;
  lookOnly.fillGenerated = false;
  CHECK((*Artifact::open(path, lookOnly))->param(1).empty());

  artifact::Manifest wrong = m;
  wrong.params[2].generator->firstMibHash ^= 1;
  test::writeFile(path,
                  test::replaceManifest(test::readFile(path), *artifact::encodeManifest(wrong)));
  const Status status = Artifact::open(path).status();
  CHECK(status.id() == "random-weights");
  CHECK(status.message().find("params[2]") != std::string::npos);
}

TEST_CASE("errors begin with the path of the file") {
  const TempDir dir;
  test::writeFile(dir.file("a"), std::vector<uint8_t>(100));
  CHECK(Artifact::open(dir.file("a")).status().message().rfind(dir.file("a"), 0) == 0);
  CHECK(Artifact::open(dir.file("b")).status().id() == "file-missing");
  test::writeFile(dir.file("empty"), {});
  CHECK(Artifact::open(dir.file("empty")).status().id() == "artifact-truncated");
}

TEST_CASE("verify modes have names") {
  CHECK(*parseVerifyMode("full") == VerifyMode::Full);
  CHECK(*parseVerifyMode("background") == VerifyMode::Background);
  CHECK(*parseVerifyMode("off") == VerifyMode::Off);
  CHECK(parseVerifyMode("ful").status().id() == "verify-mode");
}
