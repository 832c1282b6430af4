// How long and how many the sequences of `ingot bench` are: as asked for, or a refusal.
#pragma once

#include "runtime/engine/Engine.h"

#include <CLI/CLI.hpp>

#include <cstdint>

namespace ingot::tools {

/// Sizes of the cases, and which of them were given by hand.
struct BenchSizes {
  uint32_t prompt = 512, decode = 32, start = 16, sequences = 16;

  void declare(CLI::App &app);
  /// The sizes within what the engine holds: those by hand as they are, or id "bench-size"; the
  /// others cut. `batch`: whether `sequences` run together.
  Result<BenchSizes> fitted(const Engine &engine, bool batch) const;
  /// Steps from the submission of `sequences` prompts until each has its first token, at most.
  static uint64_t startSteps(const Engine &engine, uint64_t sequences, uint64_t prompt) {
    return sequences * prompt / engine.limits().maxBatchTokens + sequences + 1;
  }

private:
  Status fitSequences(const Engine &engine, BenchSizes &sizes) const;

  const CLI::Option *promptFlag_ = nullptr, *decodeFlag_ = nullptr, *sequencesFlag_ = nullptr,
                    *startFlag_ = nullptr;
};

} // namespace ingot::tools
