#include "compiler/tools/IngotcOptions.h"

#include "codegen/cuda/CompileKernels.h"
#include "compiler/Pipeline.h"
#include "runtime/base/CpuFeatures.h"
#include "runtime/base/Limits.h"
#include "runtime/base/Suggest.h"
#include "runtime/base/Version.h"
#include "runtime/base/WholeNumber.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <map>

using namespace ingot;

namespace {

constexpr const char *kExample = R"(Example:
  ingotc Llama-3.2-1B-Instruct -o llama.ingot --quant int4 --group 32
  ingot run llama.ingot -p "The capital of France is" -n 16)";

constexpr const char *kExitCodes =
    R"(Exit codes follow sysexits.h: 64 wrong flags, 65 malformed input or a fusion count that
differs, 66 missing input, 70 an error of the compiler itself, 71 system refused,
73 output cannot be created, 74 writing failed, 78 unsupported model or option.)";

const std::vector<std::string> kFormats = {"bf16", "fp16", "int8", "int4", "fp8"};

/// "int4", "int4:64", "bf16" -> scheme; false when the text is none of these.
bool parseScheme(const std::string &text, WeightScheme &scheme) {
  const size_t colon = text.find(':');
  scheme.format = text.substr(0, colon);
  if (std::find(kFormats.begin(), kFormats.end(), scheme.format) == kFormats.end())
    return false;
  if (scheme.format == "fp8")
    scheme.group = 0;
  if (colon == std::string::npos)
    return true;
  const std::string group = text.substr(colon + 1);
  scheme.group = group == "channel" ? 0 : std::atoll(group.c_str());
  const bool small = group == "32" || group == "64";
  return group == "0" || group == "channel" || group == "128" || (small && scheme.format != "fp8");
}

/// What the flags say before it is checked as a whole.
struct RawFlags {
  std::string quant = "bf16", head, embedding, target = "cpu", activationScale = "pow2";
  std::string profile = "invariant";
  int64_t group = -1;                ///< -1: what suits the format
  std::vector<std::string> expected; ///< NAME=COUNT
  uint64_t seed = 0;
  CLI::Option *random = nullptr; ///< --random-weights
};

/// --block-size: the runtime's tiles hold 16 positions.
CLI::Validator multipleOf16() {
  return {[](std::string &text) {
            const long value = std::atol(text.c_str());
            return value >= 16 && value <= 1024 && value % 16 == 0
                       ? std::string()
                       : text + " is not a multiple of 16 from 16 to 1024";
          },
          "16..1024"};
}

void addInputFlags(CLI::App &app, CompileOptions &options, RawFlags &raw) {
  app.add_option(
         "model", options.model,
         "Checkpoint directory (config.json, *.safetensors, tokenizer.json) or a .mlir program")
      ->required();
  app.option_defaults()->group("Input and output");
  app.add_option("-o,--output", options.output, "Artifact to write");
  app.add_option("--target", raw.target,
                 "Targets, comma separated: cpu (all levels) or cpu:LEVEL (x86-64-v3, "
                 "x86-64-v4-vnni, x86-64-v4-vnni-bf16); cuda (all architectures) or cuda:ARCH,ARCH "
                 "(sm_80, sm_86, sm_89, sm_90a, sm_100a, sm_120); cuda-host (CUDA kernels that run "
                 "on this machine's processor, for tests; cuda-host:sm_90a: those of sm_90a)")
      ->capture_default_str();
  raw.random =
      app.add_option(
             "--random-weights", raw.seed,
             "Random weights from this seed; the directory needs only config.json. Each target "
             "draws in the order of its own layout: other weights for cpu than for cuda")
          ->check(checkWholeNumber);
  app.add_flag("--dry-run", options.dryRun,
               "Compile everything, write nothing, report sizes and memory");
}

