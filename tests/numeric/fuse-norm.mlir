// Residual sum or gather, norm and rounding in one kernel: two per layer and the final one.
// DEFINE: %{model} = %S/inputs/tiny-qwen3.mlir
// DEFINE: %{bf16} = --ingot-quantize-weights --ingot-quantize-activations
// DEFINE: %{int} = --ingot-quantize-weights="linear=int4:32 head=int8:32 embedding=int8:32" --ingot-quantize-activations
// DEFINE: %{prepare} = --ingot-hoist-select-rows --ingot-fix-numerics
// RUN: ingot-opt %{model} %{bf16} %{prepare} --compare-pipeline="ingot-fuse-norm" | FileCheck %s
// RUN: ingot-opt %{model} %{int} %{prepare} --compare-pipeline="ingot-fuse-norm" | FileCheck %s
// RUN: ingot-opt %{model} %{int} %{prepare} --compare-pipeline="ingot-fuse-residual-add,ingot-fuse-norm" | FileCheck %s
// CHECK: @forward result 0: bit-equal

// RUN: ingot-opt %{model} %{int} %{prepare} --ingot-fuse-norm | FileCheck %s --check-prefix=FIRED
// FIRED: fired = 5 : i64, missed = 0 : i64, name = "fuse-norm"
