#include "compiler/tools/IngotcOptions.h"

#include "runtime/base/Suggest.h"
#include "runtime/base/Version.h"

#include <CLI/CLI.hpp>

#include <iostream>

using namespace ingot;

namespace {

constexpr const char *kFooter = R"(Example:
  ingotc Llama-3.2-1B-Instruct -o llama.ingot --quant int4 --group 32
  ingot run llama.ingot -p "The capital of France is" -n 16

Exit codes follow sysexits.h: 64 wrong flags, 65 malformed input, 66 missing input,
73 output cannot be created, 74 writing failed, 78 unsupported model or option.)";

/// "int4", "int4:64", "bf16" -> scheme; false when the text is none of these.
bool parseScheme(const std::string &text, WeightScheme &scheme) {
  const size_t colon = text.find(':');
  scheme.format = text.substr(0, colon);
  if (scheme.format != "bf16" && scheme.format != "int8" && scheme.format != "int4")
    return false;
  if (colon == std::string::npos)
    return true;
  const std::string group = text.substr(colon + 1);
  if (group.empty() || group.find_first_not_of("0123456789") != std::string::npos ||
      group.size() > 6)
    return false;
  scheme.group = std::stoll(group);
  return true;
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

} // namespace

CommandLine ingot::parseCommandLine(int argc, char **argv) {
  CommandLine line;
  CompileOptions &options = line.options;
  CLI::App app("Compiles a language-model checkpoint into one .ingot artifact that ingot serves.");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("ingotc ") + versionText());

  std::string quant = "bf16", head, embedding, target = "cpu", activationScale = "pow2";
  int64_t group = 32;
  std::vector<std::string> expected;
  uint64_t seed = 0;

  app.add_option(
         "model", options.model,
         "Checkpoint directory (config.json, *.safetensors, tokenizer.json) or a .mlir program")
      ->required();
  app.add_option("-o,--output", options.output, "Artifact to write");
  app.add_option("--target", target,
                 "Targets, comma separated: cpu (all levels) or cpu:LEVEL (x86-64-v3, "
                 "x86-64-v4-vnni, x86-64-v4-vnni-bf16)");
  app.add_option("--quant", quant, "Weights of the linear layers: bf16, int8 or int4")
      ->check(CLI::IsMember({"bf16", "int8", "int4"}));
  app.add_option("--group", group, "Columns per scale: 32, 64, 128, or 0 for one scale per channel")
      ->check(CLI::IsMember({0, 32, 64, 128}));
  app.add_option("--head-quant", head,
                 "Output head, FORMAT[:GROUP]; default int8 with quantized layers");
  app.add_option("--embedding-quant", embedding,
                 "Embedding table, FORMAT[:GROUP]; default as the head");
  app.add_option("--override", options.overrides,
                 "PATTERN=FORMAT[:GROUP] for single parameters, e.g. '*.down_proj.weight=int8:32'; "
                 "repeatable, first match wins");
  app.add_option("--activation-scale", activationScale, "Scale of 32 int8 activations: pow2 or f32")
      ->check(CLI::IsMember({"pow2", "f32"}));
  app.add_flag("--clip-search", options.clipSearch,
               "Search the clipping of each weight group for the least squared error");
  app.add_option("--block-size,--kv-block", options.blockTokens,
                 "KV positions per block, a multiple of 16")
      ->check(CLI::Range(16, 1024));
  app.add_option("--max-seqs,--max-num-seqs", options.maxSequences, "Concurrent sequences")
      ->check(CLI::Range(1, 4096));
  app.add_option("--max-tokens,--max-num-batched-tokens", options.maxTokens, "Tokens per step")
      ->check(CLI::Range(1, 65536));
  app.add_option("--max-context,--max-model-len", options.maxContext,
                 "Tokens per sequence; default the model's");
  CLI::Option *random = app.add_option(
      "--random-weights", seed, "Random weights from SEED; the directory needs only config.json");
  app.add_flag("--dry-run", options.dryRun,
               "Compile everything, write nothing, report sizes and memory");
  app.add_option("--dump-ir", options.dumpIr, "Directory for the program after every stage");
  app.add_option("--pass-pipeline", options.passPipeline,
                 "Passes to run in place of the fusion stage");
  app.add_flag("!--no-fusion", options.fuse, "Every op its own kernel (same bits, slower)");
  app.add_option("--disable-fusion", options.disabledFusions,
                 "Leave out a fusion by name; repeatable");
  app.add_option("--expect-fusion", expected,
                 "NAME=COUNT: fail unless the fusion fired exactly COUNT times; repeatable");
  app.add_flag("!--no-known-answers", options.knownAnswers,
               "Leave out the vectors that ingot verify --run compares");
  app.add_option("--threads", options.threads, "Threads of the compiler; default all");
  app.add_flag("--json", line.json, "Report as JSON on stdout");

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp &call) {
    line.exitCode = app.exit(call);
    return line;
  } catch (const CLI::CallForVersion &call) {
    line.exitCode = app.exit(call);
    return line;
  } catch (const CLI::ParseError &error) {
    line.exitCode = usageError(app, error, argc, argv);
    return line;
  }

  auto fail = [&](const std::string &message) {
    std::cerr << "error[usage]: " << message << "\n";
    line.exitCode = static_cast<int>(ErrorClass::Usage);
    return line;
  };
  options.linear = {quant, group};
  for (auto [text, scheme, flag] :
       {std::tuple(&head, &options.head, "--head-quant"),
        std::tuple(&embedding, &options.embedding, "--embedding-quant")}) {
    WeightScheme parsed;
    if (text->empty())
      continue;
    if (!parseScheme(*text, parsed))
      return fail(std::string(flag) + " takes bf16, int8[:GROUP] or int4[:GROUP], not '" + *text +
                  "'");
    *scheme = parsed;
  }
  for (const std::string &text : options.overrides) {
    WeightScheme parsed;
    const size_t equals = text.find('=');
    if (equals == std::string::npos || !parseScheme(text.substr(equals + 1), parsed))
      return fail("--override takes PATTERN=FORMAT[:GROUP], not '" + text + "'");
  }
  for (const std::string &text : expected) {
    const size_t equals = text.find('=');
    const std::string count = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (count.empty() || count.size() > 9 ||
        count.find_first_not_of("0123456789") != std::string::npos)
      return fail("--expect-fusion takes NAME=COUNT, not '" + text + "'");
    options.expectFusions[text.substr(0, equals)] = static_cast<uint32_t>(std::stoul(count));
  }
  for (size_t begin = 0; begin <= target.size();) {
    const size_t end = std::min(target.find(',', begin), target.size());
    const std::string one = target.substr(begin, end - begin);
    begin = end + 1;
    if (one == "cpu")
      continue;
    if (one.rfind("cpu:", 0) != 0)
      return fail("unknown target '" + one + "'; known: cpu, cpu:LEVEL");
    options.levels.push_back(one.substr(4));
  }
  if (options.output.empty() && !options.dryRun)
    return fail("-o OUTPUT is needed (or --dry-run)");
  options.floatActivationScales = activationScale == "f32";
  if (random->count() > 0)
    options.randomWeights = seed;
  return line;
}
