// RUN: ingot-opt %s | ingot-opt | FileCheck %s

// CHECK-LABEL: func.func @argmax
func.func @argmax(%a: tensor<?x100xf32, #ingot.rows<returned>>) {
  // CHECK: ingot.argmax %{{.*}} : tensor<?x100xf32, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
  %0 = ingot.argmax %a : tensor<?x100xf32, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
  // CHECK: ingot.argmax_partial %{{.*}} : tensor<?x100xf32, #ingot.rows<returned>> -> tensor<?x4xi64, #ingot.rows<returned>>
  %1 = ingot.argmax_partial %a : tensor<?x100xf32, #ingot.rows<returned>> -> tensor<?x4xi64, #ingot.rows<returned>>
  // CHECK: ingot.argmax_fold %{{.*}} : tensor<?x4xi64, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
  %2 = ingot.argmax_fold %1 : tensor<?x4xi64, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
  return
}
