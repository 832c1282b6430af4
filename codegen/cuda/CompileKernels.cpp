#include "codegen/cuda/CompileKernels.h"

#include "codegen/ParallelTasks.h"
#include "codegen/cuda/EmbeddedSources.h"
#include "codegen/cuda/HostCompiler.h"
#include "runtime/artifact/ModuleBundle.h"
#include "runtime/base/Format.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace ingot::cuda {

namespace {

constexpr std::string_view kCubinArchitectures[] = {"sm_80",  "sm_86",   "sm_89",
                                                    "sm_90a", "sm_100a", "sm_120"};
constexpr std::string_view kPtxArchitectures[] = {"compute_80", "compute_90"};
constexpr std::string_view kHostArchitectures[] = {"host", "host_90a"};

bool isHost(std::string_view architecture) { return architecture.starts_with("host"); }

struct Code {
  KernelResources resources;
  std::vector<uint8_t> bytes;
};

/// One module: a source for one architecture, or all sources for the host, where they share what
/// executes them.
struct Task {
  std::span<const KernelSource> sources;
  const std::string *architecture;
  Code code;
  KernelCode report;
  Status status;
};

/// All that a compilation depends on besides source and architecture.
std::string environmentOf(const Nvrtc *nvrtc, bool host) {
  std::string text = host ? hostCompilerIdentity() : nvrtc->version() + " ";
  if (!host)
    text += Nvrtc::options();
  for (const EmbeddedSource &source : embeddedSources()) {
    text += '\n';
    text += source.path;
    text += '\n';
    text += source.text;
  }
  return text;
}

std::vector<uint8_t> toEntry(const Code &code) {
  std::vector<uint8_t> entry(sizeof code.resources + code.bytes.size());
  std::memcpy(entry.data(), &code.resources, sizeof code.resources);
  std::copy(code.bytes.begin(), code.bytes.end(), entry.begin() + sizeof code.resources);
  return entry;
}

std::optional<Code> fromEntry(std::span<const uint8_t> entry) {
  Code code;
  if (entry.size() <= sizeof code.resources)
    return std::nullopt;
  std::memcpy(&code.resources, entry.data(), sizeof code.resources);
  code.bytes.assign(entry.begin() + sizeof code.resources, entry.end());
  return code;
}

class Compilation {
public:
  Compilation(const CompileKernelsOptions &options, const Nvrtc *nvrtc)
      : options_(options), nvrtc_(nvrtc) {
    for (const std::string &architecture : options.architectures)
      environments_[isHost(architecture)] = environmentOf(nvrtc, isHost(architecture));
  }

  void run(Task &task) const {
    const bool host = isHost(*task.architecture);
    std::vector<std::string_view> parts = {*task.architecture, environments_[host]};
    for (const KernelSource &source : task.sources)
      parts.insert(parts.end(), {source.name, source.text});
    const std::string key = KernelCache::keyOf(parts);
    if (options_.cache)
      if (const auto entry = options_.cache->find(key))
        if (auto code = fromEntry(*entry)) {
          task.code = std::move(*code);
          task.report.cached = true;
        }
    if (!task.report.cached) {
      const auto begin = std::chrono::steady_clock::now();
      Result<Code> code = host ? compileHost(task) : compileDevice(task);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
      if (!code) {
        task.status = std::move(code).status();
        if (!host)
          task.status = std::move(task.status).at(task.sources[0].name);
        return;
      }
      task.code = *std::move(code);
      task.report.seconds = seconds.count();
      if (options_.cache)
        options_.cache->store(key, toEntry(task.code));
    }
    task.report.kernel = host ? "all" : task.sources[0].name;
    task.report.resources = task.code.resources;
    task.report.bytes = task.code.bytes.size();
  }

private:
  Result<Code> compileHost(const Task &task) const {
    Code code;
    HostCompileOptions compile;
    compile.processes = options_.threads;
    compile.cache = options_.cache;
    INGOT_ASSIGN(code.bytes, compileForHost(task.sources, compile));
    return code;
  }

  Result<Code> compileDevice(const Task &task) const {
    INGOT_ASSIGN(NvrtcOutput output, nvrtc_->compile(task.sources[0].text, *task.architecture));
    return Code{output.resources, std::move(output.code)};
  }

