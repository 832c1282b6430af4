#include "runtime/tools/BenchSizes.h"

#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot::tools {
namespace {

bool isGiven(const CLI::Option *flag) { return flag && flag->count() > 0; }

/// Cuts `value` to `most`; fails where it was given by hand.
Status fit(const CLI::Option *flag, uint32_t &value, uint64_t most, const std::string &why) {
  if (value > most && isGiven(flag))
    return {ErrorClass::Usage, "bench-size",
            format("%s %u: %s; give at most %llu", flag->get_name().c_str(), value, why.c_str(),
                   ull(most))};
  value = static_cast<uint32_t>(std::min<uint64_t>(value, most));
  return Status::ok();
}

} // namespace

void BenchSizes::declare(CLI::App &app) {
  const CLI::Range range(1, 1 << 20, "1..1048576");
  promptFlag_ = app.add_option("--prompt-tokens", prompt, "Length of the prompt that is read")
                    ->check(range)
                    ->capture_default_str();
  decodeFlag_ = app.add_option("--decode-tokens", decode, "New tokens per sequence")
                    ->check(range)
                    ->capture_default_str();
  startFlag_ =
      app.add_option("--context", start, "Tokens that each sequence holds before it decodes")
          ->check(range)
          ->capture_default_str();
  sequencesFlag_ = app.add_option("--sequences", sequences, "Sequences that decode together")
                       ->check(CLI::Range(1, 4096, "1..4096"))
                       ->capture_default_str();
}

Result<BenchSizes> BenchSizes::fitted(const Engine &engine, bool batch) const {
  BenchSizes s = *this;
  if (engine.maxLength() < 3)
    return Status(ErrorClass::Usage, "bench-size",
                  format("a sequence holds %u tokens here, prompt and answer together; a case "
                         "needs three",
                         engine.maxLength()));
  const uint32_t longest = engine.maxLength() - 1; // the first token of the answer takes a place
  const std::string holds =
      format("a sequence holds %u tokens here, prompt and answer together", engine.maxLength());
  INGOT_TRY(fit(promptFlag_, s.prompt, longest, holds));
  INGOT_TRY(fit(decodeFlag_, s.decode, isGiven(decodeFlag_) ? longest - 1 : longest / 2, holds));
  INGOT_TRY(fit(startFlag_, s.start, longest - s.decode,
                holds + format(", %u of them new ones", s.decode)));
  INGOT_TRY(fit(sequencesFlag_, s.sequences, engine.limits().maxSequences,
                "the artifact, or --max-seqs, lets fewer run together"));
  if (batch)
    INGOT_TRY(fitSequences(engine, s));
  return s;
}

/// All must be in the KV pool until the end: else some wait, or lose their blocks, while others are
/// measured.
Status BenchSizes::fitSequences(const Engine &engine, BenchSizes &s) const {
  const uint32_t blockTokens = engine.limits().blockTokens;
  const uint64_t blocks = engine.pool().totalBlocks();
  const auto fits = [&](uint64_t count) {
    const uint64_t end = s.start + startSteps(engine, count, s.start) + s.decode;
    const uint64_t last = blocksForTokens(std::min<uint64_t>(engine.maxLength(), end), blockTokens);
    // The scheduler admits a prompt where every other sequence keeps a block to grow into.
    const uint64_t first = blocksForTokens(s.start, blockTokens);
    return count * last <= blocks && count * first + count - 1 <= blocks;
  };
  uint32_t most = s.sequences;
  while (most > 1 && !fits(most))
    --most;
  return fit(sequencesFlag_, s.sequences, most,
             format("the KV pool of %llu blocks of %u positions does not hold so many at %u tokens "
                    "and those that follow (--kv-blocks, --kv-memory)",
                    ull(blocks), blockTokens, s.start));
}

} // namespace ingot::tools
