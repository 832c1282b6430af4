// The manifest of an artifact as plain C++: decoded once when an artifact is opened, built once by
// the compiler. Mirrors ingot.fbs, whose comments give the meaning, unit and range of every field;
// no generated code is visible here.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::abi {
enum class KvFormat : uint32_t;
}

namespace ingot::artifact {

enum class SegmentKind : uint8_t { Weights, CpuImage, Cubin, Ptx, Tokenizer, KnownAnswers, Text };
enum class Symbol : uint8_t { One, Tokens, Sequences, ReturnedRows, AttentionItems };
enum class BufferKind : uint8_t { Arena, Io };
enum class LaunchKind : uint8_t { Kernel, Host, Copy, Fill, Collective };
enum class ArgKind : uint8_t { Batch, Kv, Buffer, Param, Constant };
enum class StepOutput : uint8_t { Logits, Argmax, Sampled };
inline constexpr size_t kStepOutputs = 3;

/// Entry of Manifest::requires_ of an artifact with target "cuda": weights "mma16", keys and values
/// "kv_bf16_rows", several programs.
inline constexpr const char *kFeatureTargetCuda = "target-cuda-2";

/// Range::segment of a parameter that is generated at load instead of stored.
inline constexpr uint32_t kGeneratedSegment = ~0u;
/// Schedule::offsets entry of a buffer that the schedule does not place in the arena.
inline constexpr uint64_t kUnusedBuffer = ~uint64_t(0);

struct File {
  std::string name; ///< empty for index 0, the artifact itself
  uint64_t bytes = 0, hash = 0;
};

struct Segment {
  SegmentKind kind = SegmentKind::Weights;
  uint32_t file = 0;
  uint64_t offset = 0, bytes = 0, align = 65536;
  uint64_t chunkBytes = 0; ///< 0 = one chunk
  std::vector<uint64_t> chunkHashes;
  std::string name;
  bool skippable = false;

  uint64_t chunkCount() const;
};

struct Range {
  uint32_t segment = 0;
  uint64_t offset = 0, bytes = 0;
};

struct SourceRows {
  std::string tensor;
  uint64_t rowBegin = 0, rows = 0;
};

struct Generator {
  uint32_t id = 0;
  uint64_t seed = 0, stream = 0;
  float scale = 0;
  uint64_t firstMibHash = 0;
};

struct Param {
  std::string name;
  std::vector<uint64_t> shape; ///< [N, K] or [n]
  std::string format, layout;  ///< see WeightLayout.h
  uint32_t group = 0, interleave = 0;
  Range data; ///< generated: segment kGeneratedSegment, offset in the generated memory
  std::vector<SourceRows> sources;
  std::optional<Generator> generator;
};

struct KvGroup {
  std::string kind; ///< "full", "window", "latent", "recurrent"
  uint32_t layers = 0, heads = 0, keyDim = 0, valueDim = 0;
  std::string format; ///< "kv_bf16_tile16", "kv_int8_rows"
  uint32_t blockTokens = 0;
  uint64_t blockBytes = 0;
  uint32_t window = 0;
};

/// KvGroup::format: abi::KvLayout (CPU) and abi::KvRowsLayout (GPUs), these by abi::KvFormat.
inline constexpr const char *kKvFormatTiles = "kv_bf16_tile16", *kKvFormatRows = "kv_bf16_rows";
inline constexpr const char *kKvFormatsOfRows[] = {kKvFormatRows, "kv_fp16_rows", "kv_fp8_rows",
                                                   "kv_int8_rows"};
/// The format of rows with this name; none for another layout.
std::optional<abi::KvFormat> kvFormatOfRows(std::string_view name);
/// Bytes of a block in the group's format; its other fields must be within their limits.
uint64_t kvBlockBytes(const KvGroup &group);

struct Term {
  Symbol symbol = Symbol::One;
  uint64_t coefficient = 0;
  uint32_t ceilDiv = 1;
};

struct Extent {
  uint64_t base = 0;
  std::vector<Term> terms;
};

struct Buffer {
  std::string name;
  BufferKind kind = BufferKind::Arena;
  Symbol rows = Symbol::Tokens;
  uint64_t rowBytes = 0;
  uint32_t align = 64, device = 0;
};

/// A view of the memory of argument `slot` as a tensor map of a kernel: rows of `columns` elements
/// that come to shared memory in boxes, zeros outside.
struct TensorMap {
  uint32_t slot = 0;
  uint64_t offset = 0;       ///< bytes to the first element
  uint32_t elementBytes = 2; ///< 1, 2, 4, 8
  uint64_t columns = 0;
  Extent rows; ///< at the bounds of a schedule
  uint64_t pitchBytes = 0;
  uint32_t boxColumns = 0, boxRows = 0; ///< 1..256
  bool swizzle = false;                 ///< chunk c of 128-byte line r lies at c ^ (r % 8)
};

/// Blocks of a launch, see Kernel in ingot.fbs.
struct GridShape {
  uint32_t threads = 0; ///< of a block; 0 = called with a range of items instead of a grid
  uint32_t sharedBytes = 0;
  uint32_t itemsPerBlock = 1, blocksPerItem = 1, tokensPerBlock = 0;
};

/// How images of a level launch a kernel.
struct LevelShape : GridShape {
  std::string level;
  bool persistent = false; ///< at most a block per multiprocessor, which walk the grid's places
  std::vector<TensorMap> maps;
};

struct Kernel : GridShape {
  std::string name, family, spec;
  uint64_t signature = 0; ///< hash64(spec)
  uint64_t scratchBytes = 0;
  uint64_t counterBytes = 0;        ///< leading bytes of its scratch that are zero between launches
  std::vector<LevelShape> levels{}; ///< those that differ from the kernel's own shape

