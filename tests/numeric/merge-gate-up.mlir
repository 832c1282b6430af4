// One interleaved projection for gate and up gives the bits of two.
// DEFINE: %{model} = %S/inputs/tiny-qwen3.mlir
// DEFINE: %{bf16} = --ingot-quantize-weights --ingot-quantize-activations
// DEFINE: %{int} = --ingot-quantize-weights="linear=int4:32 head=int8:32 embedding=int8:32" --ingot-quantize-activations
// DEFINE: %{prepare} = --ingot-fix-numerics
// RUN: ingot-opt %{model} %{bf16} %{prepare} --compare-pipeline="ingot-merge-gate-up" | FileCheck %s
// RUN: ingot-opt %{model} %{int} %{prepare} --compare-pipeline="ingot-merge-gate-up" | FileCheck %s
// CHECK: @forward result 0: bit-equal

// RUN: ingot-opt %{model} %{int} %{prepare} --ingot-merge-gate-up | FileCheck %s --check-prefix=FIRED
// FIRED: fired = 2 : i64, missed = 0 : i64, name = "merge-gate-up"
