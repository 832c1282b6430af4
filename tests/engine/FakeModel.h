// A language model in a few lines of C++, run on the null device. Its "keys and values" are the
// token ids themselves, written to the paged cache and read back through the block tables: every
// mistake in paging, chunking or preemption changes its output.
#pragma once

#include "runtime/base/Random.h"
#include "runtime/device/NullDevice.h"
#include "runtime/engine/Engine.h"

#include <cstring>

namespace ingot::testing {

inline constexpr uint32_t kFakeVocab = 258;
inline constexpr uint32_t kFakeEos = 257;
inline constexpr uint32_t kFakeBlockTokens = 4;

/// Logits of the token that follows `history`: skewed, reproducible noise.
inline void fakeLogits(const std::vector<uint32_t> &history, float *logits) {
  uint64_t key = 12345;
  for (const uint32_t token : history)
    key = mix64(key * 31 + token + 1);
  for (uint32_t i = 0; i < kFakeVocab; ++i) {
    const float u = unitFloat(randomBits(key, i));
    logits[i] = 12.0f * u * u * u * u - (i == kFakeEos ? 4.0f : 0.0f);
  }
}

/// 256 byte tokens, an unused hole at 256, the special end token <|end|> at 257.
inline TokenizerData byteTokenizerData() {
  TokenizerData data;
  for (int byte = 0; byte < 256; ++byte)
    data.appendToken(std::string(1, static_cast<char>(byte)), TokenKind::Normal);
  data.appendToken("", TokenKind::Unused);
  data.appendToken("<|end|>", TokenKind::Added);
  data.added.push_back({kFakeEos, true, false, false, false, false});
  data.eosId = kFakeEos;
  return data;
}

class FakeModel {
public:
  explicit FakeModel(uint32_t maxContext = 96, uint32_t maxTokens = 48, uint32_t maxSequences = 6)
      : device_(hook()) {
    using namespace artifact;
    manifest.plan.buffers = {
        {"logits", BufferKind::Io, Symbol::ReturnedRows, kFakeVocab * 4, 64, 0},
        {"argmax", BufferKind::Io, Symbol::ReturnedRows, 4, 64, 0}};
    manifest.plan.logitsBuffer = 0;
    manifest.plan.argmaxBuffer = 1;
    manifest.plan.vocab = kFakeVocab;
    manifest.plan.kvGroups = {
        {"full", 1, 1, 2, 2, "fake", kFakeBlockTokens, kFakeBlockTokens * sizeof(uint32_t), 0}};
    for (const uint32_t bucket : {4u, maxTokens})
      for (const StepOutput output : {StepOutput::Argmax, StepOutput::Logits}) {
        const uint32_t head = output == StepOutput::Argmax ? 2u : 1u;
        const uint32_t buffer = output == StepOutput::Argmax ? 1u : 0u;
        const std::vector<Arg> state = {{ArgKind::Batch, 0, 0}, {ArgKind::Kv, 0, 0}};
        Launch append{LaunchKind::Kernel, 0, {0, {{Symbol::Tokens, 1, 1}}}, state, {}, {}, "kv", 0};
        Launch answer{LaunchKind::Kernel,
                      head,
                      {0, {{Symbol::ReturnedRows, 1, 1}}},
                      state,
                      {},
                      {buffer},
                      "head",
                      0};
        answer.args.push_back({ArgKind::Buffer, buffer, 0});
        manifest.plan.schedules.push_back(
            {"fake", output, bucket, 0, {kUnusedBuffer, kUnusedBuffer}, {append, answer}, 0});
      }
    manifest.memory.maxBatchTokens = maxTokens;
    manifest.memory.maxSequences = maxSequences;
    manifest.memory.maxContext = maxContext;
    manifest.generation.stopIds = {kFakeEos};
  }

  EngineParts parts(std::optional<Tokenizer> tokenizer = {}) {
    return {&manifest, {}, &device_, std::move(tokenizer)};
  }
  NullDevice &device() { return device_; }
  /// The kernels, for a device of another kind.
  NullDevice::Hook hook() {
    return [this](const Command &command, const uint64_t *args, uint32_t) {
      return command.kernel == 0   ? append(args)
             : command.kernel == 3 ? sample(args)
                                   : head(args, command.kernel == 2);
    };
  }
  /// Schedules that sample on the device.
  void addSampling() {
    using namespace artifact;
    manifest.plan.sampledBuffer = static_cast<uint32_t>(manifest.plan.buffers.size());
    manifest.plan.buffers.push_back({"sampled", BufferKind::Io, Symbol::ReturnedRows, 4, 64, 0});
    for (size_t i = 0, count = manifest.plan.schedules.size(); i < count; ++i) {
      if (manifest.plan.schedules[i].output != StepOutput::Logits)
        continue;
      Schedule schedule = manifest.plan.schedules[i];
      schedule.output = StepOutput::Sampled;
      schedule.launches.push_back({LaunchKind::Kernel,
                                   3,
                                   {0, {{Symbol::ReturnedRows, 1, 1}}},
                                   {{ArgKind::Batch, 0, 0},
                                    {ArgKind::Buffer, manifest.plan.logitsBuffer, 0},
                                    {ArgKind::Buffer, manifest.plan.sampledBuffer, 0}},
                                   {},
                                   {},
                                   "sample",
                                   0});
      manifest.plan.schedules.push_back(std::move(schedule));
    }
  }

