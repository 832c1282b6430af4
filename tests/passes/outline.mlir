// RUN: ingot-opt %s --ingot-outline --split-input-file --verify-diagnostics | FileCheck %s

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 8, block = 16>

// Every op but parameters becomes a fused op; fused ones stay; what nobody uses goes.
// CHECK-LABEL: func.func @forward(
// CHECK-NEXT: ingot.param "model.layers.1.mlp.down_proj.weight"
// CHECK-NEXT: ingot.fused "linear" at "layers.1.mlp.down_proj"(%arg2, %{{.*}}) :
// CHECK-NOT: ingot.silu
// CHECK: ingot.fused "split" at "layers.1.mlp.down_proj"
// CHECK: ingot.fused "kv_append" at "layers.1.self_attn"(%arg1, %{{.*}}, %{{.*}}, %arg0)
// CHECK: ingot.fused "mine" at "here"
// CHECK-NOT: ingot.fused
// CHECK: return
func.func @forward(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xbf16>) -> (tensor<?x32xf32>, !kv) {
  %w = ingot.param "model.layers.1.mlp.down_proj.weight" : tensor<32x64xbf16>
  %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %dead = ingot.silu %y : tensor<?x32xf32>
  %k, %v = ingot.split %y : tensor<?x32xf32> -> tensor<?x16xf32>, tensor<?x16xf32>
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 1 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  %z = ingot.fused "mine" at "here" (%y) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%y0: tensor<?x32xf32>):
    %s = ingot.silu %y0 : tensor<?x32xf32>
    ingot.yield %s : tensor<?x32xf32>
  }
  return %z, %kv1 : tensor<?x32xf32>, !kv
}

// -----

// The label of an op without a name of its own: rounding points serve their reader, others continue what
// feeds them.
// CHECK-LABEL: func.func @labels(
// CHECK: ingot.fused "add" at "layers.0.mlp.up_proj"
// CHECK: ingot.fused "round" at "layers.0.mlp.up_proj"
// CHECK: ingot.fused "linear" at "layers.0.mlp.up_proj"
// CHECK: ingot.fused "silu" at "layers.0.mlp.up_proj"
func.func @labels(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
  %w = ingot.param "model.layers.0.mlp.up_proj.weight" : tensor<32x64xbf16>
  %s = ingot.add %x, %x : tensor<?x64xf32>
  %a = ingot.round %s : tensor<?x64xf32> -> tensor<?x64xbf16>
  %y = ingot.linear %a, %w : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %z = ingot.silu %y : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

func.func @unrounded(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
  %w = ingot.param "w" : tensor<32x64xf32>
  // expected-error@+1 {{has no kernel: a matmul kernel takes its rows already rounded; these are float32}}
  %y = ingot.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

func.func @foreign(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error@+1 {{belongs to no kernel family}}
  %y = func.call @identity(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
func.func private @identity(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
