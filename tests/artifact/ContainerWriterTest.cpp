#include "runtime/artifact/ContainerWriter.h"

#include "codegen/artifact/ArtifactWriter.h"
#include "runtime/artifact/Artifact.h"
#include "tests/support/SmallArtifact.h"
#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ingot;
using test::TempDir;

TEST_CASE("equal input gives byte-identical files, whatever the name and directory") {
  const TempDir one, two;
  test::writeSmallArtifact(one.file("a.ingot"));
  test::writeSmallArtifact(two.file("another name.ingot"));
  CHECK(test::readFile(one.file("a.ingot")) == test::readFile(two.file("another name.ingot")));
  CHECK(one.list() == std::vector<std::string>{"a.ingot"});
}

TEST_CASE("the sizes of pieces that a source streams do not show in the file") {
  const TempDir dir;
  test::writeSmallArtifact(dir.file("whole"));
  ArtifactInput input = test::smallInput();
  input.paramBytes = [inner = input.paramBytes](uint32_t index, const ByteSink &sink) {
    return inner(index, [&](std::span<const uint8_t> bytes) {
      for (size_t at = 0; at < bytes.size(); at += 7)
        INGOT_TRY(sink(bytes.subspan(at, std::min<size_t>(7, bytes.size() - at))));
      return Status::ok();
    });
  };
  REQUIRE(writeArtifact(dir.file("pieces"), input).isOk());
  CHECK(test::readFile(dir.file("whole")) == test::readFile(dir.file("pieces")));
}

TEST_CASE("an existing file is replaced only by a complete one") {
  const TempDir dir;
  std::vector<uint8_t> old(kMagic.begin(), kMagic.end());
  old.push_back(3);
  test::writeFile(dir.file("a"), old);
  ArtifactInput input = test::smallInput();
  input.paramBytes = [](uint32_t, const ByteSink &) {
    return Status(ErrorClass::Io, "source-broken", "the checkpoint cannot be read");
  };
  CHECK(writeArtifact(dir.file("a"), input).status().id() == "source-broken");
  CHECK(test::readFile(dir.file("a")) == old);
  CHECK(dir.list() == std::vector<std::string>{"a"});
  test::writeSmallArtifact(dir.file("a"));
  CHECK(Artifact::open(dir.file("a")).isOk());
}

TEST_CASE("a source that gives too few or too many bytes is an internal error") {
  const TempDir dir;
  for (const size_t bytes : {size_t(0), size_t(64), size_t(100000)}) {
    ArtifactInput input = test::smallInput();
    input.paramBytes = [=](uint32_t, const ByteSink &sink) {
      return sink(std::vector<uint8_t>(bytes));
    };
    const Status status = writeArtifact(dir.file("a"), input).status();
    CHECK(status.id() == "param-bytes");
    CHECK(status.message().find("norm.weight") != std::string::npos);
  }
  CHECK(dir.list().empty());
}

TEST_CASE("a manifest that breaks a rule is not written") {
  const TempDir dir;
  ArtifactInput input = test::smallInput();
  input.manifest.plan.schedules[0].launches[0].kernel = 9;
  const Status status = writeArtifact(dir.file("a"), input).status();
  CHECK(status.id() == "artifact-plan");
  CHECK(status.message().find("plan.schedules[0].launches[0].kernel") != std::string::npos);
  CHECK(dir.list().empty());
}

TEST_CASE("output paths that cannot be files are refused") {
  const TempDir dir;
  CHECK(ContainerWriter::create(dir.path()).status().id() == "output-directory");
  CHECK(ContainerWriter::create("").status().id() == "output-directory");
  CHECK(ContainerWriter::create(dir.file("sub/")).status().id() == "output-directory");
  CHECK(ContainerWriter::create("/dev/null").status().id() == "output-not-regular");
  const std::vector<uint8_t> other = {'I', 'N', 'G', 'O', 'T', '\n'};
  test::writeFile(dir.file("other"), other);
  const Status lost = ContainerWriter::create(dir.file("other")).status();
  CHECK(lost.id() == "output-not-artifact");
  CHECK(lost.message().find("6 bytes") != std::string::npos);
  CHECK(test::readFile(dir.file("other")) == other);
  test::writeFile(dir.file("empty"), std::vector<uint8_t>());
  CHECK(ContainerWriter::create(dir.file("empty")).isOk());
  const Status missing = ContainerWriter::create(dir.file("none/a.ingot")).status();
  CHECK(missing.id() == "output-create");
  CHECK(missing.errorClass() == ErrorClass::CantCreate);
  if (::geteuid() != 0) {
    ::chmod(dir.path().c_str(), 0500);
    CHECK(ContainerWriter::create(dir.file("a")).status().id() == "output-permission");
    ::chmod(dir.path().c_str(), 0700);
  }
}

