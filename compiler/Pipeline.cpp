#include "compiler/Pipeline.h"

#include "passes/Passes.h"

#include <algorithm>

using namespace mlir;

namespace ingot {
namespace {

/// "int4:32", "int8:channel", "bf16": the spelling of ingot-quantize-weights.
std::string schemeText(const WeightScheme &scheme) {
  if (scheme.format == "bf16")
    return scheme.format;
  return scheme.format + ":" + (scheme.group ? std::to_string(scheme.group) : "channel");
}

/// PATTERN=FORMAT:0 of the command line in the pass's spelling.
std::string overrideText(const std::string &text) {
  const size_t end = text.size();
  return end > 2 && text.compare(end - 2, 2, ":0") == 0 ? text.substr(0, end - 1) + "channel"
                                                        : text;
}

void buildQuantize(OpPassManager &manager, const CompileOptions &options) {
  QuantizeWeightsPassOptions weights;
  const WeightScheme quantizedHead{"int8", 32};
  const WeightScheme head = options.head.value_or(
      options.linear.format == "bf16" ? options.linear : quantizedHead);
  weights.linear = schemeText(options.linear);
  weights.head = schemeText(head);
  weights.embedding = schemeText(options.embedding.value_or(head));
  for (const std::string &text : options.overrides)
    weights.overrides.push_back(overrideText(text));
  // Types of weights first: they decide which rounding point an activation needs.
  manager.addPass(createQuantizeWeightsPass(weights));
  QuantizeActivationsPassOptions activations;
  activations.scale = options.floatActivationScales ? "f32" : "pow2";
  manager.addPass(createQuantizeActivationsPass(activations));
}

void buildNumerics(OpPassManager &manager) {
  // The twin before the line, so that both entries are signed; the line before anything that
  // depends on the batch.
  manager.addPass(createAddGreedyTwinPass());
  manager.addPass(createFixNumericsPass());
}

void buildPlanning(OpPassManager &manager, const CompileOptions &options) {
  // What no fusion took becomes a kernel of its own; buckets need every matmul in a fused op.
  manager.addPass(createOutlinePass());
  BucketVariantsPassOptions buckets;
  buckets.maxTokens = options.maxTokens;
  manager.addPass(createBucketVariantsPass(buckets));
  // Last: no fusion and no bucket may have moved a bit.
  manager.addPass(createVerifyNumericsPass());
}

} // namespace

std::vector<std::string> fusionNames() { return {}; }

std::vector<PipelineStage> pipelineStages(const CompileOptions &options) {
  std::vector<PipelineStage> stages;
  stages.push_back({"quantize", [&](OpPassManager &m) { buildQuantize(m, options); }});
  stages.push_back({"numerics", [](OpPassManager &m) { buildNumerics(m); }});
  stages.push_back({"plan", [&](OpPassManager &m) { buildPlanning(m, options); }});
  return stages;
}

} // namespace ingot
