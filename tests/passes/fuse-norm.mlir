// RUN: ingot-opt %s --ingot-fuse-norm --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-fuse-norm="enable=false" --split-input-file | FileCheck %s --check-prefix=OFF
// OFF: reason = "disabled"
// OFF-NOT: ingot.fused

// The sum is needed elsewhere and leaves the kernel beside the quantized rows.
// CHECK: ingot.fusions = [{fired = 1 : i64, missed = 0 : i64, name = "fuse-norm", reason = "", row_bytes_saved = 768 : i64}]
// CHECK-LABEL: func.func @sum_norm_quantize(
// CHECK: %[[F:.*]]:2 = ingot.fused "add_rms_norm_quantize" at "layers.0.post_attention_layernorm"(%arg0, %arg1, %{{.*}}) : {{.*}} -> (tensor<?x64xf32>, tensor<?x64x!ingot.qact<pow2>>)
// CHECK: ingot.add
// CHECK-NEXT: ingot.rms_norm
// CHECK-NEXT: ingot.quantize
// CHECK: return %[[F]]#0, %[[F]]#1
func.func @sum_norm_quantize(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64x!ingot.qact<pow2>>) {
  %g = ingot.param "model.layers.0.post_attention_layernorm.weight" : tensor<64xf32>
  %s = ingot.add %x, %y : tensor<?x64xf32>
  %h = ingot.rms_norm %s, %g {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32>
  %a = ingot.quantize %h : tensor<?x64xf32> -> tensor<?x64x!ingot.qact<pow2>>
  return %s, %a : tensor<?x64xf32>, tensor<?x64x!ingot.qact<pow2>>
}

// -----

// Readers in both formats: both rounding points come along, the sum stays inside.
// CHECK-LABEL: func.func @two_roundings(
// CHECK: ingot.fused "add_rms_norm_round_quantize" {{.*}} -> (tensor<?x64xbf16>, tensor<?x64x!ingot.qact<pow2>>)
func.func @two_roundings(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>, %g: tensor<64xf32>) -> (tensor<?x64xbf16>, tensor<?x64x!ingot.qact<pow2>>) {
  %s = ingot.add %x, %y : tensor<?x64xf32>
  %h = ingot.rms_norm %s, %g {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32>
  %b = ingot.round %h : tensor<?x64xf32> -> tensor<?x64xbf16>
  %a = ingot.quantize %h : tensor<?x64xf32> -> tensor<?x64x!ingot.qact<pow2>>
  return %b, %a : tensor<?x64xbf16>, tensor<?x64x!ingot.qact<pow2>>
}

// -----

// The gather of the returned rows is a part of the norm that reads them.
// CHECK-LABEL: func.func @selected(
// CHECK: ingot.fused "select_rows_rms_norm_round" at {{.*}}(%arg1, %arg0, %arg2)
func.func @selected(%batch: !ingot.batch, %x: tensor<?x64xf32>, %g: tensor<64xf32>) -> tensor<?x64xbf16, #ingot.rows<returned>> {
  %r = ingot.select_rows %x, %batch : tensor<?x64xf32> -> tensor<?x64xf32, #ingot.rows<returned>>
  %h = ingot.rms_norm %r, %g {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32, #ingot.rows<returned>>
  %b = ingot.round %h : tensor<?x64xf32, #ingot.rows<returned>> -> tensor<?x64xbf16, #ingot.rows<returned>>
  return %b : tensor<?x64xbf16, #ingot.rows<returned>>
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-norm", reason = "no residual sum before the norm and no rounding point behind it"
// CHECK-LABEL: func.func @alone(
// CHECK-NOT: ingot.fused
func.func @alone(%x: tensor<?x64xf32>, %g: tensor<64xf32>) -> tensor<?x64xf32> {
  %h = ingot.rms_norm %x, %g {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32>
  return %h : tensor<?x64xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-norm", reason = "ingot.silu needs a result before ingot.round has been computed"
// CHECK-LABEL: func.func @needed_before(
// CHECK-NOT: ingot.fused
func.func @needed_before(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>, %g: tensor<64xf32>) -> (tensor<?x64xbf16>, tensor<?x64xf32>) {
  %s = ingot.add %x, %y : tensor<?x64xf32>
  %h = ingot.rms_norm %s, %g {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32>
  %z = ingot.silu %s : tensor<?x64xf32>
  %b = ingot.round %h : tensor<?x64xf32> -> tensor<?x64xbf16>
  return %b, %z : tensor<?x64xbf16>, tensor<?x64xf32>
}

// -----

// Norms of heads are for another fusion.
// CHECK: fired = 0 : i64, missed = 0 : i64, name = "fuse-norm"
func.func @heads(%x: tensor<?x64xf32>, %g: tensor<8xf32>) -> tensor<?x64xbf16> {
  %h = ingot.rms_norm %x, %g {eps = 1.0e-5 : f32, head_dim = 8 : i64} : tensor<8xf32> -> tensor<?x64xf32>
  %b = ingot.round %h : tensor<?x64xf32> -> tensor<?x64xbf16>
  return %b : tensor<?x64xbf16>
}

// -----

// A layer norm alike, with the quantization that a matrix unit takes.
// CHECK-LABEL: func.func @layer
// CHECK: ingot.fused "add_layer_norm_quantize" at "layers.0.norm"(%arg0, %arg1, %{{.*}}, %{{.*}}) : {{.*}} -> (tensor<?x64xf32>, tensor<?x64x!ingot.qact<row>>)
func.func @layer(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64x!ingot.qact<row>>) {
  %g = ingot.param "model.layers.0.norm.weight" : tensor<64xf32>
  %b = ingot.param "model.layers.0.norm.bias" : tensor<64xf32>
  %s = ingot.add %x, %y : tensor<?x64xf32>
  %h = ingot.layer_norm %s, %g, %b {eps = 1.0e-5 : f32} : tensor<64xf32>, tensor<64xf32> -> tensor<?x64xf32>
  %q = ingot.quantize %h : tensor<?x64xf32> -> tensor<?x64x!ingot.qact<row>>
  return %s, %q : tensor<?x64xf32>, tensor<?x64x!ingot.qact<row>>
}
