// RUN: ingot-opt %s --evaluate | FileCheck %s

// CHECK: @f32 result 0 as expected
func.func @f32(%x: tensor<?x3xf32> {ingot.value = dense<[[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]]> : tensor<2x3xf32>},
               %w: tensor<2x3xf32> {ingot.value = dense<[[1.0, 10.0, 100.0], [-1.0, 0.5, 0.25]]> : tensor<2x3xf32>})
    -> (tensor<?x2xf32> {ingot.expected = dense<[[321.0, 0.75], [-99.5, -0.75]]> : tensor<2x2xf32>}) {
  %0 = ingot.linear %x, %w : tensor<?x3xf32>, tensor<2x3xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// Ascending chain: (1 + 2^24) loses the 1, - 2^24 leaves 0, + 1 gives 1. Any other order gives 2 or 0.
// CHECK: @f32_order result 0 as expected
func.func @f32_order(%x: tensor<?x4xf32> {ingot.value = dense<[[1.0, 16777216.0, -16777216.0, 1.0]]> : tensor<1x4xf32>},
                     %w: tensor<1x4xf32> {ingot.value = dense<1.0> : tensor<1x4xf32>})
    -> (tensor<?x1xf32> {ingot.expected = dense<[[1.0]]> : tensor<1x1xf32>}) {
  %0 = ingot.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// The same numbers as bf16 pairs, odd element first: 2^24, + 1 lost, + 1 lost, - 2^24 gives 0.
// CHECK: @bf16_order result 0 as expected
func.func @bf16_order(%x: tensor<?x4xbf16> {ingot.value = dense<[[1.0, 16777216.0, -16777216.0, 1.0]]> : tensor<1x4xf32>},
                      %w: tensor<1x4xbf16> {ingot.value = dense<1.0> : tensor<1x4xf32>})
    -> (tensor<?x1xf32> {ingot.expected = dense<[[0.0]]> : tensor<1x1xf32>}) {
  %0 = ingot.linear %x, %w : tensor<?x4xbf16>, tensor<1x4xbf16> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// Each step is fused: (1 + 2^-12)^2 - (1 + 2^-11) = 2^-24, which a rounded product would lose.
// CHECK: @fused_step result 0 as expected
func.func @fused_step(%x: tensor<?x2xf32> {ingot.value = dense<[[-1.00048828125, 1.000244140625]]> : tensor<1x2xf32>},
                      %w: tensor<1x2xf32> {ingot.value = dense<[[1.0, 1.000244140625]]> : tensor<1x2xf32>})
    -> (tensor<?x1xf32> {ingot.expected = dense<[[5.9604644775390625e-8]]> : tensor<1x1xf32>}) {
  %0 = ingot.linear %x, %w : tensor<?x2xf32>, tensor<1x2xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// int4 weights 7, -3, 1 (scale 0.5), activations 100, 2, 4 (scale 1): 0.5 * (700 - 6 + 4).
// CHECK: @int4_pow2 result 0 as expected
func.func @int4_pow2(%x: tensor<?x3x!ingot.qact<pow2>> {ingot.value = dense<[[100.0, 2.5, 3.5]]> : tensor<1x3xf32>},
                     %w: tensor<1x3x!ingot.qweight<4, 32>> {ingot.value = dense<[[3.5, -1.5, 0.5]]> : tensor<1x3xf32>})
    -> (tensor<?x1xf32> {ingot.expected = dense<[[349.0]]> : tensor<1x1xf32>}) {
  %0 = ingot.linear %x, %w : tensor<?x3x!ingot.qact<pow2>>, tensor<1x3x!ingot.qweight<4, 32>> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// Float scales: activations -127, 0, 2 (scale 2), weights 127, 5, -1 (scale 1): 2 * (-16129 - 2).
// CHECK: @int8_f32 result 0 as expected
func.func @int8_f32(%x: tensor<?x3x!ingot.qact<f32>> {ingot.value = dense<[[-254.0, 1.0, 3.0]]> : tensor<1x3xf32>},
                    %w: tensor<1x3x!ingot.qweight<8, 0>> {ingot.value = dense<[[127.0, 5.0, -1.0]]> : tensor<1x3xf32>})
    -> (tensor<?x1xf32> {ingot.expected = dense<[[-32262.0]]> : tensor<1x1xf32>}) {
  %0 = ingot.linear %x, %w : tensor<?x3x!ingot.qact<f32>>, tensor<1x3x!ingot.qweight<8, 0>> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// Integer weights and float rows: exact dequantized values in the ascending chain.
// CHECK: @int4_float_rows result 0 as expected
func.func @int4_float_rows(%x: tensor<?x3xf32> {ingot.value = dense<[[1.0, 2.5, 3.5]]> : tensor<1x3xf32>},
                           %w: tensor<1x3x!ingot.qweight<4, 32>> {ingot.value = dense<[[3.5, -1.5, 0.5]]> : tensor<1x3xf32>})
    -> (tensor<?x1xf32> {ingot.expected = dense<[[1.5]]> : tensor<1x1xf32>}) {
  %0 = ingot.linear %x, %w : tensor<?x3xf32>, tensor<1x3x!ingot.qweight<4, 32>> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// Quantization in figures, seeded weights of about 0.1: float32, then what int8 and int4 change. Rounding 80 values
// of +-0.3 to int8 moves such a sum by 5e-3 (0.75 * sqrt(80) * step / sqrt(12)).
// CHECK: @near_f32 result 0 as expected
func.func @near_f32(%x: tensor<1x80xf32> {ingot.value = dense<0.75> : tensor<1x80xf32>})
    -> (tensor<1x2xf32> {ingot.expected = dense<[[-0.143747643, 1.45795226]]> : tensor<1x2xf32>}) {
  %w = ingot.param "near" : tensor<2x80xf32>
  %0 = ingot.linear %x, %w : tensor<1x80xf32>, tensor<2x80xf32> -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}
// CHECK: @near_int8 result 0 as expected
func.func @near_int8(%x: tensor<1x80x!ingot.qact<pow2>> {ingot.value = dense<0.75> : tensor<1x80xf32>})
    -> (tensor<1x2xf32> {ingot.expected = dense<[[-0.143747643, 1.45795226]]> : tensor<1x2xf32>})
    attributes {ingot.tolerance = 5.0e-3 : f32} {
  %w = ingot.param "near" : tensor<2x80x!ingot.qweight<8, 64>>
  %0 = ingot.linear %x, %w : tensor<1x80x!ingot.qact<pow2>>, tensor<2x80x!ingot.qweight<8, 64>> -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}
// CHECK: @near_int4 result 0 as expected
func.func @near_int4(%x: tensor<1x80x!ingot.qact<pow2>> {ingot.value = dense<0.75> : tensor<1x80xf32>})
    -> (tensor<1x2xf32> {ingot.expected = dense<[[-0.143747643, 1.45795226]]> : tensor<1x2xf32>})
    attributes {ingot.tolerance = 4.0e-2 : f32} {
  %w = ingot.param "near" {clip_search} : tensor<2x80x!ingot.qweight<4, 32>>
  %0 = ingot.linear %x, %w : tensor<1x80x!ingot.qact<pow2>>, tensor<2x80x!ingot.qweight<4, 32>> -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}
