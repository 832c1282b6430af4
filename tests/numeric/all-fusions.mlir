// All fusions together: twin, buckets and outlined launches give the bits of the plain program.
// DEFINE: %{model} = %S/inputs/tiny-qwen3.mlir
// DEFINE: %{bf16} = --ingot-quantize-weights --ingot-quantize-activations
// DEFINE: %{int} = --ingot-quantize-weights="linear=int4:32 head=int8:32 embedding=int8:32" --ingot-quantize-activations
// DEFINE: %{float} = --ingot-quantize-weights="linear=int4:32 head=int8:32 embedding=int8:32" --ingot-quantize-activations="scale=f32"
// DEFINE: %{all} = "ingot-merge-qkv,ingot-merge-gate-up,ingot-hoist-select-rows,ingot-fuse-swiglu,ingot-fuse-residual-add,ingot-fuse-norm,ingot-fuse-rope-kv,ingot-add-greedy-twin,ingot-fuse-head-argmax,ingot-outline,ingot-bucket-variants,ingot-verify-numerics"
// RUN: ingot-opt %{model} %{bf16} --ingot-fix-numerics --compare-pipeline=%{all} | FileCheck %s
// RUN: ingot-opt %{model} %{int} --ingot-fix-numerics --compare-pipeline=%{all} | FileCheck %s
// RUN: ingot-opt %{model} %{float} --ingot-fix-numerics --compare-pipeline=%{all} | FileCheck %s
// RUN: ingot-opt %{model} %{int} --ingot-fix-numerics --chunk=3 --last-only --compare-pipeline=%{all} | FileCheck %s
// The matrix unit's orders are kept as those of the CPU are.
// DEFINE: %{cuda} = --ingot-quantize-weights="linear=int4:32 head=int8:32 embedding=int8:32" --ingot-quantize-activations="scale=bf16" --ingot-fix-numerics="target=cuda"
// RUN: ingot-opt %{model} %{cuda} --compare-pipeline=%{all} | FileCheck %s
// RUN: ingot-opt %{model} %{bf16} --ingot-fix-numerics="target=cuda" --chunk=3 --last-only --compare-pipeline=%{all} | FileCheck %s
// CHECK: @forward result 0: bit-equal

// A width that gate and up cannot share panels in leaves those two apart; the rest fuses.
// RUN: ingot-opt %S/inputs/tiny-llama.mlir %{int} --ingot-fix-numerics --compare-pipeline=%{all} | FileCheck %s