  /// How images of `level` launch it. A host that stands in for sm_90a ("host_90a") is launched
  /// like it.
  LevelShape shapeAt(std::string_view level) const;
};

struct Image {
  std::string target, level;
  std::vector<std::string> features;
  uint32_t segment = 0;
};

struct Arg {
  ArgKind kind = ArgKind::Batch;
  uint32_t index = 0;
  uint64_t value = 0;
};

struct Launch {
  LaunchKind kind = LaunchKind::Kernel;
  uint32_t kernel = 0;
  Extent items;
  std::vector<Arg> args;
  std::vector<uint32_t> reads, writes;
  std::string label;
  uint32_t device = 0;
};

struct Schedule {
  std::string name;
  StepOutput output = StepOutput::Logits;
  uint32_t maxTokens = 0;
  uint64_t arenaBytes = 0;
  std::vector<uint64_t> offsets; ///< per buffer
  std::vector<Launch> launches;
  uint64_t signature = 0;
};

struct Plan {
  std::vector<Buffer> buffers;
  std::vector<Schedule> schedules;
  std::vector<KvGroup> kvGroups;
  uint32_t logitsBuffer = 0, argmaxBuffer = 0, sampledBuffer = 0, vocab = 0;
  uint64_t signature = 0; ///< hash64(signatureText) when that is not empty
  std::string signatureText;

