// One refusal per rule: what was changed, the id and the place that the message names.
#include "runtime/artifact/Manifest.h"

#include "runtime/artifact/KernelAbi.h"
#include "runtime/artifact/RandomWeights.h"
#include "runtime/artifact/WeightLayout.h"
#include "runtime/base/Hash.h"
#include "tests/support/SmallArtifact.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>

using namespace ingot;
using namespace ingot::artifact;

namespace {

const uint64_t kMost = ~uint64_t(0);

struct Rule {
  const char *id;
  const char *place; ///< the message begins with it
  std::function<void(Manifest &)> change;
};

void expectRefused(bool generated, const std::vector<Rule> &rules) {
  const test::SmallManifest small = test::smallManifest(generated);
  REQUIRE(checkManifest(small.manifest, small.manifestOffset).isOk());
  for (size_t i = 0; i < rules.size(); ++i) {
    Manifest m = small.manifest;
    rules[i].change(m);
    const Status status = checkManifest(m, small.manifestOffset);
    INFO("rule " << i << ": " << status.toString());
    CHECK(status.id() == rules[i].id);
    CHECK(status.message().rfind(std::string(rules[i].place) + ":", 0) == 0);
  }
}

Launch &launch(Manifest &m, size_t index) { return m.plan.schedules[1].launches[index]; }

} // namespace

TEST_CASE("a small artifact passes, stored and generated") {
  for (bool generated : {false, true}) {
    const test::SmallManifest small = test::smallManifest(generated);
    CHECK(checkManifest(small.manifest, small.manifestOffset).toString() == "ok");
  }
}

TEST_CASE("versions and features of the future are refused") {
  expectRefused(
      false,
      {
          {"artifact-version", "format_version", [](Manifest &m) { m.formatVersion = 2; }},
          {"artifact-abi", "kernel_abi",
           [](Manifest &m) { m.kernelAbi = abi::kKernelAbiVersion + 1; }},
          {"artifact-version", "minimum_runtime", [](Manifest &m) { m.minimumRuntime = "99.0"; }},
          {"artifact-version", "minimum_runtime", [](Manifest &m) { m.minimumRuntime = "soon"; }},
          {"artifact-requires", "requires[0]", [](Manifest &m) { m.requires_ = {"telepathy"}; }},
      });
}

TEST_CASE("a feature of the past asks for the compiler, one of the future for another runtime") {
  const auto messageFor = [](const char *feature) {
    test::SmallManifest small = test::smallManifest(false);
    small.manifest.requires_ = {feature};
    return checkManifest(small.manifest, small.manifestOffset).message();
  };
  CHECK(messageFor("target-cuda").find("compile the model again with the ingotc") !=
        std::string::npos);
  CHECK(messageFor("telepathy").find("use a newer ingot") != std::string::npos);
}

TEST_CASE("segments out of place are refused") {
  const char *id = "artifact-segment";
  expectRefused(
      false,
      {
          {"artifact-files", "files", [](Manifest &m) { m.files.push_back({"w.bin", 5, 5}); }},
          {"artifact-files", "files", [](Manifest &m) { m.files.clear(); }},
          {id, "segments[1]", [](Manifest &m) { m.segments[1].file = 1; }},
          {id, "segments[1]", [](Manifest &m) { m.segments[1].align = 0; }},
          {id, "segments[1]", [](Manifest &m) { m.segments[1].align = 64; }},
          {id, "segments[1]", [](Manifest &m) { m.segments[1].align = 12288; }},
          {id, "segments[1]", [](Manifest &m) { m.segments[1].align = uint64_t(1) << 63; }},
          {id, "segments[1]", [](Manifest &m) { m.segments[1].offset += 1; }},
          {id, "segments[0]", [](Manifest &m) { m.segments[0].offset = 0; }},
          {id, "segments[1]", [](Manifest &m) { m.segments[1].bytes = 0; }},
          {id, "segments[1]", [](Manifest &m) { m.segments[1].bytes = kMost; }},
          {id, "segments[2]", [](Manifest &m) { m.segments[2].offset = 0u - m.segments[2].align; }},
          {id, "segments[2]", [](Manifest &m) { m.segments[2].chunkHashes.clear(); }},
          {id, "segments[2]", [](Manifest &m) { m.segments[2].chunkBytes = 1; }},
          {id, "segments[1]", [](Manifest &m) { m.segments[1].kind = SegmentKind(99); }},
          {id, "segments[1]", [](Manifest &m) { m.segments[1].name = m.segments[0].name; }},
          {id, "segments[1]", [](Manifest &m) { m.segments[1].name.clear(); }},
          {id, "segments[2]", [](Manifest &m) { m.segments[1].offset = m.segments[2].offset; }},
          {id, "tokenizer_segment", [](Manifest &m) { m.tokenizerSegment = 3; }},
          {id, "tokenizer_segment", [](Manifest &m) { m.tokenizerSegment = -2; }},
          {id, "tokenizer_segment", [](Manifest &m) { m.tokenizerSegment = 0; }},
      });
}

