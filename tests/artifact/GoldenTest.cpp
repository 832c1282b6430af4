// The golden artifact of format version 1: written once, opened by every runtime of this version.
#include "runtime/artifact/Artifact.h"
#include "runtime/base/Hash.h"
#include "tests/support/SmallArtifact.h"
#include "tests/support/TestData.h"

#include <catch2/catch.hpp>
#include <cstdlib>

using namespace ingot;

static const std::string kGolden = test::testData("artifact/golden-format-1.ingot");

TEST_CASE("the golden artifact of format 1 opens and means what it always meant") {
  OpenOptions options;
  options.verify = VerifyMode::Full;
  auto opened = Artifact::open(kGolden, options);
  INFO(opened.status().toString());
  REQUIRE(opened.isOk());
  const Artifact &a = **opened;
  const artifact::Manifest &m = a.manifest();
  CHECK(m.modelName == "small");
  CHECK(m.plan.schedules.size() == 3);
  CHECK(m.plan.schedules[2].launches[2].items.terms[0].ceilDiv == 4);
  CHECK(m.memory.maxContext == 64);
  CHECK(m.generation.stopIds == std::vector<uint32_t>{2, 3});
  CHECK(hash64(a.param(0)) == 0x7fca82973ffe8215);
  CHECK(hash64(a.param(1)) == 0xc4fa7d8c04ecaf0c);
  CHECK(hash64(a.param(2)) == 0x8aa03b4f50e84f10);
  auto image = a.loadImage(0);
  REQUIRE(image.isOk());
  float rows[32] = {};
  const uint64_t args[] = {reinterpret_cast<uint64_t>(rows), 0};
  CHECK((*image->kernel("test_fill_rows"))(args, 0, 1, nullptr) == 7);
  CHECK(rows[31] == 31.0f);
}

TEST_CASE("writes the golden artifact to the path in INGOT_GOLDEN", "[.golden]") {
  const char *path = std::getenv("INGOT_GOLDEN");
  REQUIRE(path);
  test::writeSmallArtifact(path);
}
