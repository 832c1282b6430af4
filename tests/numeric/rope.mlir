// RUN: ingot-opt %s --evaluate | FileCheck %s

// Position 0 gives (1, 0). Frequencies are multiples of pi / 2, so that positions turn by quarters and halves;
// the float nearest to pi / 2 leaves a rest below 1e-7 per turn.
// CHECK: @angles result 0 as expected
func.func @angles(%batch: !ingot.batch {ingot.tokens = "0,0,0"})
    -> (tensor<?x4xf32> {ingot.expected = dense<[[1.0, 1.0, 0.0, 0.0], [0.0, -1.0, 1.0, 0.0],
                                                 [-1.0, 1.0, 0.0, 0.0]]> : tensor<3x4xf32>})
    attributes {ingot.tolerance = 4.0e-7 : f32} {
  %0 = ingot.rope_angles %batch {inv_freq = array<f32: 1.57079637, 3.14159274>} : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// The attention factor multiplies both halves. cos 0.1 and sin 0.1 at position 1.
// CHECK: @factor result 0 as expected
func.func @factor(%batch: !ingot.batch {ingot.tokens = "0,0"})
    -> (tensor<?x2xf32> {ingot.expected = dense<[[2.0, 0.0], [1.99000833, 0.199666833]]> : tensor<2x2xf32>})
    attributes {ingot.tolerance = 3.0e-7 : f32} {
  %0 = ingot.rope_angles %batch {inv_freq = array<f32: 0.1>, attention_factor = 2.0 : f32} : tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// Two heads of four columns; pairs are (0, 2) and (1, 3) of a head. cos | sin = 0.5, 0 | 2, 1.
// CHECK: @rotate result 0 as expected
func.func @rotate(
    %x: tensor<?x8xf32> {ingot.value = dense<[[1.0, 2.0, 3.0, 4.0, -1.0, 0.0, 0.5, 8.0]]> : tensor<1x8xf32>},
    %a: tensor<?x4xf32> {ingot.value = dense<[[0.5, 0.0, 2.0, 1.0]]> : tensor<1x4xf32>})
    -> (tensor<?x8xf32> {ingot.expected =
          dense<[[-5.5, -4.0, 3.5, 2.0, -1.5, -8.0, -1.75, 0.0]]> : tensor<1x8xf32>}) {
  %0 = ingot.rope %x, %a {head_dim = 4 : i64} : tensor<?x4xf32> -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
