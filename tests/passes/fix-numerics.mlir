// RUN: ingot-opt %s --ingot-fix-numerics | FileCheck %s
// Running it again changes nothing.
// RUN: ingot-opt %s --ingot-fix-numerics > %t.once
// RUN: ingot-opt %t.once --ingot-fix-numerics > %t.twice
// RUN: diff %t.once %t.twice

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>

// CHECK: module attributes {ingot.numerics = {"0x[[HASH:[0-9a-f]+]]" = "%0 = input
// CHECK-SAME: linear %{{[0-9]+}}, \22wo\22:int4/32[64x16] order=#ingot.order<chain, 32> -> 64xf32
// CHECK-LABEL: func.func @orders
// CHECK-SAME: ingot.signature = "0x[[HASH]]"
// CHECK: ingot.linear {{.*}} {order = #ingot.order<chain, 2>} : tensor<?x64xbf16>
// CHECK: ingot.rms_norm {{.*}} order = #ingot.order<lanes, 64>
// CHECK: %[[Q:.*]] = ingot.round %{{.*}} : tensor<?x16xf32> -> tensor<?x16xbf16>
// CHECK: ingot.paged_attention %[[Q]], {{.*}} order = #ingot.order<attention, 64, 256>
// CHECK: ingot.linear {{.*}} {order = #ingot.order<chain, 32>} : tensor<?x16x!ingot.qact<pow2>>
// CHECK: ingot.linear {{.*}} {order = #ingot.order<chain, 1>} : tensor<?x64xf32>
func.func @orders(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xbf16>) -> (tensor<?x8xf32>, !kv) {
  %wq = ingot.param "wq" : tensor<16x64xbf16>
  %g = ingot.param "g" : tensor<8xf32>
  %q0 = ingot.linear %x, %wq : tensor<?x64xbf16>, tensor<16x64xbf16> -> tensor<?x16xf32>
  %q = ingot.rms_norm %q0, %g {eps = 1.0e-5 : f32, head_dim = 8 : i64} : tensor<8xf32> -> tensor<?x16xf32>
  %kv1 = ingot.kv_append %kv, %q0, %q0, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  %a = ingot.paged_attention %q, %kv1, %batch {layer = 0 : i64, heads = 2 : i64, scale = 1.0 : f32} : tensor<?x16xf32>, !kv -> tensor<?x16xf32>
  %a8 = ingot.quantize %a : tensor<?x16xf32> -> tensor<?x16x!ingot.qact<pow2>>
  %wo = ingot.param "wo" : tensor<64x16x!ingot.qweight<4, 32>>
  %o = ingot.linear %a8, %wo : tensor<?x16x!ingot.qact<pow2>>, tensor<64x16x!ingot.qweight<4, 32>> -> tensor<?x64xf32>
  %w = ingot.param "w" : tensor<8x64xf32>
  %y = ingot.linear %o, %w : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
  return %y, %kv1 : tensor<?x8xf32>, !kv
}
