// RUN: ingot-opt %s --evaluate | FileCheck %s

// A fused op is its body: SwiGLU over an interleaved projection, once plain and once fused.
// CHECK: @plain result 0: f32 [3, 32], hash [[HASH:[0-9a-f]+]]
// CHECK: @fused result 0: f32 [3, 32], hash [[HASH]]
func.func @plain(%x: tensor<3x40xf32> {ingot.value = dense<0.5> : tensor<3x40xf32>}) -> tensor<3x32xf32> {
  %w = ingot.param "w" : tensor<64x40xf32>
  %y = ingot.linear %x, %w : tensor<3x40xf32>, tensor<64x40xf32> -> tensor<3x64xf32>
  %g, %u = ingot.split %y {interleave = 16 : i64} : tensor<3x64xf32> -> tensor<3x32xf32>, tensor<3x32xf32>
  %s = ingot.silu %g : tensor<3x32xf32>
  %m = ingot.mul %s, %u : tensor<3x32xf32>
  return %m : tensor<3x32xf32>
}

func.func @fused(%x: tensor<3x40xf32> {ingot.value = dense<0.5> : tensor<3x40xf32>}) -> tensor<3x32xf32> {
  %w = ingot.param "w" : tensor<64x40xf32>
  %m = ingot.fused "linear_swiglu" at "mlp" (%x, %w) : (tensor<3x40xf32>, tensor<64x40xf32>) -> tensor<3x32xf32> {
  ^bb0(%x0: tensor<3x40xf32>, %w0: tensor<64x40xf32>):
    %y = ingot.linear %x0, %w0 : tensor<3x40xf32>, tensor<64x40xf32> -> tensor<3x64xf32>
    %g, %u = ingot.split %y {interleave = 16 : i64} : tensor<3x64xf32> -> tensor<3x32xf32>, tensor<3x32xf32>
    %s = ingot.silu %g : tensor<3x32xf32>
    %n = ingot.mul %s, %u : tensor<3x32xf32>
    ingot.yield %n : tensor<3x32xf32>
  }
  return %m : tensor<3x32xf32>
}