TEST_CASE("an unknown segment that may be skipped is skipped") {
  test::SmallManifest small = test::smallManifest();
  small.manifest.tokenizerSegment = -1;
  small.manifest.segments[1].kind = SegmentKind(99);
  small.manifest.segments[1].skippable = true;
  CHECK(checkManifest(small.manifest, small.manifestOffset).isOk());
}

TEST_CASE("parameters that disagree with their layout or place are refused") {
  const char *id = "artifact-param";
  expectRefused(
      false,
      {
          {id, "params[1]", [](Manifest &m) { m.params[1].name = m.params[0].name; }},
          {id, "params[1]", [](Manifest &m) { m.params[1].format = "int5"; }},
          {id, "params[1]", [](Manifest &m) { m.params[1].shape = {kMost, kMost}; }},
          {id, "params[1]", [](Manifest &m) { m.params[1].shape = {0, 4}; }},
          {id, "params[1]", [](Manifest &m) { m.params[1].group = 7; }},
          {id, "params[1].data", [](Manifest &m) { m.params[1].shape[0] += 32; }},
          {id, "params[1].data", [](Manifest &m) { m.params[1].data.bytes -= 64; }},
          {id, "params[1].data", [](Manifest &m) { m.params[1].data.offset += 1; }},
          {id, "params[1].data", [](Manifest &m) { m.params[1].data.offset = 0u - uint64_t(64); }},
          {id, "params[1].data", [](Manifest &m) { m.params[1].data.segment = 0; }},
          {id, "params[1].data", [](Manifest &m) { m.params[1].data.segment = 77; }},
          {id, "params[1].data", [](Manifest &m) { m.params[1].data.segment = kGeneratedSegment; }},
          {id, "params[1]", [](Manifest &m) { m.params[1].data.offset = 0; }},
          {id, "params[2].sources[0]", [](Manifest &m) { m.params[2].sources[0].rows += 1; }},
          {id, "params[2].sources[0]",
           [](Manifest &m) { m.params[2].sources[0].rowBegin = kMost; }},
          {id, "params[2].sources[0]", [](Manifest &m) { m.params[2].sources[0].rows = 0; }},
      });
  expectRefused(
      true,
      {
          {id, "params[1].generator", [](Manifest &m) { m.params[1].generator->id = 2; }},
          {id, "params[1].generator",
           [](Manifest &m) { m.params[1].generator->scale = std::nanf(""); }},
          {id, "params[1].data", [](Manifest &m) { m.params[1].data.offset = 0u - uint64_t(64); }},
          {id, "params[1].data", [](Manifest &m) { m.params[1].data.segment = 2; }},
          {id, "params[2]", [](Manifest &m) { m.params[2].data.offset = 0; }},
          {id, "params[2].data", [](Manifest &m) { m.params[2].generator.reset(); }},
      });
}

