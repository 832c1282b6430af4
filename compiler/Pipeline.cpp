#include "compiler/Pipeline.h"

#include "passes/Passes.h"

#include "mlir/Pass/PassRegistry.h"

#include <algorithm>

using namespace mlir;

namespace ingot {
namespace {

bool isHalf(const WeightScheme &scheme) {
  return scheme.format == "bf16" || scheme.format == "fp16";
}

/// "int4:32", "int8:channel", "bf16": the spelling of ingot-quantize-weights.
std::string schemeText(const WeightScheme &scheme) {
  if (isHalf(scheme))
    return scheme.format;
  return scheme.format + ":" + (scheme.group ? std::to_string(scheme.group) : "channel");
}

/// PATTERN=FORMAT:0 of the command line in the pass's spelling.
std::string overrideText(const std::string &text) {
  const size_t end = text.size();
  return end > 2 && text.compare(end - 2, 2, ":0") == 0 ? text.substr(0, end - 1) + "channel"
                                                        : text;
}

void buildQuantize(OpPassManager &manager, const CompileOptions &options, CodeTarget target) {
  QuantizeWeightsPassOptions weights;
  const WeightScheme quantizedHead{"int8", options.activations == "int8" ? 0 : 32};
  const bool same = isHalf(options.linear) || options.linear.format == "fp8";
  const WeightScheme head = options.head.value_or(same ? options.linear : quantizedHead);
  weights.linear = schemeText(options.linear);
  weights.head = schemeText(head);
  weights.embedding = schemeText(options.embedding.value_or(head));
  for (const std::string &text : options.overrides)
    weights.overrides.push_back(overrideText(text));
  if (!options.kvFormat.empty())
    manager.addPass(createQuantizeCachePass({options.kvFormat}));
  // Types of weights first: they decide which rounding point an activation needs.
  manager.addPass(createQuantizeWeightsPass(weights));
  QuantizeActivationsPassOptions activations;
  activations.scale = target == CodeTarget::Cuda      ? options.activations
                      : options.floatActivationScales ? "f32"
                                                      : "pow2";
  manager.addPass(createQuantizeActivationsPass(activations));
}

/// Whether the fusion `name` ("swiglu", ...) is to run.
bool wants(const CompileOptions &options, const std::string &name) {
  const std::vector<std::string> &off = options.disabledFusions;
  return options.fuse && std::find(off.begin(), off.end(), name) == off.end();
}

template <typename PassOptions, typename Create>
void addFusion(OpPassManager &manager, const CompileOptions &options, const char *name,
               Create create) {
  PassOptions policy;
  policy.enable = wants(options, name);
  manager.addPass(create(policy));
}

#define INGOT_ADD_FUSION(PASS, NAME)                                                               \
  addFusion<PASS##PassOptions>(manager, options, NAME,                                             \
                               [](PASS##PassOptions o) { return create##PASS##Pass(o); })

/// Horizontal merges: behind quantization, whose choices they compare; before the line, although
/// one output column stays one chain and no bit changes.
void buildMerges(OpPassManager &manager, const CompileOptions &options) {
  INGOT_ADD_FUSION(MergeQkv, "merge-qkv");
  INGOT_ADD_FUSION(MergeGateUp, "merge-gate-up");
}

/// The line: from here on bits are fixed. Nothing above depends on the batch.
void buildNumerics(OpPassManager &manager, CodeTarget target) {
  FixNumericsPassOptions numerics;
  numerics.target = target == CodeTarget::Cuda ? "cuda" : "cpu";
  manager.addPass(createFixNumericsPass(numerics));
}

void buildFusions(OpPassManager &manager, const CompileOptions &options, CodeTarget target) {
  // Before fuse-norm, which takes the selection along.
  INGOT_ADD_FUSION(HoistSelectRows, "hoist-select-rows");
  // Epilogues before fuse-norm: a sum in an epilogue is cheaper than one in the norm.
  INGOT_ADD_FUSION(FuseSwiglu, "fuse-swiglu");
  INGOT_ADD_FUSION(FuseResidualAdd, "fuse-residual-add");
  if (target == CodeTarget::Cuda) {
    // Before fuse-rope-kv, which takes what this one leaves; that looks for attention, which
    // fuse-attention-round wraps.
    INGOT_ADD_FUSION(FuseQkvRope, "fuse-qkv-rope");
    INGOT_ADD_FUSION(FuseRopeKv, "fuse-rope-kv");
    INGOT_ADD_FUSION(FuseAttentionRound, "fuse-attention-round");
  }
  // What is left between projections.
  INGOT_ADD_FUSION(FuseNorm, "fuse-norm");
  if (target != CodeTarget::Cuda)
    INGOT_ADD_FUSION(FuseRopeKv, "fuse-rope-kv");
}

/// Twins are clones: behind the other fusions, or each would be counted twice.
void buildTwins(OpPassManager &manager, const CompileOptions &options, CodeTarget target) {
  manager.addPass(createAddGreedyTwinPass());
  if (target == CodeTarget::Cuda) // the host's processor samples from logits where it finds them
    manager.addPass(createAddSampledTwinPass());
  INGOT_ADD_FUSION(FuseHeadArgmax, "fuse-head-argmax");
}

/// Behind buckets, whose sizes decide: every block of a matmul repeats the norm.
void addNormPrologue(OpPassManager &manager, const CompileOptions &options) {
  FuseNormProloguePassOptions policy;
  policy.enable = wants(options, "fuse-norm-prologue");
  policy.stepTokens = options.maxTokens;
  manager.addPass(createFuseNormProloguePass(policy));
}

void buildPlanning(OpPassManager &manager, const CompileOptions &options, CodeTarget target) {
  // What no fusion took becomes a kernel of its own; buckets need every matmul in a fused op.
  manager.addPass(createOutlinePass());
  BucketVariantsPassOptions buckets;
  buckets.maxTokens = options.maxTokens;
  if (target == CodeTarget::Cuda) { // tiles by the number of tokens, a graph per bucket
    buckets.bounds.assign(options.tokenBuckets.begin(), options.tokenBuckets.end());
    buckets.splitKernels = true;
  }
  manager.addPass(createBucketVariantsPass(buckets));
  if (target == CodeTarget::Cuda && options.profile == Profile::Fast)
    manager.addPass(createSliceByBucketPass());
  if (target == CodeTarget::Cuda)
    addNormPrologue(manager, options);
  // No fusion and no bucket may have moved a bit.
  manager.addPass(createVerifyNumericsPass());
  // Last: it cuts what is finished.
  if (options.knownAnswers)
    manager.addPass(createAddProbePass());
}

/// --pass-pipeline: the user's passes in place of the fusions. A mistake is caught when parsing.
void buildUserPipeline(OpPassManager &manager, const CompileOptions &options) {
  (void)parsePassPipeline(options.passPipeline, manager);
}

} // namespace

std::vector<std::string> fusionNames() {
  return {"merge-qkv",         "merge-gate-up",    "hoist-select-rows",    "fuse-swiglu",
          "fuse-residual-add", "fuse-qkv-rope",    "fuse-attention-round", "fuse-norm",
          "fuse-rope-kv",      "fuse-head-argmax", "fuse-norm-prologue"};
}

std::vector<PipelineStage> pipelineStages(const CompileOptions &options, CodeTarget target) {
  std::vector<PipelineStage> stages;
  stages.push_back(
      {"quantize", [&options, target](OpPassManager &m) { buildQuantize(m, options, target); }});
  stages.push_back({"merge", [&options](OpPassManager &m) { buildMerges(m, options); }});
  stages.push_back({"numerics", [target](OpPassManager &m) { buildNumerics(m, target); }});
  if (options.passPipeline.empty())
    stages.push_back(
        {"fuse", [&options, target](OpPassManager &m) { buildFusions(m, options, target); }});
  else
    stages.push_back({"fuse", [&options](OpPassManager &m) { buildUserPipeline(m, options); }});
  stages.push_back(
      {"twins", [&options, target](OpPassManager &m) { buildTwins(m, options, target); }});
  stages.push_back(
      {"plan", [&options, target](OpPassManager &m) { buildPlanning(m, options, target); }});
  return stages;
}

} // namespace ingot
