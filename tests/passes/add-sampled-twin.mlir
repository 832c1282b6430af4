// RUN: ingot-opt %s --ingot-add-greedy-twin --ingot-add-sampled-twin | FileCheck %s
// Once is enough.
// RUN: ingot-opt %s --ingot-add-greedy-twin --ingot-add-sampled-twin --ingot-add-sampled-twin | FileCheck %s --check-prefix=ONCE
// Only what is marked as returning logits is cloned.
// RUN: ingot-opt %s --ingot-add-sampled-twin | FileCheck %s --check-prefix=NONE
// ONCE-COUNT-1: @forward_sampled
// ONCE-NOT: @forward_sampled
// NONE-NOT: ingot.sample

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>

// CHECK-LABEL: func.func @forward(
// CHECK-SAME: attributes {ingot.output = "logits"
// CHECK-LABEL: func.func @forward_sampled(
// CHECK-SAME: %[[BATCH:[a-z0-9]+]]: !ingot.batch
// CHECK-SAME: -> (tensor<?x1xi32, #ingot.rows<returned>>, !ingot.kv<
// CHECK-SAME: attributes {ingot.output = "sampled"
// CHECK-SAME: test.kept
// CHECK: %[[L:.*]] = ingot.select_rows
// CHECK: %[[I:.*]] = ingot.sample %[[L]], %[[BATCH]] : tensor<?x64xf32, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
// CHECK: return %[[I]], %arg1
// CHECK-LABEL: func.func @forward_argmax(
// CHECK: ingot.argmax
// CHECK-NOT: ingot.sample
func.func @forward(%batch: !ingot.batch, %kv: !kv, %x: tensor<?x64xf32>)
    -> (tensor<?x64xf32, #ingot.rows<returned>>, !kv) attributes {test.kept} {
  %r = ingot.select_rows %x, %batch : tensor<?x64xf32> -> tensor<?x64xf32, #ingot.rows<returned>>
  return %r, %kv : tensor<?x64xf32, #ingot.rows<returned>>, !kv
}
