// RUN: ingot-opt %s --ingot-launch-stats="stage=before" --ingot-fuse-residual-add --ingot-launch-stats="stage=after" | FileCheck %s

// Before: round reads 64 x 4 and writes 64 x 2 bytes, linear reads 128 and writes 256, add reads 512 and writes 256, embed
// writes 256. After: linear and add are one launch, 512 bytes less. The table of rows is not read as a whole.
// CHECK: ingot.launch_stats = {
// CHECK-SAME: after = {launches = 3 : i64, per_layer = 2.000000e+00 : f64, row_bytes = 1280 : i64, weight_bytes = 8192 : i64}
// CHECK-SAME: before = {launches = 4 : i64, per_layer = 3.000000e+00 : f64, row_bytes = 1792 : i64, weight_bytes = 8192 : i64}

!kv = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16>

func.func @forward(%batch: !ingot.batch, %kv: !kv) -> (tensor<?x64xf32>, !kv) {
  %table = ingot.param "model.embed_tokens.weight" : tensor<128x64xbf16>
  %x = ingot.embed %batch, %table : tensor<128x64xbf16> -> tensor<?x64xf32>
  %w = ingot.param "model.layers.0.mlp.down_proj.weight" : tensor<64x64xbf16>
  %a = ingot.round %x : tensor<?x64xf32> -> tensor<?x64xbf16>
  %y = ingot.linear %a, %w : tensor<?x64xbf16>, tensor<64x64xbf16> -> tensor<?x64xf32>
  %z = ingot.add %x, %y : tensor<?x64xf32>
  return %z, %kv : tensor<?x64xf32>, !kv
}