void addWeightFlags(CLI::App &app, CompileOptions &options, RawFlags &raw) {
  app.option_defaults()->group("Weights and activations");
  app.add_option("--quant", raw.quant, "Weights of the linear layers")
      ->check(CLI::IsMember(kFormats))
      ->capture_default_str();
  app.add_option("--group", raw.group,
                 "Columns per scale; 0 = one scale per channel. Default 32; 0 for fp8 and for int8 "
                 "with int8 activations")
      ->check(CLI::IsMember({0, 32, 64, 128}));
  app.add_option("--head-quant", raw.head,
                 "Output head, FORMAT[:GROUP]. Default: as the linear layers where these are bf16, "
                 "fp16 or fp8; int8:32 where they are int8 or int4 (int8:channel with "
                 "--activations int8)");
  app.add_option("--embedding-quant", raw.embedding,
                 "Embedding table, FORMAT[:GROUP]; default as the head");
  app.add_option("--override", options.overrides,
                 "PATTERN=FORMAT[:GROUP] for single parameters, e.g. '*.down_proj.weight=int8:32'; "
                 "repeatable, first match wins");
  app.add_option("--activation-scale", raw.activationScale,
                 "Scale of 32 int8 activations: a power of two or any float")
      ->check(CLI::IsMember({"pow2", "f32"}))
      ->capture_default_str();
  app.add_option(
         "--activations", options.activations,
         "Target cuda: rows that meet quantized weights: bf16, or int8 or fp8 with one scale "
         "per row where the weights have the same numbers (fp8: sm_89 and later)")
      ->check(CLI::IsMember({"bf16", "int8", "fp8"}))
      ->capture_default_str();
  app.add_option("--kv-format", options.kvFormat,
                 "How the cache stores keys and values: bf16; target cuda also fp16, fp8 (e4m3, no "
                 "scale) and int8 (a scale per position and head). Default bf16, or as the program "
                 "says")
      ->check(CLI::IsMember({"bf16", "fp16", "fp8", "int8"}));
  app.add_flag("--clip-search", options.clipSearch,
               "Search the clipping of each weight group for the least squared error");
}

void addServingFlags(CLI::App &app, CompileOptions &options) {
  app.option_defaults()->group("Limits of serving");
  app.add_option("--block-size,--kv-block", options.blockTokens,
                 "KV positions per block, a multiple of 16")
      ->check(multipleOf16())
      ->capture_default_str();
  app.add_option("--max-seqs,--max-num-seqs", options.maxSequences, "Concurrent sequences")
      ->check(CLI::Range(1, 4096, "1..4096"))
      ->capture_default_str();
  app.add_option("--max-tokens,--max-num-batched-tokens", options.maxTokens, "Tokens per step")
      ->check(CLI::Range(1, 65536, "1..65536"))
      ->capture_default_str();
  app.add_option("--max-context,--max-model-len", options.maxContext,
                 "Tokens per sequence; default, and 0, the model's")
      ->check(CLI::Range(int64_t(0), limits::kContext, "0..268435456"));
}

void addCompilerFlags(CLI::App &app, CompileOptions &options, RawFlags &raw, bool &json) {
  app.option_defaults()->group("Compiler");
  app.add_option("--dump-ir", options.dumpIr, "Directory for the program after every stage");
  app.add_option("--pass-pipeline", options.passPipeline,
                 "Passes to run in place of the fusion stage");
  app.add_flag_callback(
      "--no-fusion", [&options] { options.fuse = false; },
      "Every op its own kernel (same bits, slower)");
  app.add_option("--disable-fusion", options.disabledFusions,
                 "Leave out a fusion by name; repeatable");
  app.add_option("--expect-fusion", raw.expected,
                 "NAME=COUNT: fail unless the fusion fired exactly COUNT times; repeatable");
  app.add_flag_callback(
      "--no-known-answers", [&options] { options.knownAnswers = false; },
      "Leave out the vectors that ingot verify --run compares");
  app.add_option("--token-buckets", options.tokenBuckets,
                 "Target cuda: most tokens of each launch graph, ascending; larger steps have one "
                 "of their own")
      ->delimiter(',')
      ->check(CLI::Range(1, 65536, "1..65536"))
      ->capture_default_str();
  app.add_option("--profile", raw.profile,
                 "Target cuda: invariant, a row's bits never depend on its batch; fast, they may "
                 "depend on the token bucket, whose sums are cut as suits it")
      ->check(CLI::IsMember({"invariant", "fast"}))
      ->capture_default_str();
  app.add_flag("--report-kernels", options.reportKernels,
               "Target cuda: registers, spills, shared memory, size and time of every kernel");
  app.add_flag_callback(
      "--no-kernel-cache", [&options] { options.kernelCache = false; },
      "Target cuda: compile every kernel anew");
  app.add_option("--threads", options.threads, "Threads of the compiler; default all")
      ->check(CLI::Range(0, 1024, "0..1024"));
  app.add_flag("--json", json, "Report as JSON on stdout");
}

