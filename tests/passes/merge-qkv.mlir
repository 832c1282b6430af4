// RUN: ingot-opt %s --ingot-merge-qkv --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-merge-qkv="enable=false" --split-input-file | FileCheck %s --check-prefix=OFF
// OFF: fired = 0 : i64, missed = 0 : i64, name = "merge-qkv", reason = "disabled"
// OFF-NOT: qkv_proj

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>

// Found behind norms, biases and rotary positions; sources keep the order query, key, value.
// CHECK: ingot.fusions = [{fired = 1 : i64, missed = 0 : i64, name = "merge-qkv", reason = "", row_bytes_saved = 512 : i64}]
// CHECK-LABEL: func.func @merged(
// CHECK: %[[W:.*]] = ingot.param "model.layers.0.self_attn.qkv_proj.weight" {sources = [
// CHECK-SAME: #ingot.source<"model.layers.0.self_attn.q_proj.weight", 32>, #ingot.source<"model.layers.0.self_attn.k_proj.weight", 16>, #ingot.source<"model.layers.0.self_attn.v_proj.weight", 16>]} : tensor<64x64xbf16>
// CHECK: %[[Y:.*]] = ingot.linear %arg2, %[[W]]
// CHECK: %[[S:.*]]:3 = ingot.split %[[Y]] : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>
// CHECK: ingot.rms_norm %[[S]]#0
// CHECK: ingot.rope %[[S]]#1
// CHECK: ingot.kv_append %arg1, %{{.*}}, %[[S]]#2, %arg0
func.func @merged(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xf32>, %angles: tensor<?x8xf32>) -> (tensor<?x32xf32>, !kv) {
  %wk = ingot.param "model.layers.0.self_attn.k_proj.weight" : tensor<16x64xbf16>
  %wv = ingot.param "model.layers.0.self_attn.v_proj.weight" : tensor<16x64xbf16>
  %k = ingot.linear %x, %wk : tensor<?x64xf32>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %v = ingot.linear %x, %wv : tensor<?x64xf32>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %wq = ingot.param "model.layers.0.self_attn.q_proj.weight" : tensor<32x64xbf16>
  %q = ingot.linear %x, %wq : tensor<?x64xf32>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %g = ingot.param "g" : tensor<8xf32>
  %qn = ingot.rms_norm %q, %g {eps = 1.0e-5 : f32, head_dim = 8 : i64} : tensor<8xf32> -> tensor<?x32xf32>
  %kr = ingot.rope %k, %angles {head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x16xf32>
  %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  %a = ingot.paged_attention %qn, %kv1, %batch {layer = 0 : i64, heads = 4 : i64, scale = 1.0 : f32} : tensor<?x32xf32>, !kv -> tensor<?x32xf32>
  return %a, %kv1 : tensor<?x32xf32>, !kv
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>
// CHECK: missed = 1 : i64, name = "merge-qkv", reason = "the weights are stored in different formats"
// CHECK-LABEL: func.func @different_formats(
// CHECK-NOT: ingot.split
func.func @different_formats(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xf32>) -> (tensor<?x16xf32>, !kv) {
  %wq = ingot.param "q.weight" : tensor<16x64xbf16>
  %wk = ingot.param "k.weight" : tensor<16x64x!ingot.qweight<8, 32>>
  %wv = ingot.param "v.weight" : tensor<16x64xbf16>
  %q = ingot.linear %x, %wq : tensor<?x64xf32>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %k = ingot.linear %x, %wk : tensor<?x64xf32>, tensor<16x64x!ingot.qweight<8, 32>> -> tensor<?x16xf32>
  %v = ingot.linear %x, %wv : tensor<?x64xf32>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  %a = ingot.paged_attention %q, %kv1, %batch {layer = 0 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x16xf32>, !kv -> tensor<?x16xf32>
  return %a, %kv1 : tensor<?x16xf32>, !kv
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>
// CHECK: missed = 1 : i64, name = "merge-qkv", reason = "the projections read different values"
func.func @different_inputs(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xf32>, %z: tensor<?x64xf32>) -> (tensor<?x16xf32>, !kv) {
  %wq = ingot.param "q.weight" : tensor<16x64xbf16>
  %wk = ingot.param "k.weight" : tensor<16x64xbf16>
  %wv = ingot.param "v.weight" : tensor<16x64xbf16>
  %q = ingot.linear %x, %wq : tensor<?x64xf32>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %k = ingot.linear %z, %wk : tensor<?x64xf32>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %v = ingot.linear %x, %wv : tensor<?x64xf32>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  %a = ingot.paged_attention %q, %kv1, %batch {layer = 0 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x16xf32>, !kv -> tensor<?x16xf32>
  return %a, %kv1 : tensor<?x16xf32>, !kv
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>
// CHECK: missed = 1 : i64, name = "merge-qkv", reason = "a weight has other users"
func.func @weight_used_twice(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xf32>) -> (tensor<?x16xf32>, !kv) {
  %wq = ingot.param "q.weight" : tensor<16x64xbf16>
  %wk = ingot.param "k.weight" : tensor<16x64xbf16>
  %q = ingot.linear %x, %wq : tensor<?x64xf32>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %k = ingot.linear %x, %wk : tensor<?x64xf32>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %v = ingot.linear %x, %wk : tensor<?x64xf32>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  %a = ingot.paged_attention %q, %kv1, %batch {layer = 0 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x16xf32>, !kv -> tensor<?x16xf32>
  return %a, %kv1 : tensor<?x16xf32>, !kv
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>
// CHECK: missed = 1 : i64, name = "merge-qkv", reason = "query, key and value share a projection"
func.func @keys_are_values(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xf32>) -> (tensor<?x16xf32>, !kv) {
  %wq = ingot.param "q.weight" : tensor<16x64xbf16>
  %wk = ingot.param "k.weight" : tensor<16x64xbf16>
  %q = ingot.linear %x, %wq : tensor<?x64xf32>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %k = ingot.linear %x, %wk : tensor<?x64xf32>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %kv1 = ingot.kv_append %kv, %k, %k, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  %a = ingot.paged_attention %q, %kv1, %batch {layer = 0 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x16xf32>, !kv -> tensor<?x16xf32>
  return %a, %kv1 : tensor<?x16xf32>, !kv
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>
// CHECK: missed = 1 : i64, name = "merge-qkv", reason = "query, key or value is no projection"
func.func @no_projection(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x16xf32>) -> (tensor<?x16xf32>, !kv) {
  %kv1 = ingot.kv_append %kv, %x, %x, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  %a = ingot.paged_attention %x, %kv1, %batch {layer = 0 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x16xf32>, !kv -> tensor<?x16xf32>
  return %a, %kv1 : tensor<?x16xf32>, !kv
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>
// CHECK: missed = 1 : i64, name = "merge-qkv", reason = "no attention reads the layer"
func.func @no_attention(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x16xf32>) -> !kv {
  %kv1 = ingot.kv_append %kv, %x, %x, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  return %kv1 : !kv
}
