// RUN: ingot-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @split_into_one
// CHECK-SAME: (%[[A:.*]]: tensor<?x64xf32>)
func.func @split_into_one(%a: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK-NEXT: return %[[A]]
  %0 = ingot.split %a : tensor<?x64xf32> -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @split_into_two
func.func @split_into_two(%a: tensor<?x64xf32>) -> tensor<?x32xf32> {
  // CHECK: ingot.split
  %0:2 = ingot.split %a : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  return %0#1 : tensor<?x32xf32>
}
