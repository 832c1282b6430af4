#include "compiler/Report.h"

#include "runtime/base/Format.h"
#include "runtime/base/JsonWriter.h"

#include <algorithm>
#include <ostream>

using namespace ingot;

namespace {

uint64_t kvBytesPerToken(const artifact::TargetProgram &program) {
  uint64_t bytes = 0;
  for (const artifact::KvGroup &group : program.plan.kvGroups)
    bytes += group.blockTokens ? group.blockBytes / group.blockTokens : 0;
  return bytes;
}

void printFusions(const TargetReport &target, uint32_t layerCount, std::ostream &out) {
  out << "fusions of target " << target.target << "\n";
  for (const artifact::FusionCount &fusion : target.fusions) {
    out << format("  %-22s fired %4u", fusion.name.c_str(), fusion.fired);
    if (fusion.missed > 0)
      out << format(", missed %u: %s", fusion.missed, fusion.reason.c_str());
    out << "\n";
  }
  const double layers = std::max(1u, layerCount);
  out << format("  launches per decode step %u, unfused %u (%.1f and %.1f per layer)\n",
                target.launchesFused, target.launchesUnfused, target.launchesFused / layers,
                target.launchesUnfused / layers);
}

/// Kernels of one GPU architecture in a line; what took long, spilled or is large shows in its
/// numbers.
struct LevelSummary {
  uint32_t kernels = 0, cached = 0, registers = 0, spillBytes = 0, sharedBytes = 0, losses = 0;
  uint64_t codeBytes = 0;
  double seconds = 0;

  void add(const KernelReport &kernel) {
    ++kernels;
    cached += kernel.cached;
    registers = std::max(registers, kernel.registers);
    spillBytes += kernel.spillBytes;
    losses += kernel.losses;
    sharedBytes = std::max(sharedBytes, kernel.staticSharedBytes + kernel.dynamicSharedBytes);
    codeBytes += kernel.codeBytes;
    seconds += kernel.seconds;
  }
};

void printKernels(const CompileReport &report, bool each, std::ostream &out) {
  if (report.kernels.empty())
    return;
  std::vector<std::pair<std::string, LevelSummary>> levels;
  for (const KernelReport &kernel : report.kernels) {
    if (levels.empty() || levels.back().first != kernel.level)
      levels.emplace_back(kernel.level, LevelSummary());
    levels.back().second.add(kernel);
  }
  out << "GPU code\n";
  for (const auto &[level, sum] : levels)
    out << format("  %-10s %3u kernels, %10s, at most %3u registers and %s of shared memory, "
                  "%u bytes spilled, %u losses named by the assembler, %.1f s (%u from the cache)"
                  "%s\n",
                  level.c_str(), sum.kernels, formatBytes(sum.codeBytes).c_str(), sum.registers,
                  formatBytes(sum.sharedBytes).c_str(), sum.spillBytes, sum.losses, sum.seconds,
                  sum.cached, level == "sm_100a" ? "; kernels of the sm_80 family" : "");
  if (!each)
    return;
  out << format("  %-10s %-44s %9s %6s %6s %6s %7s %8s %9s %7s\n", "level", "kernel", "registers",
                "stack", "spills", "losses", "static", "dynamic", "bytes", "seconds");
  for (const KernelReport &k : report.kernels)
    out << format("  %-10s %-44s %9u %6u %6u %6u %7u %8u %9llu %7.2f\n", k.level.c_str(),
                  k.kernel.c_str(), k.registers, k.stackBytes, k.spillBytes, k.losses,
                  k.staticSharedBytes, k.dynamicSharedBytes, ull(k.codeBytes), k.seconds);
}

void printMemory(const artifact::TargetProgram &program, bool several, std::ostream &out) {
  const artifact::MemoryContract &memory = program.memory;
  out << "memory at run time" << (several ? ", target " + program.target : "") << "\n";
  const std::pair<const char *, uint64_t> rows[] = {
      {"weights", memory.weightsBytes},
      {"activations", memory.arenaBytes},
      {program.target == "cpu" ? "scratch per worker" : "scratch", memory.scratchBytesPerWorker},
      {"logits", memory.logitsBytes},
      {"host tables", memory.hostTableBytes},
      {"KV per token", kvBytesPerToken(program)}};
  for (const auto &[name, bytes] : rows)
    out << format("  %-20s %12s\n", name, formatBytes(bytes).c_str());
  out << format("  for %u sequences, %u tokens per step, context %u\n", memory.maxSequences,
                memory.maxBatchTokens, memory.maxContext);
}

} // namespace

