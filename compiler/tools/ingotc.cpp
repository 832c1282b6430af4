// ingotc: compiles a checkpoint into one .ingot artifact.
#include "compiler/Compiler.h"
#include "compiler/Report.h"
#include "compiler/tools/IngotcOptions.h"
#include "runtime/base/Format.h"

#include "llvm/Support/ErrorHandling.h"

#include <csignal>
#include <cstdio>
#include <iostream>
#include <new>
#include <system_error>
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

[[noreturn]] void endNow(std::string_view message, ingot::ErrorClass errorClass) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message.data(), message.size());
  _exit(static_cast<int>(errorClass));
}

/// On any thread, in our code or LLVM's. The artifact has no name before it is complete, so that
/// nothing is left behind.
[[noreturn]] void onOutOfMemory() {
  endNow("error[out-of-memory]: the system has no memory left for this; close other programs or "
         "give fewer --threads\n",
         ingot::ErrorClass::Os);
}

/// A page of a mapped checkpoint is gone: somebody shortened the file. Nothing can be recovered.
extern "C" void onBusError(int) {
  endNow("\nerror[checkpoint-changed]: a file of the checkpoint became shorter while it was read; "
         "wait until it is complete and compile again\n",
         ingot::ErrorClass::Io);
}

/// An exception nobody expected, on any thread.
[[noreturn]] void onTerminate() {
  std::string message = "error[internal]: ingotc broke a rule of its own; please report it\n";
  ingot::ErrorClass errorClass = ingot::ErrorClass::Internal;
  try {
    if (const std::exception_ptr thrown = std::current_exception())
      std::rethrow_exception(thrown);
  } catch (const std::system_error &error) {
    message = std::string("error[thread-create-failed]: the system refuses a thread: ") +
              error.what() + "; give fewer --threads\n";
    errorClass = ingot::ErrorClass::Os;
  } catch (...) {
  }
  endNow(message, errorClass);
}

} // namespace

int main(int argc, char **argv) {
  std::set_new_handler(onOutOfMemory);
  llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { onOutOfMemory(); });
  std::signal(SIGBUS, onBusError);
  std::set_terminate(onTerminate);
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
  if (!std::cout.flush()) {
    std::cerr << "error[output-failed]: standard output does not take the report; the artifact is "
                 "complete\n";
    return static_cast<int>(ingot::ErrorClass::Io);
  }
  return 0;
}
