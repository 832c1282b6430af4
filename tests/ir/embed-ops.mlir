// RUN: ingot-opt %s | ingot-opt | FileCheck %s

// CHECK-LABEL: func.func @embed
func.func @embed(%batch: !ingot.batch) -> (tensor<?x48xf32>, tensor<?x4xf32>) {
  %table = ingot.param "embed" : tensor<100x48x!ingot.qweight<8, 32>>
  // CHECK: ingot.embed %{{.*}}, %{{.*}} : tensor<100x48x!ingot.qweight<8, 32>> -> tensor<?x48xf32>
  %x = ingot.embed %batch, %table : tensor<100x48x!ingot.qweight<8, 32>> -> tensor<?x48xf32>
  // CHECK: ingot.rope_angles %{{.*}} {attention_factor = 1.250000e+00 : f32, inv_freq = array<f32: 1.000000e+00, 1.000000e-01>} : tensor<?x4xf32>
  %a = ingot.rope_angles %batch {inv_freq = array<f32: 1.0, 0.1>, attention_factor = 1.25 : f32}
      : tensor<?x4xf32>
  return %x, %a : tensor<?x48xf32>, tensor<?x4xf32>
}
