// The cache of compiled kernels: what is stored is found, what is damaged is not, and it never
// grows beyond its limit.
#include "codegen/cuda/KernelCache.h"
#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>

using namespace ingot;
using cuda::KernelCache;
namespace fs = std::filesystem;

namespace {

std::string keyOf(std::vector<std::string_view> parts) { return KernelCache::keyOf(parts); }

std::vector<uint8_t> blob(size_t bytes, uint8_t value) {
  return std::vector<uint8_t>(bytes, value);
}

} // namespace

TEST_CASE("the key of a kernel depends on every part and on their borders") {
  const std::string key = keyOf({"ab", "c", "sm_80"});
  CHECK(key.size() == 32);
  CHECK(key == keyOf({"ab", "c", "sm_80"}));
  CHECK(key != keyOf({"a", "bc", "sm_80"}));
  CHECK(key != keyOf({"ab", "c", "sm_90a"}));
  CHECK(key != keyOf({"ab", "c", "sm_80", ""}));
}

TEST_CASE("a stored kernel is found again, a damaged one is not") {
  const test::TempDir temp;
  const KernelCache cache(temp.file("kernels"));
  const std::string key = keyOf({"x"});
  CHECK_FALSE(cache.find(key));
  cache.store(key, blob(1000, 7));
  REQUIRE(cache.find(key));
  CHECK(*cache.find(key) == blob(1000, 7));
  CHECK_FALSE(cache.find(keyOf({"y"})));

  const fs::path entry = *fs::directory_iterator(temp.file("kernels"));
  std::fstream file(entry, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(500);
  file.put(8);
  file.close();
  CHECK_FALSE(cache.find(key));
  fs::resize_file(entry, 3);
  CHECK_FALSE(cache.find(key));
}

TEST_CASE("an entry that is no file counts as absent") {
  const test::TempDir temp;
  const KernelCache cache(temp.file("kernels"));
  const std::string key = keyOf({"x"});
  fs::create_directories(fs::path(temp.file("kernels")) / (key + ".kernel"));
  CHECK_FALSE(cache.find(key));
  cache.store(key, blob(1000, 7)); // has no place; nothing is left beside it
  CHECK_FALSE(cache.find(key));
  CHECK(std::distance(fs::directory_iterator(temp.file("kernels")), {}) == 1);
  const std::string endless = keyOf({"y"});
  fs::create_symlink("/dev/zero", fs::path(temp.file("kernels")) / (endless + ".kernel"));
  CHECK_FALSE(cache.find(endless));
}

TEST_CASE("the kernels used longest ago make room") {
  const test::TempDir temp;
  const KernelCache cache(temp.file("kernels"), 3000);
  const std::string first = keyOf({"1"}), second = keyOf({"2"}), third = keyOf({"3"});
  for (const std::string &key : {first, second, third})
    cache.store(key, blob(1400, 1));
  // Ages in the order second, third, first.
  const auto now = fs::file_time_type::clock::now();
  int age = 0;
  for (const std::string &key : {first, third, second})
    fs::last_write_time(fs::path(temp.file("kernels")) / (key + ".kernel"),
                        now - std::chrono::hours(++age));
  REQUIRE(cache.find(second)); // a use makes it the youngest
  cache.trim();
  CHECK(cache.find(second));
  CHECK(cache.find(first));
  CHECK_FALSE(cache.find(third));
}

TEST_CASE("without a folder nothing is kept and nothing fails") {
  const KernelCache none("");
  none.store(keyOf({"x"}), blob(10, 1));
  CHECK_FALSE(none.find(keyOf({"x"})));
  none.trim();
  const KernelCache unwritable("/proc/ingot");
  unwritable.store(keyOf({"x"}), blob(10, 1));
  CHECK_FALSE(unwritable.find(keyOf({"x"})));
}
