// Making an engine: limits from the memory contract and the configuration, and the checks at its
// edge.

#include "runtime/base/Format.h"
#include "runtime/base/Random.h"
#include "runtime/engine/Engine.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <numeric>
#include <unistd.h>

namespace ingot {
namespace {

uint32_t limitOr(uint32_t wanted, uint32_t most) {
  return wanted == 0 ? most : std::min(wanted, most);
}

SchedulerLimits limitsOf(const artifact::Manifest &manifest, const EngineConfig &config) {
  const artifact::MemoryContract &memory = manifest.memory;
  SchedulerLimits limits;
  limits.maxBatchTokens = limitOr(config.maxBatchTokens, memory.maxBatchTokens);
  limits.maxSequences =
      std::min(limitOr(config.maxSequences, memory.maxSequences), limits.maxBatchTokens);
  limits.maxReturnedRows =
      std::min(limits.maxBatchTokens, config.maxReturnedRows ? config.maxReturnedRows
                                                             : std::max(16u, limits.maxSequences));
  limits.maxChunkTokens = limitOr(config.maxChunkTokens, limits.maxBatchTokens);
  limits.blockTokens = manifest.plan.kvGroups[0].blockTokens;
  return limits;
}

uint64_t quarterOfMemory() {
  const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && bytes > 0 ? uint64_t(pages) * uint64_t(bytes) / 4 : uint64_t(1) << 30;
}

/// Bytes that a pool may take when nobody says: a quarter of the machine's memory, or what the
/// weights and activations leave of the device's, less some that drivers need.
uint64_t memoryForPool(const artifact::Manifest &manifest, const Device &device) {
  const std::optional<uint64_t> free = device.freeBytes();
  if (!free)
    return quarterOfMemory();
  const artifact::MemoryContract &memory = manifest.memory;
  const uint64_t others = memory.weightsBytes + memory.arenaBytes + memory.logitsBytes +
                          memory.scratchBytesPerWorker + memory.hostTableBytes;
  const uint64_t usable = *free / 16 * 15;
  return usable > others ? usable - others : 0;
}

/// Blocks of the pool: as told, or for every sequence at full context within the memory for it, but
/// for one full context at least.
uint64_t poolBlocks(const artifact::Manifest &manifest, const SchedulerLimits &limits,
                    const EngineConfig &config, const Device &device) {
  if (config.kvBlocks)
    return config.kvBlocks;
  const uint64_t blockBytes = std::max<uint64_t>(1, manifest.plan.kvGroups[0].blockBytes);
  if (config.kvBytes)
    return config.kvBytes / blockBytes;
  const uint64_t one = blocksForTokens(manifest.memory.maxContext, limits.blockTokens);
  return std::max(
      one, std::min(one * limits.maxSequences, memoryForPool(manifest, device) / blockBytes));
}

std::vector<BlockId> blockOrder(uint32_t blocks, uint64_t shuffle) {
  std::vector<BlockId> order(blocks);
  std::iota(order.begin(), order.end(), 0u);
  const uint64_t key = randomKey(shuffle, 0);
  for (uint32_t i = blocks; shuffle != 0 && i > 1; --i)
    std::swap(order[i - 1], order[randomBits(key, i) % i]);
  return order;
}

Status checkParts(const artifact::Manifest &manifest) {
  if (manifest.plan.kvGroups.size() != 1 || manifest.plan.kvGroups[0].blockTokens == 0)
    return {ErrorClass::Config, "plan-unsupported",
            format("the plan has %zu KV groups; this runtime handles exactly 1",
                   manifest.plan.kvGroups.size())};
  if (manifest.memory.maxBatchTokens == 0 || manifest.memory.maxSequences == 0 ||
      manifest.memory.maxContext == 0)
    return {
        ErrorClass::Data, "contract-empty",
        format("the memory contract allows %u tokens a step, %u sequences, %u tokens of context; "
               "each must be at least 1",
               manifest.memory.maxBatchTokens, manifest.memory.maxSequences,
               manifest.memory.maxContext)};
  return Status::ok();
}

} // namespace

Result<std::unique_ptr<Engine>> Engine::create(EngineParts parts, const EngineConfig &config) {
  const artifact::Manifest &manifest = *parts.manifest;
  INGOT_TRY(checkParts(manifest));
  SchedulerLimits limits = limitsOf(manifest, config);
  const uint64_t blocks = poolBlocks(manifest, limits, config, *parts.device);
  const uint64_t blockBytes = manifest.plan.kvGroups[0].blockBytes;
  if (blocks == 0 || blocks > ~uint32_t(0))
    return Status(ErrorClass::Usage, "kv-pool-size",
                  format("the KV pool would have %llu blocks of %s; give it at least one block and "
                         "fewer than 2^32",
                         static_cast<unsigned long long>(blocks), formatBytes(blockBytes).c_str()));
  Device &device = *parts.device;
  INGOT_ASSIGN(std::unique_ptr<Executor> executor,
               Executor::create(
                   manifest, parts.params, device,
                   {static_cast<uint32_t>(blocks), limits.maxReturnedRows, config.forceSchedule}));
  limits.maxBatchTokens = std::min(limits.maxBatchTokens, executor->maxStepTokens());
  limits.maxSequences = std::min(limits.maxSequences, limits.maxBatchTokens);
  const auto maxLength = static_cast<uint32_t>(
      std::min<uint64_t>(manifest.memory.maxContext, blocks * limits.blockTokens));
  std::unique_ptr<Engine> engine(
      new Engine(std::move(parts), limits,
                 blockOrder(static_cast<uint32_t>(blocks), config.shuffleBlocks), maxLength));
  engine->executor_ = std::move(executor);
  return engine;
}

Status Engine::checkRequest(const Request &request) const {
  if (request.prompt.empty())
    return {
        ErrorClass::Usage, "prompt-empty",
        "the prompt has no tokens and this model has no begin token to start from; give at least "
        "one character"};
  const uint64_t needed = request.prompt.size() + (request.scorePrompt ? 0 : 1);
  if (needed > maxLength_)
    return {
        ErrorClass::Usage, "prompt-too-long",
        format("the prompt has %zu tokens; this engine holds %u per sequence, answer included; "
               "shorten it%s",
               request.prompt.size(), maxLength_,
               maxLength_ < parts_.manifest->memory.maxContext ? " or enlarge the KV pool" : "")};
  const uint32_t vocab = parts_.manifest->plan.vocab;
  for (size_t i = 0; i < request.prompt.size(); ++i)
    if (request.prompt[i] >= vocab)
      return {ErrorClass::Usage, "token-out-of-range",
              format("prompt token %zu is id %u; the vocabulary has %u entries", i,
                     request.prompt[i], vocab)};
  for (const std::string &stop : request.stopStrings)
    if (!parts_.tokenizer || findInvalidUtf8(stop) != std::string_view::npos)
      return {ErrorClass::Usage, "stop-string-invalid",
              parts_.tokenizer ? "a stop string is not UTF-8"
                               : "stop strings need an artifact with a tokenizer"};
  return checkSampling(request.sampling);
}

} // namespace ingot