TEST_CASE("ways to launch a level that no GPU has are refused") {
  const auto with = [](auto change) {
    return [change](Manifest &m) {
      TensorMap map;
      map.slot = 1, map.columns = 64, map.rows.base = 4, map.pitchBytes = 192;
      map.boxColumns = 64, map.boxRows = 8, map.swizzle = true;
      m.kernels[0].threads = 128;
      m.kernels[0].levels = {{{384, 1024, 1, 1, 0}, "sm_90a", true, {map}}};
      change(m.kernels[0].levels[0]);
    };
  };
  const char *id = "artifact-kernel", *level = "kernels[0].levels[0]",
             *map = "kernels[0].levels[0].maps[0]";
  expectRefused(false,
                {
                    {id, level, with([](LevelShape &s) { s.level.clear(); })},
                    {id, level, with([](LevelShape &s) { s.threads = 0; })},
                    {id, level, with([](LevelShape &s) { s.threads = 1056; })},
                    {id, level, with([](LevelShape &s) { s.sharedBytes = 1 << 20; })},
                    {id, level, with([](LevelShape &s) { s.itemsPerBlock = 0; })},
                    {id, level, with([](LevelShape &s) { s.maps.resize(5); })},
                    {id, "kernels[0].levels[1]",
                     [&](Manifest &m) {
                       with([](LevelShape &) {})(m);
                       m.kernels[0].levels.push_back(m.kernels[0].levels[0]);
                     }},
                    {id, level,
                     [&](Manifest &m) {
                       with([](LevelShape &) {})(m);
                       m.kernels[0].threads = 0;
                     }},
                    {id, map, with([](LevelShape &s) { s.maps[0].slot = 16; })},
                    {id, map, with([](LevelShape &s) { s.maps[0].offset = 8; })},
                    {id, map, with([](LevelShape &s) { s.maps[0].elementBytes = 3; })},
                    {id, map, with([](LevelShape &s) { s.maps[0].columns = 0; })},
                    {id, map, with([](LevelShape &s) { s.maps[0].columns = ~0ull; })},
                    {id, map, with([](LevelShape &s) { s.maps[0].pitchBytes = 120; })},
                    {id, map, with([](LevelShape &s) { s.maps[0].pitchBytes = 112; })},
                    {id, map, with([](LevelShape &s) { s.maps[0].pitchBytes = 1ull << 40; })},
                    {id, map, with([](LevelShape &s) { s.maps[0].boxColumns = 128; })},
                    {id, map, with([](LevelShape &s) { s.maps[0].boxColumns = 4; })},
                    {id, map, with([](LevelShape &s) { s.maps[0].boxRows = 0; })},
                    {id, map, with([](LevelShape &s) { s.maps[0].boxRows = 257; })},
                });
}

TEST_CASE("kernels and images that do not fit together are refused") {
  expectRefused(
      false,
      {
          {"artifact-kernel", "kernels[1]",
           [](Manifest &m) { m.kernels[1].name = m.kernels[0].name; }},
          {"artifact-kernel", "kernels[1].signature",
           [](Manifest &m) { m.kernels[1].spec += " "; }},
          {"artifact-kernel", "kernels[0]", [](Manifest &m) { m.kernels[0].threads = 48; }},
          {"artifact-kernel", "kernels[0]", [](Manifest &m) { m.kernels[0].threads = 2048; }},
          {"artifact-kernel", "kernels[0]",
           [](Manifest &m) { m.kernels[0].sharedBytes = 1 << 20; }},
          {"artifact-kernel", "kernels[0]", [](Manifest &m) { m.kernels[0].itemsPerBlock = 0; }},
          {"artifact-kernel", "kernels[0]", [](Manifest &m) { m.kernels[0].blocksPerItem = 0; }},
          {"artifact-image", "images", [](Manifest &m) { m.images.clear(); }},
          {"artifact-image", "images[0]", [](Manifest &m) { m.images[0].segment = 1; }},
          {"artifact-image", "images[0]",
           [](Manifest &m) { m.images[0].segment = kGeneratedSegment; }},
          {"artifact-image", "images[0]", [](Manifest &m) { m.images[0].level = "x86-64-v9"; }},
          {"artifact-image", "images[1]", [](Manifest &m) { m.images.push_back(m.images[0]); }},
      });
}

