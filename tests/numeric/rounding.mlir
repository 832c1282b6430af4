// RUN: ingot-opt %s --evaluate | FileCheck %s

// Ties to even at 2^-8; a denormal becomes zero; values that bf16 holds stay.
// CHECK: @round result 0 as expected
func.func @round(%x: tensor<?x5xf32> {ingot.value = dense<[[1.00390625, 1.01171875, -3.0, 1.0e-39, 0.1]]> : tensor<1x5xf32>})
    -> (tensor<?x5xbf16> {ingot.expected = dense<[[1.0, 1.015625, -3.0, 0.0, 0.10009765625]]> : tensor<1x5xf32>}) {
  %0 = ingot.round %x : tensor<?x5xf32> -> tensor<?x5xbf16>
  return %0 : tensor<?x5xbf16>
}

// Largest magnitude 100: scale 2^0 (100 <= 127); 2.5 and 3.5 go to even.
// 127.6 would round to 128, so that its row takes scale 2 (63.8 -> 64).
// CHECK: @pow2 result 0 as expected
func.func @pow2(%x: tensor<?x3xf32> {ingot.value = dense<[[100.0, 2.5, 3.5], [127.6, 3.0, -1.0], [0.0, 0.0, 0.0]]> : tensor<3x3xf32>})
    -> (tensor<?x3x!ingot.qact<pow2>> {ingot.expected = dense<[[100.0, 2.0, 4.0], [128.0, 4.0, 0.0], [0.0, 0.0, 0.0]]> : tensor<3x3xf32>}) {
  %0 = ingot.quantize %x : tensor<?x3xf32> -> tensor<?x3x!ingot.qact<pow2>>
  return %0 : tensor<?x3x!ingot.qact<pow2>>
}

// Each 32 columns have their own scale: 64 needs 2^0 (64 at scale 0.5 would be 128), 2^-10 needs 2^-16.
// CHECK: @pow2_groups result 0 as expected
func.func @pow2_groups(%x: tensor<?x33xf32> {ingot.value = dense<[[64.0, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0009765625]]> : tensor<1x33xf32>})
    -> (tensor<?x33x!ingot.qact<pow2>> {ingot.expected = dense<[[64.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0009765625]]> : tensor<1x33xf32>}) {
  %0 = ingot.quantize %x : tensor<?x33xf32> -> tensor<?x33x!ingot.qact<pow2>>
  return %0 : tensor<?x33x!ingot.qact<pow2>>
}

// Scale 254 / 127 = 2; then 0.5 and 1.5 halves go to even.
// CHECK: @f32 result 0 as expected
func.func @f32(%x: tensor<?x3xf32> {ingot.value = dense<[[-254.0, 1.0, 3.0], [0.0, 0.0, 0.0]]> : tensor<2x3xf32>})
    -> (tensor<?x3x!ingot.qact<f32>> {ingot.expected = dense<[[-254.0, 0.0, 4.0], [0.0, 0.0, 0.0]]> : tensor<2x3xf32>}) {
  %0 = ingot.quantize %x : tensor<?x3xf32> -> tensor<?x3x!ingot.qact<f32>>
  return %0 : tensor<?x3x!ingot.qact<f32>>
}

// float16 ties to even at 2^-11 and keeps what is beyond 65504 there.
// CHECK: @half result 0 as expected
func.func @half(%x: tensor<?x3xf32> {ingot.value = dense<[[1.00048828125, 1.00146484375, 1.0e6]]> : tensor<1x3xf32>})
    -> (tensor<?x3xf16> {ingot.expected = dense<[[1.0, 1.001953125, 65504.0]]> : tensor<1x3xf32>}) {
  %0 = ingot.round %x : tensor<?x3xf32> -> tensor<?x3xf16>
  return %0 : tensor<?x3xf16>
}

// One scale per row: 127 steps for the largest magnitude, ties to even.
// CHECK: @row_scale result 0 as expected
func.func @row_scale(%x: tensor<?x3xf32> {ingot.value = dense<[[127.0, 2.5, -3.5], [0.0, 0.0, 0.0]]> : tensor<2x3xf32>})
    -> (tensor<?x3x!ingot.qact<row>> {ingot.expected = dense<[[127.0, 2.0, -4.0], [0.0, 0.0, 0.0]]> : tensor<2x3xf32>}) {
  %0 = ingot.quantize %x : tensor<?x3xf32> -> tensor<?x3x!ingot.qact<row>>
  return %0 : tensor<?x3x!ingot.qact<row>>
}

// e4m3: 448 is the largest; 17 lies between 16 and 18, 16 is even.
// CHECK: @row_e4m3 result 0 as expected
func.func @row_e4m3(%x: tensor<?x3xf32> {ingot.value = dense<[[448.0, 17.0, -0.5]]> : tensor<1x3xf32>})
    -> (tensor<?x3x!ingot.qact<row_e4m3>> {ingot.expected = dense<[[448.0, 16.0, -0.5]]> : tensor<1x3xf32>}) {
  %0 = ingot.quantize %x : tensor<?x3xf32> -> tensor<?x3x!ingot.qact<row_e4m3>>
  return %0 : tensor<?x3x!ingot.qact<row_e4m3>>
}
