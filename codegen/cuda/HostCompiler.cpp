#include "codegen/cuda/HostCompiler.h"

#include "codegen/cuda/EmbeddedSources.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace ingot::cuda {

namespace {

using Arguments = std::vector<std::string>;

/// A private folder, removed with all it holds.
class ScratchFolder {
public:
  static Result<ScratchFolder> create() {
    const char *base = std::getenv("TMPDIR");
    std::string name = std::string(base && *base ? base : "/tmp") + "/ingot-host-XXXXXX";
    if (!::mkdtemp(name.data()))
      return Status(ErrorClass::CantCreate, "scratch-folder",
                    "cannot create a folder " + name + ": " + std::strerror(errno) +
                        "; set TMPDIR to a writable folder");
    return ScratchFolder(std::move(name));
  }
  ScratchFolder(ScratchFolder &&other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder &operator=(ScratchFolder &&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty())
      std::filesystem::remove_all(path_, ignored);
  }

  const std::string &path() const { return path_; }

  Status write(std::string_view name, std::string_view text) const {
    const std::filesystem::path file = std::filesystem::path(path_) / name;
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    std::ofstream out(file, std::ios::binary);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.close();
    if (!out)
      return Status(ErrorClass::Io, "scratch-write", "cannot write " + file.string());
    return Status::ok();
  }

