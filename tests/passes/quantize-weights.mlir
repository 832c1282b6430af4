// RUN: ingot-opt %s --ingot-quantize-weights="linear=int4:64 head=int8 embedding=int8:channel overrides=*.down_proj=int8:32,model.layers.?.mlp.gate_proj.weight=bf16" | FileCheck %s
// RUN: ingot-opt %s --ingot-quantize-weights | FileCheck %s --check-prefix=DEFAULT
// RUN: ingot-opt %s --ingot-quantize-weights="linear=fp8 head=fp16 embedding=fp8:128" | FileCheck %s --check-prefix=FLOATS
// FLOATS: ingot.param "model.embed_tokens.weight" : tensor<128x64xf16>
// FLOATS: ingot.param "model.other_table.weight" : tensor<128x64x!ingot.qweight<8, 128, e4m3>>
// FLOATS: ingot.param "model.layers.0.mlp.up_proj.weight" : tensor<64x64x!ingot.qweight<8, 0, e4m3>>

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>

// The table is the head, too: one parameter, the head's scheme, in both of its ops.
// CHECK-LABEL: func.func @forward
// CHECK: ingot.param "model.embed_tokens.weight" : tensor<128x64x!ingot.qweight<8, 32>>
// CHECK: ingot.embed %{{.*}}, %{{.*}} : tensor<128x64x!ingot.qweight<8, 32>>
// CHECK: ingot.param "model.other_table.weight" : tensor<128x64x!ingot.qweight<8, 0>>
// Vectors stay as they are.
// CHECK: ingot.param "model.norm.weight" : tensor<64xf16>
// CHECK: ingot.param "model.layers.0.mlp.up_proj.weight" : tensor<64x64x!ingot.qweight<4, 64>>
// CHECK: ingot.param "model.layers.0.mlp.gate_proj.weight" : tensor<64x64xbf16>
// CHECK: ingot.param "model.layers.0.mlp.down_proj.weight" : tensor<64x64x!ingot.qweight<8, 32>>
// CHECK: ingot.param "model.embed_tokens.weight" : tensor<128x64x!ingot.qweight<8, 32>>
// CHECK: ingot.linear {{.*}} tensor<128x64x!ingot.qweight<8, 32>>

// DEFAULT-COUNT-2: x64xbf16>
// DEFAULT-NOT: qweight
func.func @forward(%batch: !ingot.batch, %kv: !kv) -> (tensor<?x128xf32, #ingot.rows<returned>>, !kv) {
  %table = ingot.param "model.embed_tokens.weight" : tensor<128x64xf32>
  %x = ingot.embed %batch, %table : tensor<128x64xf32> -> tensor<?x64xf32>
  %table2 = ingot.param "model.other_table.weight" : tensor<128x64xf16>
  %x2 = ingot.embed %batch, %table2 : tensor<128x64xf16> -> tensor<?x64xf32>
  %g = ingot.param "model.norm.weight" : tensor<64xf16>
  %h = ingot.rms_norm %x, %g {eps = 1.0e-5 : f32} : tensor<64xf16> -> tensor<?x64xf32>
  %wu = ingot.param "model.layers.0.mlp.up_proj.weight" : tensor<64x64xf32>
  %u = ingot.linear %h, %wu : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %wg = ingot.param "model.layers.0.mlp.gate_proj.weight" : tensor<64x64xf32>
  %v = ingot.linear %u, %wg : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %wd = ingot.param "model.layers.0.mlp.down_proj.weight" : tensor<64x64xf32>
  %d = ingot.linear %v, %wd : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %s = ingot.add %d, %x2 : tensor<?x64xf32>
  %head = ingot.param "model.embed_tokens.weight" : tensor<128x64xf32>
  %l = ingot.linear %s, %head : tensor<?x64xf32>, tensor<128x64xf32> -> tensor<?x128xf32>
  %r = ingot.select_rows %l, %batch : tensor<?x128xf32> -> tensor<?x128xf32, #ingot.rows<returned>>
  return %r, %kv : tensor<?x128xf32, #ingot.rows<returned>>, !kv
}
