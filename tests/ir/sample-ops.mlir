// RUN: ingot-opt %s | ingot-opt | FileCheck %s

// CHECK-LABEL: func.func @sample
func.func @sample(%a: tensor<?x100xf32, #ingot.rows<returned>>, %batch: !ingot.batch) {
  // CHECK: ingot.sample %{{.*}}, %{{.*}} : tensor<?x100xf32, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
  %0 = ingot.sample %a, %batch : tensor<?x100xf32, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
  return
}
