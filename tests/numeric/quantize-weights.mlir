// What each format costs, as the largest difference of a logit over the standard deviation of the logits.
// DEFINE: %{model} = %S/inputs/tiny-qwen3.mlir
// RUN: ingot-opt %{model} --compare-pipeline="ingot-quantize-weights" --tolerance=0.05 | FileCheck %s
// RUN: ingot-opt %{model} --compare-pipeline="ingot-quantize-weights{linear=int8:32 head=int8:32 embedding=int8:32}" --tolerance=0.06 | FileCheck %s
// RUN: ingot-opt %{model} --compare-pipeline="ingot-quantize-weights{linear=int8:channel head=int8:channel embedding=int8:channel}" --tolerance=0.09 | FileCheck %s
// RUN: ingot-opt %{model} --compare-pipeline="ingot-quantize-weights{linear=int4:32 head=int8:32 embedding=int8:32}" --tolerance=0.8 | FileCheck %s
// CHECK: @forward result 0:

// The order of quality holds: int4 exceeds what int8 keeps, int8 what bfloat16 keeps.
// RUN: not ingot-opt %{model} --compare-pipeline="ingot-quantize-weights{linear=int4:32}" --tolerance=0.3 2>&1 | FileCheck %s --check-prefix=WORSE
// RUN: not ingot-opt %{model} --compare-pipeline="ingot-quantize-weights{linear=int8:channel head=int8:channel embedding=int8:channel}" --tolerance=0.04 2>&1 | FileCheck %s --check-prefix=WORSE
// WORSE: error[tolerance]
