// RUN: ingot-opt %s --ingot-fuse-head-argmax --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-fuse-head-argmax="enable=false" --split-input-file | FileCheck %s --check-prefix=OFF
// OFF: reason = "disabled"
// OFF-NOT: argmax_partial

// 100 logits (400 bytes) are neither written nor read; the last run is short.
// CHECK: fired = 1 : i64, missed = 0 : i64, name = "fuse-head-argmax", reason = "", row_bytes_saved = 800 : i64
// CHECK-LABEL: func.func @fused(
// CHECK: %[[P:.*]] = ingot.fused "linear_argmax" at "lm_head"(%arg1, %{{.*}}) : {{.*}} -> tensor<?x4xi64, #ingot.rows<returned>>
// CHECK: ingot.linear
// CHECK-NEXT: ingot.argmax_partial
// CHECK: %[[I:.*]] = ingot.argmax_fold %[[P]] : tensor<?x4xi64, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
// CHECK: return %[[I]]
func.func @fused(%batch: !ingot.batch, %x: tensor<?x64xbf16, #ingot.rows<returned>>) -> tensor<?x1xi32, #ingot.rows<returned>> {
  %w = ingot.param "model.embed_tokens.weight" : tensor<100x64xbf16>
  %l = ingot.linear %x, %w : tensor<?x64xbf16, #ingot.rows<returned>>, tensor<100x64xbf16> -> tensor<?x100xf32, #ingot.rows<returned>>
  %i = ingot.argmax %l : tensor<?x100xf32, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
  return %i : tensor<?x1xi32, #ingot.rows<returned>>
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-head-argmax", reason = "the logits are used elsewhere"
// CHECK-LABEL: func.func @logits_used_elsewhere(
// CHECK-NOT: ingot.fused
// CHECK: ingot.argmax %
func.func @logits_used_elsewhere(%x: tensor<?x64xbf16>, %w: tensor<100x64xbf16>) -> (tensor<?x1xi32>, tensor<?x100xf32>) {
  %l = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<100x64xbf16> -> tensor<?x100xf32>
  %i = ingot.argmax %l : tensor<?x100xf32> -> tensor<?x1xi32>
  return %i, %l : tensor<?x1xi32>, tensor<?x100xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-head-argmax", reason = "the argmax does not read the head directly (hoist-select-rows)"
func.func @selected_after_the_head(%batch: !ingot.batch, %x: tensor<?x64xbf16>, %w: tensor<100x64xbf16>) -> tensor<?x1xi32, #ingot.rows<returned>> {
  %l = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<100x64xbf16> -> tensor<?x100xf32>
  %r = ingot.select_rows %l, %batch : tensor<?x100xf32> -> tensor<?x100xf32, #ingot.rows<returned>>
  %i = ingot.argmax %r : tensor<?x100xf32, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
  return %i : tensor<?x1xi32, #ingot.rows<returned>>
}

// -----

// No kernel takes float32 rows: the program is as before, the argmax too.
// CHECK: missed = 1 : i64, name = "fuse-head-argmax", reason = "a matmul kernel takes its rows already rounded; these are float32"
// CHECK-LABEL: func.func @unrounded(
// CHECK: %[[L:.*]] = ingot.linear
// CHECK-NEXT: %[[I:.*]] = ingot.argmax %[[L]]
// CHECK-NEXT: return %[[I]]
func.func @unrounded(%x: tensor<?x64xf32>, %w: tensor<100x64xbf16>) -> tensor<?x1xi32> {
  %l = ingot.linear %x, %w : tensor<?x64xf32>, tensor<100x64xbf16> -> tensor<?x100xf32>
  %i = ingot.argmax %l : tensor<?x100xf32> -> tensor<?x1xi32>
  return %i : tensor<?x1xi32>
}
