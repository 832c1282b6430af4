// What the subcommands share: flags that open a session, reading texts, writing results.
#pragma once

#include "runtime/engine/Session.h"
#include "runtime/tools/Commands.h"

#include <string>
#include <vector>

namespace ingot::tools {

/// Flags of every subcommand that computes.
class SessionFlags {
public:
  /// Declares the artifact argument and the flags on `app`.
  void declare(CLI::App &app);
  /// Opens the session the flags describe.
  Result<std::unique_ptr<Session>> open();

  std::string path;
  SessionOptions options;

private:
  std::string verify_ = "auto";
  bool verifyRun_ = false;
  std::string kvMemory_;
};

/// "512M", "2G", "1048576", with optional "iB" or "B": bytes. Id "size-malformed".
Result<uint64_t> parseBytes(const std::string &text);

/// The whole file, or standard input for "-". Ids "input-missing", "input-unreadable".
Result<std::string> readText(const std::string &path);

/// Lines of `text` without their line ends; a final empty line is dropped.
std::vector<std::string> splitLines(const std::string &text);

/// Writes to stdout and checks that it arrived. Id "output-failed".
Status writeOut(const std::string &text);

/// True when stderr is a terminal.
bool stderrIsTerminal();

} // namespace ingot::tools
