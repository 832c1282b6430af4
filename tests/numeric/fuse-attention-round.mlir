// The rows of attention rounded in its kernel.
// DEFINE: %{model} = %S/inputs/tiny-qwen3.mlir
// DEFINE: %{prepare} = --ingot-quantize-weights --ingot-quantize-activations --ingot-fix-numerics="target=cuda"
// RUN: ingot-opt %{model} %{prepare} --compare-pipeline="ingot-fuse-attention-round,ingot-verify-numerics" | FileCheck %s
// CHECK: @forward result 0: bit-equal

// RUN: ingot-opt %{model} %{prepare} --ingot-fuse-attention-round | FileCheck %s --check-prefix=FIRED
// FIRED: fired = 2 : i64, missed = 0 : i64, name = "fuse-attention-round"
