// RUN: ingot-opt %s | ingot-opt | FileCheck %s

// CHECK-LABEL: func.func @params
func.func @params() {
  // CHECK: ingot.param "norm.weight" : tensor<64xf32>
  %0 = ingot.param "norm.weight" : tensor<64xf32>
  // CHECK: ingot.param "proj.weight" : tensor<64x32xbf16>
  %1 = ingot.param "proj.weight" : tensor<64x32xbf16>
  // CHECK: ingot.param "old.weight" : tensor<64x32xf16>
  %2 = ingot.param "old.weight" : tensor<64x32xf16>
  // CHECK: ingot.param "head.weight" : tensor<40x100x!ingot.qweight<8, 0>>
  %3 = ingot.param "head.weight" : tensor<40x100x!ingot.qweight<8, 0>>
  // CHECK: ingot.param "qkv" {sources = [#ingot.source<"q", 64>, #ingot.source<"k", 32>, #ingot.source<"v", 32>]} : tensor<128x48xbf16>
  %4 = ingot.param "qkv" {sources = [#ingot.source<"q", 64>, #ingot.source<"k", 32>,
                                     #ingot.source<"v", 32>]} : tensor<128x48xbf16>
  // CHECK: ingot.param "gate_up" {clip_search, interleave = 16 : i64, sources = [#ingot.source<"gate", 64>, #ingot.source<"up", 64>]} : tensor<128x48x!ingot.qweight<4, 32>>
  %5 = ingot.param "gate_up" {clip_search, interleave = 16 : i64,
                              sources = [#ingot.source<"gate", 64>, #ingot.source<"up", 64>]}
      : tensor<128x48x!ingot.qweight<4, 32>>
  // CHECK: ingot.param "rotary" {rotary_pairs = 64 : i64} : tensor<192x48xbf16>
  %6 = ingot.param "rotary" {rotary_pairs = 64 : i64} : tensor<192x48xbf16>
  return
}
