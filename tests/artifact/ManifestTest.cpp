#include "runtime/artifact/Manifest.h"

#include "tests/support/SmallArtifact.h"

#include <catch2/catch.hpp>
#include <cstring>

using namespace ingot;
using namespace ingot::artifact;

TEST_CASE("a manifest survives encoding and decoding: its bytes are canonical") {
  const Manifest m = test::smallManifest(true).manifest;
  const std::vector<uint8_t> bytes = *encodeManifest(m);
  const auto again = decodeManifest(bytes);
  REQUIRE(again.isOk());
  CHECK(*encodeManifest(*again) == bytes);
  // Spot checks that the round trip is not the identity of two empty things.
  CHECK(again->params[2].generator->scale == 0.05f);
  CHECK(again->params[2].data.segment == kGeneratedSegment);
  CHECK(again->plan.schedules[2].launches[2].items.terms[0].ceilDiv == 4);
  CHECK(again->plan.schedules[2].offsets[3] == kUnusedBuffer);
  CHECK(again->images[0].features[2] == "f16c");
  CHECK(again->knownAnswers[0].logits[1] == -1.0f);
  CHECK(again->probes[0].schedules[1].name == "greedy");
  CHECK(again->probes[0].schedules[1].launches[2].label == "head");
  CHECK(again->probes[0].answer.tokenIds == std::vector<uint32_t>{4, 5});
  CHECK(again->generation.bosId == 1);
  CHECK(again->fusions[1].reason == "widths differ");
  CHECK(again->provenance[1].key == "source");
}

