// FlatBuffers bytes to Manifest. The verifier proves that every access stays inside the buffer;
// this file adds what it does not: 64-bit vectors are aligned, enum values are known, and the
// decoded form is not larger than the bytes (tables that share content could otherwise multiply
// it).
#include "runtime/artifact/Manifest.h"

#include "runtime/base/Format.h"

#include "ingot_generated.h"

#include <cstring>
#include <memory>
#include <type_traits>

namespace ingot::artifact {

namespace {

class Decoder {
public:
  explicit Decoder(uint64_t budget) : budget_(budget) {}

  Result<Manifest> decode(const fb::Manifest &root);

private:
  // ---- Leaves: each takes its size from the budget ----------------------------------------------
  std::string text(const flatbuffers::String *from) {
    return from && take(from->size(), 1) ? from->str() : std::string();
  }

  template <typename T>
  std::vector<T> numbers(const flatbuffers::Vector<T> *from, const char *field) {
    if (!from || from->size() == 0 || !take(from->size(), sizeof(T)))
      return {};
    if (reinterpret_cast<uintptr_t>(from->Data()) % sizeof(T) != 0) {
      fail(field, "is not aligned to its element size");
      return {};
    }
    std::vector<T> out(from->size());
    std::memcpy(out.data(), from->Data(), out.size() * sizeof(T));
    return out;
  }

  template <typename Enum, typename FbEnum>
  Enum known(FbEnum value, FbEnum last, const char *field) {
    if (value > last)
      fail(field, "holds a value that this runtime does not know");
    return static_cast<Enum>(value);
  }

  // ---- Vectors of tables and strings ------------------------------------------------------------
  template <typename T, typename Member>
  auto list(const flatbuffers::Vector<flatbuffers::Offset<T>> *from, Member member) {
    using Item = std::decay_t<decltype((this->*member)(*from->Get(0)))>;
    std::vector<Item> out;
    if (!from || !take(from->size(), sizeof(flatbuffers::uoffset_t)))
      return out;
    out.reserve(from->size());
    for (flatbuffers::uoffset_t i = 0; i < from->size() && error_.isOk(); ++i)
      out.push_back((this->*member)(*from->Get(i)));
    return out;
  }
  std::string plainText(const flatbuffers::String &from) { return text(&from); }

  // ---- Tables -----------------------------------------------------------------------------------
  File file(const fb::File &from) { return {text(from.name()), from.bytes(), from.hash()}; }
  Range range(const fb::Range &from) { return {from.segment(), from.offset(), from.bytes()}; }
  SourceRows sourceRows(const fb::SourceRows &from) {
    return {text(from.tensor()), from.row_begin(), from.rows()};
  }
  KeyValue keyValue(const fb::KeyValue &from) { return {text(from.key()), text(from.value())}; }
  FusionCount fusion(const fb::FusionCount &from) {
    return {text(from.name()), from.fired(), from.missed(), text(from.reason())};
  }
  Segment segment(const fb::Segment &from);
  Param param(const fb::Param &from);
  KvGroup kvGroup(const fb::KvGroup &from);
  Term term(const fb::Term &from);
  Extent extent(const fb::Extent &from) {
    return {from.base(), list(from.terms(), &Decoder::term)};
  }
  Buffer buffer(const fb::Buffer &from);
  TargetProgram program(const fb::TargetProgram &from);
  TensorMap tensorMap(const fb::TensorMap &from);
  LevelShape levelShape(const fb::LevelShape &from);
  Kernel kernel(const fb::Kernel &from);
  Image image(const fb::Image &from);
  Arg arg(const fb::Arg &from);
  Launch launch(const fb::Launch &from);
  Schedule schedule(const fb::Schedule &from);
  Plan plan(const fb::Plan &from);
  MemoryContract memory(const fb::MemoryContract &from);
  GenerationDefaults generation(const fb::GenerationDefaults &from);
  KnownAnswer knownAnswer(const fb::KnownAnswer &from);
  Probe probe(const fb::Probe &from) {
    return {list(from.schedules(), &Decoder::schedule), knownAnswer(*from.answer())};
  }

  bool take(uint64_t count, uint64_t each) {
    const uint64_t bytes = count * each; // count < 2^32
    if (bytes > budget_) {
      fail("manifest", "decodes to more content than it has bytes");
      return false;
    }
    budget_ -= bytes;
    return true;
  }
  void fail(const char *field, const char *why) {
    if (error_.isOk())
      error_ =
          Status(ErrorClass::Data, "artifact-manifest",
                 format("%s %s: compile the artifact again, or use a newer runtime", field, why));
  }

