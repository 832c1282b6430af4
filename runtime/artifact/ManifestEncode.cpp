// Manifest to FlatBuffers bytes. Tables are written in one fixed order and nothing is shared, so
// that equal manifests give equal bytes.
#include "runtime/artifact/Manifest.h"

#include "runtime/base/Format.h"

#include "ingot_generated.h"

namespace ingot::artifact {

namespace {

using flatbuffers::Offset;

class Encoder {
public:
  std::vector<uint8_t> encode(const Manifest &from);

private:
  Offset<flatbuffers::String> text(const std::string &from) { return b_.CreateString(from); }

  template <typename T>
  Offset<flatbuffers::Vector<T>> numbers(const std::vector<T> &from) {
    return b_.CreateVector(from);
  }
  template <typename Item, typename Member>
  auto list(const std::vector<Item> &from, Member member) {
    std::vector<std::decay_t<decltype((this->*member)(from[0]))>> out;
    out.reserve(from.size());
    for (const Item &item : from)
      out.push_back((this->*member)(item));
    return b_.CreateVector(out);
  }

  Offset<fb::File> file(const File &f) { return fb::CreateFile(b_, text(f.name), f.bytes, f.hash); }
  Offset<fb::SourceRows> sourceRows(const SourceRows &s) {
    return fb::CreateSourceRows(b_, text(s.tensor), s.rowBegin, s.rows);
  }
  Offset<fb::KeyValue> keyValue(const KeyValue &kv) {
    const auto key = text(kv.key);
    return fb::CreateKeyValue(b_, key, text(kv.value));
  }
  Offset<fb::FusionCount> fusion(const FusionCount &f) {
    const auto name = text(f.name);
    return fb::CreateFusionCount(b_, name, f.fired, f.missed, text(f.reason));
  }
  Offset<fb::Term> term(const Term &t) {
    return fb::CreateTerm(b_, static_cast<fb::Symbol>(t.symbol), t.coefficient, t.ceilDiv);
  }
  Offset<fb::Extent> extent(const Extent &e) {
    return fb::CreateExtent(b_, e.base, list(e.terms, &Encoder::term));
  }
  Offset<fb::Arg> arg(const Arg &a) {
    return fb::CreateArg(b_, static_cast<fb::ArgKind>(a.kind), a.index, a.value);
  }
  Offset<fb::Segment> segment(const Segment &s);
  Offset<fb::Param> param(const Param &p);
  Offset<fb::KvGroup> kvGroup(const KvGroup &g);
  Offset<fb::Buffer> buffer(const Buffer &buf);
  Offset<fb::TargetProgram> program(const TargetProgram &p);
  Offset<fb::TensorMap> tensorMap(const TensorMap &map);
  Offset<fb::LevelShape> levelShape(const LevelShape &s);
  Offset<fb::Kernel> kernel(const Kernel &k);
  Offset<fb::Image> image(const Image &i);
  Offset<fb::Launch> launch(const Launch &l);
  Offset<fb::Schedule> schedule(const Schedule &s);
  Offset<fb::Plan> plan(const Plan &p);
  Offset<fb::MemoryContract> memory(const MemoryContract &m);
  Offset<fb::GenerationDefaults> generation(const GenerationDefaults &g);
  Offset<fb::KnownAnswer> knownAnswer(const KnownAnswer &k);
  Offset<fb::Probe> probe(const Probe &p) {
    const auto schedules = list(p.schedules, &Encoder::schedule);
    return fb::CreateProbe(b_, schedules, knownAnswer(p.answer));
  }
  Offset<flatbuffers::Vector<Offset<flatbuffers::String>>>
  texts(const std::vector<std::string> &from) {
    return list(from, &Encoder::text);
  }