TEST_CASE("every field of a manifest matters to its bytes") {
  // A field that the encoder forgets, or the decoder drops, would leave the bytes equal.
  const Manifest base = test::smallManifest(true).manifest;
  const std::vector<uint8_t> bytes = *encodeManifest(base);
  const auto differs = [&](auto change) {
    Manifest m = base;
    change(m);
    const std::vector<uint8_t> changed = *encodeManifest(m);
    return changed != bytes && *encodeManifest(*decodeManifest(changed)) == changed;
  };
  CHECK(differs([](Manifest &m) { m.formatVersion = 9; }));
  CHECK(differs([](Manifest &m) { m.kernelAbi = 9; }));
  CHECK(differs([](Manifest &m) { m.minimumRuntime = "9"; }));
  CHECK(differs([](Manifest &m) { m.requires_ = {"x"}; }));
  CHECK(differs([](Manifest &m) { m.files[0].hash = 9; }));
  CHECK(differs([](Manifest &m) { m.files[0].bytes = 9; }));
  CHECK(differs([](Manifest &m) { m.segments[0].kind = SegmentKind::Ptx; }));
  CHECK(differs([](Manifest &m) { m.segments[0].file = 9; }));
  CHECK(differs([](Manifest &m) { m.segments[0].align = 9; }));
  CHECK(differs([](Manifest &m) { m.segments[0].chunkBytes = 9; }));
  CHECK(differs([](Manifest &m) { m.segments[0].chunkHashes[0] = 9; }));
  CHECK(differs([](Manifest &m) { m.segments[0].skippable = true; }));
  CHECK(differs([](Manifest &m) { m.params[0].group = 9; }));
  CHECK(differs([](Manifest &m) { m.params[0].interleave = 9; }));
  CHECK(differs([](Manifest &m) { m.params[0].sources[0].rowBegin = 9; }));
  CHECK(differs([](Manifest &m) { m.params[1].generator->stream = 9; }));
  CHECK(differs([](Manifest &m) { m.params[1].generator->firstMibHash = 9; }));
  CHECK(differs([](Manifest &m) { m.params[1].generator.reset(); }));
  CHECK(differs([](Manifest &m) { m.kernels[0].family = "x"; }));
  CHECK(differs([](Manifest &m) { m.kernels[0].signature = 9; }));
  CHECK(differs([](Manifest &m) { m.kernels[0].scratchBytes = 9; }));
  CHECK(differs([](Manifest &m) { m.kernels[0].threads = 32; }));
  CHECK(differs([](Manifest &m) { m.kernels[0].sharedBytes = 9; }));
  CHECK(differs([](Manifest &m) { m.kernels[0].itemsPerBlock = 9; }));
  CHECK(differs([](Manifest &m) { m.kernels[0].blocksPerItem = 9; }));
  CHECK(differs([](Manifest &m) { m.kernels[0].tokensPerBlock = 9; }));
  CHECK(differs([](Manifest &m) { m.kernels[0].counterBytes = 9; }));
  CHECK(differs([](Manifest &m) { m.kernels[0].levels = {LevelShape()}; }));
  const auto level = [&](auto change) {
    return differs([&](Manifest &m) {
      LevelShape shape;
      shape.maps.resize(2);
      m.kernels[0].levels = {shape};
      const std::vector<uint8_t> before = *encodeManifest(m);
      change(m.kernels[0].levels[0]);
      CHECK(*encodeManifest(m) != before);
    });
  };
  CHECK(level([](LevelShape &s) { s.level = "x"; }));
  CHECK(level([](LevelShape &s) { s.threads = 9; }));
  CHECK(level([](LevelShape &s) { s.sharedBytes = 9; }));
  CHECK(level([](LevelShape &s) { s.itemsPerBlock = 9; }));
  CHECK(level([](LevelShape &s) { s.blocksPerItem = 9; }));
  CHECK(level([](LevelShape &s) { s.tokensPerBlock = 9; }));
  CHECK(level([](LevelShape &s) { s.persistent = true; }));
  CHECK(level([](LevelShape &s) { s.maps[1].slot = 9; }));
  CHECK(level([](LevelShape &s) { s.maps[1].offset = 9; }));
  CHECK(level([](LevelShape &s) { s.maps[1].elementBytes = 9; }));
  CHECK(level([](LevelShape &s) { s.maps[1].columns = 9; }));
  CHECK(level([](LevelShape &s) { s.maps[1].rows.base = 9; }));
  CHECK(level([](LevelShape &s) { s.maps[1].pitchBytes = 9; }));
  CHECK(level([](LevelShape &s) { s.maps[1].boxColumns = 9; }));
  CHECK(level([](LevelShape &s) { s.maps[1].boxRows = 9; }));
  CHECK(level([](LevelShape &s) { s.maps[1].swizzle = true; }));
  CHECK(differs([](Manifest &m) { m.images[0].target = "x"; }));
  CHECK(differs([](Manifest &m) { m.plan.buffers[0].device = 9; }));
  CHECK(differs([](Manifest &m) { m.plan.buffers[0].align = 128; }));
  CHECK(differs([](Manifest &m) { m.plan.schedules[0].arenaBytes = 9; }));
  CHECK(differs([](Manifest &m) { m.plan.schedules[0].signature = 9; }));
  CHECK(differs([](Manifest &m) { m.plan.schedules[0].launches[0].kind = LaunchKind::Fill; }));
  CHECK(differs([](Manifest &m) { m.plan.schedules[0].launches[0].items.base = 9; }));
  CHECK(differs([](Manifest &m) { m.plan.schedules[0].launches[0].args[0].value = 9; }));
  CHECK(differs([](Manifest &m) { m.plan.schedules[0].launches[0].device = 9; }));
  CHECK(differs([](Manifest &m) { m.plan.schedules[0].launches[0].label = "x"; }));
  CHECK(differs([](Manifest &m) { m.plan.kvGroups[0].window = 9; }));
  CHECK(differs([](Manifest &m) { m.plan.kvGroups[0].valueDim = 9; }));
  CHECK(differs([](Manifest &m) { m.plan.argmaxBuffer = 9; }));
  CHECK(differs([](Manifest &m) { m.plan.sampledBuffer = 9; }));
  CHECK(differs([](Manifest &m) { m.plan.schedules[0].output = StepOutput::Sampled; }));
  CHECK(differs([](Manifest &m) { m.plan.signatureText = "x"; }));
  CHECK(differs([](Manifest &m) { m.memory.hostTableBytes = 9; }));
  CHECK(differs([](Manifest &m) { m.memory.maxContext = 9; }));
  CHECK(differs([](Manifest &m) { m.generation.minP = 0.5f; }));
  CHECK(differs([](Manifest &m) { m.generation.topK = 9; }));
  CHECK(differs([](Manifest &m) { m.generation.maxTokens = 9; }));
  CHECK(differs([](Manifest &m) { m.tokenizerSegment = -1; }));
  CHECK(differs([](Manifest &m) { m.chatTemplate = "x"; }));
  CHECK(differs([](Manifest &m) { m.knownAnswers[0].tolerance = 0.5f; }));
  CHECK(differs([](Manifest &m) { m.probes[0].answer.logits[0] = 0.5f; }));
  CHECK(differs([](Manifest &m) { m.probes[0].answer.indices[0] = 8; }));
  CHECK(differs([](Manifest &m) { m.probes[0].schedules[0].maxTokens = 1; }));
  CHECK(differs([](Manifest &m) { m.probes[0].schedules.pop_back(); }));
  CHECK(differs([](Manifest &m) { m.probes.clear(); }));
  CHECK(differs([](Manifest &m) { m.target = "x"; }));
  CHECK(differs([](Manifest &m) { m.profile = "x"; }));
  CHECK(differs([](Manifest &m) { m.recipe = "x"; }));
  CHECK(differs([](Manifest &m) { m.programs.push_back(m); }));
  const auto differsInProgram = [&](auto change) {
    Manifest two = base, changed = base;
    two.programs.push_back(base);
    changed.programs.push_back(base);
    change(changed.programs[0]);
    const std::vector<uint8_t> changedBytes = *encodeManifest(changed);
    return changedBytes != *encodeManifest(two) &&
           *encodeManifest(*decodeManifest(changedBytes)) == changedBytes;
  };
  CHECK(differsInProgram([](TargetProgram &p) { p.target = "x"; }));
  CHECK(differsInProgram([](TargetProgram &p) { p.profile = "x"; }));
  CHECK(differsInProgram([](TargetProgram &p) { p.recipe = "x"; }));
  CHECK(differsInProgram([](TargetProgram &p) { p.kernels[0].threads = 32; }));
  CHECK(differsInProgram([](TargetProgram &p) { p.plan.vocab = 9; }));
  CHECK(differsInProgram([](TargetProgram &p) { p.memory.arenaBytes = 9; }));
  CHECK(differsInProgram([](TargetProgram &p) { p.knownAnswers.clear(); }));
  CHECK(differsInProgram([](TargetProgram &p) { p.probes.clear(); }));
  CHECK(differs([](Manifest &m) { m.modelName = "x"; }));
  CHECK(differs([](Manifest &m) { m.architecture = "x"; }));
}

