#include "runtime/tools/ToolSupport.h"

#include "runtime/base/Format.h"
#include "runtime/engine/KnownAnswers.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <unistd.h>

namespace ingot::tools {

void SessionFlags::declare(CLI::App &app) {
  app.add_option("artifact", path, "The .ingot file")->required();
  app.add_option("--device", options.device,
                 "Where to compute: cpu, cuda, cuda:N, or auto = a GPU that runs it, else the CPU")
      ->capture_default_str();
  app.add_flag(
      "--allow-jit", options.allowJit,
      "The GPU's driver may compile the artifact's PTX where no code fits, at every start");
  app.add_option("--threads,-t", options.cpu.threads,
                 "Threads that compute; 0 = one per processor of this process")
      ->check(CLI::Range(0, 1024, "0..1024"));
  app.add_flag("--pin", options.cpu.pin, "Bind each thread to a processor");
  app.add_option("--cpu", options.cpu.level,
                 "Force an instruction set: x86-64-v3, x86-64-v4-vnni, x86-64-v4-vnni-bf16");
  app.add_option("--max-seqs,--max-num-seqs", options.engine.maxSequences,
                 "Sequences computed together; 0 = as the artifact allows");
  app.add_option("--max-tokens-per-step,--max-num-batched-tokens", options.engine.maxBatchTokens,
                 "Tokens of one step; 0 = as the artifact allows");
  app.add_option(
      "--kv-blocks", options.engine.kvBlocks,
      "Blocks of the KV pool; default every sequence at full context, within a quarter of memory");
  app.add_option("--kv-memory", kvMemory_, "Memory of the KV pool instead of blocks: 512M, 2G");
  app.add_option("--verify", verify_, "Check the weights' hashes: auto, full, background, off")
      ->capture_default_str();
  app.add_flag("--verify-run", verifyRun_, "First compute the artifact's known answers here");
}

Result<std::unique_ptr<Session>> SessionFlags::open() {
  INGOT_ASSIGN(options.verify, parseVerifyMode(verify_));
  if (!kvMemory_.empty()) {
    INGOT_ASSIGN(options.engine.kvBytes, parseBytes(kvMemory_));
  }
  INGOT_ASSIGN(std::unique_ptr<Session> session, Session::open(path, options));
  // Where there was a choice, say which.
  if (options.device != "auto" || session->artifact().manifest().programOf("cuda"))
    std::cerr << "device " << session->whyDevice() << "\n";
  if (verifyRun_) {
    INGOT_ASSIGN(const std::vector<KnownAnswerResult> results, runKnownAnswers(*session));
    INGOT_TRY(checkKnownAnswers(results).at(path));
  }
  return session;
}

Result<uint64_t> parseBytes(const std::string &text) {
  const Status malformed(
      ErrorClass::Usage, "size-malformed",
      format("\"%s\" is not a size; write 512M, 2G or a number of bytes", text.c_str()));
  size_t digits = 0;
  uint64_t value = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    if (value > (uint64_t(1) << 50))
      return malformed;
    value = value * 10 + static_cast<uint64_t>(text[digits++] - '0');
  }
  std::string unit = text.substr(digits);
  for (const char *suffix : {"iB", "B"})
    if (unit.size() >= std::strlen(suffix) &&
        unit.compare(unit.size() - std::strlen(suffix), std::string::npos, suffix) == 0) {
      unit.resize(unit.size() - std::strlen(suffix));
      break;
    }
  const std::string units = "KMGT";
  const size_t power = unit.empty() ? 0 : units.find(static_cast<char>(std::toupper(unit[0]))) + 1;
  if (digits == 0 || unit.size() > 1 || (!unit.empty() && power == 0) ||
      value >> (63 - 10 * power) != 0)
    return malformed;
  return value << (10 * power);
}

/// A device such as /dev/zero has no end.
constexpr size_t kMaxTextBytes = size_t(1) << 30;

Result<std::string> readText(const std::string &path) {
  const bool standard = path == "-";
  std::FILE *file = standard ? stdin : std::fopen(path.c_str(), "rb");
  if (!file)
    return Status(ErrorClass::NoInput, "input-missing",
                  format("%s: %s", path.c_str(), std::strerror(errno)));
  std::string text;
  char buffer[65536];
  for (size_t got;
       text.size() <= kMaxTextBytes && (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;)
    text.append(buffer, got);
  const bool failed = std::ferror(file) != 0;
  const int error = errno;
  if (!standard)
    std::fclose(file);
  if (failed)
    return Status(ErrorClass::NoInput, "input-unreadable",
                  format("%s: %s", path.c_str(), std::strerror(error)));
  if (text.size() > kMaxTextBytes)
    return Status(ErrorClass::Data, "input-too-large",
                  format("%s: more than %s, which is all that is read; split it", path.c_str(),
                         formatBytes(kMaxTextBytes).c_str()));
  return text;
}

std::vector<std::string> splitLines(const std::string &text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    if (!lines.back().empty() && lines.back().back() == '\r')
      lines.back().pop_back();
    begin = end + 1;
  }
  return lines;
}

Status writeOut(const std::string &text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written || std::fflush(stdout) != 0)
    return {ErrorClass::Io, "output-failed", format("standard output: %s", std::strerror(errno))};
  return Status::ok();
}

bool stderrIsTerminal() { return isatty(STDERR_FILENO) != 0; }

} // namespace ingot::tools