  flatbuffers::FlatBufferBuilder b_{size_t(64) * 1024};
};

Offset<fb::Segment> Encoder::segment(const Segment &s) {
  const auto hashes = numbers(s.chunkHashes);
  const auto name = text(s.name);
  return fb::CreateSegment(b_, static_cast<fb::SegmentKind>(s.kind), s.file, s.offset, s.bytes,
                           s.align, s.chunkBytes, hashes, name, s.skippable);
}

Offset<fb::Param> Encoder::param(const Param &p) {
  const auto name = text(p.name);
  const auto shape = numbers(p.shape);
  const auto formatText = text(p.format);
  const auto layout = text(p.layout);
  const auto data = fb::CreateRange(b_, p.data.segment, p.data.offset, p.data.bytes);
  const auto sources = list(p.sources, &Encoder::sourceRows);
  Offset<fb::Generator> generator = 0;
  if (const auto &g = p.generator)
    generator = fb::CreateGenerator(b_, g->id, g->seed, g->stream, g->scale, g->firstMibHash);
  return fb::CreateParam(b_, name, shape, formatText, layout, p.group, p.interleave, data, sources,
                         generator);
}

Offset<fb::KvGroup> Encoder::kvGroup(const KvGroup &g) {
  const auto kind = text(g.kind);
  const auto formatText = text(g.format);
  return fb::CreateKvGroup(b_, kind, g.layers, g.heads, g.keyDim, g.valueDim, formatText,
                           g.blockTokens, g.blockBytes, g.window);
}

Offset<fb::Buffer> Encoder::buffer(const Buffer &buf) {
  return fb::CreateBuffer(b_, text(buf.name), static_cast<fb::BufferKind>(buf.kind),
                          static_cast<fb::Symbol>(buf.rows), buf.rowBytes, buf.align, buf.device);
}

Offset<fb::TensorMap> Encoder::tensorMap(const TensorMap &map) {
  return fb::CreateTensorMap(b_, map.slot, map.offset, map.elementBytes, map.columns,
                             extent(map.rows), map.pitchBytes, map.boxColumns, map.boxRows,
                             map.swizzle);
}

Offset<fb::LevelShape> Encoder::levelShape(const LevelShape &s) {
  const auto level = text(s.level);
  const auto maps = list(s.maps, &Encoder::tensorMap);
  return fb::CreateLevelShape(b_, level, s.threads, s.sharedBytes, s.itemsPerBlock, s.blocksPerItem,
                              s.tokensPerBlock, s.persistent, maps);
}

Offset<fb::Kernel> Encoder::kernel(const Kernel &k) {
  const auto name = text(k.name);
  const auto family = text(k.family);
  const auto spec = text(k.spec);
  const auto levels = list(k.levels, &Encoder::levelShape);
  return fb::CreateKernel(b_, name, family, spec, k.signature, k.scratchBytes, k.threads,
                          k.sharedBytes, k.itemsPerBlock, k.blocksPerItem, k.tokensPerBlock,
                          k.counterBytes, levels);
}

Offset<fb::Image> Encoder::image(const Image &i) {
  const auto target = text(i.target);
  const auto level = text(i.level);
  return fb::CreateImage(b_, target, level, texts(i.features), i.segment);
}

Offset<fb::Launch> Encoder::launch(const Launch &l) {
  const auto items = extent(l.items);
  const auto args = list(l.args, &Encoder::arg);
  const auto reads = numbers(l.reads);
  const auto writes = numbers(l.writes);
  const auto label = text(l.label);
  return fb::CreateLaunch(b_, static_cast<fb::LaunchKind>(l.kind), l.kernel, items, args, reads,
                          writes, label, l.device);
}

Offset<fb::Schedule> Encoder::schedule(const Schedule &s) {
  const auto name = text(s.name);
  const auto offsets = numbers(s.offsets);
  const auto launches = list(s.launches, &Encoder::launch);
  return fb::CreateSchedule(b_, name, static_cast<fb::StepOutput>(s.output), s.maxTokens,
                            s.arenaBytes, offsets, launches, s.signature);
}

Offset<fb::Plan> Encoder::plan(const Plan &p) {
  const auto buffers = list(p.buffers, &Encoder::buffer);
  const auto schedules = list(p.schedules, &Encoder::schedule);
  const auto groups = list(p.kvGroups, &Encoder::kvGroup);
  const auto signatureText = text(p.signatureText);
  return fb::CreatePlan(b_, buffers, schedules, groups, p.logitsBuffer, p.argmaxBuffer, p.vocab,
                        p.signature, signatureText, p.sampledBuffer);
}

Offset<fb::MemoryContract> Encoder::memory(const MemoryContract &m) {
  return fb::CreateMemoryContract(b_, m.weightsBytes, m.arenaBytes, m.scratchBytesPerWorker,
                                  m.logitsBytes, m.hostTableBytes, m.kvBlockBytes, m.maxBatchTokens,
                                  m.maxSequences, m.maxContext);
}

Offset<fb::GenerationDefaults> Encoder::generation(const GenerationDefaults &g) {
  return fb::CreateGenerationDefaults(b_, g.temperature, g.topK, g.topP, g.minP, g.maxTokens,
                                      numbers(g.stopIds), g.bosId);
}

Offset<fb::KnownAnswer> Encoder::knownAnswer(const KnownAnswer &k) {
  const auto tokens = numbers(k.tokenIds);
  const auto logits = numbers(k.logits);
  return fb::CreateKnownAnswer(b_, tokens, logits, numbers(k.indices), k.tolerance);
}

Offset<fb::TargetProgram> Encoder::program(const TargetProgram &p) {
  const auto target = text(p.target);
  const auto profile = text(p.profile);
  const auto recipe = text(p.recipe);
  const auto kernels = list(p.kernels, &Encoder::kernel);
  const auto planTable = plan(p.plan);
  const auto memoryTable = memory(p.memory);
  const auto answers = list(p.knownAnswers, &Encoder::knownAnswer);
  return fb::CreateTargetProgram(b_, target, profile, recipe, kernels, planTable, memoryTable,
                                 answers, list(p.probes, &Encoder::probe));
}

std::vector<uint8_t> Encoder::encode(const Manifest &from) {
  const auto minimumRuntime = text(from.minimumRuntime);
  const auto requires_ = texts(from.requires_);
  const auto files = list(from.files, &Encoder::file);
  const auto segments = list(from.segments, &Encoder::segment);
  const auto params = list(from.params, &Encoder::param);
  const auto kernels = list(from.kernels, &Encoder::kernel);
  const auto images = list(from.images, &Encoder::image);
  const auto planTable = plan(from.plan);
  const auto memoryTable = memory(from.memory);
  const auto generationTable = generation(from.generation);
  const auto chatTemplate = text(from.chatTemplate);
  const auto fusions = list(from.fusions, &Encoder::fusion);
  const auto provenance = list(from.provenance, &Encoder::keyValue);
  const auto answers = list(from.knownAnswers, &Encoder::knownAnswer);
  const auto modelName = text(from.modelName);
  const auto architecture = text(from.architecture);
  const auto probes = list(from.probes, &Encoder::probe);
  const auto target = text(from.target);
  const auto profile = text(from.profile);
  const auto recipe = text(from.recipe);
  const auto programs = list(from.programs, &Encoder::program);
  const auto root =
      fb::CreateManifest(b_, from.formatVersion, from.kernelAbi, minimumRuntime, requires_, files,
                         segments, params, kernels, images, planTable, memoryTable, generationTable,
                         from.tokenizerSegment, chatTemplate, fusions, provenance, answers,
                         modelName, architecture, probes, target, profile, recipe, programs);
  fb::FinishManifestBuffer(b_, root);
  return {b_.GetBufferPointer(), b_.GetBufferPointer() + b_.GetSize()};
}

/// A lower bound of the encoded size from its large parts; the builder itself only asserts its
/// limit.
uint64_t roughBytes(const Manifest &m) {
  uint64_t bytes = 0;
  for (const Segment &segment : m.segments)
    bytes += segment.chunkHashes.size() * 8;
  const auto add = [&bytes](const std::vector<Schedule> &schedules) {
    for (const Schedule &schedule : schedules)
      for (const Launch &launch : schedule.launches)
        bytes += 64 + launch.args.size() * 24 + launch.label.size();
  };
  const auto addProgram = [&](const TargetProgram &program) {
    add(program.plan.schedules);
    for (const Probe &probe : program.probes)
      add(probe.schedules);
    for (const Kernel &kernel : program.kernels)
      bytes += kernel.spec.size();
  };
  addProgram(m);
  for (const TargetProgram &program : m.programs)
    addProgram(program);
  for (const Param &param : m.params)
    bytes += 128 + param.name.size();
  return bytes;
}

} // namespace

Result<std::vector<uint8_t>> encodeManifest(const Manifest &manifest) {
  constexpr uint64_t kLimit = uint64_t(1) << 30;
  if (roughBytes(manifest) > kLimit)
    return Status(
        ErrorClass::Config, "manifest-size",
        format("the manifest needs more than %llu bytes; use fewer schedules or larger hash chunks",
               static_cast<unsigned long long>(kLimit)));
  return Encoder().encode(manifest);
}

} // namespace ingot::artifact
