// The explanation for programs: every table of the manifest. Hashes and signatures are hexadecimal
// strings, because JSON readers lose the low bits of 64-bit integers.
#include "runtime/base/Format.h"
#include "runtime/base/JsonWriter.h"
#include "runtime/tools/Inspect.h"

namespace ingot::tools {

using namespace artifact;

static std::string hex(uint64_t value) {
  return format("%016llx", static_cast<unsigned long long>(value));
}

template <typename T>
static void writeNumbers(JsonWriter &json, const char *name, const std::vector<T> &numbers) {
  json.key(name).beginArray();
  for (const T &number : numbers)
    json.value(number);
  json.endArray();
}

static void writeRanges(const Artifact &a, JsonWriter &json) {
  json.key("ranges").beginArray();
  for (const ByteRange &range : byteRanges(a, true)) {
    json.beginObject().field("offset", range.offset).field("bytes", range.bytes);
    json.field("kind", range.kind).field("name", range.name).endObject();
  }
  json.endArray().key("segments").beginArray();
  for (const Segment &segment : a.manifest().segments) {
    json.beginObject().field("name", segment.name).field("kind", nameOf(segment.kind));
    json.field("offset", segment.offset)
        .field("bytes", segment.bytes)
        .field("align", segment.align);
    json.field("chunk_bytes", segment.chunkBytes).key("chunk_hashes").beginArray();
    for (uint64_t hash : segment.chunkHashes)
      json.value(hex(hash));
    json.endArray().endObject();
  }
  json.endArray();
}

static void writeMemory(const Manifest &m, JsonWriter &json) {
  const MemoryContract &c = m.memory;
  json.key("memory").beginObject();
  json.field("weights_bytes", c.weightsBytes).field("arena_bytes", c.arenaBytes);
  json.field("scratch_bytes_per_worker", c.scratchBytesPerWorker)
      .field("logits_bytes", c.logitsBytes);
  json.field("host_table_bytes", c.hostTableBytes).field("kv_block_bytes", c.kvBlockBytes);
  json.field("max_batch_tokens", c.maxBatchTokens).field("max_sequences", c.maxSequences);
  json.field("max_context", c.maxContext).endObject();
  json.key("kv_groups").beginArray();
  for (const KvGroup &g : m.plan.kvGroups) {
    json.beginObject().field("kind", g.kind).field("layers", g.layers).field("heads", g.heads);
    json.field("key_dim", g.keyDim).field("value_dim", g.valueDim).field("format", g.format);
    json.field("block_tokens", g.blockTokens).field("block_bytes", g.blockBytes);
    json.field("window", g.window).endObject();
  }
  json.endArray();
}

static void writeParams(const Manifest &m, JsonWriter &json) {
  json.key("params").beginArray();
  for (const Param &param : m.params) {
    json.beginObject().field("name", param.name);
    writeNumbers(json, "shape", param.shape);
    json.field("format", param.format).field("layout", param.layout).field("group", param.group);
    json.field("interleave", param.interleave).field("bytes", param.data.bytes);
    json.key("sources").beginArray();
    for (const SourceRows &source : param.sources) {
      json.beginObject().field("tensor", source.tensor).field("row_begin", source.rowBegin);
      json.field("rows", source.rows).endObject();
    }
    json.endArray();
    if (const auto &g = param.generator) {
      json.key("generator").beginObject().field("id", g->id).field("seed", g->seed);
      json.field("stream", g->stream).field("scale", g->scale);
      json.field("first_mib_hash", hex(g->firstMibHash)).endObject();
    }
    json.endObject();
  }
  json.endArray();
}

static void writeGrid(const GridShape &shape, JsonWriter &json) {
  json.field("threads", shape.threads)
      .field("shared_bytes", shape.sharedBytes)
      .field("items_per_block", shape.itemsPerBlock)
      .field("blocks_per_item", shape.blocksPerItem)
      .field("tokens_per_block", shape.tokensPerBlock);
}

static void writeLevels(const Kernel &kernel, JsonWriter &json) {
  if (kernel.levels.empty())
    return;
  json.key("levels").beginArray();
  for (const LevelShape &shape : kernel.levels) {
    json.beginObject().field("level", shape.level);
    writeGrid(shape, json);
    json.field("persistent", shape.persistent).key("maps").beginArray();
    for (const TensorMap &map : shape.maps) {
      json.beginObject().field("slot", map.slot).field("offset", map.offset);
      json.field("element_bytes", map.elementBytes).field("columns", map.columns);
      json.field("rows", describeExtent(map.rows));
      json.field("pitch_bytes", map.pitchBytes).field("box_columns", map.boxColumns);
      json.field("box_rows", map.boxRows).field("swizzle", map.swizzle).endObject();
    }
    json.endArray().endObject();
  }
  json.endArray();
}

static void writeKernels(const Manifest &m, JsonWriter &json) {
  json.key("kernels").beginArray();
  for (const Kernel &kernel : m.kernels) {
    json.beginObject().field("name", kernel.name).field("family", kernel.family);
    json.field("spec", kernel.spec).field("signature", hex(kernel.signature));
    json.field("scratch_bytes", kernel.scratchBytes);
    json.field("counter_bytes", kernel.counterBytes);
    if (kernel.threads)
      writeGrid(kernel, json);
    writeLevels(kernel, json);
    json.endObject();
  }
  json.endArray();
}

static void writeImages(const Manifest &m, JsonWriter &json) {
  json.key("images").beginArray();
  for (const Image &image : m.images) {
    json.beginObject().field("target", image.target).field("level", image.level);
    writeNumbers(json, "features", image.features);
    json.field("segment", image.segment).endObject();
  }
  json.endArray().key("fusions").beginArray();
  for (const FusionCount &fusion : m.fusions) {
    json.beginObject().field("name", fusion.name).field("fired", fusion.fired);
    json.field("missed", fusion.missed).field("reason", fusion.reason).endObject();
  }
  json.endArray();
}

static void writeLaunch(const Manifest &m, const Launch &launch, JsonWriter &json) {
  json.beginObject().field("kind", nameOf(launch.kind)).field("label", launch.label);
  if (launch.kind == LaunchKind::Kernel)
    json.field("kernel", m.kernels[launch.kernel].name);
  json.field("items", describeExtent(launch.items)).key("args").beginArray();
  for (const Arg &arg : launch.args) {
    json.beginObject().field("kind", nameOf(arg.kind)).field("index", arg.index);
    json.field("value", arg.value).endObject();
  }
  json.endArray();
  writeNumbers(json, "reads", launch.reads);
  writeNumbers(json, "writes", launch.writes);
  json.endObject();
}

static void writeSchedule(const Manifest &m, const Schedule &s, JsonWriter &json) {
  json.beginObject().field("name", s.name).field("output", nameOf(s.output));
  json.field("max_tokens", s.maxTokens).field("arena_bytes", s.arenaBytes);
  json.field("signature", hex(s.signature)).key("offsets").beginArray();
  for (uint64_t offset : s.offsets)
    offset == kUnusedBuffer ? json.value(int64_t(-1)) : json.value(offset);
  json.endArray().key("launches").beginArray();
  for (const Launch &launch : s.launches)
    writeLaunch(m, launch, json);
  json.endArray().endObject();
}

static void writePlan(const Manifest &m, JsonWriter &json) {
  const Plan &plan = m.plan;
  json.key("plan").beginObject().field("vocab", plan.vocab).field("signature", hex(plan.signature));
  json.field("logits_buffer", plan.logitsBuffer).field("argmax_buffer", plan.argmaxBuffer);
  json.field("sampled_buffer", plan.sampledBuffer);
  json.key("buffers").beginArray();
  for (const Buffer &b : plan.buffers) {
    json.beginObject()
        .field("name", b.name)
        .field("kind", nameOf(b.kind))
        .field("rows", nameOf(b.rows));
    json.field("row_bytes", b.rowBytes).field("align", b.align).endObject();
  }
  json.endArray().key("schedules").beginArray();
  for (const Schedule &s : plan.schedules)
    writeSchedule(m, s, json);
  json.endArray().endObject();
}

static void writeAnswer(const KnownAnswer &answer, JsonWriter &json) {
  json.beginObject();
  writeNumbers(json, "token_ids", answer.tokenIds);
  writeNumbers(json, "indices", answer.indices);
  writeNumbers(json, "logits", answer.logits);
  json.field("tolerance", answer.tolerance).endObject();
}

static void writeProbes(const Manifest &m, JsonWriter &json) {
  json.key("probes").beginArray();
  for (const Probe &probe : m.probes) {
    json.beginObject().key("answer");
    writeAnswer(probe.answer, json);
    json.key("schedules").beginArray();
    for (const Schedule &s : probe.schedules)
      writeSchedule(m, s, json);
    json.endArray().endObject();
  }
  json.endArray();
}

static void writeKnownAnswers(const Manifest &m, JsonWriter &json) {
  json.key("known_answers").beginArray();
  for (const KnownAnswer &answer : m.knownAnswers)
    writeAnswer(answer, json);
  json.endArray();
  writeProbes(m, json);
}

/// Of the manifest's own target.
static void writeProgram(const Manifest &m, JsonWriter &json) {
  json.field("target", m.target).field("profile", m.profile).field("recipe", m.recipe);
  writeMemory(m, json);
  writeKernels(m, json);
  writePlan(m, json);
  writeKnownAnswers(m, json);
}

static void writeRest(const Manifest &m, JsonWriter &json) {
  const GenerationDefaults &g = m.generation;
  json.key("generation").beginObject().field("temperature", g.temperature).field("top_k", g.topK);
  json.field("top_p", g.topP).field("min_p", g.minP).field("max_tokens", g.maxTokens);
  writeNumbers(json, "stop_ids", g.stopIds);
  json.field("bos_id", g.bosId).endObject();
  json.field("tokenizer_segment", m.tokenizerSegment).field("chat_template", m.chatTemplate);
  json.key("provenance").beginObject();
  for (const KeyValue &entry : m.provenance)
    json.field(entry.key, entry.value);
  json.endObject();
}

void inspectAsJson(const Artifact &artifact, std::ostream &out) {
  const Manifest &m = artifact.manifest();
  JsonWriter json(out);
  json.beginObject().field("model", m.modelName).field("architecture", m.architecture);
  json.field("file_bytes", static_cast<uint64_t>(artifact.bytes().size()));
  json.field("format_version", m.formatVersion).field("kernel_abi", m.kernelAbi);
  json.field("minimum_runtime", m.minimumRuntime);
  writeRanges(artifact, json);
  writeParams(m, json);
  writeImages(m, json);
  writeProgram(m, json);
  json.key("programs").beginArray();
  for (const TargetProgram &program : m.programs) {
    json.beginObject();
    writeProgram(*artifact.manifestFor(program.target), json);
    json.endObject();
  }
  json.endArray();
  writeRest(m, json);
  json.endObject();
}

} // namespace ingot::tools
