// ingotc: compiles a checkpoint into one .ingot artifact.
#include "compiler/Compiler.h"
#include "compiler/Report.h"
#include "compiler/tools/IngotcOptions.h"
#include "runtime/base/Format.h"

#include <cstdio>
#include <iostream>
#include <unistd.h>

namespace {

/// A progress line on a terminal, nothing elsewhere.
ingot::Progress terminalProgress() {
  if (!isatty(STDERR_FILENO))
    return [](const std::string &, double) {};
  return [](const std::string &stage, double fraction) {
    constexpr int kWidth = 24;
    const int filled = static_cast<int>(fraction * kWidth);
    std::fprintf(stderr, "\r\033[K%-22s [%s%s] %3.0f%%", stage.c_str(),
                 std::string(filled, '=').c_str(), std::string(kWidth - filled, ' ').c_str(),
                 fraction * 100);
    std::fflush(stderr);
  };
}

} // namespace

int main(int argc, char **argv) {
  ingot::CommandLine line = ingot::parseCommandLine(argc, argv);
  if (line.exitCode >= 0)
    return line.exitCode;

  ingot::Result<ingot::CompileReport> report =
      ingot::compileModel(line.options, terminalProgress());
  if (isatty(STDERR_FILENO))
    std::fprintf(stderr, "\r\033[K");
  if (!report) {
    std::cerr << report.status().toString() << "\n";
    return report.status().exitCode();
  }
  for (const std::string &warning : report->warnings)
    std::cerr << "warning: " << warning << "\n";
  if (line.json)
    ingot::printReportJson(*report, line.options, std::cout);
  else
    ingot::printReport(*report, line.options, std::cerr);
  return 0;
}
