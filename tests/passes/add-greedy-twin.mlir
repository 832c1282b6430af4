// RUN: ingot-opt %s --ingot-add-greedy-twin | FileCheck %s
// Once is enough.
// RUN: ingot-opt %s --ingot-add-greedy-twin --ingot-add-greedy-twin | FileCheck %s --check-prefix=ONCE
// ONCE-COUNT-1: @forward_argmax
// ONCE-NOT: @forward_argmax

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>

// CHECK-LABEL: func.func @forward(
// CHECK-SAME: attributes {ingot.output = "logits"
// CHECK-SAME: test.kept
// CHECK: return %[[LOGITS:.*]], %arg1 : tensor<?x64xf32, #ingot.rows<returned>>
// CHECK-LABEL: func.func @forward_argmax(
// CHECK-SAME: -> (tensor<?x1xi32, #ingot.rows<returned>>, !ingot.kv<
// CHECK-SAME: attributes {ingot.output = "argmax"
// CHECK-SAME: test.kept
// CHECK: %[[L:.*]] = ingot.select_rows
// CHECK: %[[I:.*]] = ingot.argmax %[[L]] : tensor<?x64xf32, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
// CHECK: return %[[I]], %arg1
func.func @forward(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xf32>)
    -> (tensor<?x64xf32, #ingot.rows<returned>>, !kv) attributes {test.kept} {
  %r = ingot.select_rows %x, %batch : tensor<?x64xf32> -> tensor<?x64xf32, #ingot.rows<returned>>
  return %r, %kv : tensor<?x64xf32, #ingot.rows<returned>>, !kv
}

// No entry: takes no batch.
// CHECK-LABEL: func.func @helper(
// CHECK-NOT: @helper_argmax
func.func @helper(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  return %x : tensor<?x64xf32>
}