/// Reports an unknown flag with the nearest known one.
int usageError(const CLI::App &app, const CLI::ParseError &error, int argc, char **argv) {
  std::cerr << "error[usage]: " << error.what();
  std::vector<std::string> known;
  for (const CLI::Option *option : app.get_options())
    for (const std::string &name : option->get_lnames())
      known.push_back("--" + name);
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("--", 0) != 0 ||
        std::find(known.begin(), known.end(), word.substr(0, word.find('='))) != known.end())
      continue;
    if (auto nearest = nearestName(word.substr(0, word.find('=')), known))
      std::cerr << "; did you mean " << *nearest << "?";
  }
  std::cerr << "\nRun ingotc --help for all options.\n";
  return static_cast<int>(ErrorClass::Usage);
}

/// Turns texts into the values they stand for; the message of the first that does not.
std::string readRawFlags(const RawFlags &raw, CompileOptions &options) {
  const bool channel = raw.quant == "fp8" || options.activations == "int8";
  options.linear = {raw.quant, raw.group >= 0 ? raw.group : channel ? 0 : 32};
  if (raw.quant == "fp8" && options.linear.group % 128 != 0)
    return "--group " + std::to_string(raw.group) + ": fp8 weights take 0 (per channel) or 128";
  options.profile = raw.profile == "fast" ? Profile::Fast : Profile::Invariant;
  options.floatActivationScales = raw.activationScale == "f32";
  if (raw.random->count() > 0)
    options.randomWeights = raw.seed;
  const std::string form =
      "FORMAT or FORMAT:GROUP (bf16, fp16, int8, int4, fp8; 32, 64, 128, channel; fp8: "
      "128, channel)";
  for (auto [text, scheme, flag] :
       {std::tuple(&raw.head, &options.head, "--head-quant"),
        std::tuple(&raw.embedding, &options.embedding, "--embedding-quant")})
    if (WeightScheme parsed; !text->empty()) {
      if (!parseScheme(*text, parsed))
        return std::string(flag) + " takes " + form + ", not '" + *text + "'";
      *scheme = parsed;
    }
  for (const std::string &text : options.overrides) {
    WeightScheme parsed;
    const size_t equals = text.rfind('=');
    if (equals == std::string::npos || !parseScheme(text.substr(equals + 1), parsed))
      return "--override takes PATTERN=" + form + ", not '" + text + "'";
  }
  for (const std::string &text : raw.expected) {
    const size_t equals = text.find('=');
    const std::string count = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (count.empty() || count.size() > 9 ||
        count.find_first_not_of("0123456789") != std::string::npos)
      return "--expect-fusion takes NAME=COUNT, not '" + text + "'";
    options.expectFusions[text.substr(0, equals)] = static_cast<uint32_t>(std::stoul(count));
  }
  if (options.output.empty() && !options.dryRun)
    return "-o OUTPUT is needed (or --dry-run)";
  return {};
}

/// Adds what one word of --target names; architectures may follow "cuda:ARCH" bare.
bool addTarget(const std::string &word, CompileOptions &options) {
  const bool architecture = word.rfind("sm_", 0) == 0 || word.rfind("compute_", 0) == 0;
  if (word == "cpu" || word.rfind("cpu:", 0) == 0) {
    options.cpu = true;
    if (word != "cpu")
      options.levels.push_back(word.substr(4));
  } else if (word == "cuda") {
    options.cuda = true;
    options.architectures = cuda::defaultArchitectures();
  } else if (word == "cuda-host" || word == "cuda-host:sm_90a") {
    options.cuda = true;
    options.architectures.push_back(word == "cuda-host" ? "host" : "host_90a");
  } else if (word.rfind("cuda:host", 0) == 0) { // names of its own below
    return false;
  } else if (word.rfind("cuda:", 0) == 0) {
    options.cuda = true;
    options.architectures.push_back(word.substr(5));
  } else if (architecture && options.cuda) {
    options.architectures.push_back(word);
  } else {
    return false;
  }
  return true;
}