  artifact::Manifest manifest;
  uint32_t failToken = ~0u;  ///< a step with this token fails in the kernel
  uint32_t nanToken = ~0u;   ///< the row of this token is not a number
  uint32_t offset = 0;       ///< a planted bug: ids of the step before are read this many rows on
  bool forgetsTable = false; ///< a planted bug: every sequence writes through the first one's table

private:
  static uint32_t *cell(const abi::KvView &kv, uint32_t sequence, uint32_t position) {
    const uint32_t block = kv.table[sequence * kv.tablePitch + position / kFakeBlockTokens];
    return reinterpret_cast<uint32_t *>(kv.pool + block * kv.blockBytes) +
           position % kFakeBlockTokens;
  }

  uint32_t tokenId(const abi::BatchView &batch, uint32_t t) const {
    uint32_t id = batch.tokenIds[t];
    if (id & abi::kPreviousId)
      id = batch.previousIds[(id ^ abi::kPreviousId) + offset];
    return id < kFakeVocab ? id : 0; // kNotFinite: the row's request is over
  }

  int32_t append(const uint64_t *args) const {
    const auto &batch = *reinterpret_cast<const abi::BatchView *>(args[0]);
    const auto &kv = *reinterpret_cast<const abi::KvView *>(args[1]);
    for (uint32_t t = 0; t < batch.tokens; ++t) {
      const uint32_t id = tokenId(batch, t);
      if (id == failToken)
        return 7;
      const uint32_t sequence = forgetsTable ? 0 : batch.tokenSequence[t];
      *cell(kv, sequence, batch.kvPositions[t]) = id;
    }
    return 0;
  }

  int32_t head(const uint64_t *args, bool argmax) const {
    const auto &batch = *reinterpret_cast<const abi::BatchView *>(args[0]);
    const auto &kv = *reinterpret_cast<const abi::KvView *>(args[1]);
    for (uint32_t r = 0; r < batch.returnedRows; ++r) {
      const uint32_t t = batch.returnRows[r];
      std::vector<uint32_t> history;
      for (uint32_t p = batch.visibleBegin[t]; p < batch.visibleEnd[t]; ++p)
        history.push_back(*cell(kv, batch.tokenSequence[t], p));
      float logits[kFakeVocab];
      fakeLogits(history, logits);
      if (history.back() == nanToken)
        logits[3] = __builtin_nanf("");
      if (!argmax) {
        std::memcpy(reinterpret_cast<float *>(args[2]) + r * kFakeVocab, logits, sizeof logits);
        continue;
      }
      uint32_t best = 0;
      for (uint32_t i = 1; i < kFakeVocab; ++i)
        best = logits[i] > logits[best] ? i : best;
      reinterpret_cast<uint32_t *>(args[2])[r] = best;
    }
    return 0;
  }

  /// args: batch, logits, ids.
  static int32_t sample(const uint64_t *args) {
    const auto &batch = *reinterpret_cast<const abi::BatchView *>(args[0]);
    SamplerScratch scratch;
    for (uint32_t r = 0; r < batch.returnedRows; ++r) {
      const abi::SampleParams &p = batch.sampling[r];
      const auto *row = reinterpret_cast<const float *>(args[1]) + r * kFakeVocab;
      const Result<Sample> sample = sampleRow(
          {row, kFakeVocab}, {p.temperature, p.minP, p.topK, p.topP, p.seed, p.sampleIndex, -1},
          p.position, scratch);
      reinterpret_cast<uint32_t *>(args[2])[r] = sample.isOk() ? sample->token : abi::kNotFinite;
    }
    return 0;
  }

  NullDevice device_;
};

/// Everything one request got.
struct Answer {
  std::vector<uint32_t> tokens;
  std::string text;
  std::vector<Sample> samples, scores;
  FinishReason finish = FinishReason::None;
  Status error;
};

inline void collect(const std::vector<Event> &events, std::map<RequestId, Answer> &answers) {
  for (const Event &event : events) {
    Answer &answer = answers[event.request];
    answer.tokens.insert(answer.tokens.end(), event.tokens.begin(), event.tokens.end());
    answer.samples.insert(answer.samples.end(), event.samples.begin(), event.samples.end());
    answer.scores.insert(answer.scores.end(), event.promptScores.begin(), event.promptScores.end());
    answer.text += event.text;
    answer.finish = event.finish;
    answer.error = event.error;
  }
}

} // namespace ingot::testing
