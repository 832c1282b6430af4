#include "runtime/artifact/Artifact.h"
#include "runtime/base/Hash.h"
#include "runtime/tools/Inspect.h"
#include "runtime/tools/Materialize.h"
#include "runtime/tools/Verify.h"
#include "tests/support/SmallArtifact.h"
#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>
#include <sstream>

using namespace ingot;
using namespace ingot::tools;
using test::TempDir;

static std::string inspect(const InspectOptions &options) {
  std::ostringstream out;
  const Status status = inspectCommand(options, out);
  INFO(status.toString());
  REQUIRE(status.isOk());
  return out.str();
}

static bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("the ranges of inspect follow each other and sum to the file size") {
  const TempDir dir;
  test::writeSmallArtifact(dir.file("a"));
  auto artifact = Artifact::open(dir.file("a"));
  REQUIRE(artifact.isOk());
  for (bool split : {false, true}) {
    uint64_t at = 0;
    for (const ByteRange &range : byteRanges(**artifact, split)) {
      CHECK(range.offset == at);
      CHECK(range.bytes > 0);
      at += range.bytes;
    }
    CHECK(at == (*artifact)->bytes().size());
  }
}

TEST_CASE("inspect names kernels, fusions, plan, KV groups, memory, provenance") {
  const TempDir dir;
  test::writeSmallArtifact(dir.file("a"));
  const std::string brief = inspect({dir.file("a"), false, false, false});
  for (const char *part :
       {"TestForCausalLM", "= size of the file", "test_scale_rows", "swiglu", "widths differ",
        "schedule argmax.small", "3 launches", "blocks of 32 positions",
        "2 logits after tokens 1,2,3, tolerance 0.01, 28 bytes",
        "1 logits after tokens 4,5, tolerance 0, 16 bytes", "run 2 of 2 kernels",
        "at most 8 tokens per step", "compiler: test", "int4 panel32 group 32", "x86-64-v3"})
    CHECK(contains(brief, part));
  CHECK_FALSE(contains(brief, "layers.0.scale"));
  const std::string full = inspect({dir.file("a"), false, true, true});
  for (const char *part :
       {"layers.0.scale", "3 + 2 * ceil(returned_rows / 4)", "[20, 44] int4 panel32",
        "param  proj.weight", "128 bytes per token\n", "bytes per returned row"})
    CHECK(contains(full, part));
}

TEST_CASE("inspect as JSON has every table") {
  const TempDir dir;
  test::writeSmallArtifact(dir.file("a"), true);
  const std::string json = inspect({dir.file("a"), true, false, false});
  for (const char *part :
       {"\"ranges\"", "\"kv_groups\"", "\"first_mib_hash\"", "\"launches\"", "\"known_answers\"",
        "\"probes\"", "\"provenance\"", "\"stop_ids\"", "\"weights_bytes\""})
    CHECK(contains(json, part));
}

TEST_CASE("inspect shows how a level of a GPU launches a kernel") {
  const TempDir dir;
  REQUIRE(writeArtifact(dir.file("a"), test::smallGpuInput()).isOk());
  const std::string json = inspect({dir.file("a"), true, false, false});
  for (const char *part :
       {"\"sampled_buffer\": 4", "\"persistent\": true", "\"counter_bytes\": 256",
        "\"rows\": \"tokens\"", "\"rows\": \"2\"", "\"box_rows\": 8"})
    CHECK(contains(json, part));
}

TEST_CASE("verify says of every part that it is whole") {
  const TempDir dir;
  test::writeSmallArtifact(dir.file("a"), true);
  std::ostringstream out;
  bool ran = false;
  const Status status = verifyCommand({dir.file("a"), false, 2,
                                       [&](std::vector<VerifiedPart> &parts) {
                                         ran = true;
                                         parts.push_back({"known answer 0", "close enough"});
                                         return Status::ok();
                                       }},
                                      out);
  CHECK(status.isOk());
  CHECK(ran);
  for (const char *part :
       {"code x86-64-v3", "segment tokenizer", "generated weights", "padding", "close enough"})
    CHECK(contains(out.str(), part));
}

TEST_CASE("verify finds damage, missing kernels and wrong answers") {
  const TempDir dir;
  std::ostringstream out;
  const artifact::Manifest m = test::writeSmallArtifact(dir.file("a"));
  std::vector<uint8_t> file = test::readFile(dir.file("a"));
  file[m.segments[2].offset] ^= 1;
  test::writeFile(dir.file("b"), file);
  CHECK(verifyCommand({dir.file("b"), false, 1, {}}, out).id() == "artifact-hash");

  ArtifactInput input = test::smallInput();
  input.manifest.kernels[0].name = "absent";
  REQUIRE(writeArtifact(dir.file("c"), input).isOk());
  CHECK(verifyCommand({dir.file("c"), false, 1, {}}, out).id() == "image-symbol");

  input = test::smallInput();
  input.images[0].bytes.resize(100);
  REQUIRE(writeArtifact(dir.file("d"), input).isOk());
  CHECK(verifyCommand({dir.file("d"), true, 1, {}}, out).id() == "image-range");

  const auto wrong = [](std::vector<VerifiedPart> &) {
    return Status(ErrorClass::Data, "known-answer-wrong", "off by one");
  };
  CHECK(verifyCommand({dir.file("a"), false, 1, wrong}, out).id() == "known-answer-wrong");
  CHECK(out.str().empty()); // nothing is called whole when something is not
}

TEST_CASE("a materialized artifact holds the bytes that were generated") {
  const TempDir dir;
  test::writeSmallArtifact(dir.file("small"), true);
  const auto size = materializeCommand({dir.file("small"), dir.file("full")});
  REQUIRE(size.isOk());
  CHECK(*size == test::readFile(dir.file("full")).size());
  auto small = Artifact::open(dir.file("small")), full = Artifact::open(dir.file("full"));
  REQUIRE((small.isOk() && full.isOk()));
  const auto &params = (*full)->manifest().params;
  for (uint32_t i = 0; i < params.size(); ++i) {
    CHECK_FALSE(params[i].generator.has_value());
    CHECK(hash64((*small)->param(i)) == hash64((*full)->param(i)));
  }
  CHECK((*full)->loadImage(0).isOk());
  CHECK(materializeCommand({dir.file("full"), dir.file("again")}).status().id() ==
        "materialize-nothing");
  CHECK(dir.list() == std::vector<std::string>{"full", "small"});
}