TEST_CASE("KV groups that disagree with their layout are refused") {
  const char *id = "artifact-kv", *place = "plan.kv_groups[0]";
  expectRefused(false, {
                           {id, place, [](Manifest &m) { m.plan.kvGroups[0].kind = "round"; }},
                           {id, place, [](Manifest &m) { m.plan.kvGroups[0].kind = "window"; }},
                           {id, place, [](Manifest &m) { m.plan.kvGroups[0].window = 8; }},
                           {id, place, [](Manifest &m) { m.plan.kvGroups[0].format = "kv_i2"; }},
                           {id, place, [](Manifest &m) { m.plan.kvGroups[0].layers = 0; }},
                           {id, place, [](Manifest &m) { m.plan.kvGroups[0].heads = ~0u; }},
                           {id, place, [](Manifest &m) { m.plan.kvGroups[0].keyDim = 7; }},
                           {id, place, [](Manifest &m) { m.plan.kvGroups[0].valueDim = 8; }},
                           {id, place, [](Manifest &m) { m.plan.kvGroups[0].blockTokens = 24; }},
                           {id, place, [](Manifest &m) { m.plan.kvGroups[0].blockTokens = 0; }},
                           {id, "plan.kv_groups[0].block_bytes",
                            [](Manifest &m) { m.plan.kvGroups[0].blockBytes += 64; }},
                           {"artifact-memory", "memory.kv_block_bytes",
                            [](Manifest &m) { m.memory.kvBlockBytes -= 1; }},
                           {"artifact-memory", "memory.kv_block_bytes",
                            [](Manifest &m) { m.plan.kvGroups.clear(); }},
                       });
}

TEST_CASE("memory contracts that promise too little are refused") {
  const char *id = "artifact-memory";
  expectRefused(
      false, {
                 {id, "memory.weights_bytes", [](Manifest &m) { m.memory.weightsBytes += 64; }},
                 {id, "memory", [](Manifest &m) { m.memory.maxBatchTokens = 0; }},
                 {id, "memory", [](Manifest &m) { m.memory.maxSequences = ~0u; }},
                 {id, "memory", [](Manifest &m) { m.memory.maxContext = 0; }},
                 {id, "memory.scratch_bytes_per_worker",
                  [](Manifest &m) { m.memory.scratchBytesPerWorker = 63; }},
                 {id, "memory.scratch_bytes_per_worker",
                  [](Manifest &m) { // each fits alone, not one behind the other
                    m.kernels[0].counterBytes = m.kernels[0].scratchBytes = 100;
                    m.kernels[1].counterBytes = 0, m.kernels[1].scratchBytes = 100;
                  }},
                 {id, "memory.scratch_bytes_per_worker",
                  [](Manifest &m) {
                    m.kernels[0].counterBytes = m.kernels[0].scratchBytes = uint64_t(1) << 63;
                    m.kernels[1].counterBytes = 0, m.kernels[1].scratchBytes = uint64_t(1) << 63;
                  }},
                 {id, "memory.scratch_bytes_per_worker",
                  [](Manifest &m) { m.kernels[1].scratchBytes = kMost; }},
                 {"artifact-plan", "kernels[1]",
                  [](Manifest &m) { m.kernels[1].counterBytes = m.kernels[1].scratchBytes + 1; }},
                 {id, "memory.logits_bytes", [](Manifest &m) { m.memory.logitsBytes = 255; }},
                 {id, "memory.logits_bytes", [](Manifest &m) { m.plan.vocab = 0; }},
                 {id, "memory.logits_bytes", [](Manifest &m) { m.plan.vocab = ~0u; }},
                 {"artifact-plan", "plan.schedules[1].arena_bytes",
                  [](Manifest &m) { m.memory.arenaBytes -= 1; }},
             });
}

TEST_CASE("buffers without a sensible form are refused") {
  const char *id = "artifact-plan";
  expectRefused(
      false, {
                 {id, "plan.buffers[0]", [](Manifest &m) { m.plan.buffers[0].rowBytes = 0; }},
                 {id, "plan.buffers[0]", [](Manifest &m) { m.plan.buffers[0].align = 96; }},
                 {id, "plan.buffers[0]", [](Manifest &m) { m.plan.buffers[0].device = 1; }},
                 {id, "plan.logits_buffer", [](Manifest &m) { m.plan.logitsBuffer = 0; }},
                 {id, "plan.logits_buffer", [](Manifest &m) { m.plan.logitsBuffer = 4; }},
                 {id, "plan.logits_buffer", [](Manifest &m) { m.plan.buffers[2].rowBytes += 4; }},
                 {id, "plan.argmax_buffer", [](Manifest &m) { m.plan.argmaxBuffer = 2; }},
                 {id, "plan.sampled_buffer",
                  [](Manifest &m) {
                    m.plan.schedules[0].output = StepOutput::Sampled;
                    m.plan.sampledBuffer = 2;
                  }},
                 {id, "plan.signature", [](Manifest &m) { m.plan.signature ^= 1; }},
             });
}

