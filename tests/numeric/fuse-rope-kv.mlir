// Query and key norms, rotary positions and the cache write in one kernel, from one projection or from three.
// DEFINE: %{model} = %S/inputs/tiny-qwen3.mlir
// DEFINE: %{bf16} = --ingot-quantize-weights --ingot-quantize-activations
// DEFINE: %{int} = --ingot-quantize-weights="linear=int4:32 head=int8:32 embedding=int8:32" --ingot-quantize-activations
// DEFINE: %{prepare} = --ingot-merge-qkv --ingot-fix-numerics
// RUN: ingot-opt %{model} %{bf16} %{prepare} --compare-pipeline="ingot-fuse-rope-kv" | FileCheck %s
// RUN: ingot-opt %{model} %{int} %{prepare} --compare-pipeline="ingot-fuse-rope-kv" | FileCheck %s
// RUN: ingot-opt %{model} %{int} --ingot-fix-numerics --compare-pipeline="ingot-fuse-rope-kv" | FileCheck %s
// RUN: ingot-opt %{model} %{int} %{prepare} --chunk=2 --compare-pipeline="ingot-fuse-rope-kv" | FileCheck %s
// CHECK: @forward result 0: bit-equal

// RUN: ingot-opt %{model} %{int} %{prepare} --ingot-fuse-rope-kv | FileCheck %s --check-prefix=FIRED
// FIRED: fired = 2 : i64, missed = 0 : i64, name = "fuse-rope-kv"
