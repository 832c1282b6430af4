// RUN: ingot-opt %s --evaluate | FileCheck %s

// Ties go to the lowest column.
// CHECK: @argmax result 0 as expected
func.func @argmax(%x: tensor<?x4xf32> {ingot.value = dense<[[1.0, 3.0, 3.0, 2.0], [-1.0, -1.0, -2.0, -3.0], [0.0, 0.0, 0.0, 5.0]]> : tensor<3x4xf32>})
    -> (tensor<?x1xi32> {ingot.expected = dense<[[1], [0], [3]]> : tensor<3x1xi32>}) {
  %0 = ingot.argmax %x : tensor<?x4xf32> -> tensor<?x1xi32>
  return %0 : tensor<?x1xi32>
}

// Index << 32 | bits of the value: 1.0 is 0x3f800000 = 1065353216, 2.0 is 0x40000000 = 1073741824.
// CHECK: @partial result 0 as expected
func.func @partial(%x: tensor<?x34xf32> {ingot.value = dense<[[0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0,
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.5, 2.0]]> : tensor<1x34xf32>})
    -> (tensor<?x2xi64> {ingot.expected = dense<[[22540189696, 142807662592]]> : tensor<1x2xi64>}) {
  %0 = ingot.argmax_partial %x : tensor<?x34xf32> -> tensor<?x2xi64>
  return %0 : tensor<?x2xi64>
}

// Partials and fold give argmax: the tie across runs goes to the first run.
// CHECK: @fold result 0 as expected
func.func @fold(%x: tensor<?x34xf32> {ingot.value = dense<[[0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0,
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.5, 2.0]]> : tensor<1x34xf32>})
    -> (tensor<?x1xi32> {ingot.expected = dense<[[5]]> : tensor<1x1xi32>}) {
  %0 = ingot.argmax_partial %x : tensor<?x34xf32> -> tensor<?x2xi64>
  %1 = ingot.argmax_fold %0 : tensor<?x2xi64> -> tensor<?x1xi32>
  return %1 : tensor<?x1xi32>
}
