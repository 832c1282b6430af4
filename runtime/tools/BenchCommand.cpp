// ingot bench: decoding alone, reading a prompt, decoding together, each beside the machine's
// walls.

#include "runtime/base/Format.h"
#include "runtime/base/JsonWriter.h"
#include "runtime/base/Random.h"
#include "runtime/tools/BenchSizes.h"
#include "runtime/tools/ModelWork.h"
#include "runtime/tools/ToolSupport.h"
#include "runtime/tools/Walls.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <sstream>

namespace ingot::tools {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchOptions {
  SessionFlags session;
  BenchSizes sizes;
  uint32_t runs = 5;
  uint32_t probeMib = 1024;
  std::vector<std::string> only;
  bool json = false, profile = false;

  bool wants(const char *name) const {
    return only.empty() || std::find(only.begin(), only.end(), name) != only.end();
  }
};

/// One run of one case with the walls around it.
struct Run {
  double tokensPerSecond = 0;
  double readBandwidth = 0; ///< bytes per second, mean of before and after
  double intPeak = 0;       ///< operations per second, mean of before and after
  double readShare = 0;     ///< least bytes moved per second over readBandwidth
  double intShare = 0;      ///< operations per second over intPeak
  double moved = 0;         ///< least bytes moved per second
  double stepSeconds = 0;   ///< per step, end to end
  double meanSequences = 0; ///< that got a token, per step
};

struct Case {
  std::string name, title;
  uint32_t sequences = 1;
  uint32_t context = 0; ///< tokens that each sequence holds before what is measured
  uint32_t tokens = 0;  ///< of a sequence that are measured
  std::vector<Run> runs;

  double median(double Run::*field) const {
    std::vector<double> values;
    for (const Run &run : runs)
      values.push_back(run.*field);
    std::sort(values.begin(), values.end());
    const size_t n = values.size();
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
  }
};

class Bench {
public:
  /// `walls`: of the CPU; nothing on other devices.
  Bench(BenchOptions &options, Session &session, std::optional<Walls> walls)
      : options_(options), session_(session), walls_(std::move(walls)) {}

  Result<std::vector<Case>> runAll();
  const ModelWork &work() const { return work_; }

private:
  /// tokens per second and the work behind them.
  struct Measured {
    double seconds = 0, tokens = 0, steps = 0, bytes = 0, operations = 0;
  };
  Result<Case> repeat(Case which);
  Result<Measured> decode(uint32_t sequences, uint32_t prompt, uint32_t tokens);
  Result<Measured> read(uint32_t prompt);
  Result<std::vector<RequestId>> submit(uint32_t sequences, uint32_t prompt, uint32_t tokens);

  BenchOptions &options_;
  Session &session_;
  double readBandwidth() { return walls_ ? walls_->readBandwidth() : 0; }
  double intPeak() { return walls_ ? walls_->intPeak(session_.cpu()->level()) : 0; }

