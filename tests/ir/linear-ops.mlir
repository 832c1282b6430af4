// RUN: ingot-opt %s | ingot-opt | FileCheck %s

// CHECK-LABEL: func.func @linear
func.func @linear(%f: tensor<?x48xf32>, %b: tensor<?x48xbf16>, %q: tensor<?x48x!ingot.qact<pow2>>,
                  %wf: tensor<40x48xf32>, %wb: tensor<40x48xbf16>, %wq: tensor<40x48x!ingot.qweight<4, 32>>) {
  // CHECK: ingot.linear %{{.*}}, %{{.*}} : tensor<?x48xf32>, tensor<40x48xf32> -> tensor<?x40xf32>
  %0 = ingot.linear %f, %wf : tensor<?x48xf32>, tensor<40x48xf32> -> tensor<?x40xf32>
  // CHECK: ingot.linear %{{.*}}, %{{.*}} {order = #ingot.order<chain, 2>} : tensor<?x48xbf16>, tensor<40x48xbf16> -> tensor<?x40xf32>
  %1 = ingot.linear %b, %wb {order = #ingot.order<chain, 2>} : tensor<?x48xbf16>, tensor<40x48xbf16> -> tensor<?x40xf32>
  // CHECK: ingot.linear %{{.*}}, %{{.*}} {order = #ingot.order<chain, 32>} : tensor<?x48x!ingot.qact<pow2>>, tensor<40x48x!ingot.qweight<4, 32>> -> tensor<?x40xf32>
  %2 = ingot.linear %q, %wq {order = #ingot.order<chain, 32>}
      : tensor<?x48x!ingot.qact<pow2>>, tensor<40x48x!ingot.qweight<4, 32>> -> tensor<?x40xf32>
  return
}
