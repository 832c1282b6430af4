// RUN: ingot-opt %s | ingot-opt | FileCheck %s

// CHECK-LABEL: func.func private @types
// CHECK-SAME: !ingot.batch
// CHECK-SAME: !ingot.kv<group = 1, layers = 5, heads = 4, key = 8, value = 16, block = 32>
// CHECK-SAME: tensor<?x64x!ingot.qact<pow2>>
// CHECK-SAME: tensor<?x64x!ingot.qact<f32>, #ingot.rows<returned>>
// CHECK-SAME: tensor<64x64x!ingot.qweight<4, 128>>
// CHECK-SAME: tensor<?x64xf32, #ingot.rows<tokens>>
func.func private @types(!ingot.batch,
    !ingot.kv<group = 1, layers = 5, heads = 4, key = 8, value = 16, block = 32>,
    tensor<?x64x!ingot.qact<pow2>>, tensor<?x64x!ingot.qact<f32>, #ingot.rows<returned>>,
    tensor<64x64x!ingot.qweight<4, 128>>, tensor<?x64xf32, #ingot.rows<tokens>>)

// CHECK-LABEL: func.func private @orders
// CHECK-SAME: chain = #ingot.order<chain, 32>
// CHECK-SAME: tiles = #ingot.order<attention, 64, 256>
func.func private @orders() attributes {chain = #ingot.order<chain, 32>,
                                        tiles = #ingot.order<attention, 64, 256>}
