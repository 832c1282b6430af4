// Rules about the plan's tables: KV groups, memory contract, buffers.
#include "runtime/artifact/KernelAbi.h"
#include "runtime/artifact/ManifestRules.h"
#include "runtime/base/CheckedMath.h"
#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"
#include "runtime/base/Limits.h"

#include <algorithm>

namespace ingot::artifact {

static constexpr const char *kKvId = "artifact-kv", *kMemoryId = "artifact-memory";

static constexpr uint32_t kMaxKvDimension = limits::kHeadDim,
                          kMaxBlockTokens = limits::kBlockTokens;
static_assert(limits::kLayers == limits::kHeadDim && limits::kHeads == limits::kHeadDim);
static constexpr uint32_t kMaxStep = limits::kStep, kMaxContext = limits::kContext;
static constexpr uint32_t kMaxVocab = limits::kVocab;

// ---- KV groups
// --------------------------------------------------------------------------------------

static Status checkKvGroup(const KvGroup &g, const Place &place) {
  constexpr const char *kKinds[] = {"full", "window", "latent", "recurrent"};
  if (std::find(std::begin(kKinds), std::end(kKinds), g.kind) == std::end(kKinds))
    return broken(kKvId, place,
                  format("kind \"%s\" is unknown; a newer runtime may know it", g.kind.c_str()));
  if ((g.kind == "window") != (g.window > 0))
    return broken(kKvId, place, format("kind %s with a window of %u", g.kind.c_str(), g.window));
  if (g.format != kKvFormatTiles && !kvFormatOfRows(g.format))
    return broken(
        kKvId, place,
        format("format \"%s\" is unknown; a newer runtime may know it", g.format.c_str()));
  const auto outside = [](uint32_t value) { return value == 0 || value > kMaxKvDimension; };
  if (outside(g.layers) || outside(g.heads) || outside(g.keyDim) || g.keyDim % 2 != 0 ||
      g.valueDim != g.keyDim)
    return broken(
        kKvId, place,
        format(
            "%u layers, %u heads, key width %u, value width %u: each 1..%u, widths even and equal",
            g.layers, g.heads, g.keyDim, g.valueDim, kMaxKvDimension));
  if (g.blockTokens == 0 || g.blockTokens > kMaxBlockTokens || g.blockTokens % abi::kKvTile != 0)
    return broken(kKvId, place,
                  format("blocks of %u positions: a multiple of %u up to %u", g.blockTokens,
                         abi::kKvTile, kMaxBlockTokens));
  if (const uint64_t bytes = kvBlockBytes(g); g.blockBytes != bytes)
    return broken(kKvId, {"block_bytes", -1, &place},
                  format("%llu, the layout takes %llu", ull(g.blockBytes), ull(bytes)));
  return Status::ok();
}

Status checkKvGroups(const Manifest &m) {
  CheckedU64 sum(0);
  const Place plan{"plan"};
  for (size_t i = 0; i < m.plan.kvGroups.size(); ++i) {
    INGOT_TRY(checkKvGroup(m.plan.kvGroups[i], {"kv_groups", static_cast<int64_t>(i), &plan}));
    sum = sum + CheckedU64(m.plan.kvGroups[i].blockBytes);
  }
  if (!sum.ok() || sum.valueOrMax() != m.memory.kvBlockBytes)
    return broken(kMemoryId, {"memory.kv_block_bytes"},
                  format("%llu, the KV groups add up to %llu", ull(m.memory.kvBlockBytes),
                         ull(sum.valueOrMax())));
  return Status::ok();
}

// ---- Memory contract
// --------------------------------------------------------------------------------

static Status checkWeightsBytes(const Manifest &m) {
  const uint64_t used = weightBytes(m, m.params);
  if (used != m.memory.weightsBytes)
    return broken(kMemoryId, {"memory.weights_bytes"},
                  format("%llu, the parameters that its launches name take %llu",
                         ull(m.memory.weightsBytes), ull(used)));
  return Status::ok();
}

Status checkContract(const Manifest &m) {
  const MemoryContract &c = m.memory;
  INGOT_TRY(checkWeightsBytes(m));
  const auto outside = [](uint32_t value, uint32_t most) { return value == 0 || value > most; };
  if (outside(c.maxBatchTokens, kMaxStep) || outside(c.maxSequences, kMaxStep) ||
      outside(c.maxContext, kMaxContext))
    return broken(kMemoryId, {"memory"},
                  format("%u tokens per step, %u sequences (each 1..%u), context %u (1..%u)",
                         c.maxBatchTokens, c.maxSequences, kMaxStep, c.maxContext, kMaxContext));
  uint64_t counters = 0, rest = 0;
  for (size_t i = 0; i < m.kernels.size(); ++i) {
    if (m.kernels[i].counterBytes > m.kernels[i].scratchBytes)
      return broken(kPlanId, {"kernels", static_cast<int64_t>(i)},
                    format("counters of %llu bytes in scratch of %llu",
                           ull(m.kernels[i].counterBytes), ull(m.kernels[i].scratchBytes)));
    counters = std::max(counters, m.kernels[i].counterBytes);
    rest = std::max(rest, m.kernels[i].scratchBytes - m.kernels[i].counterBytes);
  }
  // As devices lay it out: counters of all kernels first.
  const CheckedU64 scratch = CheckedU64(counters) + CheckedU64(rest);
  if (!scratch.atMost(c.scratchBytesPerWorker))
    return broken(kMemoryId, {"memory.scratch_bytes_per_worker"},
                  format("%llu, kernels need %llu of counters and %llu more",
                         ull(c.scratchBytesPerWorker), ull(counters), ull(rest)));
  if (m.plan.vocab == 0 || m.plan.vocab > kMaxVocab ||
      c.logitsBytes < abi::f32RowBytes(m.plan.vocab))
    return broken(kMemoryId, {"memory.logits_bytes"},
                  format("%llu for a vocabulary of %u (1..%u): at least one row of %llu",
                         ull(c.logitsBytes), m.plan.vocab, kMaxVocab,
                         ull(abi::f32RowBytes(m.plan.vocab))));
  return Status::ok();
}

// ---- Buffers
// ------------------------------------------------------------------------------------------

static Status checkOutputBuffer(const Plan &plan, uint32_t index, uint64_t rowBytes,
                                const char *field) {
  const Place parent{"plan"}, place{field, -1, &parent};
  if (index >= plan.buffers.size())
    return broken(kPlanId, place, format("buffer %u of %zu", index, plan.buffers.size()));
  const Buffer &buffer = plan.buffers[index];
  if (buffer.kind != BufferKind::Io || buffer.rows != Symbol::ReturnedRows ||
      buffer.rowBytes != rowBytes)
    return broken(
        kPlanId, place,
        format("buffer %u is %s, one row of %llu bytes per %s: should be io, %llu bytes per "
               "returned row",
               index, nameOf(buffer.kind), ull(buffer.rowBytes), nameOf(buffer.rows),
               ull(rowBytes)));
  return Status::ok();
}

Status checkBuffers(const Manifest &m) {
  const Plan &plan = m.plan;
  const Place parent{"plan"};
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    const Buffer &b = plan.buffers[i];
    const Place place{"buffers", static_cast<int64_t>(i), &parent};
    if (b.rowBytes == 0 || !isPowerOfTwo(b.align) || b.align < 64 || b.align > 4096 ||
        b.device != 0)
      return broken(
          kPlanId, place,
          format("rows of %llu bytes, alignment %u, device %u: not empty, 64..4096, device 0",
                 ull(b.rowBytes), b.align, b.device));
  }
  INGOT_TRY(
      checkOutputBuffer(plan, plan.logitsBuffer, abi::f32RowBytes(plan.vocab), "logits_buffer"));
  const auto has = [&plan](StepOutput output) {
    return std::any_of(plan.schedules.begin(), plan.schedules.end(),
                       [output](const Schedule &s) { return s.output == output; });
  };
  if (has(StepOutput::Argmax))
    INGOT_TRY(checkOutputBuffer(plan, plan.argmaxBuffer, abi::kIndexRowBytes, "argmax_buffer"));
  if (has(StepOutput::Sampled))
    INGOT_TRY(checkOutputBuffer(plan, plan.sampledBuffer, abi::kIndexRowBytes, "sampled_buffer"));
  if (!plan.signatureText.empty() && plan.signature != hash64(plan.signatureText))
    return broken(kPlanId, {"signature", -1, &parent},
                  format("%016llx, the hash of signature_text is %016llx", ull(plan.signature),
                         ull(hash64(plan.signatureText))));
  return Status::ok();
}

} // namespace ingot::artifact
