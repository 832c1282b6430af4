// RUN: ingot-opt %s --evaluate | FileCheck %s

// CHECK: @add result 0 as expected
func.func @add(%a: tensor<?x3xf32> {ingot.value = dense<[[1.0, -2.0, 0.5], [0.0, 1.0e30, 3.0]]> : tensor<2x3xf32>},
               %b: tensor<?x3xf32> {ingot.value = dense<[[0.25, 2.0, 0.5], [-0.0, 1.0, -4.5]]> : tensor<2x3xf32>})
    -> (tensor<?x3xf32> {ingot.expected = dense<[[1.25, 0.0, 1.0], [0.0, 1.0e30, -1.5]]> : tensor<2x3xf32>}) {
  %0 = ingot.add %a, %b : tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

// CHECK: @mul result 0 as expected
func.func @mul(%a: tensor<?x3xf32> {ingot.value = dense<[[1.5, -2.0, 0.0]]> : tensor<1x3xf32>},
               %b: tensor<?x3xf32> {ingot.value = dense<[[4.0, 0.25, 7.0]]> : tensor<1x3xf32>})
    -> (tensor<?x3xf32> {ingot.expected = dense<[[6.0, -0.5, 0.0]]> : tensor<1x3xf32>}) {
  %0 = ingot.mul %a, %b : tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

// Denormal results are zero: 2^-100 * 2^-40.
// CHECK: @mul_flushes result 0 as expected
func.func @mul_flushes(
    %a: tensor<?x1xf32> {ingot.value = dense<[[7.888609052210118e-31]]> : tensor<1x1xf32>},
    %b: tensor<?x1xf32> {ingot.value = dense<[[9.094947017729282e-13]]> : tensor<1x1xf32>})
    -> (tensor<?x1xf32> {ingot.expected = dense<[[0.0]]> : tensor<1x1xf32>}) {
  %0 = ingot.mul %a, %b : tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// CHECK: @add_bias result 0 as expected
func.func @add_bias(%a: tensor<?x2xf32> {ingot.value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>},
                    %b: tensor<2xf32> {ingot.value = dense<[0.5, -4.0]> : tensor<2xf32>})
    -> (tensor<?x2xf32> {ingot.expected = dense<[[1.5, -2.0], [3.5, 0.0]]> : tensor<2x2xf32>}) {
  %0 = ingot.add_bias %a, %b : tensor<2xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// x / (1 + e^-x); far out it is x, and nearly 0.
// CHECK: @silu result 0 as expected
func.func @silu(%a: tensor<?x5xf32> {ingot.value = dense<[[0.0, 1.0, -1.0, 100.0, -100.0]]> : tensor<1x5xf32>})
    -> (tensor<?x5xf32> {ingot.expected =
          dense<[[0.0, 0.73105857863, -0.26894142137, 100.0, 0.0]]> : tensor<1x5xf32>})
    attributes {ingot.tolerance = 1.0e-7 : f32} {
  %0 = ingot.silu %a : tensor<?x5xf32>
  return %0 : tensor<?x5xf32>
}
