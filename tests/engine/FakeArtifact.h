// The fake model as an artifact with native kernels and a tokenizer: the whole runtime without a
// compiler.
#pragma once

#include "runtime/artifact/Manifest.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ingot::testing {

/// One image of target "cuda": the bytes of its only module.
struct FakeGpuImage {
  std::string level; ///< "host", "sm_90a", "compute_80", ...
  std::vector<uint8_t> module;
};

/// Indices of kernels beside the model's, on every target: see fake_image.c.
inline constexpr uint32_t kCtsMix = 3, kCtsCopy = 4, kCtsFail = 5;

struct FakeOptions {
  bool tokenizer = true, cpu = true;
  std::vector<FakeGpuImage> gpu;                 ///< not empty: a program for target "cuda", too
  uint32_t gpuThreads = 128, gpuShared = 0;      ///< of the fake_append kernel
  std::vector<artifact::LevelShape> gpuLevels{}; ///< of the fake_argmax kernel; slot 2 is `gain`
  bool gpuScratch =
      false; ///< the model's kernels ask for scratch, the first and third with counters
  /// The program for the GPU has the launches, layers and limits of a model with eight billion
  /// parameters; for images whose kernels are not executed.
  bool large = false;
};

/// Writes the artifact: context 128, 64 tokens a step, 16 sequences, blocks of 16 positions.
void writeFakeArtifact(const std::string &path, const FakeOptions &options);
inline void writeFakeArtifact(const std::string &path, bool withTokenizer = true) {
  FakeOptions options;
  options.tokenizer = withTokenizer;
  writeFakeArtifact(path, options);
}

} // namespace ingot::testing
