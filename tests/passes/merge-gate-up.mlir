// RUN: ingot-opt %s --ingot-merge-gate-up --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-merge-gate-up="enable=false" --split-input-file | FileCheck %s --check-prefix=OFF
// OFF: reason = "disabled"
// OFF-NOT: interleave

// CHECK: ingot.fusions = [{fired = 1 : i64, missed = 0 : i64, name = "merge-gate-up", reason = "", row_bytes_saved = 128 : i64}]
// CHECK-LABEL: func.func @merged(
// CHECK: %[[W:.*]] = ingot.param "model.layers.0.mlp.gate_up_proj.weight" {interleave = 16 : i64, sources = [
// CHECK-SAME: #ingot.source<"model.layers.0.mlp.gate_proj.weight", 32>, #ingot.source<"model.layers.0.mlp.up_proj.weight", 32>]} : tensor<64x64xbf16>
// CHECK: %[[Y:.*]] = ingot.linear %arg0, %[[W]] : tensor<?x64xbf16>, tensor<64x64xbf16> -> tensor<?x64xf32>
// CHECK: %[[S:.*]]:2 = ingot.split %[[Y]] {interleave = 16 : i64}
// CHECK: %[[A:.*]] = ingot.silu %[[S]]#0
// CHECK: ingot.mul %[[S]]#1, %[[A]]
func.func @merged(%x: tensor<?x64xbf16>) -> tensor<?x32xf32> {
  %wu = ingot.param "model.layers.0.mlp.up_proj.weight" : tensor<32x64xbf16>
  %u = ingot.linear %x, %wu : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %wg = ingot.param "model.layers.0.mlp.gate_proj.weight" : tensor<32x64xbf16>
  %g = ingot.linear %x, %wg : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %s = ingot.silu %g : tensor<?x32xf32>
  %z = ingot.mul %u, %s : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "merge-gate-up", reason = "56 feed-forward columns are no multiple of 32"
// CHECK-LABEL: func.func @odd_width(
// CHECK-NOT: ingot.split
func.func @odd_width(%x: tensor<?x64xbf16>) -> tensor<?x56xf32> {
  %wg = ingot.param "gate.weight" : tensor<56x64xbf16>
  %wu = ingot.param "up.weight" : tensor<56x64xbf16>
  %g = ingot.linear %x, %wg : tensor<?x64xbf16>, tensor<56x64xbf16> -> tensor<?x56xf32>
  %u = ingot.linear %x, %wu : tensor<?x64xbf16>, tensor<56x64xbf16> -> tensor<?x56xf32>
  %s = ingot.silu %g : tensor<?x56xf32>
  %z = ingot.mul %s, %u : tensor<?x56xf32>
  return %z : tensor<?x56xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "merge-gate-up", reason = "the projections read different values"
func.func @different_inputs(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>) -> tensor<?x32xf32> {
  %wg = ingot.param "gate.weight" : tensor<32x64xbf16>
  %wu = ingot.param "up.weight" : tensor<32x64xbf16>
  %g = ingot.linear %x, %wg : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %u = ingot.linear %y, %wu : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %s = ingot.silu %g : tensor<?x32xf32>
  %z = ingot.mul %s, %u : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "merge-gate-up", reason = "gate and up are one projection"
func.func @one_projection(%x: tensor<?x64xbf16>) -> tensor<?x32xf32> {
  %wg = ingot.param "gate.weight" : tensor<32x64xbf16>
  %g = ingot.linear %x, %wg : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %s = ingot.silu %g : tensor<?x32xf32>
  %z = ingot.mul %s, %g : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "merge-gate-up", reason = "a weight is no parameter of its own"
func.func @weight_from_outside(%x: tensor<?x64xbf16>, %wu: tensor<32x64xbf16>) -> tensor<?x32xf32> {
  %wg = ingot.param "gate.weight" : tensor<32x64xbf16>
  %g = ingot.linear %x, %wg : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %u = ingot.linear %x, %wu : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %s = ingot.silu %g : tensor<?x32xf32>
  %z = ingot.mul %s, %u : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "merge-gate-up", reason = "the projections sum in different orders"
func.func @different_orders(%x: tensor<?x64xbf16>) -> tensor<?x32xf32> {
  %wg = ingot.param "gate.weight" : tensor<32x64xbf16>
  %wu = ingot.param "up.weight" : tensor<32x64xbf16>
  %g = ingot.linear %x, %wg {order = #ingot.order<chain, 2>} : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %u = ingot.linear %x, %wu : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %s = ingot.silu %g : tensor<?x32xf32>
  %z = ingot.mul %s, %u : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// A product that is no gated projection is not considered.
// CHECK: fired = 0 : i64, missed = 0 : i64, name = "merge-gate-up"
func.func @plain_product(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %s = ingot.silu %x : tensor<?x64xf32>
  %z = ingot.mul %s, %y : tensor<?x64xf32>
  return %z : tensor<?x64xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "merge-gate-up", reason = "together the weights are larger than a parameter may be"
func.func @too_many_rows(%x: tensor<?x64xbf16>) -> tensor<?x268435456xf32> {
  %wg = ingot.param "gate.weight" : tensor<268435456x64xbf16>
  %wu = ingot.param "up.weight" : tensor<268435456x64xbf16>
  %g = ingot.linear %x, %wg : tensor<?x64xbf16>, tensor<268435456x64xbf16> -> tensor<?x268435456xf32>
  %u = ingot.linear %x, %wu : tensor<?x64xbf16>, tensor<268435456x64xbf16> -> tensor<?x268435456xf32>
  %s = ingot.silu %g : tensor<?x268435456xf32>
  %z = ingot.mul %s, %u : tensor<?x268435456xf32>
  return %z : tensor<?x268435456xf32>
}