TEST_CASE("schedules that do not fit the plan are refused") {
  const char *id = "artifact-plan";
  expectRefused(
      false,
      {
          {id, "plan.schedules[1]", [](Manifest &m) { m.plan.schedules[1].name = "argmax.small"; }},
          {id, "plan.schedules[1].max_tokens",
           [](Manifest &m) { m.plan.schedules[1].maxTokens = 9; }},
          {id, "plan.schedules[1].max_tokens",
           [](Manifest &m) { m.plan.schedules[1].maxTokens = 0; }},
          {"artifact-signature", "plan.schedules[1].signature",
           [](Manifest &m) { m.plan.schedules[1].signature ^= 1; }},
          {id, "plan.schedules[1].offsets",
           [](Manifest &m) { m.plan.schedules[1].offsets.pop_back(); }},
          {id, "plan.schedules[1].offsets[1]",
           [](Manifest &m) { m.plan.schedules[1].offsets[1] += 64; }},
          {id, "plan.schedules[1].offsets[1]",
           [](Manifest &m) { m.plan.schedules[1].offsets[1] = kMost - 63; }},
          {id, "plan.schedules[1].offsets[0]",
           [](Manifest &m) { m.plan.schedules[1].offsets[0] = 32; }},
          {id, "plan.schedules[1].offsets[2]",
           [](Manifest &m) { m.plan.schedules[1].offsets[2] = 0; }},
          {id, "plan.schedules[0].offsets[0]",
           [](Manifest &m) { m.plan.buffers[0].rowBytes = kMost / 2; }},
          {id, "plan.schedules[1].offsets[1]",
           [](Manifest &m) { m.plan.schedules[1].offsets[1] = 64; }},
          {id, "plan.schedules", [](Manifest &m) { m.plan.schedules.pop_back(); }},
          {id, "plan.schedules",
           [](Manifest &m) { m.plan.schedules.erase(m.plan.schedules.begin() + 1); }},
          {id, "plan.schedules[1].output",
           [](Manifest &m) {
             launch(m, 2).args[0].index = 2;
             launch(m, 2).writes = {2};
           }},
      });
}

TEST_CASE("profile fast: schedules of one bound have one signature, others their own") {
  const test::SmallManifest small = test::smallManifest(false);
  const auto check = [&](const char *profile, const std::vector<size_t> &other) {
    Manifest m = small.manifest;
    m.profile = profile;
    for (const size_t index : other)
      m.plan.schedules[index].signature ^= 1;
    return checkManifest(m, small.manifestOffset);
  };
  const std::vector<Schedule> &schedules = small.manifest.plan.schedules;
  REQUIRE(schedules[0].maxTokens != schedules[1].maxTokens);
  REQUIRE(schedules[1].maxTokens == schedules[2].maxTokens);
  CHECK(check(kProfileFast, {0}).isOk());
  CHECK(check(kProfileFast, {1, 2}).isOk());
  CHECK(check(kProfileFast, {2}).id() == "artifact-signature");
  CHECK(check(kProfileInvariant, {0}).id() == "artifact-signature");
}

