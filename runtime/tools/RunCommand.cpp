// ingot run: several prompts as one continuous batch, each answer printed under its prompt.

#include "runtime/base/Format.h"
#include "runtime/base/JsonWriter.h"
#include "runtime/base/WholeNumber.h"
#include "runtime/tools/LivePanel.h"
#include "runtime/tools/PromptText.h"
#include "runtime/tools/ToolSupport.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>
#include <sstream>
#include <unistd.h>

namespace ingot::tools {
namespace {

struct RunOptions {
  SessionFlags session;
  PromptFlags prompts;
  uint32_t maxTokens = 0;
  SamplingParams sampling;
  CLI::Option *temperature = nullptr, *topK = nullptr, *topP = nullptr, *minP = nullptr;
  CLI::Option *logprobs = nullptr;
  std::vector<std::string> stops;
  bool ignoreEos = false, json = false, quiet = false;
};

/// One prompt and what became of it.
struct Answer {
  RequestId id = 0;
  std::string prompt, text;
  uint32_t promptTokens = 0;
  std::vector<uint32_t> tokens;
  std::vector<Sample> samples;
  FinishReason finish = FinishReason::None;
  Status error;
};

/// Tokens generated where neither the flag nor the artifact says how many.
constexpr uint32_t kDefaultMaxTokens = 256;

volatile std::sig_atomic_t interrupted = 0;
/// The first Ctrl-C ends the answers where they are; the second ends the process.
extern "C" void onInterrupt(int) {
  interrupted = 1;
  std::signal(SIGINT, SIG_DFL);
}

/// The flags over the artifact's defaults.
Request baseRequest(const RunOptions &options, const artifact::GenerationDefaults &defaults) {
  Request request;
  request.sampling = options.sampling;
  if (options.temperature->count() == 0)
    request.sampling.temperature = defaults.temperature;
  if (options.topK->count() == 0)
    request.sampling.topK = defaults.topK;
  if (options.topP->count() == 0)
    request.sampling.topP = defaults.topP;
  if (options.minP->count() == 0)
    request.sampling.minP = defaults.minP;
  request.maxTokens = options.maxTokens    ? options.maxTokens
                      : defaults.maxTokens ? defaults.maxTokens
                                           : kDefaultMaxTokens;
  request.stopStrings = options.stops;
  request.ignoreEos = options.ignoreEos;
  return request;
}

/// Tokenizes and submits; a refused prompt keeps its error and the others go on.
void submitOne(Session &session, const RunOptions &options, Request request, Answer &answer) {
  Result<std::vector<uint32_t>> ids = options.prompts.encode(session, answer.prompt);
  if (!ids) {
    answer.error = ids.status();
  } else {
    answer.promptTokens = static_cast<uint32_t>(ids->size());
    request.prompt = *std::move(ids);
    const Result<RequestId> id = session.engine().submit(std::move(request));
    if (id)
      answer.id = *id;
    else
      answer.error = id.status();
  }
  if (!answer.error.isOk())
    answer.finish = FinishReason::Error;
}

Answer &answerOf(std::vector<Answer> &answers, RequestId id) {
  for (Answer &answer : answers)
    if (answer.id == id)
      return answer;
  return answers.front();
}

Status stepAll(Engine &engine, std::vector<Answer> &answers, bool streamOut, LivePanel &panel) {
  for (bool busy = true; busy;) {
    if (interrupted)
      for (const Answer &answer : answers)
        engine.cancel(answer.id);
    busy = engine.step();
    for (Event &event : engine.takeEvents()) {
      Answer &answer = answerOf(answers, event.request);
      answer.text += event.text;
      answer.tokens.insert(answer.tokens.end(), event.tokens.begin(), event.tokens.end());
      answer.samples.insert(answer.samples.end(), event.samples.begin(), event.samples.end());
      answer.finish = event.finish;
      answer.error = std::move(event.error);
      const auto line = static_cast<size_t>(&answer - answers.data());
      panel.append(line, event.text);
      if (event.finish != FinishReason::None)
        panel.finish(line);
      if (streamOut && !event.text.empty())
        INGOT_TRY(writeOut(event.text));
    }
    panel.refresh();
  }
  panel.clear();
  return Status::ok();
}

std::string answersAsText(const std::vector<Answer> &answers) {
  std::string out;
  for (size_t i = 0; i < answers.size(); ++i) {
    const Answer &answer = answers[i];
    out += format("%s[%zu] ", i ? "\n" : "", i + 1) + answer.prompt + "\n" + answer.text + "\n";
    if (!answer.error.isOk())
      out += "(" + answer.error.toString() + ")\n";
  }
  return out;
}

void writeLogprobs(JsonWriter &writer, const Answer &answer) {
  writer.key("logprobs").beginArray();
  for (const Sample &sample : answer.samples) {
    writer.beginObject().field("token_id", sample.token).field("logprob", sample.logprob);
    writer.key("top").beginArray();
    for (const TokenLogprob &top : sample.top)
      writer.beginObject().field("token_id", top.token).field("logprob", top.logprob).endObject();
    writer.endArray().endObject();
  }
  writer.endArray();
}

std::string answersAsJson(const Session &session, const std::vector<Answer> &answers) {
  std::ostringstream out;
  JsonWriter writer(out);
  writer.beginObject().field("model", session.manifest().modelName);
  writer.key("results").beginArray();
  for (const Answer &answer : answers) {
    writer.beginObject().field("prompt", answer.prompt).field("text", answer.text);
    writer.field("finish_reason", finishReasonName(answer.finish));
    writer.field("prompt_tokens", answer.promptTokens);
    writer.field("completion_tokens", static_cast<uint32_t>(answer.tokens.size()));
    writer.key("token_ids").beginArray();
    for (const uint32_t token : answer.tokens)
      writer.value(token);
    writer.endArray();
    if (!answer.samples.empty())
      writeLogprobs(writer, answer);
    if (!answer.error.isOk())
      writer.key("error")
          .beginObject()
          .field("id", answer.error.id())
          .field("message", answer.error.message())
          .endObject();
    writer.endObject();
  }
  writer.endArray().endObject();
  out << "\n";
  return out.str();
}

void printSummary(Session &session, const std::vector<Answer> &answers, double seconds) {
  uint64_t prompt = 0, generated = 0;
  for (const Answer &answer : answers) {
    prompt += answer.promptTokens;
    generated += answer.tokens.size();
  }
  const EngineStats &stats = session.engine().stats();
  std::cerr << format(
      "%zu %s, %llu prompt and %llu new tokens in %.2f s (%.1f new tokens/s), %llu "
      "steps, %s",
      answers.size(), answers.size() == 1 ? "answer" : "answers",
      static_cast<unsigned long long>(prompt), static_cast<unsigned long long>(generated), seconds,
      seconds > 0 ? static_cast<double>(generated) / seconds : 0.0,
      static_cast<unsigned long long>(stats.steps), session.device().describe().c_str());
  if (stats.preemptions)
    std::cerr << format(", %llu preemptions", static_cast<unsigned long long>(stats.preemptions));
  std::cerr << "\n";
}

Status firstError(const std::vector<Answer> &answers) {
  for (const Answer &answer : answers)
    if (!answer.error.isOk())
      return answer.error;
  return Status::ok();
}

Status runRun(RunOptions &options) {
  INGOT_ASSIGN(const std::vector<std::string> prompts, options.prompts.gather());
  INGOT_ASSIGN(const std::unique_ptr<Session> session, options.session.open());
  INGOT_TRY(options.prompts.prepare(*session));
  const Request base = baseRequest(options, session->manifest().generation);
  INGOT_TRY(checkSampling(base.sampling));

  const auto start = std::chrono::steady_clock::now();
  std::vector<Answer> answers(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    answers[i].prompt = prompts[i];
    submitOne(*session, options, base, answers[i]);
  }
  std::signal(SIGINT, onInterrupt);
  const bool single = answers.size() == 1;
  const bool streamOut = single && !options.json;
  LivePanel panel(answers.size(), !single && !options.quiet && stderrIsTerminal());
  INGOT_TRY(stepAll(session->engine(), answers, streamOut, panel));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;

  if (options.json)
    INGOT_TRY(writeOut(answersAsJson(*session, answers)));
  else if (!single)
    INGOT_TRY(writeOut(answersAsText(answers)));
  else if (answers[0].error.isOk() && isatty(STDOUT_FILENO))
    INGOT_TRY(writeOut("\n"));
  const bool computed = std::any_of(answers.begin(), answers.end(),
                                    [](const Answer &answer) { return answer.id != 0; });
  if (!options.quiet && computed)
    printSummary(*session, answers, seconds.count());
  INGOT_TRY(session->verified());
  return firstError(answers);
}

void declareSampling(CLI::App &app, RunOptions &options) {
  app.add_option("-n,--max-tokens,--predict", options.maxTokens,
                 "New tokens per answer; default the artifact's, else 256")
      ->check(CLI::Range(1, 1 << 30, "1.."));
  options.temperature = app.add_option("--temp,--temperature", options.sampling.temperature,
                                       "0 = greedy; default the artifact's");
  options.topK = app.add_option("--top-k", options.sampling.topK,
                                "Sample from the K likeliest tokens; 0 = all");
  options.topP = app.add_option("--top-p", options.sampling.topP,
                                "Sample from the least set with this probability; 1 = all");
  options.minP = app.add_option("--min-p", options.sampling.minP,
                                "Leave out tokens less likely than this share of the likeliest");
  app.add_option("-s,--seed", options.sampling.seed,
                 "Seed of the random numbers, the same for every prompt; 0 by default")
      ->check(checkWholeNumber);
  options.logprobs =
      app.add_option("--logprobs", options.sampling.logprobs,
                     "With --json: log-probability of each token and of N alternatives");
  app.add_option("--stop", options.stops, "End an answer before this text; repeatable");
  app.add_flag("--ignore-eos", options.ignoreEos, "Go on after the model's end token");
}

} // namespace

Command addRunCommand(CLI::App &root) {
  auto options = std::make_shared<RunOptions>();
  CLI::App *app = root.add_subcommand("run", "Answers prompts, several at once as one batch");
  options->session.declare(*app);
  options->prompts.declare(*app);
  declareSampling(*app, *options);
  options->logprobs->needs(app->add_flag("--json", options->json, "Answers as one JSON object"));
  app->add_flag("-q,--quiet", options->quiet, "No live view and no summary on stderr");
  app->footer(
      "Example:\n"
      "  ingot run model.ingot -p \"Once upon a time\" -n 64 --temp 0\n"
      "  ingot run model.ingot -p \"The fox\" -p \"The owl\" -n 40 --temp 0.8 --seed 7\n\n"
      "One prompt: only its answer goes to stdout, as it grows. Several prompts: each answer\n"
      "goes to stdout under its prompt when all are done.");
  return {app, [options] { return runRun(*options); }};
}

} // namespace ingot::tools
