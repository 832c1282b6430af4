// The compiler as a library: a checkpoint directory in, one .ingot file (or a dry run's report)
// out.
#pragma once

#include "codegen/Target.h"
#include "runtime/artifact/Manifest.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ingot {

/// How weights are stored: "bf16", "fp16", "int8", "int4" or "fp8", and columns per scale (0 = per
/// channel; nothing to 16-bit floats).
struct WeightScheme {
  std::string format = "bf16";
  int64_t group = 32;
};

/// What bits and speed are traded for; named in the artifact.
///   Invariant   a row's bits depend on model and architecture, never on the batch
///   Fast        may choose another order of K by the number of tokens
enum class Profile : uint8_t { Invariant, Fast };

struct CompileOptions {
  std::string
      model; ///< directory in Hugging Face layout, or a .mlir program with weights beside it
  std::string output; ///< path of the artifact; empty with dryRun

  WeightScheme linear;                   ///< --quant, --group
  std::optional<WeightScheme> head;      ///< default: int8 when linear is integers, else as linear
  std::optional<WeightScheme> embedding; ///< default: as the head
  std::vector<std::string> overrides;    ///< "PATTERN=FORMAT[:GROUP]", first match wins
  bool floatActivationScales = false;    ///< f32 instead of power-of-two scales
  bool clipSearch = false;               ///< search a clipping factor per group
  /// cuda: rows that meet weights of the same 8 bits: "int8" or "fp8" with one scale per row;
  /// "bf16" for all.
  std::string activations = "bf16";

  bool cpu = true;                        ///< target cpu
  std::vector<std::string> levels;        ///< its ISA levels; empty = all
  bool cuda = false;                      ///< target cuda
  std::vector<std::string> architectures; ///< its architectures; empty = the usual ones
  /// cuda: most tokens of each launch graph, ascending; steps beyond the last have one of their
  /// own.
  std::vector<int64_t> tokenBuckets = {1, 4, 16, 64, 256};
  Profile profile = Profile::Invariant; ///< cuda
  bool reportKernels = false;           ///< a line per GPU kernel in the report
  bool kernelCache = true;              ///< cuda: keep compiled kernels for the next run
  uint32_t blockTokens = 16;            ///< KV positions per block
  /// How the cache stores keys and values: "bf16", cuda also "fp16", "fp8", "int8"; empty: as the
  /// program says.
  std::string kvFormat;
  uint32_t maxSequences = 16; ///< concurrent sequences
  uint32_t maxTokens = 512;   ///< tokens per step
  uint32_t maxContext = 0;    ///< tokens per sequence; 0 = the model's

  bool knownAnswers = true; ///< store what `ingot verify --run` compares

  std::optional<uint64_t> randomWeights; ///< seed: no checkpoint bytes, the runtime makes them
  bool dryRun = false;
  std::string dumpIr;       ///< directory for the program after each stage
  std::string passPipeline; ///< replaces the fusion stage
  bool fuse = true;
  std::vector<std::string> disabledFusions;      ///< names of fusions to leave out
  std::map<std::string, uint32_t> expectFusions; ///< exact counts, else the build fails
  unsigned threads = 0;                          ///< 0 = all
};

struct StageTime {
  std::string name;
  double seconds = 0;
};

/// What the passes did to the program of one target.
struct TargetReport {
  std::string target;
  uint32_t launchesUnfused = 0, launchesFused = 0; ///< per decode step
  std::vector<artifact::FusionCount> fusions;
};

/// What the compiler did, for the report at the end and --json.
struct CompileReport {
  artifact::Manifest manifest; ///< as written (dry run: as it would be, without segments)
  std::vector<StageTime> stages;
  std::vector<std::string> warnings;
  uint64_t fileBytes = 0;  ///< 0 in a dry run
  uint64_t parameters = 0; ///< elements of all packed parameters
  uint32_t layers = 0;
  std::vector<TargetReport> targets; ///< that of the manifest's own program first
  uint64_t codeBytes = 0;
  std::vector<KernelReport> kernels; ///< of target cuda
};

/// Called when a stage begins and, for long ones, with the fraction done in [0, 1].
using Progress = std::function<void(const std::string &stage, double fraction)>;

Result<CompileReport> compileModel(const CompileOptions &options, const Progress &progress);

} // namespace ingot