TEST_CASE("schedules of probes are held to the rules of the plan's") {
  const char *id = "artifact-plan";
  expectRefused(
      false,
      {
          {id, "probes[0].schedules", [](Manifest &m) { m.probes[0].schedules.clear(); }},
          {id, "probes[0].schedules",
           [](Manifest &m) { std::swap(m.probes[0].schedules[0], m.probes[0].schedules[1]); }},
          {id, "probes[0].schedules[1]",
           [](Manifest &m) { m.probes[0].schedules[1].name = "small"; }},
          {id, "probes[0].schedules[0].max_tokens",
           [](Manifest &m) { m.probes[0].schedules[0].maxTokens = 9; }},
          {"artifact-signature", "probes[0].schedules[1].signature",
           [](Manifest &m) { m.probes[0].schedules[1].signature ^= 1; }},
          {id, "probes[0].schedules[0].offsets",
           [](Manifest &m) { m.probes[0].schedules[0].offsets.pop_back(); }},
          {id, "probes[0].schedules[0].arena_bytes",
           [](Manifest &m) { m.probes[0].schedules[0].arenaBytes = kMost; }},
          {id, "probes[0].schedules[1].launches[1].kernel",
           [](Manifest &m) { m.probes[0].schedules[1].launches[1].kernel = 2; }},
          {id, "probes[0].schedules[1].launches[1].args",
           [](Manifest &m) { m.probes[0].schedules[1].launches[1].args[2].kind = ArgKind::Batch; }},
          {id, "probes[0].schedules[0].output",
           [](Manifest &m) { m.probes[0].schedules[0].launches.pop_back(); }},
      });
  // Their signature need not be the plan's.
  test::SmallManifest small = test::smallManifest(false);
  for (Schedule &schedule : small.manifest.probes[0].schedules)
    schedule.signature = 77;
  CHECK(checkManifest(small.manifest, small.manifestOffset).toString() == "ok");
}

TEST_CASE("launches that reach outside are refused with their place") {
  const char *id = "artifact-plan";
  const char *place = "plan.schedules[1].launches[1]";
  const std::string at = place;
  expectRefused(false,
                {
                    {id, place, [](Manifest &m) { launch(m, 1).device = 1; }},
                    {id, "plan.schedules[1].launches[1].kernel",
                     [](Manifest &m) { launch(m, 1).kernel = 2; }},
                    {id, "plan.schedules[1].launches[1].items",
                     [](Manifest &m) { launch(m, 1).items.base = kMost; }},
                    {id, "plan.schedules[1].launches[1].items",
                     [](Manifest &m) { launch(m, 1).items.terms[0].coefficient = kMost / 2; }},
                    {id, "plan.schedules[1].launches[1].items",
                     [](Manifest &m) { launch(m, 1).items.terms[0].ceilDiv = 0; }},
                    {id, "plan.schedules[1].launches[1].items",
                     [](Manifest &m) { launch(m, 1).items.base = uint64_t(1) << 32; }},
                    {id, "plan.schedules[1].launches[1].reads[0]",
                     [](Manifest &m) { launch(m, 1).reads = {4}; }},
                    {id, "plan.schedules[1].launches[1].reads[0]",
                     [](Manifest &m) { launch(m, 1).reads = {1}; }},
                    {id, "plan.schedules[1].launches[0].reads[0]",
                     [](Manifest &m) { launch(m, 0).reads = {0}; }},
                    {id, "plan.schedules[1].launches[0].writes[0]",
                     [](Manifest &m) { m.plan.schedules[1].offsets[0] = kUnusedBuffer; }},
                    {id, "plan.schedules[1].launches[1].args[0]",
                     [](Manifest &m) { launch(m, 1).args[0].index = 99; }},
                    {id, "plan.schedules[1].launches[1].args[0]",
                     [](Manifest &m) { launch(m, 1).args[0].value = kMost; }},
                    {id, "plan.schedules[1].launches[1].args[0]",
                     [](Manifest &m) { launch(m, 1).args[0].index = 2; }},
                    {id, "plan.schedules[1].launches[1].args[2]",
                     [](Manifest &m) { launch(m, 1).args[2].index = 3; }},
                    {id, "plan.schedules[1].launches[1].args[2]",
                     [](Manifest &m) { launch(m, 1).args[2].value = 4096; }},
                    {id, "plan.schedules[1].launches[0].args[2]",
                     [](Manifest &m) { launch(m, 0).args[2].index = 1; }},
                    {id, "plan.schedules[1].launches[0].args[2]",
                     [](Manifest &m) { launch(m, 0).args[2].value = 2; }},
                    {id, "plan.schedules[1].launches[1].args",
                     [](Manifest &m) { launch(m, 1).args.pop_back(); }},
                    {id, "plan.schedules[1].launches[1].args",
                     [](Manifest &m) { launch(m, 1).args[2].kind = ArgKind::Constant; }},
                    {id, place, [](Manifest &m) { launch(m, 1).writes.push_back(3); }},
                });
}

