// RUN: ingot-opt %s | ingot-opt | FileCheck %s

// CHECK-LABEL: func.func @rounding
func.func @rounding(%a: tensor<?x48xf32>) {
  // CHECK: ingot.round %{{.*}} : tensor<?x48xf32> -> tensor<?x48xbf16>
  %0 = ingot.round %a : tensor<?x48xf32> -> tensor<?x48xbf16>
  // CHECK: ingot.quantize %{{.*}} : tensor<?x48xf32> -> tensor<?x48x!ingot.qact<pow2>>
  %1 = ingot.quantize %a : tensor<?x48xf32> -> tensor<?x48x!ingot.qact<pow2>>
  // CHECK: ingot.quantize %{{.*}} : tensor<?x48xf32> -> tensor<?x48x!ingot.qact<f32>>
  %2 = ingot.quantize %a : tensor<?x48xf32> -> tensor<?x48x!ingot.qact<f32>>
  return
}
