// Command line of ingotc.
#pragma once

#include "compiler/Compiler.h"

namespace ingot {

struct CommandLine {
  CompileOptions options;
  bool json = false;
  int exitCode =
      -1; ///< >= 0: stop with this code (help, version, or a usage error already printed)
};

CommandLine parseCommandLine(int argc, char **argv);

} // namespace ingot