  uint64_t budget_;
  Status error_;
};

Segment Decoder::segment(const fb::Segment &from) {
  Segment to;
  // An unknown kind is kept: whether it may be skipped is decided by checkManifest.
  to.kind = static_cast<SegmentKind>(from.kind());
  to.file = from.file();
  to.offset = from.offset();
  to.bytes = from.bytes();
  to.align = from.align();
  to.chunkBytes = from.chunk_bytes();
  to.chunkHashes = numbers(from.chunk_hashes(), "segments[].chunk_hashes");
  to.name = text(from.name());
  to.skippable = from.skippable();
  return to;
}

Param Decoder::param(const fb::Param &from) {
  Param to;
  to.name = text(from.name());
  to.shape = numbers(from.shape(), "params[].shape");
  to.format = text(from.format());
  to.layout = text(from.layout());
  to.group = from.group();
  to.interleave = from.interleave();
  to.data = range(*from.data());
  to.sources = list(from.sources(), &Decoder::sourceRows);
  if (const fb::Generator *g = from.generator())
    to.generator = Generator{g->id(), g->seed(), g->stream(), g->scale(), g->first_mib_hash()};
  return to;
}

KvGroup Decoder::kvGroup(const fb::KvGroup &from) {
  KvGroup to;
  to.kind = text(from.kind());
  to.layers = from.layers();
  to.heads = from.heads();
  to.keyDim = from.key_dim();
  to.valueDim = from.value_dim();
  to.format = text(from.format());
  to.blockTokens = from.block_tokens();
  to.blockBytes = from.block_bytes();
  to.window = from.window();
  return to;
}

Term Decoder::term(const fb::Term &from) {
  return {known<Symbol>(from.symbol(), fb::Symbol::MAX, "plan: term.symbol"), from.coefficient(),
          from.ceil_div()};
}

Buffer Decoder::buffer(const fb::Buffer &from) {
  Buffer to;
  to.name = text(from.name());
  to.kind = known<BufferKind>(from.kind(), fb::BufferKind::MAX, "plan.buffers[].kind");
  to.rows = known<Symbol>(from.rows(), fb::Symbol::MAX, "plan.buffers[].rows");
  to.rowBytes = from.row_bytes();
  to.align = from.align();
  to.device = from.device();
  return to;
}

/// The grid of a kernel or of one of its levels.
template <typename From>
static GridShape gridShape(const From &from) {
  return {from.threads(), from.shared_bytes(), from.items_per_block(), from.blocks_per_item(),
          from.tokens_per_block()};
}

TensorMap Decoder::tensorMap(const fb::TensorMap &from) {
  return {from.slot(),        from.offset(),        from.element_bytes(),
          from.columns(),     extent(*from.rows()), from.pitch_bytes(),
          from.box_columns(), from.box_rows(),      from.swizzle()};
}

LevelShape Decoder::levelShape(const fb::LevelShape &from) {
  return {gridShape(from), text(from.level()), from.persistent(),
          list(from.maps(), &Decoder::tensorMap)};
}

Kernel Decoder::kernel(const fb::Kernel &from) {
  return {gridShape(from),      text(from.name()),
          text(from.family()),  text(from.spec()),
          from.signature(),     from.scratch_bytes(),
          from.counter_bytes(), list(from.levels(), &Decoder::levelShape)};
}

Image Decoder::image(const fb::Image &from) {
  return {text(from.target()), text(from.level()), list(from.features(), &Decoder::plainText),
          from.segment()};
}

Arg Decoder::arg(const fb::Arg &from) {
  return {known<ArgKind>(from.kind(), fb::ArgKind::MAX, "plan: arg.kind"), from.index(),
          from.value()};
}

Launch Decoder::launch(const fb::Launch &from) {
  Launch to;
  to.kind = known<LaunchKind>(from.kind(), fb::LaunchKind::MAX, "plan: launch.kind");
  to.kernel = from.kernel();
  to.items = extent(*from.items());
  to.args = list(from.args(), &Decoder::arg);
  to.reads = numbers(from.reads(), "plan: launch.reads");
  to.writes = numbers(from.writes(), "plan: launch.writes");
  to.label = text(from.label());
  to.device = from.device();
  return to;
}

Schedule Decoder::schedule(const fb::Schedule &from) {
  Schedule to;
  to.name = text(from.name());
  to.output = known<StepOutput>(from.output(), fb::StepOutput::MAX, "plan.schedules[].output");
  to.maxTokens = from.max_tokens();
  to.arenaBytes = from.arena_bytes();
  to.offsets = numbers(from.offsets(), "plan.schedules[].offsets");
  to.launches = list(from.launches(), &Decoder::launch);
  to.signature = from.signature();
  return to;
}

Plan Decoder::plan(const fb::Plan &from) {
  Plan to;
  to.buffers = list(from.buffers(), &Decoder::buffer);
  to.schedules = list(from.schedules(), &Decoder::schedule);
  to.kvGroups = list(from.kv_groups(), &Decoder::kvGroup);
  to.logitsBuffer = from.logits_buffer();
  to.argmaxBuffer = from.argmax_buffer();
  to.sampledBuffer = from.sampled_buffer();
  to.vocab = from.vocab();
  to.signature = from.signature();
  to.signatureText = text(from.signature_text());
  return to;
}

MemoryContract Decoder::memory(const fb::MemoryContract &from) {
  MemoryContract to;
  to.weightsBytes = from.weights_bytes();
  to.arenaBytes = from.arena_bytes();
  to.scratchBytesPerWorker = from.scratch_bytes_per_worker();
  to.logitsBytes = from.logits_bytes();
  to.hostTableBytes = from.host_table_bytes();
  to.kvBlockBytes = from.kv_block_bytes();
  to.maxBatchTokens = from.max_batch_tokens();
  to.maxSequences = from.max_sequences();
  to.maxContext = from.max_context();
  return to;
}

GenerationDefaults Decoder::generation(const fb::GenerationDefaults &from) {
  GenerationDefaults to;
  to.temperature = from.temperature();
  to.topK = from.top_k();
  to.topP = from.top_p();
  to.minP = from.min_p();
  to.maxTokens = from.max_tokens();
  to.stopIds = numbers(from.stop_ids(), "generation.stop_ids");
  to.bosId = from.bos_id();
  return to;
}

KnownAnswer Decoder::knownAnswer(const fb::KnownAnswer &from) {
  KnownAnswer to;
  to.tokenIds = numbers(from.token_ids(), "known_answers[].token_ids");
  to.logits = numbers(from.logits(), "known_answers[].logits");
  to.indices = numbers(from.indices(), "known_answers[].indices");
  to.tolerance = from.tolerance();
  return to;
}

TargetProgram Decoder::program(const fb::TargetProgram &from) {
  TargetProgram to;
  to.target = text(from.target());
  to.profile = text(from.profile());
  to.recipe = text(from.recipe());
  to.kernels = list(from.kernels(), &Decoder::kernel);
  to.plan = plan(*from.plan());
  to.memory = memory(*from.memory());
  to.knownAnswers = list(from.known_answers(), &Decoder::knownAnswer);
  to.probes = list(from.probes(), &Decoder::probe);
  return to;
}

Result<Manifest> Decoder::decode(const fb::Manifest &root) {
  Manifest to;
  to.formatVersion = root.format_version();
  to.kernelAbi = root.kernel_abi();
  to.minimumRuntime = text(root.minimum_runtime());
  to.requires_ = list(root.requires_(), &Decoder::plainText);
  to.files = list(root.files(), &Decoder::file);
  to.segments = list(root.segments(), &Decoder::segment);
  to.params = list(root.params(), &Decoder::param);
  to.kernels = list(root.kernels(), &Decoder::kernel);
  to.images = list(root.images(), &Decoder::image);
  to.plan = plan(*root.plan());
  to.memory = memory(*root.memory());
  if (root.generation())
    to.generation = generation(*root.generation());
  to.tokenizerSegment = root.tokenizer_segment();
  to.chatTemplate = text(root.chat_template());
  to.fusions = list(root.fusions(), &Decoder::fusion);
  to.provenance = list(root.provenance(), &Decoder::keyValue);
  to.knownAnswers = list(root.known_answers(), &Decoder::knownAnswer);
  to.modelName = text(root.model_name());
  to.architecture = text(root.architecture());
  to.probes = list(root.probes(), &Decoder::probe);
  if (root.target())
    to.target = text(root.target());
  if (root.profile())
    to.profile = text(root.profile());
  to.recipe = text(root.recipe());
  to.programs = list(root.programs(), &Decoder::program);
  if (!error_.isOk())
    return error_;
  return to;
}

} // namespace

Result<Manifest> decodeManifest(std::span<const uint8_t> bytes) {
  // A copy at the alignment of operator new: 64-bit fields are aligned relative to the buffer.
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[bytes.size() + 1]);
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  // Every table that is not shared takes at least 8 bytes: an offset to it and one to its vtable.
  const size_t maxTables = bytes.size() / 8 + 1;
  flatbuffers::Verifier verifier(copy.get(), bytes.size(), /*max_depth=*/16,
                                 static_cast<flatbuffers::uoffset_t>(maxTables));
  // The writer pads to the widest scalar; less is a cut in padding that no table reaches.
  if (bytes.size() < 16 || bytes.size() % 8 != 0 || bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE ||
      !fb::VerifyManifestBuffer(verifier))
    return Status(
        ErrorClass::Data, "artifact-manifest",
        format("the manifest (%zu bytes) is not a well-formed FlatBuffers table of type INGM: "
               "compile the artifact again",
               bytes.size()));
  return Decoder(bytes.size()).decode(*fb::GetManifest(copy.get()));
}

} // namespace ingot::artifact
