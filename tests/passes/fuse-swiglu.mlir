// RUN: ingot-opt %s --ingot-fuse-swiglu --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-fuse-swiglu="enable=false" --split-input-file | FileCheck %s --check-prefix=OFF
// OFF: reason = "disabled"
// OFF-NOT: ingot.fused
// RUN: ingot-opt %s --ingot-fuse-swiglu="max-operands=1" --split-input-file | FileCheck %s --check-prefix=POLICY
// POLICY: reason = "needs 2 operands, the limit is 1"

// The merged rows (256 bytes) are neither written nor read, nor are their halves and the activation (128 each).
// CHECK: ingot.fusions = [{fired = 1 : i64, missed = 0 : i64, name = "fuse-swiglu", reason = "", row_bytes_saved = 1280 : i64}]
// CHECK-LABEL: func.func @fused(
// CHECK: ingot.fused "swiglu" at "layers.0.mlp.gate_up_proj"(%arg0, %{{.*}}) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x32xf32>
// CHECK: ingot.linear
// CHECK-NEXT: ingot.split
// CHECK-NEXT: ingot.silu
// CHECK-NEXT: ingot.mul
// CHECK-NEXT: ingot.yield
func.func @fused(%x: tensor<?x64xbf16>) -> tensor<?x32xf32> {
  %w = ingot.param "model.layers.0.mlp.gate_up_proj.weight" {interleave = 16 : i64, sources = [#ingot.source<"g", 32>, #ingot.source<"u", 32>]} : tensor<64x64xbf16>
  %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<64x64xbf16> -> tensor<?x64xf32>
  %g, %u = ingot.split %y {interleave = 16 : i64} : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  %s = ingot.silu %g : tensor<?x32xf32>
  %z = ingot.mul %u, %s : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-swiglu", reason = "gate and up are not one interleaved projection (merge-gate-up)"
// CHECK-LABEL: func.func @not_merged(
// CHECK-NOT: ingot.fused
func.func @not_merged(%x: tensor<?x64xbf16>) -> tensor<?x32xf32> {
  %wg = ingot.param "g" : tensor<32x64xbf16>
  %wu = ingot.param "u" : tensor<32x64xbf16>
  %g = ingot.linear %x, %wg : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %u = ingot.linear %x, %wu : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %s = ingot.silu %g : tensor<?x32xf32>
  %z = ingot.mul %s, %u : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// The activation of the second half is another function.
// CHECK: missed = 1 : i64, name = "fuse-swiglu", reason = "gate and up are not one interleaved projection (merge-gate-up)"
func.func @halves_exchanged(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x32xf32> {
  %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<64x64xbf16> -> tensor<?x64xf32>
  %g, %u = ingot.split %y {interleave = 16 : i64} : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  %s = ingot.silu %u : tensor<?x32xf32>
  %z = ingot.mul %s, %g : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-swiglu", reason = "a part of the gated product is used elsewhere"
func.func @gate_used_elsewhere(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<64x64xbf16> -> tensor<?x64xf32>
  %g, %u = ingot.split %y {interleave = 16 : i64} : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  %s = ingot.silu %g : tensor<?x32xf32>
  %z = ingot.mul %s, %u : tensor<?x32xf32>
  return %z, %g : tensor<?x32xf32>, tensor<?x32xf32>
}

// -----

// No kernel family takes float32 rows into a matmul: nothing changes.
// CHECK: missed = 1 : i64, name = "fuse-swiglu", reason = "a matmul kernel takes its rows already rounded; these are float32"
// CHECK-LABEL: func.func @unrounded(
// CHECK-NOT: ingot.fused
// CHECK: ingot.mul
func.func @unrounded(%x: tensor<?x64xf32>, %w: tensor<64x64xbf16>) -> tensor<?x32xf32> {
  %y = ingot.linear %x, %w : tensor<?x64xf32>, tensor<64x64xbf16> -> tensor<?x64xf32>
  %g, %u = ingot.split %y {interleave = 16 : i64} : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  %s = ingot.silu %g : tensor<?x32xf32>
  %z = ingot.mul %s, %u : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// Target cuda rounds in registers, too.
// CHECK: fired = 1 : i64, missed = 0 : i64, name = "fuse-swiglu"
// CHECK-LABEL: func.func @rounded(
// CHECK: %[[Z:.*]] = ingot.fused "swiglu" at {{.*}} -> tensor<?x32xbf16>
// CHECK: ingot.mul
// CHECK: ingot.round
// CHECK: return %[[Z]]
module attributes {ingot.target = "cuda"} {
  func.func @rounded(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x32xbf16> {
    %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<64x64xbf16> -> tensor<?x64xf32>
    %g, %u = ingot.split %y {interleave = 16 : i64} : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
    %s = ingot.silu %g : tensor<?x32xf32>
    %z = ingot.mul %s, %u : tensor<?x32xf32>
    %r = ingot.round %z : tensor<?x32xf32> -> tensor<?x32xbf16>
    return %r : tensor<?x32xbf16>
  }
}

// -----

// Target cpu rounds in a kernel of its own.
// CHECK-LABEL: func.func @rounded_on_cpu(
// CHECK: %[[Z:.*]] = ingot.fused "swiglu" at {{.*}} -> tensor<?x32xf32>
// CHECK: ingot.round %[[Z]]
func.func @rounded_on_cpu(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x32xbf16> {
  %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<64x64xbf16> -> tensor<?x64xf32>
  %g, %u = ingot.split %y {interleave = 16 : i64} : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  %s = ingot.silu %g : tensor<?x32xf32>
  %z = ingot.mul %s, %u : tensor<?x32xf32>
  %r = ingot.round %z : tensor<?x32xf32> -> tensor<?x32xbf16>
  return %r : tensor<?x32xbf16>
}
