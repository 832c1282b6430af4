// RUN: ingot-opt %s --ingot-fuse-qkv-rope --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-fuse-qkv-rope="enable=false" --split-input-file | FileCheck %s --check-prefix=OFF
// OFF: reason = "disabled"
// OFF-NOT: ingot.fused
// RUN: ingot-opt %s --ingot-fuse-qkv-rope="max-operands=4" --split-input-file | FileCheck %s --check-prefix=POLICY
// POLICY: reason = "needs 6 operands, the limit is 4"
// POLICY-NOT: rotary_pairs

!kv = !ingot.kv<group = 0, layers = 2, heads = 1, key = 32, value = 32, block = 16>

// CHECK: fired = 1 : i64, missed = 0 : i64, name = "fuse-qkv-rope"
// CHECK-LABEL: func.func @rotary(
// CHECK: %[[W:.*]] = ingot.param "model.layers.1.self_attn.qkv_proj.weight" {rotary_pairs = 32 : i64}
// CHECK: %[[F:.*]]:2 = ingot.fused "qkv_rope" at "layers.1.self_attn.qkv_proj"(%arg2, %[[W]], %{{.*}}, %arg3, %arg1, %arg0) : {{.*}} -> (!ingot.kv<{{.*}}>, tensor<?x64xbf16>)
// CHECK: ingot.linear
// CHECK: ingot.split
// CHECK: ingot.add_bias
// CHECK-COUNT-2: ingot.rope
// CHECK: ingot.kv_append
// CHECK: ingot.round
// CHECK: ingot.paged_attention %[[F]]#1, %[[F]]#0, %arg0
module attributes {ingot.target = "cuda"} {
  func.func @rotary(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xbf16>, %angles: tensor<?x32xf32>) -> (tensor<?x64xf32>, !kv) {
    %w = ingot.param "model.layers.1.self_attn.qkv_proj.weight" : tensor<128x64xbf16>
    %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<128x64xbf16> -> tensor<?x128xf32>
    %q, %k, %v = ingot.split %y : tensor<?x128xf32> -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
    %b = ingot.param "bias" : tensor<32xf32>
    %kb = ingot.add_bias %k, %b : tensor<32xf32> -> tensor<?x32xf32>
    %qr = ingot.rope %q, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x64xf32>
    %kr = ingot.rope %kb, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x32xf32>
    %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 1 : i64} : !kv, tensor<?x32xf32>, tensor<?x32xf32>
    %q16 = ingot.round %qr : tensor<?x64xf32> -> tensor<?x64xbf16>
    %a = ingot.paged_attention %q16, %kv1, %batch {layer = 1 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x64xbf16>, !kv -> tensor<?x64xf32>
    return %a, %kv1 : tensor<?x64xf32>, !kv
  }
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 1, key = 32, value = 32, block = 16>

// CHECK: missed = 1 : i64, name = "fuse-qkv-rope", reason = "kernels of this target do not rotate what they multiply"
// CHECK-LABEL: func.func @other_target(
// CHECK-NOT: rotary_pairs
// CHECK-NOT: ingot.fused
func.func @other_target(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xbf16>, %angles: tensor<?x32xf32>) -> (tensor<?x64xf32>, !kv) {
  %w = ingot.param "model.layers.1.self_attn.qkv_proj.weight" : tensor<128x64xbf16>
  %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<128x64xbf16> -> tensor<?x128xf32>
  %q, %k, %v = ingot.split %y : tensor<?x128xf32> -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  %qr = ingot.rope %q, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x64xf32>
  %kr = ingot.rope %k, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x32xf32>
  %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 1 : i64} : !kv, tensor<?x32xf32>, tensor<?x32xf32>
  %q16 = ingot.round %qr : tensor<?x64xf32> -> tensor<?x64xbf16>
  %a = ingot.paged_attention %q16, %kv1, %batch {layer = 1 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x64xbf16>, !kv -> tensor<?x64xf32>
  return %a, %kv1 : tensor<?x64xf32>, !kv
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 1, key = 24, value = 24, block = 16>

// CHECK: missed = 1 : i64, name = "fuse-qkv-rope", reason = "heads of 24 columns are no multiple of 32"
// CHECK-LABEL: func.func @narrow_heads(
// CHECK-NOT: rotary_pairs
// CHECK-NOT: ingot.fused
module attributes {ingot.target = "cuda"} {
  func.func @narrow_heads(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xbf16>, %angles: tensor<?x24xf32>) -> (tensor<?x48xf32>, !kv) {
    %w = ingot.param "model.layers.1.self_attn.qkv_proj.weight" : tensor<96x64xbf16>
    %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<96x64xbf16> -> tensor<?x96xf32>
    %q, %k, %v = ingot.split %y : tensor<?x96xf32> -> tensor<?x48xf32>, tensor<?x24xf32>, tensor<?x24xf32>
    %qr = ingot.rope %q, %angles {head_dim = 24 : i64} : tensor<?x24xf32> -> tensor<?x48xf32>
    %kr = ingot.rope %k, %angles {head_dim = 24 : i64} : tensor<?x24xf32> -> tensor<?x24xf32>
    %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 1 : i64} : !kv, tensor<?x24xf32>, tensor<?x24xf32>
    %q16 = ingot.round %qr : tensor<?x48xf32> -> tensor<?x48xbf16>
    %a = ingot.paged_attention %q16, %kv1, %batch {layer = 1 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x48xbf16>, !kv -> tensor<?x48xf32>
    return %a, %kv1 : tensor<?x48xf32>, !kv
  }
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 1, key = 32, value = 32, block = 16>

// CHECK: missed = 1 : i64, name = "fuse-qkv-rope", reason = "the norm of a head sums over panels"
// CHECK-LABEL: func.func @norms_of_heads(
// CHECK-NOT: rotary_pairs
// CHECK-NOT: ingot.fused
module attributes {ingot.target = "cuda"} {
  func.func @norms_of_heads(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xbf16>, %angles: tensor<?x32xf32>) -> (tensor<?x64xf32>, !kv) {
    %w = ingot.param "model.layers.1.self_attn.qkv_proj.weight" : tensor<128x64xbf16>
    %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<128x64xbf16> -> tensor<?x128xf32>
    %q, %k, %v = ingot.split %y : tensor<?x128xf32> -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
    %g = ingot.param "gain" : tensor<32xf32>
    %kn = ingot.rms_norm %k, %g {eps = 1.0e-5 : f32, head_dim = 32 : i64} : tensor<32xf32> -> tensor<?x32xf32>
    %qr = ingot.rope %q, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x64xf32>
    %kr = ingot.rope %kn, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x32xf32>
    %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 1 : i64} : !kv, tensor<?x32xf32>, tensor<?x32xf32>
    %q16 = ingot.round %qr : tensor<?x64xf32> -> tensor<?x64xbf16>
    %a = ingot.paged_attention %q16, %kv1, %batch {layer = 1 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x64xbf16>, !kv -> tensor<?x64xf32>
    return %a, %kv1 : tensor<?x64xf32>, !kv
  }
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 1, key = 32, value = 32, block = 16, format = int8>

// CHECK: missed = 1 : i64, name = "fuse-qkv-rope", reason = "the epilogue of a projection writes caches of bfloat16"
// CHECK-LABEL: func.func @cache_of_8_bits(
// CHECK-NOT: rotary_pairs
// CHECK-NOT: ingot.fused
module attributes {ingot.target = "cuda"} {
  func.func @cache_of_8_bits(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xbf16>, %angles: tensor<?x32xf32>) -> (tensor<?x64xf32>, !kv) {
    %w = ingot.param "model.layers.1.self_attn.qkv_proj.weight" : tensor<128x64xbf16>
    %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<128x64xbf16> -> tensor<?x128xf32>
    %q, %k, %v = ingot.split %y : tensor<?x128xf32> -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
    %qr = ingot.rope %q, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x64xf32>
    %kr = ingot.rope %k, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x32xf32>
    %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 1 : i64} : !kv, tensor<?x32xf32>, tensor<?x32xf32>
    %q16 = ingot.round %qr : tensor<?x64xf32> -> tensor<?x64xbf16>
    %a = ingot.paged_attention %q16, %kv1, %batch {layer = 1 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x64xbf16>, !kv -> tensor<?x64xf32>
    return %a, %kv1 : tensor<?x64xf32>, !kv
  }
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 1, key = 32, value = 32, block = 16>

// CHECK: missed = 1 : i64, name = "fuse-qkv-rope", reason = "a result of ingot.rope is used elsewhere"
// CHECK-LABEL: func.func @keys_used_elsewhere(
// CHECK-NOT: rotary_pairs
// CHECK-NOT: ingot.fused
module attributes {ingot.target = "cuda"} {
  func.func @keys_used_elsewhere(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xbf16>, %angles: tensor<?x32xf32>) -> (tensor<?x64xf32>, !kv, tensor<?x32xf32>) {
    %w = ingot.param "model.layers.1.self_attn.qkv_proj.weight" : tensor<128x64xbf16>
    %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<128x64xbf16> -> tensor<?x128xf32>
    %q, %k, %v = ingot.split %y : tensor<?x128xf32> -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
    %qr = ingot.rope %q, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x64xf32>
    %kr = ingot.rope %k, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x32xf32>
    %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 1 : i64} : !kv, tensor<?x32xf32>, tensor<?x32xf32>
    %q16 = ingot.round %qr : tensor<?x64xf32> -> tensor<?x64xbf16>
    %a = ingot.paged_attention %q16, %kv1, %batch {layer = 1 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x64xbf16>, !kv -> tensor<?x64xf32>
    return %a, %kv1, %kr : tensor<?x64xf32>, !kv, tensor<?x32xf32>
  }
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 1, key = 32, value = 32, block = 16>

// CHECK: missed = 1 : i64, name = "fuse-qkv-rope", reason = "the projection or its weight is used elsewhere"
// CHECK-LABEL: func.func @projection_used_elsewhere(
// CHECK-NOT: rotary_pairs
// CHECK-NOT: ingot.fused
module attributes {ingot.target = "cuda"} {
  func.func @projection_used_elsewhere(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xbf16>, %angles: tensor<?x32xf32>) -> (tensor<?x64xf32>, !kv, tensor<?x128xf32>) {
    %w = ingot.param "model.layers.1.self_attn.qkv_proj.weight" : tensor<128x64xbf16>
    %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<128x64xbf16> -> tensor<?x128xf32>
    %q, %k, %v = ingot.split %y : tensor<?x128xf32> -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
    %qr = ingot.rope %q, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x64xf32>
    %kr = ingot.rope %k, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x32xf32>
    %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 1 : i64} : !kv, tensor<?x32xf32>, tensor<?x32xf32>
    %q16 = ingot.round %qr : tensor<?x64xf32> -> tensor<?x64xbf16>
    %a = ingot.paged_attention %q16, %kv1, %batch {layer = 1 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x64xbf16>, !kv -> tensor<?x64xf32>
    return %a, %kv1, %y : tensor<?x64xf32>, !kv, tensor<?x128xf32>
  }
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 1, key = 32, value = 32, block = 16>

// CHECK: missed = 1 : i64, name = "fuse-qkv-rope", reason = "queries, keys and values are not one projection (merge-qkv)"
// CHECK-LABEL: func.func @apart(
// CHECK-NOT: ingot.fused
module attributes {ingot.target = "cuda"} {
  func.func @apart(%batch: !ingot.batch, %kv: !kv, %q: tensor<?x32xf32>, %k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %angles: tensor<?x32xf32>) -> (tensor<?x32xf32>, !kv) {
    %qr = ingot.rope %q, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x32xf32>
    %kr = ingot.rope %k, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x32xf32>
    %kv1 = ingot.kv_append %kv, %kr, %v, %batch {layer = 0 : i64} : !kv, tensor<?x32xf32>, tensor<?x32xf32>
    %q16 = ingot.round %qr : tensor<?x32xf32> -> tensor<?x32xbf16>
    %a = ingot.paged_attention %q16, %kv1, %batch {layer = 0 : i64, heads = 1 : i64, scale = 1.0 : f32} : tensor<?x32xbf16>, !kv -> tensor<?x32xf32>
    return %a, %kv1 : tensor<?x32xf32>, !kv
  }
}