  /// Index of the io buffer that schedules with this output fill.
  uint32_t outputBuffer(StepOutput output) const {
    return output == StepOutput::Logits   ? logitsBuffer
           : output == StepOutput::Argmax ? argmaxBuffer
                                          : sampledBuffer;
  }
};

struct MemoryContract {
  uint64_t weightsBytes = 0, arenaBytes = 0, scratchBytesPerWorker = 0, logitsBytes = 0;
  uint64_t hostTableBytes = 0, kvBlockBytes = 0;
  uint32_t maxBatchTokens = 0, maxSequences = 0, maxContext = 0;
};

struct FusionCount {
  std::string name;
  uint32_t fired = 0, missed = 0;
  std::string reason;
};

struct KeyValue {
  std::string key, value;
};

struct GenerationDefaults {
  float temperature = 0;
  uint32_t topK = 0;
  float topP = 1, minP = 0;
  uint32_t maxTokens = 0;
  std::vector<uint32_t> stopIds;
  int32_t bosId = -1;
};

struct KnownAnswer {
  std::vector<uint32_t> tokenIds;
  std::vector<float> logits;
  std::vector<uint32_t> indices;
  float tolerance = 0;
};

struct Probe {
  std::vector<Schedule> schedules;
  KnownAnswer answer;
};

/// What a target has of its own: the same model, computed by its rules.
inline constexpr const char *kProfileInvariant = "invariant"; ///< rows never depend on the batch
/// A row's bits may depend on the bucket of its step: schedules of one bound have one signature.
inline constexpr const char *kProfileFast = "fast";

struct TargetProgram {
  std::string target = "cpu";              ///< "cpu", "cuda"
  std::string profile = kProfileInvariant; ///< or kProfileFast
  std::string recipe;                      ///< formats of weights and activations: "W4A8"
  std::vector<Kernel> kernels;
  Plan plan;
  MemoryContract memory;
  std::vector<KnownAnswer> knownAnswers;
  std::vector<Probe> probes;
};

/// As its own TargetProgram it describes the first target of the artifact.
struct Manifest : TargetProgram {
  uint32_t formatVersion = 0, kernelAbi = 0;
  std::string minimumRuntime;
  std::vector<std::string> requires_; ///< `requires` is a keyword
  std::vector<File> files;
  std::vector<Segment> segments;
  std::vector<Param> params;
  std::vector<Image> images;
  GenerationDefaults generation;
  int32_t tokenizerSegment = -1;
  std::string chatTemplate;
  std::vector<FusionCount> fusions;
  std::vector<KeyValue> provenance;
  std::string modelName, architecture;
  std::vector<TargetProgram> programs; ///< of further targets

  /// The program of a target, or null.
  const TargetProgram *programOf(std::string_view name) const;
  /// The same manifest with another target's program as its own; `target` must be there.
  Manifest withProgram(std::string_view name) const;
};

// ---- Names for people ---------------------------------------------------------------------------

const char *nameOf(SegmentKind kind);
const char *nameOf(Symbol symbol);
const char *nameOf(BufferKind kind);
const char *nameOf(LaunchKind kind);
const char *nameOf(ArgKind kind);
const char *nameOf(StepOutput output);

// ---- Sizes
// ----------------------------------------------------------------------------------------

/// Values of the symbols of a step.
struct SymbolValues {
  uint64_t tokens = 0, sequences = 0, returnedRows = 0, attentionItems = 0;
  uint64_t of(Symbol symbol) const;
};

/// The corner of a schedule's bounds at which planner and checker size everything: T = maxTokens,
/// B = min(T, maxSequences), R = T, W = T (an attention item holds at least one token).
SymbolValues symbolBounds(const Schedule &schedule, const MemoryContract &memory);

/// base + sum of coefficient * ceil(symbol / ceilDiv); nothing when it overflows or a ceilDiv is 0.
std::optional<uint64_t> evaluate(const Extent &extent, const SymbolValues &values);

/// Which parameters the launches of a program name, probes included: [param].
std::vector<bool> usedParams(const TargetProgram &program, size_t params);
/// Bytes of those of a list: the program's memory.weightsBytes.
uint64_t weightBytes(const TargetProgram &program, const std::vector<Param> &params);

// ---- Bytes
// ------------------------------------------------------------------------------------------

/// Reads manifest bytes after their hash was checked: FlatBuffers verifier, alignment of 64-bit
/// vectors, required fields, known enum values. Says nothing about meaning: see checkManifest.
Result<Manifest> decodeManifest(std::span<const uint8_t> bytes);

/// The canonical bytes of a manifest: equal manifests give equal bytes.
Result<std::vector<uint8_t>> encodeManifest(const Manifest &manifest);

/// Every semantic rule: versions, indices, ranges inside segments, segments inside
/// [header, manifestOffset) and apart, packed sizes, arguments, buffers inside the arena and apart
/// while live, reads after writes, signatures, KV sizes, memory contract. The message names the
/// field
/// ("plan.schedules[1].launches[12].args[3]"), the numbers and the next step.
Status checkManifest(const Manifest &manifest, uint64_t manifestOffset);

} // namespace ingot::artifact
