// RUN: ingot-opt %s --ingot-bucket-variants="decode-tokens=8 max-tokens=64" | FileCheck %s
// A step never leaves the decode bucket: no clone, no bound.
// RUN: ingot-opt %s --ingot-bucket-variants="max-tokens=16" | FileCheck %s --check-prefix=SMALL
// SMALL: func.func @forward(
// SMALL-SAME: attributes {ingot.bucket = "decode", ingot.signature = "0x1"}
// SMALL-NOT: func.func
// A target that chooses tiles by tokens gets kernels per bucket.
// RUN: ingot-opt %s --ingot-bucket-variants="max-tokens=64 split-kernels" | FileCheck %s --check-prefix=SPLIT
// SPLIT-LABEL: func.func @forward(
// SPLIT: ingot.fused "linear" at "w"(%{{.*}}, %{{.*}}) {variant = "decode"}
// SPLIT-LABEL: func.func @forward_wide(
// SPLIT: ingot.fused "linear" at "w"(%{{.*}}, %{{.*}}) {variant = "wide"}
// More buckets, ascending; those that no step reaches are left out. Row-wise kernels stay shared.
// RUN: ingot-opt %s --ingot-bucket-variants="max-tokens=10 bounds=1,4,16,64 split-kernels" | FileCheck %s --check-prefix=MANY
// MANY-LABEL: func.func @forward(
// MANY-SAME: ingot.bucket = "tokens_1", ingot.max_tokens = 1
// MANY: ingot.fused "round" at "w"(%arg1) :
// MANY: ingot.fused "linear" at "w"({{.*}}) {variant = "tokens_1"}
// MANY-LABEL: func.func @forward_tokens_4(
// MANY-SAME: ingot.bucket = "tokens_4", ingot.max_tokens = 4
// MANY-LABEL: func.func @forward_tokens_16(
// MANY-SAME: attributes {ingot.bucket = "tokens_16", ingot.signature
// MANY-NOT: func.func
// RUN: not ingot-opt %s --ingot-bucket-variants="decode-tokens=0" 2>&1 | FileCheck %s --check-prefix=ERROR
// ERROR: the bounds of buckets must be ascending from 1 on

// CHECK-LABEL: func.func @forward(
// CHECK-SAME: attributes {ingot.bucket = "decode", ingot.max_tokens = 8 : i64, ingot.signature = "0x1"}
// CHECK-NOT: variant
// CHECK-LABEL: func.func @forward_wide(
// CHECK-SAME: attributes {ingot.bucket = "wide", ingot.signature = "0x1"}
// CHECK: ingot.fused "round" at "w"(%arg1) :
// CHECK: ingot.fused "linear" at "w"(%{{.*}}, %{{.*}}) :
// CHECK-NOT: variant
func.func @forward(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> tensor<?x32xf32>
    attributes {ingot.signature = "0x1"} {
  %w = ingot.param "w" : tensor<32x64xbf16>
  %a = ingot.fused "round" at "w" (%x) : (tensor<?x64xf32>) -> tensor<?x64xbf16> {
  ^bb0(%x0: tensor<?x64xf32>):
    %a0 = ingot.round %x0 : tensor<?x64xf32> -> tensor<?x64xbf16>
    ingot.yield %a0 : tensor<?x64xbf16>
  }
  %y = ingot.fused "linear" at "w" (%a, %w) : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32> {
  ^bb0(%a0: tensor<?x64xbf16>, %w0: tensor<32x64xbf16>):
    %y0 = ingot.linear %a0, %w0 : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
    ingot.yield %y0 : tensor<?x32xf32>
  }
  return %y : tensor<?x32xf32>
}
