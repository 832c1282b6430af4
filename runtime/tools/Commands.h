// The subcommands of `ingot`. Each file declares its options on the CLI11 app that main hands it
// and runs from the app's callback; a failed Status becomes the process exit code.
#pragma once

#include "runtime/base/Status.h"

#include <CLI/CLI.hpp>

#include <functional>

namespace ingot::tools {

/// What a subcommand leaves for main: set `action` while declaring; main calls that of the chosen
/// one.
struct Command {
  CLI::App *app = nullptr;
  std::function<Status()> action;
};

// Each adds one subcommand to `root`, with help text and a worked example in the footer.
Command addRunCommand(CLI::App &root);
Command addBenchCommand(CLI::App &root);
Command addEvalCommand(CLI::App &root);
Command addTokenizeCommand(CLI::App &root);
Command addInspectCommand(CLI::App &root);     // InspectCommand.cpp
Command addVerifyCommand(CLI::App &root);      // VerifyCommand.cpp
Command addMaterializeCommand(CLI::App &root); // MaterializeCommand.cpp

} // namespace ingot::tools
