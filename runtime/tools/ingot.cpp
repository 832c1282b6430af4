// ingot: runs, measures and explains .ingot artifacts. One subcommand per file; see Commands.h.

#include "runtime/base/Suggest.h"
#include "runtime/base/Version.h"
#include "runtime/tools/Commands.h"

#include <csignal>
#include <cstdio>
#include <iostream>
#include <new>
#include <unistd.h>

using namespace ingot;

namespace {

constexpr const char *kFooter = R"(Example:
  ingotc Llama-3.2-1B-Instruct -o llama.ingot --quant int4
  ingot run llama.ingot -p "The capital of France is" -n 16

Results go to stdout, messages to stderr. Exit codes follow sysexits.h: 64 wrong flags,
65 malformed input, 66 missing input, 69 missing CPU feature, 71 system refused,
74 writing failed, 78 unsupported. "ingot COMMAND --help" shows an example of each.)";

/// A page of the mapped artifact is gone: somebody shortened the file. Nothing can be recovered
/// here.
extern "C" void onBusError(int) {
  static const char kMessage[] = "\nerror[artifact-changed]: the artifact became shorter while it "
                                 "was in use; replace files by "
                                 "renaming, not by writing into them\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  _exit(static_cast<int>(ErrorClass::Io));
}

std::vector<std::string> flagNames(const CLI::App &app) {
  std::vector<std::string> names;
  for (const CLI::Option *option : app.get_options())
    for (const std::string &name : option->get_lnames())
      names.push_back("--" + name);
  return names;
}

std::vector<std::string> commandNames(const CLI::App &root) {
  std::vector<std::string> names;
  for (const CLI::App *command : root.get_subcommands([](const CLI::App *) { return true; }))
    names.push_back(command->get_name());
  return names;
}

bool contains(const std::vector<std::string> &names, const std::string &name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// What went wrong, and what a mistyped command or flag probably meant.
int usageError(const CLI::App &root, const CLI::ParseError &error, int argc, char **argv) {
  const std::vector<std::string> commands = commandNames(root);
  const std::string first = argc > 1 ? argv[1] : "";
  const bool known = contains(commands, first);
  const auto suggest = [](const std::string &word, const std::vector<std::string> &names) {
    if (const auto nearest = nearestName(word, names))
      std::cerr << "; did you mean " << *nearest << "?";
  };
  if (!known && !first.empty() && first[0] != '-') {
    std::cerr << "error[usage]: there is no command '" << first << "'";
    suggest(first, commands);
  } else {
    std::cerr << "error[usage]: " << error.what();
    const std::vector<std::string> flags = flagNames(known ? *root.get_subcommand(first) : root);
    for (int i = 1; i < argc; ++i) {
      const std::string word = std::string(argv[i]).substr(0, std::string(argv[i]).find('='));
      if (word.rfind("--", 0) == 0 && !contains(flags, word))
        suggest(word, flags);
    }
  }
  std::cerr << "\nRun ingot " << (known ? first + " " : "") << "--help for all options.\n";
  return static_cast<int>(ErrorClass::Usage);
}

/// A flag given twice: the last one counts, so that scripts can put theirs in front.
void lastOneCounts(CLI::App &app) {
  for (CLI::Option *option : app.get_options())
    if (!option->get_positional() && option->get_items_expected_max() == 1 &&
        option->get_multi_option_policy() == CLI::MultiOptionPolicy::Throw)
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

int run(int argc, char **argv) {
  CLI::App root("Runs language models compiled by ingotc.", "ingot");
  root.footer(kFooter);
  root.set_version_flag("--version", std::string("ingot ") + versionText());
  root.require_subcommand(1);
  const std::vector<tools::Command> commands = {
      tools::addRunCommand(root),        tools::addBenchCommand(root),
      tools::addEvalCommand(root),       tools::addInspectCommand(root),
      tools::addVerifyCommand(root),     tools::addTokenizeCommand(root),
      tools::addMaterializeCommand(root)};
  for (const tools::Command &command : commands)
    lastOneCounts(*command.app);
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success &answer) { // --help, --version
    return root.exit(answer);
  } catch (const CLI::ParseError &error) {
    return usageError(root, error, argc, argv);
  }
  for (const tools::Command &command : commands) {
    if (!command.app->parsed())
      continue;
    const Status status = command.action();
    if (!status.isOk())
      std::cerr << status.toString() << "\n";
    return status.exitCode();
  }
  return static_cast<int>(ErrorClass::Usage);
}

} // namespace

int main(int argc, char **argv) {
  std::signal(SIGBUS, onBusError);
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc &) {
    std::fputs("error[out-of-memory]: the system has no memory left for this\n", stderr);
    return static_cast<int>(ErrorClass::Os);
  }
}