TEST_CASE("a full disk is reported with its numbers and leaves nothing behind") {
  const TempDir dir;
  // A limit on the file size stands for the disk: write fails the same way.
  rlimit before;
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{40000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const Status status = writeArtifact(dir.file("a"), test::smallInput()).status();
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(status.id() == "output-disk-full");
  CHECK(status.errorClass() == ErrorClass::Io);
  CHECK(status.message().find(dir.file("a")) != std::string::npos);
  CHECK(dir.list().empty());
}

TEST_CASE("a process that ends while it writes leaves nothing behind") {
  const TempDir dir;
  const int probe = ::open(dir.path().c_str(), O_TMPFILE | O_RDWR, 0600);
  if (probe < 0) {
    WARN("skipped: this file system has no files without a name");
    return;
  }
  ::close(probe);
  const pid_t child = ::fork();
  if (child == 0) {
    Result<ContainerWriter> writer = ContainerWriter::create(dir.file("a"));
    ::_exit(writer.isOk() ? 7 : 8); // no destructor runs
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(dir.list().empty());
}

TEST_CASE("segments lie at their alignment and weights follow their size") {
  using artifact::SegmentKind;
  CHECK(segmentAlign(SegmentKind::Weights, (2u << 20) - 1) == 64u << 10);
  CHECK(segmentAlign(SegmentKind::Weights, 2u << 20) == 2u << 20);
  CHECK(segmentAlign(SegmentKind::CpuImage, 5u << 20) == 4096);
  CHECK(segmentAlign(SegmentKind::Tokenizer, 5) == 64u << 10);
  const TempDir dir;
  const artifact::Manifest m = test::writeSmallArtifact(dir.file("a"));
  REQUIRE(m.segments.size() == 3);
  for (const artifact::Segment &segment : m.segments)
    CHECK(segment.offset % segment.align == 0);
}

TEST_CASE("weights of several chunks carry one hash per chunk") {
  const TempDir dir;
  ArtifactInput input = test::smallInput();
  artifact::Param large = input.manifest.params[1];
  large.name = "large.weight";
  large.shape = {4096, 2048}; // 8.7 MB in int8
  large.group = 32;
  large.sources.clear();
  input.manifest.params.push_back(large);
  input.paramBytes = [inner = input.paramBytes, bytes = uint64_t(4096 / 32) * 64 * (64 + 1024)](
                         uint32_t index, const ByteSink &sink) {
    return index < 3 ? inner(index, sink) : sink(std::vector<uint8_t>(bytes, 0x80));
  };
  const auto written = writeArtifact(dir.file("a"), input);
  REQUIRE(written.isOk());
  const artifact::Segment &weights = written->manifest.segments[2];
  CHECK(weights.offset % (2u << 20) == 0);
  CHECK(weights.chunkBytes == kWeightChunkBytes);
  CHECK(weights.chunkHashes.size() == 3);
  OpenOptions options;
  options.threads = 3;
  auto opened = Artifact::open(dir.file("a"), options);
  REQUIRE(opened.isOk());
  CHECK((*opened)->param(3).size() == uint64_t(4096 / 32) * 64 * (64 + 1024));
  // Damage in the second chunk is found there.
  std::vector<uint8_t> file = test::readFile(dir.file("a"));
  file[weights.offset + kWeightChunkBytes + 5] ^= 1;
  test::writeFile(dir.file("a"), file);
  const Status status = Artifact::open(dir.file("a"), options).status();
  CHECK(status.id() == "artifact-hash");
  CHECK(status.message().find(std::to_string(weights.offset + kWeightChunkBytes)) !=
        std::string::npos);
}
