// RUN: ingot-opt %s --evaluate | FileCheck %s

// Rows that bring no parameters are greedy; ties go to the lowest column. A row that is not finite is refused.
// CHECK: @greedy result 0 as expected
func.func @greedy(%batch: !ingot.batch, %x: tensor<?x4xf32, #ingot.rows<returned>> {ingot.value = dense<[[1.0, 3.0, 3.0, 2.0], [0.0, 0.0, 0.0, 5.0], [0.0, 0x7f800000, 0.0, 1.0]]> : tensor<3x4xf32>})
    -> (tensor<?x1xi32, #ingot.rows<returned>> {ingot.expected = dense<[[1], [3], [4294967295]]> : tensor<3x1xi64>}) {
  %0 = ingot.sample %x, %batch : tensor<?x4xf32, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
  return %0 : tensor<?x1xi32, #ingot.rows<returned>>
}
