// Perplexity of a checkpoint in the reference evaluator, after passes of choice: what a format
// costs apart from every kernel.
//
//   ingot-reference-perplexity DIRECTORY PIPELINE < windows.json
//
// In: lists of token ids; every token after the first of a list is scored. Out: tokens, mean
// negative log-probability, perplexity. PIPELINE as ingot-opt takes it; empty: as imported.

#include "ir/reference/Evaluator.h"
#include "models/ImportModel.h"
#include "passes/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/raw_ostream.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <iostream>
#include <thread>

using namespace ingot;
using Windows = std::vector<std::vector<uint32_t>>;

namespace {

/// Sum of -ln p over the tokens of the windows `first`, `first` + `step`, ...
struct Score {
  double sum = 0;
  uint64_t tokens = 0;
  Status status;
};

double negativeLogProbability(const float *logits, int64_t vocab, uint32_t token) {
  double top = logits[0], sum = 0;
  for (int64_t i = 0; i < vocab; ++i)
    top = std::max<double>(top, logits[i]);
  for (int64_t i = 0; i < vocab; ++i)
    sum += std::exp(logits[i] - top);
  return top + std::log(sum) - logits[token];
}

Status transform(mlir::ModuleOp module, const std::string &pipeline) {
  mlir::PassManager passes(module->getName());
  if (mlir::failed(mlir::parsePassPipeline(pipeline, passes, llvm::errs())) ||
      mlir::failed(passes.run(module)))
    return {ErrorClass::Usage, "pass-failed", "pipeline " + pipeline};
  return Status::ok();
}

Status scoreWindows(const std::string &directory, const std::string &pipeline,
                    const Windows &windows, size_t first, size_t step, Score &score) {
  mlir::MLIRContext context;
  INGOT_ASSIGN(ImportedModel model, importModel(directory, {}, context));
  INGOT_TRY(transform(*model.module, pipeline));
  Evaluator evaluator(*model.module, *model.weights);
  for (size_t w = first; w < windows.size(); w += step) {
    INGOT_ASSIGN(const reference::Rows rows,
                 evaluator.forwardTokens(windows[w], 0, reference::CacheFormat::F32));
    for (size_t i = 1; i < windows[w].size(); ++i)
      score.sum +=
          negativeLogProbability(rows.floats.data() + static_cast<int64_t>(i - 1) * rows.columns,
                                 rows.columns, windows[w][i]);
    score.tokens += windows[w].size() - 1;
  }
  return Status::ok();
}

} // namespace

int main(int argc, char **argv) {
  const nlohmann::json input = nlohmann::json::parse(std::cin, nullptr, false);
  if (argc != 3 || !input.is_array()) {
    std::cerr << "usage: ingot-reference-perplexity DIRECTORY PIPELINE < windows.json\n";
    return 64;
  }
  registerIngotPasses();
  const auto windows = input.get<Windows>();
  const size_t threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<Score> scores(threads);
  std::vector<std::thread> team;
  for (size_t t = 0; t < threads; ++t)
    team.emplace_back([&, t] {
      scores[t].status = scoreWindows(argv[1], argv[2], windows, t, threads, scores[t]);
    });
  Score all;
  for (size_t t = 0; t < threads; ++t) {
    team[t].join();
    if (!scores[t].status.isOk()) {
      std::cerr << scores[t].status.toString() << "\n";
      return scores[t].status.exitCode();
    }
    all.sum += scores[t].sum;
    all.tokens += scores[t].tokens;
  }
  const double mean = all.sum / static_cast<double>(all.tokens);
  std::cout << nlohmann::json{{"tokens", all.tokens},
                              {"mean_negative_log_probability", mean},
                              {"perplexity", std::exp(mean)}}
            << "\n";
}
