// RUN: ingot-opt %s --ingot-hoist-select-rows --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-hoist-select-rows="enable=false" --split-input-file | FileCheck %s --check-prefix=OFF
// OFF: reason = "disabled"
// OFF: ingot.select_rows %{{.*}} : tensor<?x128xf32>

// Norm (256), quantized rows (64 + 16) and logits (512) of rows that nobody asked for.
// CHECK: fired = 1 : i64, missed = 0 : i64, name = "hoist-select-rows", reason = "", row_bytes_saved = 848 : i64
// CHECK-LABEL: func.func @hoisted(
// CHECK: %[[X:.*]] = ingot.add
// CHECK: %[[R:.*]] = ingot.select_rows %[[X]], %arg0 : tensor<?x64xf32> -> tensor<?x64xf32, #ingot.rows<returned>>
// CHECK-NEXT: %[[H:.*]] = ingot.rms_norm %[[R]], {{.*}} -> tensor<?x64xf32, #ingot.rows<returned>>
// CHECK-NEXT: %[[A:.*]] = ingot.quantize %[[H]] : {{.*}} -> tensor<?x64x!ingot.qact<pow2>, #ingot.rows<returned>>
// CHECK-NEXT: %[[L:.*]] = ingot.linear %[[A]], {{.*}} {order = #ingot.order<chain, 32>} : {{.*}} -> tensor<?x128xf32, #ingot.rows<returned>>
// CHECK-NEXT: return %[[L]]
func.func @hoisted(%batch: !ingot.batch, %x: tensor<?x64xf32>, %g: tensor<64xf32>, %w: tensor<128x64x!ingot.qweight<8, 32>>) -> tensor<?x128xf32, #ingot.rows<returned>> {
  %s = ingot.add %x, %x : tensor<?x64xf32>
  %h = ingot.rms_norm %s, %g {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32>
  %a = ingot.quantize %h : tensor<?x64xf32> -> tensor<?x64x!ingot.qact<pow2>>
  %l = ingot.linear %a, %w {order = #ingot.order<chain, 32>} : tensor<?x64x!ingot.qact<pow2>>, tensor<128x64x!ingot.qweight<8, 32>> -> tensor<?x128xf32>
  %r = ingot.select_rows %l, %batch : tensor<?x128xf32> -> tensor<?x128xf32, #ingot.rows<returned>>
  return %r : tensor<?x128xf32, #ingot.rows<returned>>
}

// -----

// CHECK: missed = 1 : i64, name = "hoist-select-rows", reason = "ingot.linear has other users, which need all rows"
// CHECK-LABEL: func.func @all_rows_needed(
// CHECK: ingot.select_rows %{{.*}} : tensor<?x128xf32>
func.func @all_rows_needed(%batch: !ingot.batch, %x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> (tensor<?x128xf32, #ingot.rows<returned>>, tensor<?x128xf32>) {
  %l = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<128x64xbf16> -> tensor<?x128xf32>
  %r = ingot.select_rows %l, %batch : tensor<?x128xf32> -> tensor<?x128xf32, #ingot.rows<returned>>
  return %r, %l : tensor<?x128xf32, #ingot.rows<returned>>, tensor<?x128xf32>
}

// -----

// A sum reads two rows: hoisting would select twice.
// CHECK: missed = 1 : i64, name = "hoist-select-rows", reason = "the rows are selected as early as they can be"
func.func @already_early(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> tensor<?x64xf32, #ingot.rows<returned>> {
  %s = ingot.add %x, %x : tensor<?x64xf32>
  %r = ingot.select_rows %s, %batch : tensor<?x64xf32> -> tensor<?x64xf32, #ingot.rows<returned>>
  return %r : tensor<?x64xf32, #ingot.rows<returned>>
}

// -----

// Rounded rows from outside cannot be selected: rows are selected in float32.
// CHECK: missed = 1 : i64, name = "hoist-select-rows"
func.func @rounded_outside(%batch: !ingot.batch, %x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32, #ingot.rows<returned>> {
  %l = ingot.linear %x, %w : tensor<?x64xbf16>, tensor<128x64xbf16> -> tensor<?x128xf32>
  %r = ingot.select_rows %l, %batch : tensor<?x128xf32> -> tensor<?x128xf32, #ingot.rows<returned>>
  return %r : tensor<?x128xf32, #ingot.rows<returned>>
}