  std::optional<Walls> walls_;
  ModelWork work_;
  uint64_t prompts_ = 0; ///< made so far: no two are alike
};

Result<std::vector<RequestId>> Bench::submit(uint32_t sequences, uint32_t prompt, uint32_t tokens) {
  std::vector<RequestId> requests;
  for (uint32_t i = 0; i < sequences; ++i) {
    Request request;
    const uint64_t key = randomKey(++prompts_, 0);
    for (uint32_t k = 0; k < prompt; ++k)
      request.prompt.push_back(
          static_cast<uint32_t>(randomBits(key, k) % session_.manifest().plan.vocab));
    request.maxTokens = tokens;
    request.ignoreEos = true;
    INGOT_ASSIGN(const RequestId id, session_.engine().submit(std::move(request)));
    requests.push_back(id);
  }
  return requests;
}

/// Times `tokens` steps after every sequence has its first token.
Result<Bench::Measured> Bench::decode(uint32_t sequences, uint32_t prompt, uint32_t tokens) {
  Engine &engine = session_.engine();
  // While the last prompts are read the first sequences decode already; nobody ends before.
  const uint64_t steps = BenchSizes::startSteps(engine, sequences, prompt);
  const uint32_t room = engine.maxLength() - prompt;
  INGOT_ASSIGN(const std::vector<RequestId> requests,
               submit(sequences, prompt,
                      static_cast<uint32_t>(std::min<uint64_t>(room, tokens + 2 * steps))));
  const uint64_t before = engine.stats().tokensGenerated;
  uint64_t last = before, rows = 0; // of the step: a token for every sequence once all decode
  for (uint64_t step = 0; step < steps + 2 && rows < sequences && engine.step(); ++step) {
    rows = engine.stats().tokensGenerated - last;
    last += rows;
  }
  const EngineStats first = engine.stats();
  const Clock::time_point start = Clock::now();
  while (engine.stats().steps < first.steps + tokens && engine.step()) {
  }
  Measured measured;
  measured.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  measured.tokens = static_cast<double>(engine.stats().tokensGenerated - first.tokensGenerated);
  measured.steps = static_cast<double>(engine.stats().steps - first.steps);
  const auto answered = static_cast<uint32_t>((first.tokensGenerated - before) / sequences);
  measured.bytes = measured.steps * work_.decodeBytes(sequences, prompt + answered + tokens / 2);
  measured.operations = measured.tokens * static_cast<double>(work_.opsPerToken + work_.opsPerRow);
  for (const RequestId request : requests)
    engine.cancel(request);
  engine.drain();
  return measured;
}

/// Times everything from the prompt to its first new token.
Result<Bench::Measured> Bench::read(uint32_t prompt) {
  INGOT_TRY(submit(1, prompt, 1).status());
  const uint64_t steps = session_.engine().stats().steps;
  const Clock::time_point start = Clock::now();
  session_.engine().drain();
  Measured measured;
  measured.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  measured.tokens = prompt;
  measured.steps = static_cast<double>(session_.engine().stats().steps - steps);
  measured.bytes = measured.steps * work_.decodeBytes(1, prompt / 2);
  measured.operations =
      prompt * static_cast<double>(work_.opsPerToken) + static_cast<double>(work_.opsPerRow);
  return measured;
}

Result<Case> Bench::repeat(Case which) {
  work_ = modelWork(session_.manifest(), which.sequences);
  // One run to warm up: pages of the weights, the branch predictor, the frequency.
  for (uint32_t run = 0; run <= options_.runs; ++run) {
    const double readBefore = readBandwidth(), peakBefore = intPeak();
    INGOT_ASSIGN(const Measured measured, which.context
                                              ? decode(which.sequences, which.context, which.tokens)
                                              : read(which.tokens));
    const double readAfter = readBandwidth(), peakAfter = intPeak();
    session_.engine().takeEvents();
    if (run == 0 || measured.seconds <= 0)
      continue;
    Run result;
    result.tokensPerSecond = measured.tokens / measured.seconds;
    result.readBandwidth = 0.5 * (readBefore + readAfter);
    result.intPeak = 0.5 * (peakBefore + peakAfter);
    result.moved = measured.bytes / measured.seconds;
    result.meanSequences = which.context ? measured.tokens / std::max(1.0, measured.steps) : 1;
    result.stepSeconds = measured.seconds / std::max(1.0, measured.steps);
    if (walls_) {
      result.readShare = result.moved / result.readBandwidth;
      result.intShare = measured.operations / measured.seconds / result.intPeak;
    }
    which.runs.push_back(result);
    if (stderrIsTerminal())
      std::cerr << format("\r\033[K%s: run %u of %u, %.2f tokens/s", which.title.c_str(), run,
                          options_.runs, result.tokensPerSecond)
                << std::flush;
  }
  if (stderrIsTerminal())
    std::cerr << "\r\033[K";
  return which;
}

Result<std::vector<Case>> Bench::runAll() {
  INGOT_ASSIGN(const BenchSizes s,
               options_.sizes.fitted(session_.engine(), options_.wants("batch")));
  std::vector<Case> cases = {
      {"decode", format("decode, 1 sequence at %u", s.start), 1, s.start, s.decode, {}},
      {"prompt", format("prompt of %u tokens", s.prompt), 1, 0, s.prompt, {}},
      {"batch",
       format("decode, %u sequence%s at %u", s.sequences, s.sequences == 1 ? "" : "s", s.start),
       s.sequences,
       s.start,
       s.decode,
       {}}};
  std::erase_if(cases, [this](const Case &which) { return !options_.wants(which.name.c_str()); });
  for (Case &which : cases) {
    INGOT_ASSIGN(which, repeat(std::move(which)));
  }
  work_ = modelWork(session_.manifest(), 1);
  return cases;
}

/// Tokens per second of the batch over those of one sequence; 0 when either was not run.
double batchGain(const std::vector<Case> &cases) {
  double one = 0, batch = 0;
  for (const Case &which : cases) {
    if (which.name == "decode")
      one = which.median(&Run::tokensPerSecond);
    if (which.name == "batch")
      batch = which.median(&Run::tokensPerSecond);
  }
  return one > 0 ? batch / one : 0;
}

/// The cases beside the walls of the CPU.
std::string casesOnCpu(const std::vector<Case> &cases, const CpuDevice &cpu) {
  std::string out = format("%-30s %12s %14s %9s %16s %9s\n", "", "tokens/s", "read wall", "of wall",
                           intPeakName(cpu.level()), "of wall");
  for (const Case &which : cases)
    out += format("%-30s %12.2f %9.2f GB/s %7.1f %% %11.1f GOPS %7.1f %%\n", which.title.c_str(),
                  which.median(&Run::tokensPerSecond), which.median(&Run::readBandwidth) / 1e9,
                  which.median(&Run::readShare) * 100, which.median(&Run::intPeak) / 1e9,
                  which.median(&Run::intShare) * 100);
  return out;
}

/// The cases beside the bytes that they move at least.
std::string casesOnGpu(const std::vector<Case> &cases) {
  std::string out = format("%-30s %12s %14s\n", "", "tokens/s", "moved");
  for (const Case &which : cases)
    out += format("%-30s %12.2f %9.2f GB/s\n", which.title.c_str(),
                  which.median(&Run::tokensPerSecond), which.median(&Run::moved) / 1e9);
  return out;
}

std::string asText(const std::vector<Case> &cases, Session &session, const ModelWork &work) {
  const CpuDevice *cpu = session.cpu();
  std::string out =
      format("%s, %s, medians of %zu runs%s\n", session.manifest().modelName.c_str(),
             session.device().describe().c_str(), cases.empty() ? 0 : cases[0].runs.size(),
             cpu ? ", walls measured around each run" : "");
  out += cpu ? casesOnCpu(cases, *cpu) : casesOnGpu(cases);
  for (const Case &which : cases)
    if (which.median(&Run::meanSequences) < which.sequences)
      out += format("%s: %.1f on average, the others had ended; a smaller --context or "
                    "--decode-tokens leaves room\n",
                    which.title.c_str(), which.median(&Run::meanSequences));
  if (const double gain = batchGain(cases); gain > 0)
    out += format("together over alone: %.2f times the tokens per second\n", gain);
  out +=
      format("per decoded token: %.1f MB of weights, %.1f kB of cache per token of context, %.2f "
             "billion operations\n",
             static_cast<double>(work.weightBytes) / 1e6, static_cast<double>(work.kvBytes) / 1e3,
             static_cast<double>(work.opsPerToken + work.opsPerRow) / 1e9);
  return out;
}

std::string asJson(const std::vector<Case> &cases, Session &session, const ModelWork &work) {
  std::ostringstream out;
  JsonWriter writer(out);
  writer.beginObject().field("model", session.manifest().modelName);
  writer.field("device", session.device().describe());
  if (const CpuDevice *cpu = session.cpu())
    writer.field("cpu_level", cpu->level())
        .field("threads", cpu->workers())
        .field("int_peak_instruction", intPeakName(cpu->level()));
  writer.field("weight_bytes_per_step", work.weightBytes).field("kv_bytes_per_token", work.kvBytes);
  writer.field("operations_per_token", work.opsPerToken + work.opsPerRow);
  writer.key("cases").beginArray();
  for (const Case &which : cases) {
    writer.beginObject().field("name", which.name).field("sequences", which.sequences);
    writer.field("context", which.context).field("tokens", which.tokens);
    writer.field("mean_sequences", which.median(&Run::meanSequences));
    writer.field("tokens_per_second", which.median(&Run::tokensPerSecond));
    writer.field("moved_bytes_per_second", which.median(&Run::moved));
    writer.field("step_seconds", which.median(&Run::stepSeconds));
    writer.field("read_bytes_per_second", which.median(&Run::readBandwidth));
    writer.field("read_percent", which.median(&Run::readShare) * 100);
    writer.field("int_operations_per_second", which.median(&Run::intPeak));
    writer.field("int_percent", which.median(&Run::intShare) * 100);
    writer.key("runs").beginArray();
    for (const Run &run : which.runs)
      writer.beginObject()
          .field("tokens_per_second", run.tokensPerSecond)
          .field("read_bytes_per_second", run.readBandwidth)
          .field("read_percent", run.readShare * 100)
          .field("int_operations_per_second", run.intPeak)
          .field("int_percent", run.intShare * 100)
          .endObject();
    writer.endArray().endObject();
  }
  writer.endArray().field("batch_over_one", batchGain(cases)).endObject();
  return out.str() + "\n";
}

/// Time per kernel over all steps, warm-up included, longest first.
std::string profileText(const CpuDevice &device) {
  std::map<std::string, std::pair<double, uint64_t>> kernels;
  double total = 0;
  for (const auto &[program, times] : device.commandTimes())
    for (const CpuDevice::CommandTime &time : times) {
      auto &[seconds, calls] = kernels[std::string(time.kernel)];
      seconds += time.seconds;
      calls += time.calls;
      total += time.seconds;
    }
  std::vector<std::pair<std::string, std::pair<double, uint64_t>>> sorted(kernels.begin(),
                                                                          kernels.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto &a, const auto &b) { return a.second.first > b.second.first; });
  std::string out = format("%-56s %8s %10s %12s\n", "kernel", "share", "calls", "us per call");
  for (const auto &[name, time] : sorted)
    out += format("%-56s %6.1f %% %10llu %12.1f\n", name.c_str(), 100 * time.first / total,
                  static_cast<unsigned long long>(time.second),
                  1e6 * time.first / static_cast<double>(std::max<uint64_t>(1, time.second)));
  return out;
}

