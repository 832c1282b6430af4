// Token ids from partials of the head are those of the whole argmax.
// DEFINE: %{model} = %S/inputs/tiny-qwen3.mlir
// DEFINE: %{bf16} = --ingot-quantize-weights --ingot-quantize-activations
// DEFINE: %{int} = --ingot-quantize-weights="linear=int4:32 head=int8:32 embedding=int8:32" --ingot-quantize-activations
// DEFINE: %{prepare} = --ingot-hoist-select-rows --ingot-add-greedy-twin --ingot-fix-numerics
// RUN: ingot-opt %{model} %{bf16} %{prepare} --compare-pipeline="ingot-fuse-head-argmax" | FileCheck %s
// RUN: ingot-opt %{model} %{int} %{prepare} --compare-pipeline="ingot-fuse-head-argmax" | FileCheck %s
// CHECK: @forward result 0: bit-equal
// CHECK: @forward_argmax result 0: bit-equal

// RUN: ingot-opt %{model} %{int} %{prepare} --ingot-fuse-head-argmax | FileCheck %s --check-prefix=FIRED
// FIRED: fired = 1 : i64, missed = 0 : i64, name = "fuse-head-argmax"
