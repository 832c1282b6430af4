// What rounded activations cost beside the same weights, as the largest difference of a logit over the standard
// deviation of the logits.
// DEFINE: %{model} = %S/inputs/tiny-qwen3.mlir
// DEFINE: %{int} = --ingot-quantize-weights="linear=int8:32 head=int8:32 embedding=int8:32"
// RUN: ingot-opt %{model} --ingot-quantize-weights --compare-pipeline="ingot-quantize-activations" --tolerance=0.04 | FileCheck %s
// RUN: ingot-opt %{model} %{int} --compare-pipeline="ingot-quantize-activations" --tolerance=0.1 | FileCheck %s
// RUN: ingot-opt %{model} %{int} --compare-pipeline="ingot-quantize-activations{scale=f32}" --tolerance=0.07 | FileCheck %s
// RUN: ingot-opt %{model} %{int} --compare-pipeline="ingot-quantize-activations{scale=none}" | FileCheck %s --check-prefix=NONE
// CHECK: @forward result 0:
// NONE: @forward result 0: bit-equal