TEST_CASE("truncated and foreign manifests are refused") {
  const std::vector<uint8_t> bytes = *encodeManifest(test::smallManifest().manifest);
  for (size_t size = 0; size < bytes.size(); ++size)
    REQUIRE(decodeManifest(std::span(bytes).first(size)).status().id() == "artifact-manifest");
  std::vector<uint8_t> foreign = bytes;
  foreign[4] ^= 1; // file identifier
  CHECK(decodeManifest(foreign).status().id() == "artifact-manifest");
}

TEST_CASE("extents are evaluated with ceilings and never wrap") {
  const SymbolValues values{100, 7, 3, 50};
  CHECK(*evaluate({5, {{Symbol::Tokens, 2, 16}, {Symbol::ReturnedRows, 10, 1}}}, values) ==
        5 + 14 + 30);
  CHECK(*evaluate({0, {{Symbol::One, 9, 4}}}, values) == 9);
  CHECK(*evaluate({0, {{Symbol::Sequences, 1, 1}, {Symbol::AttentionItems, 1, 1}}}, values) == 57);
  CHECK_FALSE(evaluate({0, {{Symbol::Tokens, 1, 0}}}, values).has_value());
  CHECK_FALSE(evaluate({0, {{Symbol::Tokens, ~uint64_t(0), 1}}}, values).has_value());
  CHECK_FALSE(evaluate({~uint64_t(0), {{Symbol::One, 1, 1}}}, values).has_value());
}

TEST_CASE("the corner of a schedule's bounds has no more sequences than the contract") {
  Schedule schedule;
  schedule.maxTokens = 100;
  MemoryContract memory;
  memory.maxSequences = 16;
  const SymbolValues corner = symbolBounds(schedule, memory);
  CHECK(corner.of(Symbol::One) == 1);
  CHECK(corner.of(Symbol::Tokens) == 100);
  CHECK(corner.of(Symbol::Sequences) == 16);
  CHECK(corner.of(Symbol::ReturnedRows) == 100);
  CHECK(corner.of(Symbol::AttentionItems) == 100);
}
