// The explanation for people: one section after the other.
#include "runtime/base/Format.h"
#include "runtime/tools/Inspect.h"

#include <algorithm>
#include <map>
#include <set>

namespace ingot::tools {

using namespace artifact;

static void writeHead(const Artifact &a, std::ostream &out) {
  const Manifest &m = a.manifest();
  out << (m.modelName.empty() ? a.path() : m.modelName)
      << format(" (%s): %s, format %u, kernel interface %u, needs Ingot %s or newer\n",
                m.architecture.empty() ? "architecture unknown" : m.architecture.c_str(),
                formatBytes(a.bytes().size()).c_str(), m.formatVersion, m.kernelAbi,
                m.minimumRuntime.empty() ? "0.1.0" : m.minimumRuntime.c_str());
}

static void writeRanges(const Artifact &a, bool split, std::ostream &out) {
  out << format("\nBytes of the file\n  %14s %14s  %s\n", "offset", "bytes", "what");
  uint64_t sum = 0;
  for (const ByteRange &range : byteRanges(a, split)) {
    sum += range.bytes;
    out << format("  %14llu %14llu  %s%s%s\n", ull(range.offset), ull(range.bytes),
                  range.kind.c_str(), range.name.empty() ? "" : "  ", range.name.c_str());
  }
  out << format("  %14s %14llu  = size of the file\n", "", ull(sum));
}

static void writeMemory(const Manifest &m, std::ostream &out) {
  const MemoryContract &c = m.memory;
  out << "\nMemory it needs\n";
  const auto line = [&](const char *what, uint64_t bytes, const char *note) {
    out << format("  %-26s %12s  %s\n", what, formatBytes(bytes).c_str(), note);
  };
  line("weights", c.weightsBytes, "mapped from the file, or generated");
  line("step arena", c.arenaBytes, "");
  line(m.target == "cpu" ? "scratch per worker" : "scratch", c.scratchBytesPerWorker, "");
  line("logits", c.logitsBytes, "");
  line("host tables", c.hostTableBytes, "");
  line("one KV block", c.kvBlockBytes, "all groups");
  out << format("  at most %u tokens per step, %u sequences, %u tokens of context\n",
                c.maxBatchTokens, c.maxSequences, c.maxContext);
  for (const KvGroup &g : m.plan.kvGroups)
    out << format(
        "  KV group %s: %u layers, %u heads of %u, %s, blocks of %u positions, %s each, %llu bytes "
        "per token%s\n",
        g.kind.c_str(), g.layers, g.heads, g.keyDim, g.format.c_str(), g.blockTokens,
        formatBytes(g.blockBytes).c_str(),
        static_cast<unsigned long long>(g.blockTokens ? g.blockBytes / g.blockTokens : 0),
        g.window ? format(", window %u", g.window).c_str() : "");
}

/// Parameters by what they are stored as.
static void writeQuantization(const Manifest &m, std::ostream &out) {
  struct Total {
    uint64_t count = 0, bytes = 0, elements = 0;
  };
  std::map<std::string, Total> totals;
  for (const Param &param : m.params) {
    std::string key = param.format + " " + param.layout;
    if (param.format.rfind("int", 0) == 0)
      key += param.group ? " group " + std::to_string(param.group) : " per channel";
    if (param.generator)
      key += " (generated)";
    Total &total = totals[key];
    ++total.count;
    total.bytes += param.data.bytes;
    uint64_t elements = 1;
    for (uint64_t dimension : param.shape)
      elements *= dimension;
    total.elements += elements;
  }
  out << format("\nParameters (%zu)\n", m.params.size());
  for (const auto &[key, total] : totals)
    out << format("  %-36s %6llu  %12s  %.3f bits per element\n", key.c_str(), ull(total.count),
                  formatBytes(total.bytes).c_str(),
                  8.0 * static_cast<double>(total.bytes) / static_cast<double>(total.elements));
}

static void writeTensors(const Manifest &m, std::ostream &out) {
  out << "\nEach parameter, with its rows of checkpoint tensors\n";
  for (const Param &param : m.params) {
    out << format("  %s: %s, %llu bytes\n", param.name.c_str(), describeParam(param).c_str(),
                  ull(param.data.bytes));
    for (const SourceRows &source : param.sources)
      if (param.sources.size() > 1 || source.tensor != param.name)
        out << format("      rows %llu..%llu  %s\n", ull(source.rowBegin),
                      ull(source.rowBegin + source.rows - 1), source.tensor.c_str());
  }
}

/// Where the code of an image runs.
static std::string describeImage(const Image &image) {
  if (image.target == "cuda" && image.level == "host")
    return "CUDA kernels for this machine's processor, thread by thread";
  if (image.target == "cuda" && image.level == "host_90a")
    return "kernels of sm_90a for this machine's processor, thread by thread";
  if (image.target == "cuda" && image.level.starts_with("compute_"))
    return "PTX: compiled by the driver of a newer GPU, with --allow-jit";
  if (image.target == "cuda")
    return "cubins";
  const Result<CpuLevel> level = parseLevel(image.level);
  const bool runs = image.target == "cpu" && level && CpuFeatures::host().runs(*level);
  return runs ? "runs on this machine" : "does not run on this machine";
}

static void writeCode(const Manifest &m, std::ostream &out) {
  out << format("\nCode (%zu kernels in each image)\n", m.kernels.size());
  for (const Image &image : m.images)
    if (image.target == m.target)
      out << format("  %s %s: %s, %s\n", image.target.c_str(), image.level.c_str(),
                    formatBytes(m.segments[image.segment].bytes).c_str(),
                    describeImage(image).c_str());
  for (const Kernel &kernel : m.kernels) {
    out << format("  %-56s %-10s scratch %s", kernel.name.c_str(), kernel.family.c_str(),
                  formatBytes(kernel.scratchBytes).c_str());
    if (kernel.counterBytes)
      out << format(" (counters %s)", formatBytes(kernel.counterBytes).c_str());
    if (kernel.threads)
      out << format(", blocks of %u threads, shared %s", kernel.threads,
                    formatBytes(kernel.sharedBytes).c_str());
    out << "\n";
    for (const LevelShape &shape : kernel.levels)
      out << format("    on %s: blocks of %u threads%s, shared %s, %zu tensor maps\n",
                    shape.level.c_str(), shape.threads,
                    shape.persistent ? ", one per multiprocessor" : "",
                    formatBytes(shape.sharedBytes).c_str(), shape.maps.size());
  }
}

static void writeFusions(const Manifest &m, std::ostream &out) {
  if (m.fusions.empty())
    return;
  out << "\nFusions\n";
  for (const FusionCount &fusion : m.fusions)
    out << format("  %-28s fired %5u   missed %5u%s%s\n", fusion.name.c_str(), fusion.fired,
                  fusion.missed, fusion.reason.empty() ? "" : "   ", fusion.reason.c_str());
}

static std::string joined(const std::vector<uint32_t> &list) {
  std::string text;
  for (uint32_t item : list)
    text += (text.empty() ? "" : ",") + std::to_string(item);
  return text.empty() ? "-" : text;
}

static void writeLaunch(const Manifest &m, size_t index, const Launch &launch, std::ostream &out) {
  const char *what = launch.kind == LaunchKind::Kernel ? m.kernels[launch.kernel].name.c_str()
                                                       : nameOf(launch.kind);
  out << format("    %4zu  %-36s %s  items %s  reads %s  writes %s\n", index, launch.label.c_str(),
                what, describeExtent(launch.items).c_str(), joined(launch.reads).c_str(),
                joined(launch.writes).c_str());
}

/// What one row of a buffer belongs to.
static const char *rowName(Symbol rows) {
  constexpr const char *kNames[] = {"step", "token", "sequence", "returned row", "attention item"};
  return kNames[static_cast<size_t>(rows)];
}

static void writePlan(const Manifest &m, bool launches, std::ostream &out) {
  out << format("\nPlan (vocabulary %u, signature %016llx)\n", m.plan.vocab, ull(m.plan.signature));
  if (launches)
    for (size_t i = 0; i < m.plan.buffers.size(); ++i) {
      const Buffer &b = m.plan.buffers[i];
      out << format("  buffer %3zu  %-28s %-5s %llu bytes per %s\n", i, b.name.c_str(),
                    nameOf(b.kind), ull(b.rowBytes), rowName(b.rows));
    }
  for (const Schedule &s : m.plan.schedules) {
    out << format("  schedule %-20s %-6s up to %5u tokens  %4zu launches  arena %s\n",
                  s.name.c_str(), nameOf(s.output), s.maxTokens, s.launches.size(),
                  formatBytes(s.arenaBytes).c_str());
    for (size_t i = 0; launches && i < s.launches.size(); ++i)
      writeLaunch(m, i, s.launches[i], out);
  }
}

/// Token ids, indices and logits of a vector.
static size_t bytesOf(const KnownAnswer &answer) {
  return 4 * (answer.tokenIds.size() + answer.indices.size() + answer.logits.size());
}

static void writeAnswer(const KnownAnswer &answer, const char *what, std::ostream &out) {
  out << format("  %-12s %3zu logits after tokens %s, tolerance %g, %zu bytes\n", what,
                answer.logits.size(), joined(answer.tokenIds).c_str(),
                static_cast<double>(answer.tolerance), bytesOf(answer));
}

/// Kernels that the schedules of probes call, each once.
static size_t kernelsOfProbes(const Manifest &m) {
  std::set<uint32_t> kernels;
  for (const Probe &probe : m.probes)
    for (const Schedule &schedule : probe.schedules)
      for (const Launch &launch : schedule.launches)
        if (launch.kind == LaunchKind::Kernel)
          kernels.insert(launch.kernel);
  return kernels.size();
}

static void writeKnownAnswers(const Manifest &m, std::ostream &out) {
  out << format("\nKnown answers (%zu, compared by ingot verify --run)\n",
                m.knownAnswers.size() + m.probes.size());
  for (const KnownAnswer &answer : m.knownAnswers)
    writeAnswer(answer, "whole model", out);
  for (const Probe &probe : m.probes) {
    writeAnswer(probe.answer, "first layer", out);
    for (const Schedule &s : probe.schedules)
      out << format("    schedule %-18s %-6s up to %5u tokens  %4zu launches\n", s.name.c_str(),
                    nameOf(s.output), s.maxTokens, s.launches.size());
  }
  if (!m.probes.empty())
    out << format("  the first layer's schedules run %zu of %zu kernels\n", kernelsOfProbes(m),
                  m.kernels.size());
}

static void writeRest(const Artifact &a, std::ostream &out) {
  const Manifest &m = a.manifest();
  const GenerationDefaults &g = m.generation;
  out << format("\nText\n  tokenizer %s, chat template %zu bytes\n",
                m.tokenizerSegment < 0 ? "absent" : formatBytes(a.tokenizer().size()).c_str(),
                m.chatTemplate.size());
  out << format(
      "  defaults: temperature %g, top-k %u, top-p %g, min-p %g, max tokens %u, stop ids %s, "
      "bos %d\n",
      static_cast<double>(g.temperature), g.topK, static_cast<double>(g.topP),
      static_cast<double>(g.minP), g.maxTokens, joined(g.stopIds).c_str(), g.bosId);
  out << "\nProvenance\n";
  for (const KeyValue &entry : m.provenance)
    out << "  " << entry.key << ": " << entry.value << "\n";
}

/// What the artifact has for one target.
static void writeProgram(const Manifest &m, const InspectOptions &options, std::ostream &out) {
  out << format("\nTarget %s, profile %s%s%s\n", m.target.c_str(), m.profile.c_str(),
                m.recipe.empty() ? "" : ", recipe ", m.recipe.c_str());
  writeMemory(m, out);
  writeCode(m, out);
  writePlan(m, options.plan, out);
  writeKnownAnswers(m, out);
}

void inspectAsText(const Artifact &artifact, const InspectOptions &options, std::ostream &out) {
  const Manifest &m = artifact.manifest();
  writeHead(artifact, out);
  writeRanges(artifact, options.tensors, out);
  writeQuantization(m, out);
  if (options.tensors)
    writeTensors(m, out);
  writeFusions(m, out);
  writeProgram(m, options, out);
  for (const TargetProgram &program : m.programs)
    writeProgram(*artifact.manifestFor(program.target), options, out);
  writeRest(artifact, out);
}

} // namespace ingot::tools
