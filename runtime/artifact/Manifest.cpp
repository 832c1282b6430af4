#include "runtime/artifact/Manifest.h"

#include "runtime/artifact/KernelAbi.h"
#include "runtime/base/CheckedMath.h"

#include <algorithm>
#include <iterator>

namespace ingot::artifact {

static constexpr const char *kSegmentKinds[] = {"weights",   "cpu image",     "cubin", "ptx",
                                                "tokenizer", "known answers", "text"};
static constexpr const char *kSymbols[] = {"1", "tokens", "sequences", "returned_rows",
                                           "attention_items"};
static constexpr const char *kBufferKinds[] = {"arena", "io"};
static constexpr const char *kLaunchKinds[] = {"kernel", "host", "copy", "fill", "collective"};
static constexpr const char *kArgKinds[] = {"batch", "kv", "buffer", "param", "constant"};
static constexpr const char *kOutputs[] = {"logits", "argmax", "sampled"};

template <typename Enum, size_t count>
static const char *nameIn(const char *const (&names)[count], Enum value) {
  const size_t index = static_cast<size_t>(value);
  return index < count ? names[index] : "unknown";
}

const char *nameOf(SegmentKind kind) { return nameIn(kSegmentKinds, kind); }
const char *nameOf(Symbol symbol) { return nameIn(kSymbols, symbol); }
const char *nameOf(BufferKind kind) { return nameIn(kBufferKinds, kind); }
const char *nameOf(LaunchKind kind) { return nameIn(kLaunchKinds, kind); }
const char *nameOf(ArgKind kind) { return nameIn(kArgKinds, kind); }
const char *nameOf(StepOutput output) { return nameIn(kOutputs, output); }

uint64_t Segment::chunkCount() const { return chunkBytes == 0 ? 1 : ceilDiv(bytes, chunkBytes); }

LevelShape Kernel::shapeAt(std::string_view level) const {
  constexpr std::string_view kHostPrefix = "host_";
  std::string wanted(level);
  if (level.starts_with(kHostPrefix))
    wanted = "sm_" + wanted.substr(kHostPrefix.size());
  for (const LevelShape &shape : levels)
    if (shape.level == wanted)
      return shape;
  return {*this, wanted, false, {}};
}

uint64_t SymbolValues::of(Symbol symbol) const {
  switch (symbol) {
  case Symbol::One:
    return 1;
  case Symbol::Tokens:
    return tokens;
  case Symbol::Sequences:
    return sequences;
  case Symbol::ReturnedRows:
    return returnedRows;
  case Symbol::AttentionItems:
    return attentionItems;
  }
  return 0;
}

std::optional<abi::KvFormat> kvFormatOfRows(std::string_view name) {
  for (size_t i = 0; i < std::size(kKvFormatsOfRows); ++i)
    if (name == kKvFormatsOfRows[i])
      return static_cast<abi::KvFormat>(i);
  return std::nullopt;
}

uint64_t kvBlockBytes(const KvGroup &g) {
  if (const std::optional<abi::KvFormat> rows = kvFormatOfRows(g.format))
    return abi::KvRowsLayout{g.layers, g.heads, g.keyDim, g.blockTokens, *rows}.blockBytes();
  return abi::KvLayout{g.layers, g.heads, g.keyDim, g.blockTokens}.blockBytes();
}

const TargetProgram *Manifest::programOf(std::string_view name) const {
  if (target == name)
    return this;
  for (const TargetProgram &program : programs)
    if (program.target == name)
      return &program;
  return nullptr;
}

Manifest Manifest::withProgram(std::string_view name) const {
  Manifest result = *this;
  if (target == name)
    return result;
  static_cast<TargetProgram &>(result) = *programOf(name);
  return result;
}

std::vector<bool> usedParams(const TargetProgram &program, size_t params) {
  std::vector<bool> used(params, false);
  const auto mark = [&](const std::vector<Schedule> &schedules) {
    for (const Schedule &schedule : schedules)
      for (const Launch &launch : schedule.launches)
        for (const Arg &arg : launch.args)
          if (arg.kind == ArgKind::Param && arg.index < params)
            used[arg.index] = true;
  };
  mark(program.plan.schedules);
  for (const Probe &probe : program.probes)
    mark(probe.schedules);
  return used;
}

uint64_t weightBytes(const TargetProgram &program, const std::vector<Param> &params) {
  const std::vector<bool> used = usedParams(program, params.size());
  CheckedU64 bytes(0);
  for (size_t i = 0; i < params.size(); ++i)
    if (used[i])
      bytes = bytes + CheckedU64(params[i].data.bytes);
  return bytes.valueOrMax();
}

SymbolValues symbolBounds(const Schedule &schedule, const MemoryContract &memory) {
  const uint64_t tokens = schedule.maxTokens;
  return {tokens, std::min<uint64_t>(tokens, memory.maxSequences), tokens, tokens};
}

std::optional<uint64_t> evaluate(const Extent &extent, const SymbolValues &values) {
  CheckedU64 sum(extent.base);
  for (const Term &term : extent.terms) {
    if (term.ceilDiv == 0)
      return std::nullopt;
    sum = sum +
          CheckedU64(term.coefficient) * CheckedU64(ceilDiv(values.of(term.symbol), term.ceilDiv));
  }
  return sum.ok() ? std::optional(sum.valueOrMax()) : std::nullopt;
}

} // namespace ingot::artifact
