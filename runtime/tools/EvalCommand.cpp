// ingot eval: perplexity and log-probabilities of given text.

#include "runtime/base/Format.h"
#include "runtime/base/JsonWriter.h"
#include "runtime/tools/Documents.h"
#include "runtime/tools/ToolSupport.h"

#include <cmath>
#include <iostream>
#include <sstream>

namespace ingot::tools {
namespace {

using Ids = std::vector<uint32_t>;

struct EvalOptions {
  SessionFlags session;
  std::string file = "-";
  DocumentFormat format;
  uint32_t window = 0;
  uint32_t first = 0, count = 0;
  bool json = false, logprobs = false, noBegin = false;
};

/// Scores of one document, over all its windows in order.
struct DocumentScore {
  std::vector<Sample> samples;
  double nll = 0; ///< sum of negative natural log-probabilities
};

/// A piece of a document that is scored as one request.
struct Window {
  size_t document;
  Ids ids;
};

/// Rows of logits per step: scoring returns a row per token.
constexpr uint32_t kRowsPerStep = 64;

/// The begin tokens that every window starts with: the tokenizer's, or the artifact's.
Ids beginIds(const Session &session) {
  if (session.tokenizer())
    return session.tokenizer()->data().prefixIds;
  const int32_t bos = session.manifest().generation.bosId;
  return bos >= 0 ? Ids{static_cast<uint32_t>(bos)} : Ids{};
}

/// Windows of at most `length` tokens that do not overlap, each starting with the begin tokens.
/// Without begin tokens the first token of a window has nothing to be predicted from.
std::vector<Window> cutWindows(const std::vector<Ids> &documents, const Ids &begin, size_t length) {
  std::vector<Window> windows;
  const size_t step = length - begin.size();
  for (size_t document = 0; document < documents.size(); ++document)
    for (size_t at = 0; at < documents[document].size(); at += step) {
      const Ids &ids = documents[document];
      Ids window = begin;
      window.insert(window.end(), ids.begin() + static_cast<ptrdiff_t>(at),
                    ids.begin() + static_cast<ptrdiff_t>(std::min(ids.size(), at + step)));
      windows.push_back({document, std::move(window)});
    }
  return windows;
}

Result<std::vector<DocumentScore>> scoreWindows(Session &session,
                                                const std::vector<Window> &windows,
                                                size_t beginTokens, size_t documents) {
  Engine &engine = session.engine();
  std::map<RequestId, size_t> windowOf;
  std::vector<std::vector<Sample>> scores(windows.size());
  for (size_t i = 0; i < windows.size(); ++i) {
    Request request;
    request.prompt = windows[i].ids;
    request.scorePrompt = true;
    INGOT_ASSIGN(const RequestId id, engine.submit(std::move(request)));
    windowOf[id] = i;
  }
  size_t finished = 0;
  for (bool busy = true; busy;) {
    busy = engine.step();
    for (Event &event : engine.takeEvents()) {
      const size_t window = windowOf.at(event.request);
      if (event.finish == FinishReason::Error)
        return std::move(event.error).at(format("document %zu", windows[window].document));
      finished += event.finish != FinishReason::None;
      for (Sample &sample : event.promptScores)
        scores[window].push_back(std::move(sample));
    }
    if (stderrIsTerminal())
      std::cerr << format("\r\033[K%zu of %zu windows", finished, windows.size()) << std::flush;
  }
  if (stderrIsTerminal())
    std::cerr << "\r\033[K";

  std::vector<DocumentScore> result(documents);
  for (size_t i = 0; i < windows.size(); ++i)
    for (size_t k = beginTokens > 1 ? beginTokens - 1 : 0; k < scores[i].size(); ++k) {
      result[windows[i].document].nll -= scores[i][k].logprob;
      result[windows[i].document].samples.push_back(std::move(scores[i][k]));
    }
  return result;
}

void writeDocument(JsonWriter &writer, const DocumentScore &score, bool logprobs) {
  const auto tokens = static_cast<double>(score.samples.size());
  writer.beginObject().field("tokens", static_cast<uint64_t>(score.samples.size()));
  writer.field("nll", score.nll).field("perplexity", std::exp(score.nll / tokens));
  if (logprobs) {
    writer.key("token_ids").beginArray();
    for (const Sample &sample : score.samples)
      writer.value(sample.token);
    writer.endArray().key("logprobs").beginArray();
    for (const Sample &sample : score.samples)
      writer.value(sample.logprob);
    writer.endArray();
  }
  writer.endObject();
}

Status report(const EvalOptions &options, const Session &session, const Ids &begin,
              size_t windowTokens, const std::vector<DocumentScore> &scores) {
  double nll = 0;
  uint64_t tokens = 0;
  for (const DocumentScore &score : scores) {
    nll += score.nll;
    tokens += score.samples.size();
  }
  if (tokens == 0)
    return {ErrorClass::Data, "documents-malformed",
            "no token could be scored: without a begin token a document needs at least two"};
  const double mean = nll / static_cast<double>(tokens);
  if (!options.json)
    return writeOut(
        format("perplexity %.4f   mean negative log-likelihood %.5f   %llu tokens in %zu "
               "%s\n",
               std::exp(mean), mean, static_cast<unsigned long long>(tokens), scores.size(),
               scores.size() == 1 ? "document" : "documents"));
  std::ostringstream out;
  JsonWriter writer(out, /*pretty=*/!options.logprobs);
  writer.beginObject().field("model", session.manifest().modelName);
  writer.field("perplexity", std::exp(mean)).field("mean_nll", mean).field("tokens", tokens);
  writer.field("window_tokens", static_cast<uint64_t>(windowTokens));
  writer.field("begin_tokens", static_cast<uint64_t>(begin.size()));
  writer.key("documents").beginArray();
  for (const DocumentScore &score : scores)
    writeDocument(writer, score, options.logprobs);
  writer.endArray().endObject();
  return writeOut(out.str() + "\n");
}

Status runEval(EvalOptions &options) {
  INGOT_ASSIGN(const std::string text, readText(options.file));
  options.session.options.engine.maxReturnedRows = kRowsPerStep;
  INGOT_ASSIGN(const std::unique_ptr<Session> session, options.session.open());
  INGOT_ASSIGN(std::vector<Ids> documents,
               readDocuments(text, options.format, session->tokenizer()));
  if (options.first >= documents.size())
    return {ErrorClass::Usage, "documents-malformed",
            format("--first %u, but the file has %zu documents", options.first, documents.size())};
  documents.erase(documents.begin(), documents.begin() + options.first);
  if (options.count && options.count < documents.size())
    documents.resize(options.count);

  const Ids begin = options.noBegin ? Ids{} : beginIds(*session);
  const size_t most = session->engine().maxLength();
  const size_t length = options.window ? std::min<size_t>(options.window, most) : most;
  if (length < begin.size() + 2)
    return {ErrorClass::Usage, "window-too-short",
            format("windows of %zu tokens; with %zu begin tokens at least %zu are needed", length,
                   begin.size(), begin.size() + 2)};
  const std::vector<Window> windows = cutWindows(documents, begin, length);
  INGOT_ASSIGN(const std::vector<DocumentScore> scores,
               scoreWindows(*session, windows, begin.size(), documents.size()));
  INGOT_TRY(session->verified());
  return report(options, *session, begin, length, scores);
}

} // namespace

Command addEvalCommand(CLI::App &root) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App *app = root.add_subcommand("eval", "Perplexity and log-probabilities of a text");
  options->session.declare(*app);
  app->add_option("-f,--file", options->file, "File to score; - is standard input");
  app->add_flag("--split-lines", options->format.lines, "Each line is a document of its own");
  app->add_option("--separator", options->format.separator,
                  "Text between documents, such as <|endoftext|>");
  app->add_flag("--trim", options->format.trim, "Remove the white space around each document");
  app->add_flag("--json-list", options->format.json,
                "The file is a JSON list: strings, or lists of token ids");
  app->add_flag("--ids", options->format.ids, "The file holds token ids instead of text");
  app->add_option("--first", options->first, "Skip this many documents");
  app->add_option("--count", options->count, "Score this many documents; 0 = all");
  app->add_option("--window", options->window, "Tokens per window; default the whole context");
  app->add_flag("--no-begin", options->noBegin, "Windows start without the model's begin token");
  CLI::Option *json =
      app->add_flag("--json", options->json, "Result as JSON, with one entry per document");
  app->add_flag("--logprobs", options->logprobs, "With --json: every token's log-probability")
      ->needs(json);
  app->footer(
      "Example:\n  ingot eval model.ingot -f story.txt\n"
      "  ingot eval model.ingot -f stories.json --json-list --first 950 --count 50 --json\n\n"
      "Each document is scored alone: its tokens are cut into windows that do not overlap,\n"
      "each starting with the model's begin token, and every token after it is scored.");
  return {app, [options] { return runEval(*options); }};
}

} // namespace ingot::tools
