// Rotary positions and the cache write in the epilogue of the merged projection, biases between them.
// DEFINE: %{model} = %S/inputs/tiny-rotary.mlir
// DEFINE: %{bf16} = --ingot-quantize-weights --ingot-quantize-activations
// DEFINE: %{int} = --ingot-quantize-weights="linear=int4:32 head=int8:32 embedding=int8:32" --ingot-quantize-activations="scale=bf16"
// DEFINE: %{prepare} = --ingot-merge-qkv --ingot-fix-numerics="target=cuda"
// DEFINE: %{fuse} = "ingot-fuse-qkv-rope,ingot-verify-numerics"
// RUN: ingot-opt %{model} %{bf16} %{prepare} --compare-pipeline=%{fuse} | FileCheck %s
// RUN: ingot-opt %{model} %{int} %{prepare} --compare-pipeline=%{fuse} | FileCheck %s
// RUN: ingot-opt %{model} %{int} %{prepare} --chunk=2 --compare-pipeline=%{fuse} | FileCheck %s
// CHECK: @forward result 0: bit-equal

// RUN: ingot-opt %{model} %{int} %{prepare} --ingot-fuse-qkv-rope | FileCheck %s --check-prefix=FIRED
// FIRED: fired = 2 : i64, missed = 0 : i64, name = "fuse-qkv-rope"
