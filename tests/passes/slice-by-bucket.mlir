// RUN: ingot-opt %s --ingot-fix-numerics="target=cuda" --ingot-bucket-variants="bounds=16,64 max-tokens=128" --ingot-slice-by-bucket --ingot-verify-numerics | FileCheck %s
// RUN: ingot-opt %s --ingot-fix-numerics="target=cuda" --ingot-slice-by-bucket="max-tokens=64" | FileCheck %s --check-prefix=ALL
// RUN: not ingot-opt %s --ingot-fix-numerics --ingot-slice-by-bucket 2>&1 | FileCheck %s --check-prefix=CPU
// CPU: slices of K belong to target cuda, this program is for cpu

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>

// Few tokens: slices; more: one walk over K, and another signature, which the entry is signed with.
// CHECK: module attributes {{.*}}ingot.profile = "fast"
// CHECK-LABEL: func.func @forward(
// CHECK-SAME: ingot.signature = "[[FEW:0x[0-9a-f]+]]"
// CHECK: ingot.linear {{.*}} {order = #ingot.order<mma, 16, 256>}
// CHECK-LABEL: func.func @forward_tokens_64(
// CHECK-NOT: [[FEW]]
// CHECK: ingot.linear {{.*}} {order = #ingot.order<mma, 16>}
// CHECK-LABEL: func.func @forward_wide(
// CHECK: ingot.linear {{.*}} {order = #ingot.order<mma, 16>}
// ALL-LABEL: func.func @forward(
// ALL: ingot.linear {{.*}} {order = #ingot.order<mma, 16>}
func.func @forward(%batch: !ingot.batch, %kv: !kv) -> (tensor<?x128xf32, #ingot.rows<returned>>, !kv) {
  %table = ingot.param "model.embed_tokens.weight" : tensor<128x1024xbf16>
  %x = ingot.embed %batch, %table : tensor<128x1024xbf16> -> tensor<?x1024xf32>
  %r = ingot.select_rows %x, %batch : tensor<?x1024xf32> -> tensor<?x1024xf32, #ingot.rows<returned>>
  %a = ingot.round %r : tensor<?x1024xf32, #ingot.rows<returned>> -> tensor<?x1024xbf16, #ingot.rows<returned>>
  %l = ingot.linear %a, %table : tensor<?x1024xbf16, #ingot.rows<returned>>, tensor<128x1024xbf16> -> tensor<?x128xf32, #ingot.rows<returned>>
  return %l, %kv : tensor<?x128xf32, #ingot.rows<returned>>, !kv
}