/// PTX for GPUs to come behind cubins.
void completeArchitectures(std::vector<std::string> &architectures, const char *lowest) {
  bool cubin = false, ptx = false;
  for (const std::string &name : architectures) {
    cubin |= name.rfind("sm_", 0) == 0;
    ptx |= name.rfind("compute_", 0) == 0;
  }
  if (cubin && !ptx)
    architectures.push_back(lowest);
}

/// What a word of --target stands for: "cpu" and "cuda" for several.
std::vector<std::string> namedBy(const std::string &word) {
  if (word == "cuda")
    return cuda::defaultArchitectures();
  std::vector<std::string> levels;
  for (int level = 0; level < kCpuLevelCount && word == "cpu"; ++level)
    levels.push_back(std::string("cpu:") + levelName(static_cast<CpuLevel>(level)));
  if (!levels.empty())
    return levels;
  return {word.rfind("cuda:", 0) == 0 ? word.substr(5) : word};
}

/// The message of a word that says again what another says.
std::string repeatedTarget(const std::vector<std::string> &words) {
  std::map<std::string, std::string> saidBy;
  for (const std::string &word : words)
    for (const std::string &name : namedBy(word))
      if (const auto [place, added] = saidBy.try_emplace(name, word); !added)
        return place->second == word
                   ? "--target names " + word + " twice"
                   : "--target names " + name + " twice, in " + place->second + " and in " + word;
  return {};
}

/// --target: the targets it names; the message of what is unknown.
std::string readTargets(const std::string &target, CompileOptions &options) {
  options.cpu = false;
  std::vector<std::string> words;
  for (size_t begin = 0; begin <= target.size();) {
    const size_t end = std::min(target.find(',', begin), target.size());
    const std::string word = target.substr(begin, end - begin);
    begin = end + 1;
    words.push_back(word);
    if (!addTarget(word, options))
      return "unknown target '" + word +
             "'; known: cpu, cpu:LEVEL, cuda, cuda:ARCH, cuda-host, "
             "cuda-host:sm_90a";
  }
  if (std::string repeated = repeatedTarget(words); !repeated.empty())
    return repeated;
  completeArchitectures(options.architectures,
                        options.activations == "fp8" ? "compute_90" : "compute_80");
  for (size_t i = 1; i < options.tokenBuckets.size(); ++i)
    if (options.tokenBuckets[i] <= options.tokenBuckets[i - 1])
      return "--token-buckets must ascend: " + std::to_string(options.tokenBuckets[i]) +
             " follows " + std::to_string(options.tokenBuckets[i - 1]);
  for (const std::string &name : options.architectures)
    if (Status status = cuda::checkArchitecture(name); !status.isOk())
      return status.message();
  return {};
}

/// A flag given twice: the last one counts, so that scripts can put theirs in front.
void lastOneCounts(CLI::App &app) {
  for (CLI::Option *option : app.get_options())
    if (!option->get_positional() && option->get_items_expected_max() == 1 &&
        option->get_multi_option_policy() == CLI::MultiOptionPolicy::Throw)
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

/// The example, the names that the fusion flags take, and the exit codes.
std::string footer() {
  std::string names;
  for (const std::string &name : fusionNames())
    names += (names.empty() ? "" : ", ") + name;
  return kExample + ("\n\nFusions: " + names + ".\n\n") + kExitCodes;
}

} // namespace

CommandLine ingot::parseCommandLine(int argc, char **argv) {
  CommandLine line;
  RawFlags raw;
  CLI::App app("Compiles a language-model checkpoint into one .ingot artifact that ingot serves.",
               "ingotc");
  app.footer(footer());
  app.set_version_flag("--version", std::string("ingotc ") + versionText());
  addInputFlags(app, line.options, raw);
  addWeightFlags(app, line.options, raw);
  addServingFlags(app, line.options);
  addCompilerFlags(app, line.options, raw, line.json);
  lastOneCounts(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &answer) { // --help, --version
    line.exitCode = app.exit(answer);
    return line;
  } catch (const CLI::ParseError &error) {
    line.exitCode = usageError(app, error, argc, argv);
    return line;
  }
  std::string problem = readRawFlags(raw, line.options);
  if (problem.empty())
    problem = readTargets(raw.target, line.options);
  if (!problem.empty()) {
    std::cerr << "error[usage]: " << problem << "\n";
    line.exitCode = static_cast<int>(ErrorClass::Usage);
  }
  return line;
}