Status runBench(BenchOptions &options) {
  options.session.options.cpu.profile = options.profile;
  INGOT_ASSIGN(const std::unique_ptr<Session> session, options.session.open());
  INGOT_TRY(session->verified()); // hashing in the background would share the memory
  CpuDevice *cpu = session->cpu();
  if (options.profile && !cpu)
    return {ErrorClass::Usage, "profile-device",
            "--profile times the launches of the CPU; use --device cpu, or a profiler of the GPU"};
  std::optional<Walls> walls;
  if (cpu) {
    INGOT_ASSIGN(walls, Walls::create(cpu->team(), uint64_t(options.probeMib) << 20));
  }
  Bench bench(options, *session, std::move(walls));
  INGOT_ASSIGN(const std::vector<Case> cases, bench.runAll());
  if (options.profile)
    std::cerr << profileText(*cpu);
  return writeOut(options.json ? asJson(cases, *session, bench.work())
                               : asText(cases, *session, bench.work()));
}

} // namespace

Command addBenchCommand(CLI::App &root) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App *app =
      root.add_subcommand("bench", "Measures speed, and how far it is from the machine's walls");
  options->session.declare(*app);
  app->add_option("--runs", options->runs, "Runs of each case")
      ->check(CLI::Range(1, 1000, "1..1000"))
      ->capture_default_str();
  options->sizes.declare(*app);
  app->add_option("--only", options->only, "Only this case; repeatable")
      ->check(CLI::IsMember({"decode", "prompt", "batch"}));
  app->add_option("--probe-mib", options->probeMib, "MiB of the buffer for the read wall")
      ->check(CLI::Range(1, 65536, "1..65536"))
      ->capture_default_str();
  app->add_flag("--profile", options->profile, "Time per kernel on stderr");
  app->add_flag("--json", options->json, "Result as JSON, every run included");
  app->footer(
      "Example:\n  ingot bench model.ingot --threads 2\n\n"
      "Sizes that are not given are cut to what the artifact holds; the table says what was\n"
      "measured.\n\nThe read wall is the speed at which the same threads read a large buffer, the "
      "other\n"
      "wall the peak of int8 multiply-adds in registers; both are measured just before and\n"
      "just after each run.");
  return {app, [options] { return runBench(*options); }};
}

} // namespace ingot::tools
