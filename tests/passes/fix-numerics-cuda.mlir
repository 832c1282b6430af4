// RUN: ingot-opt %s --ingot-fix-numerics="target=cuda" --split-input-file --verify-diagnostics | FileCheck %s

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 16, value = 16, block = 16>

// CHECK: module attributes {ingot.numerics = {{.*}} ingot.target = "cuda"}
// A wide output fills the device by itself: one slice. A narrow one over a long K is cut, and its
// slices hold whole groups of scales, or parts of a channel.
// CHECK-LABEL: func.func @slices
// CHECK: ingot.linear {{.*}} {order = #ingot.order<mma, 16>} : {{.*}}tensor<32768x1024xbf16>
// CHECK: ingot.linear {{.*}} {order = #ingot.order<mma, 16, 256>} : {{.*}}tensor<2048x1024xbf16>
// CHECK: ingot.linear {{.*}} {order = #ingot.order<mma, 16, 384>} : {{.*}}tensor<2048x1100x!ingot.qweight<4, 128>>
// CHECK: ingot.linear {{.*}} {order = #ingot.order<mma, 16, 256>} : {{.*}}tensor<2048x1024x!ingot.qweight<8, 0>>
// CHECK: ingot.linear {{.*}} {order = #ingot.order<mma, 16>} : {{.*}}tensor<64x192xbf16>
func.func @slices(%x: tensor<?x1024xbf16>, %y: tensor<?x192xbf16>, %z: tensor<?x1100xbf16>)
    -> (tensor<?x32768xf32>, tensor<?x2048xf32>, tensor<?x2048xf32>, tensor<?x2048xf32>, tensor<?x64xf32>) {
  %w0 = ingot.param "w0" : tensor<32768x1024xbf16>
  %w1 = ingot.param "w1" : tensor<2048x1024xbf16>
  %w2 = ingot.param "w2" : tensor<2048x1100x!ingot.qweight<4, 128>>
  %w3 = ingot.param "w3" : tensor<2048x1024x!ingot.qweight<8, 0>>
  %w4 = ingot.param "w4" : tensor<64x192xbf16>
  %0 = ingot.linear %x, %w0 : tensor<?x1024xbf16>, tensor<32768x1024xbf16> -> tensor<?x32768xf32>
  %1 = ingot.linear %x, %w1 : tensor<?x1024xbf16>, tensor<2048x1024xbf16> -> tensor<?x2048xf32>
  %2 = ingot.linear %z, %w2 : tensor<?x1100xbf16>, tensor<2048x1100x!ingot.qweight<4, 128>> -> tensor<?x2048xf32>
  %3 = ingot.linear %x, %w3 : tensor<?x1024xbf16>, tensor<2048x1024x!ingot.qweight<8, 0>> -> tensor<?x2048xf32>
  %4 = ingot.linear %y, %w4 : tensor<?x192xbf16>, tensor<64x192xbf16> -> tensor<?x64xf32>
  return %0, %1, %2, %3, %4 : tensor<?x32768xf32>, tensor<?x2048xf32>, tensor<?x2048xf32>, tensor<?x2048xf32>, tensor<?x64xf32>
}

// Rows of 8 bits: steps of 32.
// CHECK-LABEL: func.func @bytes
// CHECK: ingot.linear {{.*}} {order = #ingot.order<mma, 32, 256>} : tensor<?x1024x!ingot.qact<row>>
// CHECK: ingot.linear {{.*}} {order = #ingot.order<mma, 32, 256>} : tensor<?x1024x!ingot.qact<row_e4m3>>
// CHECK: ingot.layer_norm {{.*}} order = #ingot.order<lanes, 64>
func.func @bytes(%x: tensor<?x1024x!ingot.qact<row>>, %y: tensor<?x1024x!ingot.qact<row_e4m3>>)
    -> (tensor<?x2048xf32>, tensor<?x2048xf32>) {
  %w0 = ingot.param "w0" : tensor<2048x1024x!ingot.qweight<8, 0>>
  %w1 = ingot.param "w1" : tensor<2048x1024x!ingot.qweight<8, 128, e4m3>>
  %g = ingot.param "g" : tensor<2048xf32>
  %0 = ingot.linear %x, %w0 : tensor<?x1024x!ingot.qact<row>>, tensor<2048x1024x!ingot.qweight<8, 0>> -> tensor<?x2048xf32>
  %1 = ingot.linear %y, %w1 : tensor<?x1024x!ingot.qact<row_e4m3>>, tensor<2048x1024x!ingot.qweight<8, 128, e4m3>> -> tensor<?x2048xf32>
  %2 = ingot.layer_norm %1, %g, %g {eps = 1.0e-5 : f32} : tensor<2048xf32>, tensor<2048xf32> -> tensor<?x2048xf32>
  return %0, %2 : tensor<?x2048xf32>, tensor<?x2048xf32>
}

// Norms keep the order of the CPU.
// CHECK-LABEL: func.func @attention
// CHECK: ingot.rms_norm {{.*}} order = #ingot.order<lanes, 64>
// CHECK: ingot.paged_attention {{.*}} order = #ingot.order<attention_mma, 64, 256>
func.func @attention(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %g = ingot.param "g" : tensor<32xf32>
  %q = ingot.rms_norm %x, %g {eps = 1.0e-5 : f32} : tensor<32xf32> -> tensor<?x32xf32>
  %a = ingot.paged_attention %q, %kv, %batch {layer = 0 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x32xf32>, !kv -> tensor<?x32xf32>
  return %a : tensor<?x32xf32>
}

// -----

func.func @int8_rows(%x: tensor<?x64x!ingot.qact<pow2>>) -> tensor<?x64xf32> {
  %w = ingot.param "w" : tensor<64x64x!ingot.qweight<4, 32>>
  // expected-error @below {{the matrix unit takes bfloat16, so run ingot-quantize-activations with scale=bf16 first}}
  %y = ingot.linear %x, %w : tensor<?x64x!ingot.qact<pow2>>, tensor<64x64x!ingot.qweight<4, 32>> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
