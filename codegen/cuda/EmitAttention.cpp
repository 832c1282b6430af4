#include "codegen/cuda/EmitAttention.h"

#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot::cuda {

namespace {

constexpr uint32_t kThreads = 128, kWindowItems = 128;
/// Blocks that fill the largest multiprocessor counts three times over; more would only look for
/// work.
constexpr uint32_t kBlocks = 396;
/// Counters at the start of scratch, the same room in every kernel (AttentionWork.h).
constexpr uint64_t kCounterBytes = 2u << 20;
/// Segments of every token whose softmax states scratch holds at most.
constexpr uint64_t kSegmentsPerToken = 128;

/// Sizes as the kernel's headers compute them; the source asserts that they agree.
struct Sizes {
  Sizes(const KernelProgram &program, uint32_t maxTokens, uint64_t partialBytes) {
    const ProgramOp &op = program.ops.front();
    const abi::KvLayout &kv = program.values[op.operands[1]].kv;
    const uint64_t columns = (kv.headDim + 15) / 16 * 16, group = uint64_t(op.heads) / kv.kvHeads;
    const uint64_t chunks = columns / 8 + (columns % 64 == 0 ? 0 : 1), tile = 64 * chunks * 16;
    const uint64_t tiles = columns <= 64 ? 4 : columns <= 128 ? 2 : 1;
    const bool sharing = maxTokens > 16 && columns <= 128;
    const uint64_t windows = (maxTokens + kWindowItems - 1) / kWindowItems;
    const uint64_t query = columns / 16 * 512, split = query + tiles * (2048 + 128);
    const uint64_t work =
        kWindowItems * 32 + 48 + (8 * (windows + 1) + 8 * windows + 7) / 8 * 8 + 64 + 8;
    const uint64_t lane = 32 + (columns > 96 ? 64 : 32);
    const uint64_t shared = sharing ? 4 * tile + 4 * query + kThreads * lane : 0;
    sharedBytes = std::max(2 * tiles * tile + split, shared) + (work + 15) / 16 * 16;
    const uint64_t rowBytes = (columns + 4) * 4;
    partialRows =
        std::min(maxTokens * uint64_t(op.heads) * kSegmentsPerToken, partialBytes / rowBytes);
    const uint64_t counters = (maxTokens * group / 16 + maxTokens + 1) * kv.kvHeads;
    counterBytes = (4 + counters) * 4;
    scratchBytes = kCounterBytes + partialRows * rowBytes;
  }
  uint64_t sharedBytes, partialRows, counterBytes, scratchBytes;
};

Status noAttention(std::string_view name, const std::string &why) {
  return Status(ErrorClass::Internal, "cuda-kernel",
                format("kernel '%s': %s", std::string(name).c_str(), why.c_str()));
}

Status check(const KernelProgram &program, std::string_view name) {
  const bool rounds = program.ops.size() == 2 && program.ops[1].kind == OpKind::Round &&
                      program.ops[1].operands[0] == program.ops[0].results[0];
  if (program.ops.empty() || program.ops[0].kind != OpKind::PagedAttention ||
      (program.ops.size() > 1 && !rounds))
    return noAttention(name, "attention stands alone, or with its rounding, in its region");
  const ProgramOp &op = program.ops[0];
  const abi::KvLayout &kv = program.values[op.operands[1]].kv;
  if (program.values[op.operands[0]].kind != ValueKind::Bf16Rows)
    return noAttention(name, "queries come in bfloat16");
  if (kv.headDim == 0 || kv.headDim > 256 || kv.headDim % 2 != 0)
    return noAttention(name, format("head width %u; even widths up to 256 exist", kv.headDim));
  if (kv.blockTokens % 16 != 0)
    return noAttention(name,
                       format("blocks of %u positions; multiples of 16 exist", kv.blockTokens));
  return Status::ok();
}

} // namespace

Result<KernelSource> emitAttention(const KernelProgram &program, std::string_view name,
                                   TokenBound bound, Profile, uint64_t partialBytes) {
  INGOT_TRY(check(program, name));
  const ProgramOp &op = program.ops[0];
  const ProgramValue &cache = program.values[op.operands[1]];
  const bool rounds = program.ops.size() == 2;
  const ProgramValue &result = program.values[program.ops.back().results[0]];
  const uint32_t maxTokens = std::max(bound.maxTokens, 1u);
  const Sizes sizes(program, maxTokens, partialBytes);
  if (sizes.counterBytes > kCounterBytes)
    return noAttention(name, "a bound of tokens whose counters do not fit");

  KernelSource source;
  source.name = std::string(name);
  source.shape.threads = kThreads;
  source.shape.dynamicSharedBytes = uint32_t(sizes.sharedBytes);
  source.shape.scratchBytes = sizes.scratchBytes;
  source.shape.counterBytes = kCounterBytes;
  const uint64_t items = uint64_t(maxTokens) * cache.kv.kvHeads;
  source.shape.blocksPerItem = uint32_t(std::max<uint64_t>(1, kBlocks / items));
  source.shape.itemsPerBlock = uint32_t(std::max<uint64_t>(1, items / kBlocks));

  const int slots[] = {program.values[op.operands[0]].slot, cache.slot, result.slot};
  const int scratch = *std::max_element(std::begin(slots), std::end(slots)) + 1;
  source.text =
      format("#include \"codegen/cuda/kernels/Attention.cuh\"\n\nnamespace ingot::gpu {\n\n"
             "using %s_shape = %sAttentionShape<%u, %lld, %u, %u, %u, %llu>%s;\n"
             "static_assert(AttentionMemory<%s_shape>::kBytes == %u);\n"
             "static_assert(AttentionScratch<%s_shape>::kBytes == %llu);\n\n",
             source.name.c_str(), rounds ? "RoundedResults<" : "", cache.kv.headDim,
             static_cast<long long>(op.heads), cache.kv.kvHeads, cache.kv.blockTokens, maxTokens,
             static_cast<unsigned long long>(sizes.partialRows), rounds ? ">" : "",
             source.name.c_str(), source.shape.dynamicSharedBytes, source.name.c_str(),
             static_cast<unsigned long long>(sizes.scratchBytes));
  source.text += format("INGOT_KERNEL(%s, %u) {\n"
                        "  attention<%s_shape>({.batch = args.pointer<const abi::BatchView>(0),\n"
                        "                       .view = args.pointer<const abi::KvView>(%d),\n"
                        "                       .queries = args.pointer<const u8>(%d),\n"
                        "                       .results = args.pointer<u8>(%d),\n"
                        "                       .scratch = args.pointer<u8>(%d),\n"
                        "                       .scale = %af});\n}\n\n} // namespace ingot::gpu\n",
                        source.name.c_str(), kThreads, source.name.c_str(), cache.slot, slots[0],
                        result.slot, scratch, double(op.scale));
  return source;
}

} // namespace ingot::cuda
