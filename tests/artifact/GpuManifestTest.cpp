// Tables that only programs of GPUs have, in the program of a second target: whole as they stand,
// refused where they are changed.
#include "runtime/artifact/Manifest.h"

#include "tests/support/SmallArtifact.h"

#include <catch2/catch.hpp>
#include <functional>

using namespace ingot;
using namespace ingot::artifact;

namespace {

struct Rule {
  const char *id;
  const char *place; ///< the message begins with the program and it
  std::function<void(TargetProgram &)> change;
};

/// A change of the second tensor map.
std::function<void(TargetProgram &)> ofMap(void (*change)(TensorMap &)) {
  return [change](TargetProgram &p) { change(p.kernels[1].levels[0].maps[1]); };
}

} // namespace

TEST_CASE("the program of a second target passes and survives its bytes") {
  const test::SmallManifest small = test::smallGpuManifest();
  CHECK(checkManifest(small.manifest, small.manifestOffset).toString() == "ok");
  const std::vector<uint8_t> bytes = *encodeManifest(small.manifest);
  const Manifest again = *decodeManifest(bytes);
  CHECK(*encodeManifest(again) == bytes);
  REQUIRE(again.programs.size() == 1);
  const LevelShape level = again.programs[0].kernels[1].shapeAt("sm_90a");
  CHECK((level.persistent && level.maps.size() == 2 && level.maps[0].swizzle));
  CHECK(again.programs[0].kernels[1].shapeAt("sm_80").threads == 256);
  CHECK(again.programs[0].plan.outputBuffer(StepOutput::Sampled) == 4);
}

TEST_CASE("tables of a second target are refused as those of the first") {
  const test::SmallManifest small = test::smallGpuManifest();
  const char *plan = "artifact-plan", *kernel = "artifact-kernel";
  const std::vector<Rule> rules = {
      {kernel, "kernels[1].levels[0].maps[1]", ofMap([](TensorMap &t) { t.boxRows = 0; })},
      {kernel, "kernels[1].levels[0].maps[1]", ofMap([](TensorMap &t) { t.slot = 16; })},
      {kernel, "kernels[1].levels[0].maps[1]", ofMap([](TensorMap &t) { t.offset = 8; })},
      {plan, "kernels[0]", [](TargetProgram &p) { p.kernels[0].counterBytes = 8192; }},
      {"artifact-memory", "memory.scratch_bytes_per_worker",
       [](TargetProgram &p) { p.memory.scratchBytesPerWorker = 4095; }},
      {plan, "plan.sampled_buffer", [](TargetProgram &p) { p.plan.sampledBuffer = 0; }},
      {plan, "plan.schedules[2].output",
       [](TargetProgram &p) { p.plan.sampledBuffer = p.plan.argmaxBuffer; }},
      {plan, "plan.schedules[2].launches[3].args[2]",
       [](TargetProgram &p) { p.plan.schedules[2].launches[3].writes = {2}; }},
      {"artifact-kv", "plan.kv_groups[0].block_bytes",
       [](TargetProgram &p) { p.plan.kvGroups[0].format = "kv_fp8_rows"; }},
  };
  for (size_t i = 0; i < rules.size(); ++i) {
    Manifest m = small.manifest;
    rules[i].change(m.programs[0]);
    const Status status = checkManifest(m, small.manifestOffset);
    INFO("rule " << i << ": " << status.toString());
    CHECK(status.id() == rules[i].id);
    CHECK(status.message().rfind("programs[0]: " + std::string(rules[i].place) + ":", 0) == 0);
  }
}
