#include "tests/engine/FakeArtifact.h"

#include "codegen/artifact/ArtifactWriter.h"
#include "runtime/artifact/KernelAbi.h"
#include "runtime/artifact/ModuleBundle.h"
#include "runtime/base/CpuFeatures.h"
#include "runtime/text/TokenizerFormat.h"
#include "tests/engine/FakeModel.h"
#include "tests/support/TempDir.h"

#include <stdexcept>

namespace ingot::testing {

using namespace artifact;

namespace {

constexpr uint32_t kContext = 128, kStepTokens = 64, kSequences = 16;

Schedule makeSchedule(const char *name, StepOutput output, uint32_t tokens) {
  const uint32_t buffer = output == StepOutput::Argmax ? 1 : 0;
  const std::vector<Arg> state = {{ArgKind::Batch, 0, 0}, {ArgKind::Kv, 0, 0}};
  Launch append{LaunchKind::Kernel, 0, {0, {{Symbol::Tokens, 1, 1}}}, state, {}, {}, "kv", 0};
  Launch head{LaunchKind::Kernel,
              output == StepOutput::Argmax ? 2u : 1u,
              {0, {{Symbol::ReturnedRows, 1, 1}}},
              state,
              {},
              {buffer},
              "head",
              0};
  head.args.push_back({ArgKind::Param, 0, 0});
  head.args.push_back({ArgKind::Buffer, buffer, 0});
  Schedule schedule;
  schedule.name = name;
  schedule.output = output;
  schedule.maxTokens = tokens;
  schedule.offsets = {kUnusedBuffer, kUnusedBuffer};
  schedule.launches = {append, head};
  return schedule;
}

Manifest makeManifest() {
  Manifest m;
  Param gain;
  gain.name = "gain";
  gain.shape = {32};
  gain.format = "f32";
  gain.layout = "row";
  gain.sources = {{"gain", 0, 1}};
  m.params = {gain};
  m.kernels = {{{}, "fake_append", "rowwise", "append", 0, 64},
               {{}, "fake_logits", "matmul", "logits", 0, 0},
               {{}, "fake_argmax", "matmul", "argmax", 0, 0},
               {{}, "cts_mix", "rowwise", "mix", 0, 0},
               {{}, "cts_copy", "rowwise", "copy", 0, 0},
               {{}, "cts_fail", "rowwise", "fail", 0, 0}};
  const uint64_t rowBytes = abi::f32RowBytes(kFakeVocab);
  m.plan.buffers = {{"logits", BufferKind::Io, Symbol::ReturnedRows, rowBytes, 64, 0},
                    {"argmax", BufferKind::Io, Symbol::ReturnedRows, 4, 64, 0}};
  m.plan.schedules = {makeSchedule("argmax.4", StepOutput::Argmax, 4),
                      makeSchedule("argmax.64", StepOutput::Argmax, kStepTokens),
                      makeSchedule("logits.4", StepOutput::Logits, 4),
                      makeSchedule("logits.64", StepOutput::Logits, kStepTokens)};
  const abi::KvLayout layout{1, 1, 2, 16};
  m.plan.kvGroups = {{"full", 1, 1, 2, 2, "kv_bf16_tile16", 16, layout.blockBytes(), 0}};
  m.plan.logitsBuffer = 0;
  m.plan.argmaxBuffer = 1;
  m.plan.vocab = kFakeVocab;
  m.plan.signatureText = "append; head";
  m.memory.scratchBytesPerWorker = 64;
  m.memory.logitsBytes = kStepTokens * rowBytes;
  m.memory.hostTableBytes = 65536;
  m.memory.kvBlockBytes = layout.blockBytes();
  m.memory.maxBatchTokens = kStepTokens;
  m.memory.maxSequences = kSequences;
  m.memory.maxContext = kContext;
  m.generation.stopIds = {kFakeEos};
  m.modelName = "fake";
  m.chatTemplate = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
                   "{% if add_generation_prompt %}<assistant>{% endif %}";
  m.architecture = "FakeForCausalLM";
  KnownAnswer answer;
  answer.tokenIds = {1, 2, 3};
  float logits[kFakeVocab];
  fakeLogits(answer.tokenIds, logits);
  for (const uint32_t i : {0u, 17u, 257u}) {
    answer.indices.push_back(i);
    answer.logits.push_back(logits[i]);
  }
  answer.tolerance = 1e-6f;
  m.knownAnswers = {answer};
  m.probes = {{{makeSchedule("logits.4", StepOutput::Logits, 4),
                makeSchedule("argmax.64", StepOutput::Argmax, kStepTokens)},
               answer}};
  return m;
}

/// Sampling on the device: buffer 2, and a kernel that follows the head.
void addSampling(TargetProgram &program) {
  const uint32_t kernel = static_cast<uint32_t>(program.kernels.size());
  program.kernels.push_back({{}, "fake_sample", "rowwise", "sample", 0, 0});
  Plan &plan = program.plan;
  plan.sampledBuffer = static_cast<uint32_t>(plan.buffers.size());
  plan.buffers.push_back({"sampled", BufferKind::Io, Symbol::ReturnedRows, 4, 64, 0});
  for (const uint32_t tokens : {4u, kStepTokens}) {
    Schedule schedule =
        makeSchedule(tokens == 4 ? "sampled.4" : "sampled.64", StepOutput::Logits, tokens);
    schedule.output = StepOutput::Sampled;
    schedule.launches.push_back({LaunchKind::Kernel,
                                 kernel,
                                 {0, {{Symbol::ReturnedRows, 1, 1}}},
                                 {{ArgKind::Batch, 0, 0},
                                  {ArgKind::Buffer, plan.logitsBuffer, 0},
                                  {ArgKind::Buffer, plan.sampledBuffer, 0}},
                                 {plan.logitsBuffer},
                                 {plan.sampledBuffer, plan.logitsBuffer},
                                 "sample",
                                 0});
    plan.schedules.push_back(std::move(schedule));
  }
  for (Schedule &schedule : plan.schedules)
    schedule.offsets.assign(plan.buffers.size(), kUnusedBuffer);
  for (Probe &probe : program.probes)
    for (Schedule &schedule : probe.schedules)
      schedule.offsets.assign(plan.buffers.size(), kUnusedBuffer);
}

/// See FakeOptions::large.
void enlarge(TargetProgram &program) {
  constexpr uint32_t kLayers = 32, kLaunchesPerLayer = 7;
  KvGroup &group = program.plan.kvGroups[0];
  group.layers = kLayers;
  program.memory.maxBatchTokens = 512;
  program.memory.maxSequences = 64;
  program.memory.maxContext = 8192;
  for (Schedule &schedule : program.plan.schedules) {
    schedule.maxTokens = schedule.maxTokens == 4 ? 64 : program.memory.maxBatchTokens;
    const Launch append = schedule.launches[0];
    for (uint32_t i = 1; i < kLayers * kLaunchesPerLayer; ++i) {
      schedule.launches.insert(schedule.launches.begin(), append);
      schedule.launches[0].args[1].value = i / kLaunchesPerLayer;
    }
  }
  program.probes.clear();
  program.memory.logitsBytes = 64 * program.plan.buffers[0].rowBytes;
}

/// The same model for a GPU: other launches, another layout of the cache.
TargetProgram makeGpuProgram(const Manifest &cpu, const FakeOptions &options) {
  TargetProgram program = cpu;
  program.target = "cuda";
  program.recipe = "fake";
  addSampling(program);
  for (Kernel &kernel : program.kernels) {
    kernel.threads = 128;
    kernel.itemsPerBlock = 4;
  }
  program.kernels[0].threads = options.gpuThreads;
  program.kernels[0].sharedBytes = options.gpuShared;
  program.kernels[2].levels = options.gpuLevels;
  if (options.large)
    enlarge(program);
  if (options.gpuScratch) {
    constexpr uint64_t kScratch[] = {4096, 512, 8192}, kCounters[] = {4096, 0, 1024};
    for (size_t i = 0; i < std::size(kScratch); ++i) {
      program.kernels[i].scratchBytes = kScratch[i];
      program.kernels[i].counterBytes = kCounters[i];
    }
    program.memory.scratchBytesPerWorker = kCounters[0] + kScratch[2] - kCounters[2];
  }
  KvGroup &group = program.plan.kvGroups[0];
  group.format = kKvFormatRows;
  group.blockBytes = program.memory.kvBlockBytes = kvBlockBytes(group);
  return program;
}

std::vector<uint8_t> bundle(const std::vector<Kernel> &kernels,
                            const std::vector<uint8_t> &module) {
  CodeModule one{module, {}};
  for (const Kernel &kernel : kernels)
    one.kernels.push_back(kernel.name);
  return writeModuleBundle({&one, 1});
}

void addCpuImages(ArtifactInput &input) {
  const std::vector<uint8_t> image = test::readFile(INGOT_FAKE_IMAGE);
  for (const CpuLevel level : {CpuLevel::V3, CpuLevel::V4Vnni}) {
    std::vector<std::string> features;
    for (const CpuFeature feature : levelFeatures(level))
      features.push_back(featureName(feature));
    input.images.push_back({"cpu", levelName(level), features, image});
  }
}

} // namespace

void writeFakeArtifact(const std::string &path, const FakeOptions &options) {
  ArtifactInput input;
  Manifest &manifest = input.manifest;
  manifest = makeManifest();
  if (options.cpu)
    addCpuImages(input);
  if (!options.gpu.empty()) {
    const TargetProgram program = makeGpuProgram(manifest, options);
    if (options.cpu)
      manifest.programs.push_back(program);
    else
      static_cast<TargetProgram &>(manifest) = program;
    manifest.requires_ = {kFeatureTargetCuda};
    for (const FakeGpuImage &image : options.gpu)
      input.images.push_back({"cuda", image.level, {}, bundle(program.kernels, image.module)});
  }
  if (options.tokenizer)
    input.tokenizer = serializeTokenizer(byteTokenizerData());
  input.paramBytes = [](uint32_t, const ByteSink &sink) {
    const std::vector<float> ones(32, 1.0f);
    return sink({reinterpret_cast<const uint8_t *>(ones.data()), ones.size() * sizeof(float)});
  };
  const Result<WrittenArtifact> written = writeArtifact(path, std::move(input));
  if (!written)
    throw std::runtime_error(written.status().toString());
}

} // namespace ingot::testing
