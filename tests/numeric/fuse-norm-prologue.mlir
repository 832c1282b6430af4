// Norms computed by the matmuls that read them, in the buckets of few tokens, with all that the other fusions
// made of both; the buckets give the same bits.
// DEFINE: %{model} = %S/inputs/tiny-rotary.mlir
// DEFINE: %{bf16} = --ingot-quantize-weights --ingot-quantize-activations
// DEFINE: %{int} = --ingot-quantize-weights="linear=int4:32 head=int8:32 embedding=int8:32" --ingot-quantize-activations="scale=bf16"
// DEFINE: %{cuda} = --ingot-fix-numerics="target=cuda"
// DEFINE: %{before} = ingot-merge-qkv,ingot-merge-gate-up,ingot-hoist-select-rows,ingot-fuse-swiglu,ingot-fuse-residual-add,ingot-fuse-qkv-rope,ingot-fuse-attention-round,ingot-fuse-norm,ingot-fuse-rope-kv,ingot-add-greedy-twin,ingot-fuse-head-argmax,ingot-outline
// DEFINE: %{all} = "%{before},ingot-bucket-variants{bounds=4,16 max-tokens=64 split-kernels},ingot-fuse-norm-prologue,ingot-verify-numerics"
// RUN: ingot-opt %{model} %{bf16} %{cuda} --compare-pipeline=%{all} | FileCheck %s
// RUN: ingot-opt %{model} %{int} %{cuda} --chunk=3 --last-only --compare-pipeline=%{all} | FileCheck %s
// RUN: ingot-opt %S/inputs/tiny-qwen3.mlir %{bf16} %{cuda} --compare-pipeline=%{all} | FileCheck %s
// CHECK: @forward result 0: bit-equal

// Two layers of two norms and the last one, in two buckets and their greedy twins; the third bucket is wide.
// RUN: ingot-opt %{model} --pass-pipeline="builtin.module(ingot-quantize-weights,ingot-quantize-activations,ingot-fix-numerics{target=cuda},%{before},ingot-bucket-variants{bounds=4,16 max-tokens=64 split-kernels},ingot-fuse-norm-prologue)" | FileCheck %s --check-prefix=FIRED
// FIRED: fired = 20 : i64, missed = 10 : i64, name = "fuse-norm-prologue", reason = "the bucket has more than 16 tokens"