TEST_CASE("buffers may share bytes only when they do not live together") {
  test::SmallManifest small = test::smallManifest();
  // A third arena buffer, written after the last access of `hidden`: it may take its place.
  for (Schedule &s : small.manifest.plan.schedules) {
    s.offsets.push_back(kUnusedBuffer);
    if (s.name == "logits")
      s.offsets.back() = 0;
  }
  small.manifest.probes.clear(); // their offsets would lack the new buffer
  small.manifest.plan.buffers.push_back(small.manifest.plan.buffers[0]);
  Schedule &schedule = small.manifest.plan.schedules[2];
  Launch late = schedule.launches[1];
  late.reads = {1};
  late.writes = {4};
  late.args[0].index = 4;
  late.args[1].index = 1;
  schedule.launches.push_back(late);
  CHECK(checkManifest(small.manifest, small.manifestOffset).toString() == "ok");
  // One more read of `hidden` behind it makes them live together.
  late.reads = {0, 4};
  late.writes = {1};
  late.args[0].index = 1;
  late.args[1].index = 0;
  late.args.push_back({ArgKind::Buffer, 4, 0});
  late.kind = LaunchKind::Host;
  schedule.launches.push_back(late);
  const Status status = checkManifest(small.manifest, small.manifestOffset);
  CHECK(status.message().rfind("plan.schedules[2].offsets[4]:", 0) == 0);
}

TEST_CASE("defaults, answers and provenance that make no sense are refused") {
  expectRefused(
      false,
      {
          {"artifact-generation", "generation", [](Manifest &m) { m.generation.temperature = -1; }},
          {"artifact-generation", "generation",
           [](Manifest &m) { m.generation.topP = std::nanf(""); }},
          {"artifact-generation", "generation", [](Manifest &m) { m.generation.minP = 2; }},
          {"artifact-generation", "generation.stop_ids[1]",
           [](Manifest &m) { m.generation.stopIds[1] = 40; }},
          {"artifact-generation", "generation.bos_id",
           [](Manifest &m) { m.generation.bosId = 40; }},
          {"artifact-generation", "generation.bos_id",
           [](Manifest &m) { m.generation.bosId = -7; }},
          {"artifact-known-answer", "known_answers[0]",
           [](Manifest &m) { m.knownAnswers[0].indices[0] = 40; }},
          {"artifact-known-answer", "known_answers[0]",
           [](Manifest &m) { m.knownAnswers[0].logits.pop_back(); }},
          {"artifact-known-answer", "known_answers[0]",
           [](Manifest &m) { m.knownAnswers[0].tolerance = INFINITY; }},
          {"artifact-known-answer", "known_answers[0].token_ids",
           [](Manifest &m) { m.knownAnswers[0].tokenIds.assign(65, 1); }},
          {"artifact-known-answer", "probes[0].answer",
           [](Manifest &m) { m.probes[0].answer.tokenIds[1] = 40; }},
          {"artifact-known-answer", "probes[0].answer",
           [](Manifest &m) { m.probes[0].answer.indices[0] = ~uint32_t(0); }},
          {"artifact-known-answer", "probes[0].answer",
           [](Manifest &m) { m.probes[0].answer.indices.push_back(1); }},
          {"artifact-known-answer", "probes[0].answer",
           [](Manifest &m) { m.probes[0].answer.logits[0] = std::nanf(""); }},
          {"artifact-known-answer", "probes[0].answer",
           [](Manifest &m) { m.probes[0].answer.tolerance = -1; }},
          {"artifact-known-answer", "probes[0].answer.token_ids",
           [](Manifest &m) { m.probes[0].answer.tokenIds.clear(); }},
          {"artifact-provenance", "provenance[1]", [](Manifest &m) { m.provenance[1].key = "a"; }},
          {"artifact-provenance", "provenance[1]",
           [](Manifest &m) { m.provenance[1].key = "compiler"; }},
      });
}

