// Code images: the same kernel gives the same bytes, and what the loader could not map is refused.
#include "codegen/cpu/Linker.h"
#include "codegen/cpu/ObjectEmitter.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::cpu;

namespace {

/// args[1][begin] = value, through a vector intrinsic when one is named.
std::string objectOf(const std::string &name, const std::string &intrinsic = "") {
  KernelBuilder b(CpuLevel::V3);
  b.kernel(name, [&](Val args, Val begin, Val, Val) {
    const Val to = b.load(kPtr, args, 8) + begin * 32;
    Val value = b.load(kF32x16, to);
    if (!intrinsic.empty())
      value = b.intrinsic(intrinsic, kF32x16, {value});
    b.store(value + 1.0f, to);
  });
  Result<std::string> object = emitKernel(b, EmitKind::Object);
  REQUIRE(object.isOk());
  return *object;
}

Result<std::string> link(const std::vector<std::string> &objects,
                         const std::vector<std::string> &names) {
  return linkImage(objects, names);
}

} // namespace

TEST_CASE("two compilations give the same image") {
  const Result<std::string> first = link({objectOf("a"), objectOf("b")}, {"a", "b"});
  const Result<std::string> second = link({objectOf("a"), objectOf("b")}, {"a", "b"});
  REQUIRE(first.isOk());
  REQUIRE(second.isOk());
  CHECK(*first == *second);
}

TEST_CASE("a kernel that needs a library is refused") {
  const Result<std::string> image = link({objectOf("a", "llvm.sin")}, {"a"});
  REQUIRE(!image.isOk());
  CHECK(image.status().id() == "link-failed");
  CHECK(image.status().message().find("sinf") != std::string::npos);
}

TEST_CASE("an image without an expected kernel is refused") {
  const Result<std::string> image = link({objectOf("a")}, {"a", "missing"});
  REQUIRE(!image.isOk());
  CHECK(image.status().id() == "image-lacks-kernel");
}

TEST_CASE("two kernels of one name are refused") {
  CHECK(!link({objectOf("a"), objectOf("a")}, {"a"}).isOk());
}

TEST_CASE("damaged images are refused") {
  const std::vector<std::string> names = {"a"};
  const Result<std::string> image = link({objectOf("a")}, names);
  REQUIRE(image.isOk());
  CHECK(checkImage(*image, names).isOk());
  std::string truncated = image->substr(0, 60);
  CHECK(!checkImage(truncated, names).isOk());
  std::string executable = *image;
  executable[16] = 2; // e_type: ET_EXEC
  CHECK(checkImage(executable, names).id() == "image-malformed");
  std::string writable = *image;
  const uint64_t headers = *reinterpret_cast<const uint64_t *>(image->data() + 32); // e_phoff
  for (int i = 0; i < image->data()[56]; ++i)                                       // e_phnum
    writable[headers + i * 56 + 4] |= 2;                                            // p_flags: PF_W
  CHECK(checkImage(writable, names).id() == "image-writable");
}
