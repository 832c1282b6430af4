// RUN: ingot-opt %s --ingot-fuse-attention-round --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-fuse-attention-round="enable=false" --split-input-file | FileCheck %s --check-prefix=OFF
// OFF: reason = "disabled"
// OFF-NOT: ingot.fused

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 32, value = 32, block = 16>

// CHECK: fired = 1 : i64, missed = 0 : i64, name = "fuse-attention-round"
// CHECK-LABEL: func.func @rounded(
// CHECK: %[[A:.*]] = ingot.fused "attention_round" at "layers.0.self_attn"(%arg2, %arg1, %arg0) : {{.*}} -> tensor<?x64xbf16>
// CHECK: ingot.paged_attention
// CHECK: ingot.round
// CHECK: return %[[A]]
module attributes {ingot.target = "cuda"} {
  func.func @rounded(%batch: !ingot.batch, %kv: !kv, %q: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    %a = ingot.paged_attention %q, %kv, %batch {layer = 0 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x64xbf16>, !kv -> tensor<?x64xf32>
    %r = ingot.round %a : tensor<?x64xf32> -> tensor<?x64xbf16>
    return %r : tensor<?x64xbf16>
  }
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 32, value = 32, block = 16>

// CHECK: missed = 1 : i64, name = "fuse-attention-round", reason = "kernels of this target do not round what attention gives"
// CHECK-LABEL: func.func @other_target(
// CHECK-NOT: ingot.fused
func.func @other_target(%batch: !ingot.batch, %kv: !kv, %q: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %a = ingot.paged_attention %q, %kv, %batch {layer = 0 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x64xbf16>, !kv -> tensor<?x64xf32>
  %r = ingot.round %a : tensor<?x64xf32> -> tensor<?x64xbf16>
  return %r : tensor<?x64xbf16>
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 32, value = 32, block = 16>

// CHECK: missed = 1 : i64, name = "fuse-attention-round", reason = "the result of attention is used elsewhere"
// CHECK-LABEL: func.func @used_elsewhere(
// CHECK-NOT: ingot.fused
module attributes {ingot.target = "cuda"} {
  func.func @used_elsewhere(%batch: !ingot.batch, %kv: !kv, %q: tensor<?x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xf32>) {
    %a = ingot.paged_attention %q, %kv, %batch {layer = 0 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x64xbf16>, !kv -> tensor<?x64xf32>
    %r = ingot.round %a : tensor<?x64xf32> -> tensor<?x64xbf16>
    return %r, %a : tensor<?x64xbf16>, tensor<?x64xf32>
  }
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 32, value = 32, block = 16>

// CHECK: missed = 1 : i64, name = "fuse-attention-round", reason = "no rounding point reads the result of attention"
// CHECK-LABEL: func.func @not_rounded(
// CHECK-NOT: ingot.fused
module attributes {ingot.target = "cuda"} {
  func.func @not_rounded(%batch: !ingot.batch, %kv: !kv, %q: tensor<?x64xbf16>) -> tensor<?x64xf32> {
    %a = ingot.paged_attention %q, %kv, %batch {layer = 0 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x64xbf16>, !kv -> tensor<?x64xf32>
    %s = ingot.silu %a : tensor<?x64xf32>
    return %s : tensor<?x64xf32>
  }
}
