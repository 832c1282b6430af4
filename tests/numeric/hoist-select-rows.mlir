// Returned rows selected before the final norm, also where only the last row of each sequence returns.
// DEFINE: %{model} = %S/inputs/tiny-qwen3.mlir
// DEFINE: %{bf16} = --ingot-quantize-weights --ingot-quantize-activations
// DEFINE: %{int} = --ingot-quantize-weights="linear=int4:32 head=int8:32 embedding=int8:32" --ingot-quantize-activations
// DEFINE: %{prepare} = --ingot-fix-numerics
// RUN: ingot-opt %{model} %{bf16} %{prepare} --compare-pipeline="ingot-hoist-select-rows" | FileCheck %s
// RUN: ingot-opt %{model} %{int} %{prepare} --compare-pipeline="ingot-hoist-select-rows" | FileCheck %s
// RUN: ingot-opt %{model} %{int} %{prepare} --last-only --chunk=2 --compare-pipeline="ingot-hoist-select-rows" | FileCheck %s
// CHECK: @forward result 0: bit-equal

// RUN: ingot-opt %{model} %{int} %{prepare} --ingot-hoist-select-rows | FileCheck %s --check-prefix=FIRED
// FIRED: fired = 1 : i64, missed = 0 : i64, name = "hoist-select-rows"