/// Adds a program of target "cuda" that does the same with matrices in its own layout.
static void addCudaProgram(Manifest &m) {
  TargetProgram program = m;
  program.target = "cuda";
  uint64_t end = 0;
  std::vector<uint32_t> own; // [param]
  for (size_t i = 0, n = m.params.size(); i < n; ++i) {
    Param param = m.params[i];
    own.push_back(static_cast<uint32_t>(i));
    if (param.layout == "row")
      continue;
    param.layout = "mma16";
    const auto layout =
        WeightLayout::make(param.format, param.layout, param.shape, param.group, param.interleave);
    REQUIRE(layout.isOk());
    param.data = {kGeneratedSegment, end, layout->bytes};
    end += layout->bytes;
    param.generator = Generator{kRandomGenerator, 7, i, 0.05f, 0};
    own.back() = static_cast<uint32_t>(m.params.size());
    m.params.push_back(param);
  }
  const auto rename = [&](std::vector<Schedule> &schedules) {
    for (Schedule &schedule : schedules)
      for (Launch &launch : schedule.launches)
        for (Arg &arg : launch.args)
          if (arg.kind == ArgKind::Param)
            arg.index = own[arg.index];
  };
  rename(program.plan.schedules);
  for (Probe &probe : program.probes)
    rename(probe.schedules);
  program.memory.weightsBytes = weightBytes(program, m.params);
  m.programs.push_back(std::move(program));
}

TEST_CASE("a program of a further target keeps the rules of the first") {
  const test::SmallManifest small = test::smallManifest();
  Manifest m = small.manifest;
  addCudaProgram(m);
  m.images.push_back({"cuda", "sm_80", {}, static_cast<uint32_t>(m.segments.size())});
  Segment code = m.segments[m.images[0].segment];
  code.kind = SegmentKind::Cubin;
  code.name = "cuda sm_80";
  // Behind everything else: places may not overlap.
  code.offset = small.manifestOffset;
  m.segments.push_back(code);
  const uint64_t end = code.offset + code.bytes;
  REQUIRE(checkManifest(m, end).toString() == "ok");
  CHECK(m.programOf("cuda") == &m.programs[0]);
  CHECK(m.withProgram("cuda").target == "cuda");

  const auto refusal = [&](auto change) {
    Manifest changed = m;
    change(changed);
    return checkManifest(changed, end).toString();
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(refusal([](Manifest &x) { x.programs[0].target = "cpu"; }),
             Contains("artifact-program") && Contains("used twice"));
  CHECK_THAT(refusal([](Manifest &x) { x.programs[0].target = "npu"; }), Contains("no code for"));
  CHECK_THAT(refusal([](Manifest &x) { x.programs[0].plan.vocab += 1; }),
             Contains("artifact-program") && Contains("vocabulary"));
  CHECK_THAT(refusal([](Manifest &x) { x.programs[0].plan.kvGroups[0].format = "kv_new"; }),
             Contains("programs[0]") && Contains("kv_new"));
  CHECK_THAT(refusal([](Manifest &x) { x.programs[0].plan.kvGroups[0].format = kKvFormatRows; }),
             Contains("programs[0]") && Contains("block_bytes"));
  CHECK_THAT(refusal([](Manifest &x) { x.programs[0].kernels[0].threads = 33; }),
             Contains("programs[0]") && Contains("threads"));
  CHECK_THAT(refusal([](Manifest &x) { x.segments.back().kind = SegmentKind::Ptx; }),
             Contains("artifact-image"));
  CHECK_THAT(refusal([](Manifest &x) { x.programs[0].memory.weightsBytes *= 2; }),
             Contains("weights_bytes"));
  CHECK_THAT(refusal([](Manifest &x) { x.programs[0].memory.weightsBytes += 64; }),
             Contains("weights_bytes"));
  CHECK_THAT(refusal([](Manifest &x) {
               const Plan own = x.plan; // the other target's parameters
               x.programs[0].plan.schedules = own.schedules;
               x.programs[0].memory.weightsBytes = weightBytes(x.programs[0], x.params);
             }),
             Contains("is in layout panel32; kernels of target cuda read row or mma16"));
}
