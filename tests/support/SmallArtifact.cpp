#include "tests/support/SmallArtifact.h"

#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/KernelAbi.h"
#include "runtime/artifact/ModuleBundle.h"
#include "runtime/artifact/Panel32.h"
#include "runtime/artifact/RandomWeights.h"
#include "runtime/artifact/RowLayout.h"
#include "runtime/base/Hash.h"
#include "runtime/base/Numerics.h"
#include "runtime/base/Random.h"
#include "tests/support/TempDir.h"

#include <stdexcept>

namespace ingot::test {

using namespace artifact;

static constexpr uint32_t kVocab = 40, kWidth = 20, kMaxTokens = 8;

std::vector<uint8_t> smallImage() { return readFile(INGOT_TEST_IMAGE); }

static Param makeParam(std::string name, std::vector<uint64_t> shape, std::string format,
                       std::string layout, uint32_t group) {
  Param param;
  param.sources = {{name, 0, shape.size() == 2 ? shape[0] : 1}};
  param.name = std::move(name);
  param.shape = std::move(shape);
  param.format = std::move(format);
  param.layout = std::move(layout);
  param.group = group;
  return param;
}

static std::vector<Param> makeParams(bool generated) {
  std::vector<Param> params = {makeParam("norm.weight", {kWidth}, "f32", "row", 0),
                               makeParam("embed.weight", {kVocab, kWidth}, "int8", "panel32", 0),
                               makeParam("proj.weight", {kWidth, 44}, "int4", "panel32", 32)};
  for (size_t i = 1; generated && i < params.size(); ++i)
    params[i].generator = Generator{kRandomGenerator, 7, i, 0.05f, 0};
  return params;
}

/// Buffers 0 hidden, 1 scaled, 2 logits, 3 argmax.
static std::vector<Buffer> makeBuffers() {
  const uint64_t hiddenRow = abi::f32RowBytes(kWidth);
  return {{"hidden", BufferKind::Arena, Symbol::Tokens, hiddenRow, 64, 0},
          {"scaled", BufferKind::Arena, Symbol::Tokens, hiddenRow, 64, 0},
          {"logits", BufferKind::Io, Symbol::ReturnedRows, abi::f32RowBytes(kVocab), 64, 0},
          {"argmax", BufferKind::Io, Symbol::ReturnedRows, sizeof(uint32_t), 64, 0}};
}

static Schedule makeSchedule(std::string name, StepOutput output, uint32_t tokens) {
  const Extent perToken{0, {{Symbol::Tokens, 1, 1}}};
  Schedule schedule;
  schedule.name = std::move(name);
  schedule.output = output;
  schedule.maxTokens = tokens;
  const uint64_t bytes = tokens * abi::f32RowBytes(kWidth);
  schedule.arenaBytes = 2 * bytes;
  schedule.offsets = {0, bytes, kUnusedBuffer, kUnusedBuffer};
  Launch fill{LaunchKind::Kernel, 0, perToken, {}, {}, {0}, "layers.0.fill", 0};
  fill.args = {{ArgKind::Buffer, 0, 0}, {ArgKind::Param, 1, 0}, {ArgKind::Kv, 0, 1}};
  Launch scale{LaunchKind::Kernel, 1, perToken, {}, {0}, {1}, "layers.0.scale", 0};
  scale.args = {{ArgKind::Buffer, 1, 0}, {ArgKind::Buffer, 0, 0}, {ArgKind::Param, 0, 0}};
  const uint32_t result = output == StepOutput::Logits ? 2 : 3;
  Launch head{
      LaunchKind::Kernel, 1, {3, {{Symbol::ReturnedRows, 2, 4}}}, {}, {1}, {result}, "head", 0};
  head.args = {{ArgKind::Buffer, result, 0}, {ArgKind::Buffer, 1, 0}, {ArgKind::Param, 2, 0}};
  schedule.launches = {fill, scale, head};
  return schedule;
}

static Plan makePlan() {
  Plan plan;
  plan.buffers = makeBuffers();
  plan.schedules = {makeSchedule("argmax.small", StepOutput::Argmax, 2),
                    makeSchedule("argmax", StepOutput::Argmax, kMaxTokens),
                    makeSchedule("logits", StepOutput::Logits, kMaxTokens)};
  KvGroup group{"full", 2, 3, 6, 6, "kv_bf16_tile16", 32, 0, 0};
  group.blockBytes = abi::KvLayout{2, 3, 6, 32}.blockBytes();
  plan.kvGroups = {group};
  plan.logitsBuffer = 2;
  plan.argmaxBuffer = 3;
  plan.vocab = kVocab;
  plan.signatureText = "fill; scale; head";
  return plan;
}

static Manifest makeManifest(bool generated) {
  Manifest m;
  m.params = makeParams(generated);
  m.kernels = {{{}, "test_fill_rows", "rowwise", "fill", 0, 64},
               {{}, "test_scale_rows", "rowwise", "scale", 0, 0}};
  m.plan = makePlan();
  MemoryContract &c = m.memory;
  c.arenaBytes = m.plan.schedules[1].arenaBytes;
  c.scratchBytesPerWorker = 128;
  c.logitsBytes = kMaxTokens * abi::f32RowBytes(kVocab);
  c.hostTableBytes = 4096;
  c.kvBlockBytes = m.plan.kvGroups[0].blockBytes;
  c.maxBatchTokens = kMaxTokens;
  c.maxSequences = 4;
  c.maxContext = 64;
  m.generation = {0.5f, 10, 0.9f, 0.05f, 16, {2, 3}, 1};
  m.chatTemplate = "{{ messages }}";
  m.fusions = {{"swiglu", 2, 0, ""}, {"qkv", 0, 1, "widths differ"}};
  m.provenance = {{"compiler", "test"}, {"source", "none"}};
  m.knownAnswers = {{{1, 2, 3}, {0.5f, -1.0f}, {0, 39}, 0.01f}};
  m.probes = {{{makeSchedule("small", StepOutput::Logits, 2),
                makeSchedule("greedy", StepOutput::Argmax, 2)},
               {{4, 5}, {0.25f}, {7}, 0.0f}}};
  m.modelName = "small";
  m.architecture = "TestForCausalLM";
  return m;
}

/// Values that are a fixed function of their place.
static std::vector<uint8_t> paramBytes(const Param &param, uint32_t index) {
  const WeightLayout layout =
      *WeightLayout::make(param.format, param.layout, param.shape, param.group, param.interleave);
  std::vector<uint8_t> out(layout.bytes);
  const uint64_t key = randomKey(3, index), elements = layout.rows * layout.columns;
  if (layout.kind == LayoutKind::Row) {
    std::vector<float> values(elements);
    for (uint64_t i = 0; i < elements; ++i)
      values[i] = unitFloat(randomBits(key, i)) + 0.5f;
    packRows(layout, values, out.data());
    return out;
  }
  const int range = layout.format == WeightFormat::Int4 ? 7 : 127;
  std::vector<int8_t> values(elements);
  for (uint64_t i = 0; i < elements; ++i)
    values[i] = static_cast<int8_t>(static_cast<int>(randomBits(key, i) % (2 * range + 1)) - range);
  const std::vector<uint16_t> scales(layout.rows * layout.groups(), numerics::toF16(0.01f));
  packPanels(layout, {values, scales}, 0, layout.units, out.data());
  return out;
}

ArtifactInput smallInput(bool generated) {
  ArtifactInput input;
  input.manifest = makeManifest(generated);
  input.images = {{"cpu", "x86-64-v3", {"avx2", "fma", "f16c"}, smallImage()}};
  const std::string tokenizer = "a tokenizer, as far as the container knows";
  input.tokenizer.assign(tokenizer.begin(), tokenizer.end());
  input.paramBytes = [params = input.manifest.params](uint32_t index, const ByteSink &sink) {
    return sink(paramBytes(params[index], index));
  };
  return input;
}

/// Buffers as makeBuffers(), then 4 ids.
static Schedule makeGpuSchedule(std::string name, StepOutput output) {
  Schedule schedule = makeSchedule(std::move(name), output, kMaxTokens);
  schedule.offsets.push_back(kUnusedBuffer);
  for (Launch &launch : schedule.launches)
    for (Arg &arg : launch.args)
      if (arg.kind == ArgKind::Param && arg.index != 0)
        arg.index += 2; // the same matrix in layout mma16
  if (output != StepOutput::Sampled)
    return schedule;
  Launch &head = schedule.launches.back();
  head.args[0].index = 2;
  head.writes = {2};
  Launch sample{LaunchKind::Kernel, 2, {0, {{Symbol::ReturnedRows, 1, 1}}}, {}, {2}, {4, 2},
                "sample",           0};
  sample.args = {{ArgKind::Batch, 0, 0}, {ArgKind::Buffer, 2, 0}, {ArgKind::Buffer, 4, 0}};
  schedule.launches.push_back(sample);
  return schedule;
}

static Plan makeGpuPlan() {
  Plan plan = makePlan();
  plan.buffers.push_back({"ids", BufferKind::Io, Symbol::ReturnedRows, abi::kIndexRowBytes, 64, 0});
  plan.sampledBuffer = 4;
  plan.schedules.clear();
  for (const StepOutput output : {StepOutput::Logits, StepOutput::Argmax, StepOutput::Sampled})
    plan.schedules.push_back(makeGpuSchedule(nameOf(output), output));
  plan.kvGroups[0].format = kKvFormatsOfRows[3];
  plan.kvGroups[0].blockBytes = kvBlockBytes(plan.kvGroups[0]);
  return plan;
}

/// The rows that "scale" reads and the weight, as a level's own kernel is given them.
static LevelShape makeLevel() {
  TensorMap rows, weight;
  rows.slot = 1, rows.elementBytes = 4, rows.columns = kWidth;
  rows.rows.terms = {{Symbol::Tokens, 1, 1}};
  rows.pitchBytes = abi::f32RowBytes(kWidth);
  rows.boxColumns = 32, rows.boxRows = 8, rows.swizzle = true;
  weight.slot = 2, weight.offset = 64, weight.elementBytes = 8, weight.columns = 16;
  weight.rows.base = 2, weight.pitchBytes = 128, weight.boxColumns = 16, weight.boxRows = 2;
  return {{384, 2048, 1, 1, 64}, "sm_90a", true, {rows, weight}};
}

static TargetProgram makeGpuProgram(const Manifest &m) {
  TargetProgram program = m;
  program.target = "cuda";
  program.recipe = "W8A16";
  program.kernels = {{{128, 1024, 1, 2, 0}, "gpu_fill", "attention", "fill", 0, 4096, 256},
                     {{256, 512, 2, 1, 64}, "gpu_scale", "matmul", "scale", 0, 0, 0, {makeLevel()}},
                     {{256, 0, 1, 1, 0}, "gpu_sample", "rowwise", "sample", 0, 0, 0}};
  program.plan = makeGpuPlan();
  program.memory.scratchBytesPerWorker = 4096;
  program.memory.kvBlockBytes = program.plan.kvGroups[0].blockBytes;
  program.probes = {{{makeGpuSchedule("probe", StepOutput::Logits)}, m.probes[0].answer}};
  return program;
}

ArtifactInput smallGpuInput() {
  ArtifactInput input = smallInput(true);
  Manifest &m = input.manifest;
  m.requires_ = {kFeatureTargetCuda};
  for (size_t i = 1; i < 3; ++i) {
    Param param = m.params[i];
    param.layout = "mma16";
    m.params.push_back(param);
  }
  m.programs = {makeGpuProgram(m)};
  const std::vector<uint8_t> code(100, 7);
  const CodeModule module{code, {"gpu_fill", "gpu_scale", "gpu_sample"}};
  input.images.push_back({"cuda", "sm_90a", {}, writeModuleBundle({&module, 1})});
  return input;
}

static Manifest write(const std::string &path, ArtifactInput input) {
  auto written = writeArtifact(path, std::move(input));
  if (!written)
    throw std::runtime_error(written.status().toString());
  return std::move(written->manifest);
}

Manifest writeSmallArtifact(const std::string &path, bool generated) {
  return write(path, smallInput(generated));
}

static SmallManifest manifestOf(ArtifactInput input) {
  const TempDir dir;
  write(dir.file("small.ingot"), std::move(input));
  const std::vector<uint8_t> file = readFile(dir.file("small.ingot"));
  SmallManifest small;
  small.manifestOffset = decodeHeader(file)->manifestOffset;
  small.manifest = *decodeManifest(std::span(file).subspan(small.manifestOffset));
  return small;
}

SmallManifest smallManifest(bool generated) { return manifestOf(smallInput(generated)); }
SmallManifest smallGpuManifest() { return manifestOf(smallGpuInput()); }

std::vector<uint8_t> replaceManifest(const std::vector<uint8_t> &file,
                                     const std::vector<uint8_t> &manifest) {
  Header header = *decodeHeader(file);
  std::vector<uint8_t> out(file.begin(),
                           file.begin() + static_cast<ptrdiff_t>(header.manifestOffset));
  out.insert(out.end(), manifest.begin(), manifest.end());
  header.manifestBytes = manifest.size();
  header.fileBytes = out.size();
  header.manifestHash = hash64(std::span(manifest));
  const auto bytes = encodeHeader(header);
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

} // namespace ingot::test