  const CompileKernelsOptions &options_;
  const Nvrtc *nvrtc_;
  std::string environments_[2]; ///< of NVRTC, of the host
};

CudaImage imageOf(const std::string &architecture, std::span<Task> tasks) {
  CudaImage image;
  image.architecture = architecture;
  std::vector<CodeModule> modules;
  for (Task &task : tasks) {
    modules.push_back({task.code.bytes, {}});
    for (const KernelSource &source : task.sources)
      modules.back().kernels.push_back(source.name);
    image.kernels.push_back(std::move(task.report));
  }
  image.bundle = writeModuleBundle(modules);
  return image;
}

} // namespace

KernelSource sourceFor(const KernelSource &source, std::string_view architecture) {
  const std::string_view name = architecture == "host_90a" ? "sm_90a" : architecture;
  for (const KernelVariant &variant : source.variants)
    if (variant.architecture == name)
      return {source.name, variant.text, variant.shape, {}};
  return {source.name, source.text, source.shape, {}};
}

std::vector<std::string> defaultArchitectures() {
  std::vector<std::string> names(std::begin(kCubinArchitectures), std::end(kCubinArchitectures));
  names.emplace_back(kPtxArchitectures[0]);
  return names;
}

Status checkArchitecture(std::string_view architecture) {
  if (architecture == kHostArchitectures[0] || architecture == kHostArchitectures[1])
    return Status::ok();
  std::string known; // to people: the host's are targets of their own (cuda-host)
  for (const auto &list : {std::span<const std::string_view>(kCubinArchitectures),
                           std::span<const std::string_view>(kPtxArchitectures)})
    for (std::string_view name : list) {
      if (name == architecture)
        return Status::ok();
      known += (known.empty() ? "" : ", ") + std::string(name);
    }
  return Status(ErrorClass::Usage, "cuda-architecture",
                "target cuda has no architecture '" + std::string(architecture) +
                    "'; known: " + known);
}

Status checkToolchain(std::span<const std::string> architectures) {
  bool device = false;
  for (const std::string &architecture : architectures) {
    INGOT_TRY(checkArchitecture(architecture));
    device |= !isHost(architecture);
    if (isHost(architecture) && hostCompilerIdentity().empty())
      return compileForHost({}, {}).status();
  }
  return device ? Nvrtc::load().status() : Status::ok();
}

Result<std::vector<CudaImage>> compileKernels(std::span<const KernelSource> sources,
                                              const CompileKernelsOptions &options,
                                              const std::function<void(double)> &progress) {
  std::unique_ptr<Nvrtc> nvrtc;
  for (const std::string &architecture : options.architectures) {
    INGOT_TRY(checkArchitecture(architecture));
    if (!isHost(architecture) && !nvrtc) {
      INGOT_ASSIGN(nvrtc, Nvrtc::load());
    }
  }
  std::vector<std::vector<KernelSource>> own; // of each architecture
  for (const std::string &architecture : options.architectures) {
    std::vector<KernelSource> &list = own.emplace_back();
    for (const KernelSource &source : sources)
      list.push_back(sourceFor(source, architecture));
  }
  std::vector<Task> tasks;
  for (size_t a = 0; a < own.size(); ++a) {
    const std::string &architecture = options.architectures[a];
    const size_t each = isHost(architecture) ? sources.size() : 1; // sources of a module
    for (size_t i = 0; i < sources.size(); i += each)
      tasks.push_back({std::span(own[a]).subspan(i, each), &architecture, {}, {}, {}});
  }
  const Compilation compilation(options, nvrtc.get());
  runTasks(tasks.size(), options.threads, [&](size_t i) { compilation.run(tasks[i]); }, progress);
  if (options.cache)
    options.cache->trim();

  std::vector<CudaImage> images;
  size_t first = 0;
  for (const std::string &architecture : options.architectures) {
    const size_t count = isHost(architecture) ? 1 : sources.size();
    const std::span<Task> done = std::span(tasks).subspan(first, count);
    first += count;
    for (Task &task : done)
      INGOT_TRY(std::move(task.status));
    images.push_back(imageOf(architecture, done));
  }
  return images;
}

} // namespace ingot::cuda
