// RUN: ingot-opt %s --evaluate | FileCheck %s

// mean(x^2) = 4, so that rows are halved; eps is small enough to vanish in float32.
// CHECK: @row result 0 as expected
func.func @row(%a: tensor<?x4xf32> {ingot.value = dense<[[2.0, -2.0, 2.0, -2.0], [4.0, 0.0, 0.0, 0.0]]> : tensor<2x4xf32>},
               %g: tensor<4xf32> {ingot.value = dense<[1.0, 2.0, 0.5, 4.0]> : tensor<4xf32>})
    -> (tensor<?x4xf32> {ingot.expected = dense<[[1.0, -2.0, 0.5, -4.0], [2.0, 0.0, 0.0, 0.0]]> : tensor<2x4xf32>}) {
  %0 = ingot.rms_norm %a, %g {eps = 1.0e-10 : f32} : tensor<4xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// Each head of two columns on its own: mean squares 4 and 0.25.
// CHECK: @heads result 0 as expected
func.func @heads(%a: tensor<?x4xf32> {ingot.value = dense<[[2.0, -2.0, 0.5, 0.5]]> : tensor<1x4xf32>},
                 %g: tensor<2xf32> {ingot.value = dense<[1.0, 3.0]> : tensor<2xf32>})
    -> (tensor<?x4xf32> {ingot.expected = dense<[[1.0, -3.0, 1.0, 3.0]]> : tensor<1x4xf32>}) {
  %0 = ingot.rms_norm %a, %g {eps = 1.0e-10 : f32, head_dim = 2 : i64} : tensor<2xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// eps counts: mean 0, so that 1 / sqrt(0.25) = 2 multiplies zeros; and mean 0.75 + 0.25 = 1.
// CHECK: @eps result 0 as expected
func.func @eps(%a: tensor<?x4xf32> {ingot.value = dense<[[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]]> : tensor<2x4xf32>},
               %g: tensor<4xf32> {ingot.value = dense<1.0> : tensor<4xf32>})
    -> (tensor<?x4xf32> {ingot.expected = dense<[[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]]> : tensor<2x4xf32>}) {
  %0 = ingot.rms_norm %a, %g {eps = 0.25 : f32} : tensor<4xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// Mean 2, variance 4: rows become -1 and 1 before gain and offset.
// CHECK: @layer result 0 as expected
func.func @layer(%a: tensor<?x4xf32> {ingot.value = dense<[[0.0, 4.0, 0.0, 4.0]]> : tensor<1x4xf32>},
                 %g: tensor<4xf32> {ingot.value = dense<[1.0, 2.0, 0.5, 4.0]> : tensor<4xf32>},
                 %b: tensor<4xf32> {ingot.value = dense<[0.0, 1.0, 0.5, -4.0]> : tensor<4xf32>})
    -> (tensor<?x4xf32> {ingot.expected = dense<[[-1.0, 3.0, 0.0, 0.0]]> : tensor<1x4xf32>}) {
  %0 = ingot.layer_norm %a, %g, %b {eps = 1.0e-10 : f32} : tensor<4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
