// RUN: ingot-opt %s --evaluate | FileCheck %s

// Rows that bring no parameters are greedy; ties go to the lowest column.
// CHECK: @greedy result 0 as expected
func.func @greedy(%batch: !ingot.batch, %x: tensor<?x4xf32, #ingot.rows<returned>> {ingot.value = dense<[[1.0, 3.0, 3.0, 2.0], [0.0, 0.0, 0.0, 5.0]]> : tensor<2x4xf32>})
    -> (tensor<?x1xi32, #ingot.rows<returned>> {ingot.expected = dense<[[1], [3]]> : tensor<2x1xi32>}) {
  %0 = ingot.sample %x, %batch : tensor<?x4xf32, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
  return %0 : tensor<?x1xi32, #ingot.rows<returned>>
}
