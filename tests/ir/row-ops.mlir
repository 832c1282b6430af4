// RUN: ingot-opt %s | ingot-opt | FileCheck %s

// CHECK-LABEL: func.func @pointwise
func.func @pointwise(%a: tensor<?x64xf32>, %b: tensor<?x64xf32>, %bias: tensor<64xf32>) {
  // CHECK: ingot.add %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %0 = ingot.add %a, %b : tensor<?x64xf32>
  // CHECK: ingot.mul %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %1 = ingot.mul %a, %b : tensor<?x64xf32>
  // CHECK: ingot.silu %{{.*}} : tensor<?x64xf32>
  %2 = ingot.silu %a : tensor<?x64xf32>
  // CHECK: ingot.add_bias %{{.*}}, %{{.*}} : tensor<64xf32> -> tensor<?x64xf32>
  %3 = ingot.add_bias %a, %bias : tensor<64xf32> -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: func.func @norms
func.func @norms(%a: tensor<?x64xf32>, %row: tensor<64xf32>, %head: tensor<16xf32>) {
  // CHECK: ingot.rms_norm %{{.*}}, %{{.*}} {eps = 9.99999974E-6 : f32} : tensor<64xf32> -> tensor<?x64xf32>
  %0 = ingot.rms_norm %a, %row {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32>
  // CHECK: ingot.layer_norm %{{.*}}, %{{.*}}, %{{.*}} {eps = 9.99999974E-6 : f32} : tensor<64xf32>, tensor<64xf32> -> tensor<?x64xf32>
  %l = ingot.layer_norm %a, %row, %row {eps = 1.0e-5 : f32} : tensor<64xf32>, tensor<64xf32> -> tensor<?x64xf32>
  // CHECK: ingot.rms_norm %{{.*}}, %{{.*}} {eps = 9.99999997E-7 : f32, head_dim = 16 : i64, order = #ingot.order<lanes, 64>}
  %1 = ingot.rms_norm %a, %head {eps = 1.0e-6 : f32, head_dim = 16 : i64, order = #ingot.order<lanes, 64>}
      : tensor<16xf32> -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: func.func @rope
func.func @rope(%a: tensor<?x64xf32>, %angles: tensor<?x16xf32>) {
  // CHECK: ingot.rope %{{.*}}, %{{.*}} {head_dim = 16 : i64} : tensor<?x16xf32> -> tensor<?x64xf32>
  %0 = ingot.rope %a, %angles {head_dim = 16 : i64} : tensor<?x16xf32> -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: func.func @split
func.func @split(%a: tensor<?x64xf32>) {
  // CHECK: ingot.split %{{.*}} : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>
  %0:3 = ingot.split %a : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>
  // CHECK: ingot.split %{{.*}} {interleave = 16 : i64} : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  %1:2 = ingot.split %a {interleave = 16 : i64} : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  return
}

// CHECK-LABEL: func.func @select
func.func @select(%a: tensor<?x64xf32>, %batch: !ingot.batch) {
  // CHECK: ingot.select_rows %{{.*}}, %{{.*}} : tensor<?x64xf32> -> tensor<?x64xf32, #ingot.rows<returned>>
  %0 = ingot.select_rows %a, %batch : tensor<?x64xf32> -> tensor<?x64xf32, #ingot.rows<returned>>
  return
}