void ingot::printReport(const CompileReport &report, const CompileOptions &options,
                        std::ostream &out) {
  const artifact::Manifest &manifest = report.manifest;
  out << manifest.modelName << " (" << manifest.architecture << "), "
      << format("%.1f M parameters, %u layers\n", report.parameters / 1e6, report.layers);
  out << "time\n";
  double total = 0;
  for (const StageTime &stage : report.stages) {
    out << format("  %-20s %8.2f s\n", stage.name.c_str(), stage.seconds);
    total += stage.seconds;
  }
  out << format("  %-20s %8.2f s\n", "total", total);
  for (const TargetReport &target : report.targets)
    printFusions(target, report.layers, out);
  size_t kernels = manifest.kernels.size();
  for (const artifact::TargetProgram &program : manifest.programs)
    kernels += program.kernels.size();
  out << format("code\n  %zu kernels in %zu images, %s\n", kernels, manifest.images.size(),
                formatBytes(report.codeBytes).c_str());
  printKernels(report, options.reportKernels, out);
  printMemory(manifest, !manifest.programs.empty(), out);
  for (const artifact::TargetProgram &program : manifest.programs)
    printMemory(program, true, out);
  if (options.dryRun)
    out << "dry run: nothing written\n";
  else
    out << options.output << ": " << formatBytes(report.fileBytes) << "\n";
}

static void writeFusions(const TargetReport &target, JsonWriter &json) {
  json.key("fusions").beginArray();
  for (const artifact::FusionCount &fusion : target.fusions)
    json.beginObject()
        .field("name", std::string_view(fusion.name))
        .field("fired", fusion.fired)
        .field("missed", fusion.missed)
        .field("reason", std::string_view(fusion.reason))
        .endObject();
  json.endArray();
}

void ingot::printReportJson(const CompileReport &report, const CompileOptions &options,
                            std::ostream &out) {
  const artifact::Manifest &manifest = report.manifest;
  const artifact::MemoryContract &memory = manifest.memory;
  JsonWriter json(out);
  json.beginObject();
  json.field("model", std::string_view(manifest.modelName))
      .field("architecture", std::string_view(manifest.architecture))
      .field("parameters", report.parameters)
      .field("layers", report.layers)
      .field("output", std::string_view(options.output))
      .field("file_bytes", report.fileBytes)
      .field("code_bytes", report.codeBytes)
      .field("kernels", static_cast<uint64_t>(manifest.kernels.size()))
      .field("launches_unfused", report.targets[0].launchesUnfused)
      .field("launches", report.targets[0].launchesFused);
  json.key("stages").beginArray();
  for (const StageTime &stage : report.stages)
    json.beginObject()
        .field("name", std::string_view(stage.name))
        .field("seconds", stage.seconds)
        .endObject();
  json.endArray();
  writeFusions(report.targets[0], json); // with the two numbers above, of the first target
  json.key("targets").beginArray();
  for (const TargetReport &target : report.targets) {
    json.beginObject().field("target", std::string_view(target.target));
    json.field("launches_unfused", target.launchesUnfused).field("launches", target.launchesFused);
    writeFusions(target, json);
    json.endObject();
  }
  json.endArray().key("memory").beginObject();
  json.field("weights_bytes", memory.weightsBytes)
      .field("arena_bytes", memory.arenaBytes)
      .field("scratch_bytes_per_worker", memory.scratchBytesPerWorker)
      .field("logits_bytes", memory.logitsBytes)
      .field("host_table_bytes", memory.hostTableBytes)
      .field("kv_block_bytes", memory.kvBlockBytes)
      .field("kv_bytes_per_token", kvBytesPerToken(manifest))
      .field("max_sequences", memory.maxSequences)
      .field("max_batch_tokens", memory.maxBatchTokens)
      .field("max_context", memory.maxContext);
  json.endObject().key("gpu_kernels").beginArray();
  for (const KernelReport &k : report.kernels)
    json.beginObject()
        .field("kernel", std::string_view(k.kernel))
        .field("level", std::string_view(k.level))
        .field("registers", k.registers)
        .field("stack_bytes", k.stackBytes)
        .field("spill_bytes", k.spillBytes)
        .field("losses", k.losses)
        .field("static_shared_bytes", k.staticSharedBytes)
        .field("dynamic_shared_bytes", k.dynamicSharedBytes)
        .field("code_bytes", k.codeBytes)
        .field("seconds", k.seconds)
        .field("cached", k.cached)
        .endObject();
  json.endArray().key("warnings").beginArray();
  for (const std::string &warning : report.warnings)
    json.value(std::string_view(warning));
  json.endArray().endObject();
  out << "\n";
}
