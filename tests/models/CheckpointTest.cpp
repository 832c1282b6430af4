#include "models/import/Checkpoint.h"
#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>

#include <cstring>

using namespace ingot;
using namespace ingot::test;

namespace {

constexpr const char *kIndex = "model.safetensors.index.json";

float firstValue(const WeightView &view) {
  float value = 0;
  std::memcpy(&value, view.data, sizeof value);
  return value;
}

/// Two shards with a, b and c; `map` is the weight_map of their index.
void writeShards(const TempDir &dir, const std::string &map) {
  writeFile(dir.file("one.safetensors"),
            SafetensorsBuilder().add("a", {2}, 1.0f).add("b", {3, 2}, 2.0f).bytes());
  writeFile(dir.file("two.safetensors"), SafetensorsBuilder().add("c", {4}, 3.0f).bytes());
  writeText(dir.file(kIndex), R"({"metadata":{"total_size":48},"weight_map":)" + map + "}");
}

Status statusOf(const TempDir &dir) { return Checkpoint::open(dir.path()).status(); }

} // namespace

TEST_CASE("a single file is opened and its tensors found by name") {
  TempDir dir;
  writeFile(dir.file("model.safetensors"), SafetensorsBuilder().add("w", {2, 3}, 7.0f).bytes());
  auto checkpoint = Checkpoint::open(dir.path());
  REQUIRE(checkpoint.isOk());
  const WeightView *view = (*checkpoint)->find("w");
  REQUIRE(view);
  CHECK(view->type == WeightType::F32);
  CHECK(view->shape == std::vector<int64_t>{2, 3});
  CHECK(view->bytes == 24);
  CHECK(firstValue(*view) == 7.0f);
  CHECK_FALSE((*checkpoint)->find("v"));
}

TEST_CASE("a tensor of integers takes its place but is no weight") {
  TempDir dir;
  writeFile(dir.file("x.safetensors"),
            safetensorsFile(R"({"n":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})",
                            std::vector<uint8_t>(8)));
  auto checkpoint = Checkpoint::openFile(dir.file("x.safetensors"));
  REQUIRE(checkpoint.isOk());
  CHECK((*checkpoint)->tensors().count("n") == 1);
  CHECK_FALSE((*checkpoint)->find("n"));
}

TEST_CASE("shards are joined") {
  TempDir dir;
  writeShards(dir, R"({"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"})");
  auto checkpoint = Checkpoint::open(dir.path());
  REQUIRE(checkpoint.isOk());
  CHECK((*checkpoint)->files().size() == 2);
  REQUIRE((*checkpoint)->find("c"));
  CHECK(firstValue(*(*checkpoint)->find("b")) == 2.0f);
  CHECK(firstValue(*(*checkpoint)->find("c")) == 3.0f);
}

TEST_CASE("a directory without weights says what is missing and what to do") {
  TempDir dir;
  CHECK(failsWith(statusOf(dir), "checkpoint-missing", {dir.path(), "safetensors", "random"}));
}

TEST_CASE("a missing shard is named with its number of tensors") {
  TempDir dir;
  writeShards(dir, R"({"a":"one.safetensors","b":"one.safetensors","c":"gone.safetensors"})");
  CHECK(failsWith(statusOf(dir), "checkpoint-shard-missing", {"gone.safetensors", "1 tensors"}));
}

TEST_CASE("index and shards must agree") {
  TempDir dir;
  writeShards(dir, R"({"a":"one.safetensors","c":"two.safetensors"})");
  CHECK(failsWith(statusOf(dir), "checkpoint-index", {"\"b\"", "not in the index"}));
  writeShards(dir, R"({"a":"two.safetensors","b":"one.safetensors","c":"two.safetensors"})");
  CHECK(failsWith(statusOf(dir), "checkpoint-index", {"\"a\"", "one.safetensors"}));
  writeShards(dir, R"({"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors",
                       "d":"two.safetensors"})");
  CHECK(failsWith(statusOf(dir), "checkpoint-index", {"\"d\"", "two.safetensors"}));
}

TEST_CASE("a tensor that two shards hold is refused") {
  TempDir dir;
  writeShards(dir, R"({"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"})");
  writeFile(dir.file("two.safetensors"),
            SafetensorsBuilder().add("c", {4}, 3.0f).add("a", {2}, 3.0f).bytes());
  CHECK(failsWith(statusOf(dir), "checkpoint-duplicate", {"\"a\"", "one.safetensors"}));
}

TEST_CASE("an index cannot reach outside its directory") {
  TempDir dir;
  for (const char *name :
       {"../one.safetensors", "/etc/hostname", "..", "", "sub/one.safetensors"}) {
    writeShards(dir, R"({"a":")" + std::string(name) + "\"}");
    CHECK(failsWith(statusOf(dir), "checkpoint-index", {"not a file name"}));
  }
}

TEST_CASE("an index that is no table is refused") {
  TempDir dir;
  for (const char *map : {"{}", "[]", "3", "null"}) {
    writeShards(dir, map);
    CHECK(failsWith(statusOf(dir), "checkpoint-index", {"weight_map"}));
  }
  writeText(dir.file(kIndex), "{\"weight_map\":");
  CHECK(failsWith(statusOf(dir), "json-invalid", {kIndex}));
}

TEST_CASE("a damaged shard is named") {
  TempDir dir;
  writeShards(dir, R"({"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"})");
  std::vector<uint8_t> bytes = readFile(dir.file("two.safetensors"));
  bytes.pop_back();
  writeFile(dir.file("two.safetensors"), bytes);
  CHECK(failsWith(statusOf(dir), "safetensors-offsets", {"two.safetensors", "\"c\""}));
}
