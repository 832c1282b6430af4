#include "codegen/cuda/EmitAttention.h"

#include "codegen/cuda/Literal.h"
#include "runtime/base/Format.h"

#include <algorithm>
#include <cmath>

namespace ingot::cuda {

namespace {

constexpr uint32_t kThreads = 128, kWindowItems = 128;
/// Blocks that fill the largest multiprocessor counts three times over; more would only look for
/// work.
constexpr uint32_t kBlocks = 396;
/// The widest head, and the shared memory that a block may have on every architecture.
constexpr uint32_t kMostHeadDim = 256, kMostBlockBytes = 99u << 10;
/// Counters at the start of scratch, the same room in every kernel (AttentionWork.h).
constexpr uint64_t kCounterBytes = 2u << 20;
/// Segments of every token whose softmax states scratch holds at most.
constexpr uint64_t kSegmentsPerToken = 512;

abi::KvRowsLayout rowsLayout(const ProgramValue &cache) {
  return {1, cache.kv.kvHeads, cache.kv.headDim, cache.kv.blockTokens, cache.kvFormat};
}

/// Sizes as the kernel's headers compute them; the source asserts that they agree.
struct Sizes {
  Sizes(const KernelProgram &program, uint32_t maxTokens, uint64_t partialBytes) {
    const ProgramOp &op = program.ops.front();
    const ProgramValue &cache = program.values[op.operands[1]];
    const abi::KvRowsLayout kv = rowsLayout(cache);
    const uint64_t columns = kv.rowElements(), steps = columns / 16;
    const uint64_t group = uint64_t(op.heads) / kv.kvHeads;
    const uint64_t chunks = kv.rowBytes() / 16;
    const uint64_t tile = 64 * (kv.rowBytes() % 128 == 0 ? chunks : chunks | 1) * 16;
    const uint64_t tiles = kv.rowBytes() <= 128 ? 4 : kv.rowBytes() <= 256 ? 2 : 1;
    const uint64_t sharers = columns <= 128 ? 1 : 2, own = (steps + sharers - 1) / sharers;
    const uint64_t scales = kv.format == abi::KvFormat::Int8 ? 512 : 0; // of a tile
    const uint64_t windows = (maxTokens + kWindowItems - 1) / kWindowItems;
    const uint64_t query = steps * 512;
    const uint64_t inWarp = (steps + 3) / 4, outsideSplit = inWarp > 2 ? inWarp * 4096 : 0;
    const uint64_t split =
        2 * tiles * tile + query + tiles * (2048 + 128) + 2 * tiles * scales + outsideSplit;
    const uint64_t work =
        kWindowItems * 32 + 48 + (8 * (windows + 1) + 8 * windows + 7) / 8 * 8 + 64 + 16;
    const uint64_t stages = columns > 96 ? 1 : 2, lanesAt = stages * 2 * tile + 4 / sharers * query;
    const uint64_t outside =
        own <= 4
            ? 0
            : std::min(own,
                       ((99u << 10) - lanesAt - 2 * scales - (work + 15) / 16 * 16) / 4096 - 1);
    const uint64_t lane = 32 + 32 * std::max<uint64_t>(outside, 1);
    const uint64_t shared = lanesAt + kThreads * lane + 2 * scales;
    sharedBytes = std::max(split, maxTokens > 16 ? shared : 0) + (work + 15) / 16 * 16;
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
  if (op.window < 0 || op.window > int64_t(UINT32_MAX))
    return noAttention(name, format("a window of %lld positions", (long long)op.window));
  if (op.softcap != 0 && !(std::isnormal(op.softcap) && std::isnormal(1 / op.softcap)))
    return noAttention(
        name, format("a softcap of %g, whose reciprocal is no number", double(op.softcap)));
  if (program.values[op.operands[0]].kind != ValueKind::Bf16Rows)
    return noAttention(name, "queries come in bfloat16");
  return Status::ok();
}

/// What a program may ask for and no kernel of this target does.
Status checkSizes(const KernelProgram &program, uint32_t maxTokens, const Sizes &sizes) {
  const ProgramOp &op = program.ops[0];
  const abi::KvLayout &kv = program.values[op.operands[1]].kv;
  const auto refuse = [](const std::string &why) {
    return Status(ErrorClass::Config, "attention-cuda", why);
  };
  const std::string heads = format("%lld query heads over %u KV heads of %u columns",
                                   static_cast<long long>(op.heads), kv.kvHeads, kv.headDim);
  if (kv.headDim == 0 || kv.headDim > kMostHeadDim || kv.headDim % 2 != 0)
    return refuse(format("%s: target cuda has attention for heads of 2 to %u columns, an even "
                         "number; compile for cpu alone",
                         heads.c_str(), kMostHeadDim));
  if (kv.blockTokens == 0 || kv.blockTokens % 16 != 0)
    return refuse(
        format("cache blocks of %u positions; a multiple of 16 is needed", kv.blockTokens));
  if (sizes.counterBytes > kCounterBytes)
    return refuse(format("%s in steps of %u tokens need %llu bytes of counters, there are %llu; "
                         "give fewer --max-tokens",
                         heads.c_str(), maxTokens, ull(sizes.counterBytes), ull(kCounterBytes)));
  if (sizes.sharedBytes > kMostBlockBytes)
    return refuse(format("%s in steps of %u tokens need %llu bytes of shared memory, a block has "
                         "%u; give fewer --max-tokens",
                         heads.c_str(), maxTokens, ull(sizes.sharedBytes), kMostBlockBytes));
  return Status::ok();
}

} // namespace

Result<KernelSource> emitAttention(const KernelProgram &program, std::string_view name,
                                   TokenBound bound, uint64_t partialBytes) {
  INGOT_TRY(check(program, name));
  const ProgramOp &op = program.ops[0];
  const ProgramValue &cache = program.values[op.operands[1]];
  const bool rounds = program.ops.size() == 2;
  const ProgramValue &result = program.values[program.ops.back().results[0]];
  const uint32_t maxTokens = std::max(bound.maxTokens, 1u);
  const Sizes sizes(program, maxTokens, partialBytes);
  INGOT_TRY(checkSizes(program, maxTokens, sizes));

  KernelSource source;
  source.name = std::string(name);
  source.shape.threads = kThreads;
  source.shape.dynamicSharedBytes = uint32_t(sizes.sharedBytes);
  source.shape.scratchBytes = sizes.scratchBytes;
  source.shape.counterBytes = kCounterBytes;
  const uint64_t items = uint64_t(maxTokens) * cache.kv.kvHeads;
  source.shape.blocksPerItem = uint32_t(std::max<uint64_t>(1, kBlocks / items));
  source.shape.itemsPerBlock = uint32_t(std::max<uint64_t>(1, items / kBlocks));

  const bool sinks = op.operands.size() > 2;
  const int slots[] = {program.values[op.operands[0]].slot, cache.slot, result.slot,
                       sinks ? program.values[op.operands[2]].slot : 0};
  const int scratch = *std::max_element(std::begin(slots), std::end(slots)) + 1;
  const char *kernel = source.name.c_str();
  source.text = format(
      "#include \"codegen/cuda/kernels/Attention.cuh\"\n\nnamespace ingot::gpu {\n\n"
      "using %s_shape = %sAttentionShape<%u, %lld, %u, %u, %u, %llu, "
      "static_cast<abi::KvFormat>(%u), %lld, %s, %s>%s;\n"
      "static_assert(AttentionMemory<%s_shape>::kBytes == %u);\n"
      "static_assert(AttentionScratch<%s_shape>::kBytes == %llu);\n\n",
      kernel, rounds ? "RoundedResults<" : "", cache.kv.headDim, static_cast<long long>(op.heads),
      cache.kv.kvHeads, cache.kv.blockTokens, maxTokens,
      static_cast<unsigned long long>(sizes.partialRows), static_cast<unsigned>(cache.kvFormat),
      static_cast<long long>(op.window), op.softcap > 0 ? "true" : "false",
      sinks ? "true" : "false", rounds ? ">" : "", kernel, source.shape.dynamicSharedBytes, kernel,
      static_cast<unsigned long long>(sizes.scratchBytes));
  source.text += format("INGOT_KERNEL(%s, %u) {\n"
                        "  attention<%s_shape>({.batch = args.pointer<const abi::BatchView>(0),\n"
                        "                       .view = args.pointer<const abi::KvView>(%d),\n"
                        "                       .queries = args.pointer<const u8>(%d),\n"
                        "                       .results = args.pointer<u8>(%d),\n"
                        "                       .scratch = args.pointer<u8>(%d),\n"
                        "                       .scale = %s,\n",
                        kernel, kThreads, kernel, cache.slot, slots[0], result.slot, scratch,
                        literal(op.scale).c_str());
  const float inverse = op.softcap > 0 ? 1.0f / op.softcap : 0.0f;
  source.text += format("                       .softcap = %s, .softcapInverse = %s,\n"
                        "                       .sinks = ",
                        literal(op.softcap).c_str(), literal(inverse).c_str());
  source.text += sinks ? format("args.pointer<const float>(%d)", slots[3]) : "nullptr";
  source.text += "});\n}\n\n} // namespace ingot::gpu\n";
  return source;
}

} // namespace ingot::cuda