  std::string read(std::string_view name) const {
    std::ifstream in(std::filesystem::path(path_) / name, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

std::string compilerName() {
  const char *name = std::getenv("INGOT_CXX");
  return name && *name ? name : "c++";
}

/// Starts a program in `folder` with its output in folder/`log`; 0 when it cannot be started.
pid_t start(const Arguments &arguments, const std::string &folder, const std::string &log) {
  std::vector<char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  const int error = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? child : 0;
}

bool succeeded(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// One run of the compiler; the log is NAME.log.
struct Job {
  std::string name;
  Arguments arguments;
};

Status missing(const std::string &compiler) {
  return Status(ErrorClass::Unavailable, "host-compiler-missing",
                "cannot start the C++ compiler \"" + compiler +
                    "\", which kernels for the host need; install g++ or name one in INGOT_CXX");
}

Status failed(const ScratchFolder &folder, const std::string &name) {
  std::string log = folder.read(name + ".log");
  constexpr size_t kMostText = 4000;
  if (log.size() > kMostText)
    log = log.substr(0, kMostText) + "...";
  return Status(ErrorClass::Internal, "host-compile-failed", name + ":\n" + log);
}

/// Runs the jobs, `processes` at once. The first failure in their order is returned.
Status runJobs(const ScratchFolder &folder, std::span<const Job> jobs, unsigned processes) {
  const size_t wave = std::max(1u, processes);
  for (size_t begin = 0; begin < jobs.size(); begin += wave) {
    const auto part = jobs.subspan(begin, std::min(wave, jobs.size() - begin));
    std::vector<pid_t> children;
    for (const Job &job : part)
      children.push_back(start(job.arguments, folder.path(), job.name + ".log"));
    Status first;
    for (size_t i = 0; i < part.size(); ++i) {
      const bool fine = children[i] != 0 && succeeded(children[i]);
      if (!fine && first.isOk())
        first = children[i] == 0 ? missing(part[i].arguments[0]) : failed(folder, part[i].name);
    }
    INGOT_TRY(std::move(first));
  }
  return Status::ok();
}

Arguments compileFlags(bool sanitize) {
  Arguments flags = {"-std=c++20", "-ffp-contract=off", "-fPIC", "-fvisibility=hidden", "-w"};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    flags.insert(flags.end(), {"-mavx2", "-mfma"});
  if (sanitize)
    // What is left out (a third of the time) AddressSanitizer sees when the pointer is used.
    flags.insert(flags.end(), {"-O1", "-g1", "-fsanitize=address,undefined",
                               "-fno-sanitize=null,vptr,object-size,pointer-overflow",
                               "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"});
  else
    flags.push_back("-O2");
  return flags;
}

/// Compiles `name`.cpp of the folder.
Job compileJob(const ScratchFolder &folder, const std::string &name, bool sanitize) {
  Job job{name, {compilerName(), "-ffile-prefix-map=" + folder.path() + "=."}};
  const Arguments flags = compileFlags(sanitize);
  job.arguments.insert(job.arguments.end(), flags.begin(), flags.end());
  // The seed: names that the compiler invents must not differ from run to run.
  job.arguments.insert(job.arguments.end(),
                       {"-frandom-seed=" + name, "-I.", "-c", name + ".cpp", "-o", name + ".o"});
  return job;
}

/// The table that host/Object.cpp reads.
std::string kernelList(std::span<const KernelSource> sources) {
  std::string declarations = "#include \"codegen/cuda/host/Object.h\"\nextern \"C\" {\n";
  std::string entries;
  for (const KernelSource &source : sources) {
    const std::string &name = source.name;
    declarations += "void " + name + "(ingot::gpu::KernelArgs);\nextern const unsigned " + name +
                    "_threads, " + name + "_maps;\n";
    entries += "    {\"" + name + "\", " + name + ", &" + name + "_threads, &" + name + "_maps},\n";
  }
  return declarations + "}\nnamespace ingot::gpu::host {\nconst KernelEntry kKernels[] = {\n" +
         entries + "};\nconst unsigned kKernelCount = " + std::to_string(sources.size()) + ";\n}\n";
}

Status writeHeaders(const ScratchFolder &folder) {
  constexpr std::string_view kStandard = "codegen/cuda/kernels/standard/";
  for (const EmbeddedSource &source : embeddedSources())
    if (source.path.substr(0, kStandard.size()) != kStandard)
      INGOT_TRY(folder.write(source.path, source.text));
  return Status::ok();
}

// Host execution itself: one unit for the engine, one for the arithmetic, which touches local
// arrays only and is most of the time: never sanitized.
constexpr const char *kEngineUnits[] = {"host-engine", "host-arithmetic"};
constexpr std::string_view kEngineTexts[] = {"#include \"codegen/cuda/host/Engine.cpp\"\n"
                                             "#include \"codegen/cuda/host/Fibers.cpp\"\n"
                                             "#include \"codegen/cuda/host/Copies.cpp\"\n"
                                             "#include \"codegen/cuda/host/Transactions.cpp\"\n"
                                             "#include \"codegen/cuda/host/Warpgroup.cpp\"\n"
                                             "#include \"codegen/cuda/host/Object.cpp\"\n",
                                             "#include \"codegen/cuda/host/Arithmetic.cpp\"\n"};

Status compileEngine(const ScratchFolder &folder, const HostCompileOptions &options) {
  std::vector<Job> jobs;
  for (size_t i = 0; i < std::size(kEngineUnits); ++i) {
    const std::string unit = kEngineUnits[i];
    INGOT_TRY(folder.write(unit + ".cpp", kEngineTexts[i]));
    jobs.push_back(compileJob(folder, unit, options.sanitize && i == 0));
  }
  return runJobs(folder, jobs, options.processes);
}

/// Compiler, version, flags. Empty without a compiler.
std::string identityOf(bool sanitize) {
  auto folder = ScratchFolder::create();
  if (!folder)
    return {};
  const pid_t child = start({compilerName(), "--version"}, folder->path(), "version.log");
  if (child == 0 || !succeeded(child))
    return {};
  std::string identity = compilerName() + "\n" + folder->read("version.log");
  for (const std::string &flag : compileFlags(sanitize))
    identity += flag + " ";
  return identity;
}

/// The key of an engine's unit: all that its object depends on.
std::string engineKey(const char *unit, bool sanitize) {
  const std::string identity = identityOf(sanitize);
  std::vector<std::string_view> parts = {"host engine", unit, identity};
  for (const EmbeddedSource &source : embeddedSources())
    parts.insert(parts.end(), {source.path, source.text});
  return KernelCache::keyOf(parts);
}

/// The objects of the engine from the cache, else compiled.
Result<std::vector<std::string>> makeEngine(const ScratchFolder &folder,
                                            const HostCompileOptions &options) {
  std::vector<std::string> keys, objects;
  for (const char *unit : kEngineUnits) {
    keys.push_back(options.cache ? engineKey(unit, options.sanitize) : "");
    if (const auto known = options.cache ? options.cache->find(keys.back()) : std::nullopt)
      objects.emplace_back(known->begin(), known->end());
  }
  if (objects.size() == std::size(kEngineUnits))
    return objects;
  objects.clear();
  INGOT_TRY(compileEngine(folder, options));
  for (size_t i = 0; i < std::size(kEngineUnits); ++i) {
    const std::string &object =
        objects.emplace_back(folder.read(std::string(kEngineUnits[i]) + ".o"));
    if (options.cache)
      options.cache->store(keys[i],
                           {reinterpret_cast<const uint8_t *>(object.data()), object.size()});
  }
  return objects;
}

/// Puts the objects of the engine into the folder; they are made once per process and kind.
Status placeEngine(const ScratchFolder &folder, const HostCompileOptions &options) {
  static std::mutex mutex;
  static std::map<std::string, std::vector<std::string>> known;
  const std::lock_guard lock(mutex);
  std::vector<std::string> &objects = known[compilerName() + (options.sanitize ? " sanitize" : "")];
  if (objects.empty()) {
    INGOT_ASSIGN(objects, makeEngine(folder, options));
  }
  for (size_t i = 0; i < objects.size(); ++i)
    INGOT_TRY(folder.write(std::string(kEngineUnits[i]) + ".o", objects[i]));
  return Status::ok();
}

/// The kernels in a few translation units: headers are most of the time of one kernel. Messages of
/// the compiler go on naming the kernel; a unit has the name of its first.
std::vector<KernelSource> joinedUnits(std::span<const KernelSource> sources) {
  constexpr size_t kUnits = 4;
  std::vector<KernelSource> units;
  for (size_t i = 0; i < sources.size(); ++i) {
    const KernelSource &source = sources[i];
    if (i < kUnits)
      units.push_back({source.name, {}, {}, {}});
    units[i % kUnits].text += "#line 1 \"" + source.name + "\"\n" + source.text + "\n";
  }
  return units;
}

Status link(const ScratchFolder &folder, const std::vector<Job> &units, bool sanitize) {
  Job job{"link",
          {compilerName(), "-shared", "-pthread", "-Wl,--build-id=none", "-Wl,-Bsymbolic", "-o",
           "kernels.so"}};
  if (sanitize)
    job.arguments.push_back("-fsanitize=address,undefined");
  else
    job.arguments.push_back("-s");
  for (const Job &unit : units)
    job.arguments.push_back(unit.name + ".o");
  for (const char *unit : kEngineUnits)
    job.arguments.push_back(std::string(unit) + ".o");
  return runJobs(folder, {&job, 1}, 1);
}

} // namespace

Result<std::vector<uint8_t>> compileForHost(std::span<const KernelSource> sources,
                                            const HostCompileOptions &options) {
  INGOT_ASSIGN(const ScratchFolder folder, ScratchFolder::create());
  INGOT_TRY(writeHeaders(folder));
  INGOT_TRY(placeEngine(folder, options));
  std::vector<Job> units;
  for (const KernelSource &unit : joinedUnits(sources)) {
    INGOT_TRY(folder.write(unit.name + ".cpp", unit.text));
    units.push_back(compileJob(folder, unit.name, options.sanitize));
  }
  INGOT_TRY(folder.write("kernel-list.cpp", kernelList(sources)));
  units.push_back(compileJob(folder, "kernel-list", options.sanitize));
  INGOT_TRY(runJobs(folder, units, options.processes));
  INGOT_TRY(link(folder, units, options.sanitize));
  const std::string object = folder.read("kernels.so");
  return std::vector<uint8_t>(object.begin(), object.end());
}

std::string hostCompilerIdentity() { return identityOf(false); }

} // namespace ingot::cuda
