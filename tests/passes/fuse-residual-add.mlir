// RUN: ingot-opt %s --ingot-fuse-residual-add --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-fuse-residual-add="enable=false" --split-input-file | FileCheck %s --check-prefix=OFF
// OFF: reason = "disabled"
// OFF-NOT: ingot.fused

// CHECK: ingot.fusions = [{fired = 1 : i64, missed = 0 : i64, name = "fuse-residual-add", reason = "", row_bytes_saved = 256 : i64}]
// CHECK-LABEL: func.func @fused(
// CHECK: ingot.fused "linear_add" at "layers.0.self_attn.o_proj"(%arg0, %{{.*}}, %arg1)
// CHECK: %[[Y:.*]] = ingot.linear
// CHECK-NEXT: ingot.add %{{.*}}, %[[Y]]
func.func @fused(%x: tensor<?x64xbf16>, %r: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %w = ingot.param "model.layers.0.self_attn.o_proj.weight" : tensor<32x64xbf16>
  %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %z = ingot.add %r, %y : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// The bias between the two comes along.
// CHECK-LABEL: func.func @biased(
// CHECK: ingot.fused "linear_add"
// CHECK: ingot.linear
// CHECK-NEXT: ingot.add_bias
// CHECK-NEXT: ingot.add
func.func @biased(%x: tensor<?x64xbf16>, %r: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %w = ingot.param "w" : tensor<32x64xbf16>
  %b = ingot.param "b" : tensor<32xf32>
  %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %yb = ingot.add_bias %y, %b : tensor<32xf32> -> tensor<?x32xf32>
  %z = ingot.add %yb, %r : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// Both sides are projections: the right one is taken, the left one is its residual.
// CHECK-LABEL: func.func @both_sides(
// CHECK: %[[L:.*]] = ingot.linear %arg0, %arg1
// CHECK: ingot.fused "linear_add" at {{.*}}(%arg0, %arg2, %[[L]])
func.func @both_sides(%x: tensor<?x64xbf16>, %v: tensor<32x64xbf16>, %w: tensor<32x64xbf16>) -> tensor<?x32xf32> {
  %l = ingot.linear %x, %v : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %r = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %z = ingot.add %l, %r : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-residual-add", reason = "the projection's result is used elsewhere"
// CHECK-LABEL: func.func @projection_used_elsewhere(
// CHECK-NOT: ingot.fused
func.func @projection_used_elsewhere(%x: tensor<?x64xbf16>, %r: tensor<?x32xf32>, %w: tensor<32x64xbf16>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %z = ingot.add %r, %y : tensor<?x32xf32>
  return %z, %y : tensor<?x32xf32>, tensor<?x32xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-residual-add", reason = "the projection's result is used elsewhere"
func.func @added_to_itself(%x: tensor<?x64xbf16>, %w: tensor<32x64xbf16>) -> tensor<?x32xf32> {
  %y = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %z = ingot.add %y, %y : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// A sum of other things is not considered.
// CHECK: fired = 0 : i64, missed = 0 : i64, name = "fuse-residual-add"
func.func @no_projection(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %z = ingot.add %x, %y : tensor<?x64xf32>
  return %z : tensor<?x64xf32>
}
