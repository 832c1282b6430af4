// RUN: ingot-opt %s --ingot-fuse-rope-kv --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-fuse-rope-kv="enable=false" --split-input-file | FileCheck %s --check-prefix=OFF
// OFF: reason = "disabled"
// OFF-NOT: ingot.fused
// RUN: ingot-opt %s --ingot-fuse-rope-kv="max-operands=4" --split-input-file | FileCheck %s --check-prefix=POLICY
// POLICY: reason = "needs 6 operands, the limit is 4"

!kv = !ingot.kv<group = 0, layers = 4, heads = 2, key = 8, value = 8, block = 16>

// CHECK: fired = 1 : i64, missed = 0 : i64, name = "fuse-rope-kv"
// CHECK-LABEL: func.func @merged(
// CHECK: %[[F:.*]]:2 = ingot.fused "rope_kv" at "layers.3.self_attn"(%arg2, %arg4, %arg5, %arg3, %arg1, %arg0) : {{.*}} -> (!ingot.kv<{{.*}}>, tensor<?x32xbf16>)
// CHECK: ingot.split
// CHECK-COUNT-2: ingot.rms_norm
// CHECK-COUNT-2: ingot.rope
// CHECK: ingot.kv_append
// CHECK: ingot.round
// CHECK: ingot.paged_attention %[[F]]#1, %[[F]]#0, %arg0
func.func @merged(%batch: !ingot.batch, %kv: !kv, %y: tensor<?x64xf32>, %angles: tensor<?x8xf32>, %gq: tensor<8xf32>, %gk: tensor<8xf32>) -> (tensor<?x32xf32>, !kv) {
  %q, %k, %v = ingot.split %y : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>
  %qn = ingot.rms_norm %q, %gq {eps = 1.0e-5 : f32, head_dim = 8 : i64} : tensor<8xf32> -> tensor<?x32xf32>
  %kn = ingot.rms_norm %k, %gk {eps = 1.0e-5 : f32, head_dim = 8 : i64} : tensor<8xf32> -> tensor<?x16xf32>
  %qr = ingot.rope %qn, %angles {head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x32xf32>
  %kr = ingot.rope %kn, %angles {head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x16xf32>
  %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 3 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  %q16 = ingot.round %qr : tensor<?x32xf32> -> tensor<?x32xbf16>
  %a = ingot.paged_attention %q16, %kv1, %batch {layer = 3 : i64, heads = 4 : i64, scale = 1.0 : f32} : tensor<?x32xbf16>, !kv -> tensor<?x32xf32>
  return %a, %kv1 : tensor<?x32xf32>, !kv
}

// -----

!kv = !ingot.kv<group = 0, layers = 4, heads = 2, key = 8, value = 8, block = 16>

// Projections that stayed apart, with a bias: three inputs instead of one.
// CHECK-LABEL: func.func @apart(
// CHECK: ingot.fused "rope_kv" at "layers.0.self_attn"(%arg2, %arg6, %arg5, %arg3, %arg1, %arg4, %arg0)
// CHECK: ingot.add_bias
func.func @apart(%batch: !ingot.batch, %kv: !kv, %q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>, %angles: tensor<?x8xf32>, %b: tensor<32xf32>) -> (tensor<?x32xf32>, !kv) {
  %qb = ingot.add_bias %q, %b : tensor<32xf32> -> tensor<?x32xf32>
  %qr = ingot.rope %qb, %angles {head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x32xf32>
  %kr = ingot.rope %k, %angles {head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x16xf32>
  %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  %q16 = ingot.round %qr : tensor<?x32xf32> -> tensor<?x32xbf16>
  %a = ingot.paged_attention %q16, %kv1, %batch {layer = 0 : i64, heads = 4 : i64, scale = 1.0 : f32} : tensor<?x32xbf16>, !kv -> tensor<?x32xf32>
  return %a, %kv1 : tensor<?x32xf32>, !kv
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>

// CHECK: missed = 1 : i64, name = "fuse-rope-kv", reason = "nothing stands between the projections and the cache"
// CHECK-LABEL: func.func @nothing_to_fuse(
// CHECK-NOT: ingot.fused
func.func @nothing_to_fuse(%batch: !ingot.batch, %kv: !kv, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>) -> !kv {
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  return %kv1 : !kv
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>

// CHECK: missed = 1 : i64, name = "fuse-rope-kv", reason = "a result of ingot.rope is used elsewhere"
// CHECK-LABEL: func.func @keys_used_elsewhere(
// CHECK-NOT: ingot.fused
func.func @keys_used_elsewhere(%batch: !ingot.batch, %kv: !kv, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>, %angles: tensor<?x8xf32>) -> (tensor<?x16xf32>, !kv) {
  %kr = ingot.rope %k, %angles {head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x16xf32>
  %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  return %kr, %kv1 : tensor<?x16xf32>, !kv
}
