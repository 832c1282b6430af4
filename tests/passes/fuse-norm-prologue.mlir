// RUN: ingot-opt %s --ingot-fuse-norm-prologue --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-fuse-norm-prologue="enable=false" --split-input-file | FileCheck %s --check-prefix=OFF
// OFF: reason = "disabled"
// OFF-NOT: "norm_linear"
// RUN: ingot-opt %s --ingot-fuse-norm-prologue="max-operands=2" --split-input-file | FileCheck %s --check-prefix=OPERANDS
// OPERANDS: reason = "needs 3 operands, the limit is 2"
// RUN: ingot-opt %s --ingot-fuse-norm-prologue="max-elements=255" --split-input-file | FileCheck %s --check-prefix=ELEMENTS
// ELEMENTS: reason = "256 values to normalize, more than 255"
// RUN: ingot-opt %s --ingot-fuse-norm-prologue="max-tokens=3" --split-input-file | FileCheck %s --check-prefix=TOKENS
// TOKENS: reason = "the bucket has more than 3 tokens"
// RUN: ingot-opt %s --ingot-fuse-norm-prologue="step-tokens=8" --split-input-file | FileCheck %s --check-prefix=STEP
// STEP-LABEL: func.func @unbounded(
// STEP: ingot.fused "norm_linear"

// CHECK: fired = 1 : i64, missed = 0 : i64, name = "fuse-norm-prologue"
// CHECK-LABEL: func.func @few(
// CHECK: %[[Y:.*]] = ingot.fused "norm_linear" at "layers.0.proj"(%arg1, %{{.*}}, %{{.*}}) {variant = "tokens_4"} : (tensor<?x64xf32>, tensor<64xf32>, tensor<32x64xbf16>) -> tensor<?x32xf32>
// CHECK: ingot.rms_norm
// CHECK: ingot.round
// CHECK: ingot.linear
// CHECK: return %[[Y]]
module attributes {ingot.target = "cuda"} {
  func.func @few(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> (tensor<?x32xf32>) attributes {ingot.bucket = "tokens_4", ingot.max_tokens = 4 : i64} {
    %g = ingot.param "layers.0.norm.weight" : tensor<64xf32>
    %w = ingot.param "layers.0.proj.weight" : tensor<32x64xbf16>
    %a = ingot.fused "rms_norm_round" at "layers.0.norm" (%x, %g) : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xbf16> {
    ^bb0(%x0: tensor<?x64xf32>, %g0: tensor<64xf32>):
      %n0 = ingot.rms_norm %x0, %g0 {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32>
      %r0 = ingot.round %n0 : tensor<?x64xf32> -> tensor<?x64xbf16>
      ingot.yield %r0 : tensor<?x64xbf16>
    }
    %y = ingot.fused "linear" at "layers.0.proj" (%a, %w) {variant = "tokens_4"} : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32> {
    ^bb0(%a0: tensor<?x64xbf16>, %w0: tensor<32x64xbf16>):
      %y0 = ingot.linear %a0, %w0 : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
      ingot.yield %y0 : tensor<?x32xf32>
    }
    return %y : tensor<?x32xf32>
  }
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-norm-prologue", reason = "kernels of this target take their rows already rounded"
// CHECK-LABEL: func.func @other_target(
// CHECK-NOT: "norm_linear"
func.func @other_target(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> (tensor<?x32xf32>) attributes {ingot.bucket = "tokens_4", ingot.max_tokens = 4 : i64} {
  %g = ingot.param "layers.0.norm.weight" : tensor<64xf32>
  %w = ingot.param "layers.0.proj.weight" : tensor<32x64xbf16>
  %a = ingot.fused "rms_norm_round" at "layers.0.norm" (%x, %g) : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xbf16> {
  ^bb0(%x0: tensor<?x64xf32>, %g0: tensor<64xf32>):
    %n0 = ingot.rms_norm %x0, %g0 {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32>
    %r0 = ingot.round %n0 : tensor<?x64xf32> -> tensor<?x64xbf16>
    ingot.yield %r0 : tensor<?x64xbf16>
  }
  %y = ingot.fused "linear" at "layers.0.proj" (%a, %w) {variant = "tokens_4"} : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32> {
  ^bb0(%a0: tensor<?x64xbf16>, %w0: tensor<32x64xbf16>):
    %y0 = ingot.linear %a0, %w0 : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
    ingot.yield %y0 : tensor<?x32xf32>
  }
  return %y : tensor<?x32xf32>
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-norm-prologue", reason = "the bucket has more than 16 tokens"
// CHECK-LABEL: func.func @unbounded(
// CHECK-NOT: "norm_linear"
module attributes {ingot.target = "cuda"} {
  func.func @unbounded(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> (tensor<?x32xf32>) attributes {ingot.bucket = "wide"} {
    %g = ingot.param "layers.0.norm.weight" : tensor<64xf32>
    %w = ingot.param "layers.0.proj.weight" : tensor<32x64xbf16>
    %a = ingot.fused "rms_norm_round" at "layers.0.norm" (%x, %g) : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xbf16> {
    ^bb0(%x0: tensor<?x64xf32>, %g0: tensor<64xf32>):
      %n0 = ingot.rms_norm %x0, %g0 {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32>
      %r0 = ingot.round %n0 : tensor<?x64xf32> -> tensor<?x64xbf16>
      ingot.yield %r0 : tensor<?x64xbf16>
    }
    %y = ingot.fused "linear" at "layers.0.proj" (%a, %w) {variant = "tokens_4"} : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32> {
    ^bb0(%a0: tensor<?x64xbf16>, %w0: tensor<32x64xbf16>):
      %y0 = ingot.linear %a0, %w0 : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
      ingot.yield %y0 : tensor<?x32xf32>
    }
    return %y : tensor<?x32xf32>
  }
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-norm-prologue", reason = "the bucket has more than 16 tokens"
// CHECK-LABEL: func.func @many_tokens(
// CHECK-NOT: "norm_linear"
module attributes {ingot.target = "cuda"} {
  func.func @many_tokens(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> (tensor<?x32xf32>) attributes {ingot.bucket = "tokens_64", ingot.max_tokens = 64 : i64} {
    %g = ingot.param "layers.0.norm.weight" : tensor<64xf32>
    %w = ingot.param "layers.0.proj.weight" : tensor<32x64xbf16>
    %a = ingot.fused "rms_norm_round" at "layers.0.norm" (%x, %g) : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xbf16> {
    ^bb0(%x0: tensor<?x64xf32>, %g0: tensor<64xf32>):
      %n0 = ingot.rms_norm %x0, %g0 {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32>
      %r0 = ingot.round %n0 : tensor<?x64xf32> -> tensor<?x64xbf16>
      ingot.yield %r0 : tensor<?x64xbf16>
    }
    %y = ingot.fused "linear" at "layers.0.proj" (%a, %w) {variant = "tokens_4"} : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32> {
    ^bb0(%a0: tensor<?x64xbf16>, %w0: tensor<32x64xbf16>):
      %y0 = ingot.linear %a0, %w0 : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
      ingot.yield %y0 : tensor<?x32xf32>
    }
    return %y : tensor<?x32xf32>
  }
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-norm-prologue", reason = "32768 values to normalize, more than 16384"
// CHECK-LABEL: func.func @wide_rows(
// CHECK-NOT: "norm_linear"
module attributes {ingot.target = "cuda"} {
  func.func @wide_rows(%batch: !ingot.batch, %x: tensor<?x8192xf32>) -> (tensor<?x32xf32>) attributes {ingot.bucket = "tokens_4", ingot.max_tokens = 4 : i64} {
    %g = ingot.param "layers.0.norm.weight" : tensor<8192xf32>
    %w = ingot.param "layers.0.proj.weight" : tensor<32x8192xbf16>
    %a = ingot.fused "rms_norm_round" at "layers.0.norm" (%x, %g) : (tensor<?x8192xf32>, tensor<8192xf32>) -> tensor<?x8192xbf16> {
    ^bb0(%x0: tensor<?x8192xf32>, %g0: tensor<8192xf32>):
      %n0 = ingot.rms_norm %x0, %g0 {eps = 1.0e-5 : f32} : tensor<8192xf32> -> tensor<?x8192xf32>
      %r0 = ingot.round %n0 : tensor<?x8192xf32> -> tensor<?x8192xbf16>
      ingot.yield %r0 : tensor<?x8192xbf16>
    }
    %y = ingot.fused "linear" at "layers.0.proj" (%a, %w) {variant = "tokens_4"} : (tensor<?x8192xbf16>, tensor<32x8192xbf16>) -> tensor<?x32xf32> {
    ^bb0(%a0: tensor<?x8192xbf16>, %w0: tensor<32x8192xbf16>):
      %y0 = ingot.linear %a0, %w0 : tensor<?x8192xbf16>, tensor<32x8192xbf16> -> tensor<?x32xf32>
      ingot.yield %y0 : tensor<?x32xf32>
    }
    return %y : tensor<?x32xf32>
  }
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-norm-prologue", reason = "a matmul kernel takes its rows already rounded; ingot.round stands before linear"
// CHECK-LABEL: func.func @rows_beyond_shared_memory(
// CHECK-NOT: "norm_linear"
module attributes {ingot.target = "cuda"} {
  func.func @rows_beyond_shared_memory(%batch: !ingot.batch, %x: tensor<?x8224xf32>) -> (tensor<?x32xf32>) attributes {ingot.bucket = "tokens_1", ingot.max_tokens = 1 : i64} {
    %g = ingot.param "layers.0.norm.weight" : tensor<8224xf32>
    %w = ingot.param "layers.0.proj.weight" : tensor<32x8224xbf16>
    %a = ingot.fused "rms_norm_round" at "layers.0.norm" (%x, %g) : (tensor<?x8224xf32>, tensor<8224xf32>) -> tensor<?x8224xbf16> {
    ^bb0(%x0: tensor<?x8224xf32>, %g0: tensor<8224xf32>):
      %n0 = ingot.rms_norm %x0, %g0 {eps = 1.0e-5 : f32} : tensor<8224xf32> -> tensor<?x8224xf32>
      %r0 = ingot.round %n0 : tensor<?x8224xf32> -> tensor<?x8224xbf16>
      ingot.yield %r0 : tensor<?x8224xbf16>
    }
    %y = ingot.fused "linear" at "layers.0.proj" (%a, %w) {variant = "tokens_4"} : (tensor<?x8224xbf16>, tensor<32x8224xbf16>) -> tensor<?x32xf32> {
    ^bb0(%a0: tensor<?x8224xbf16>, %w0: tensor<32x8224xbf16>):
      %y0 = ingot.linear %a0, %w0 : tensor<?x8224xbf16>, tensor<32x8224xbf16> -> tensor<?x32xf32>
      ingot.yield %y0 : tensor<?x32xf32>
    }
    return %y : tensor<?x32xf32>
  }
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-norm-prologue", reason = "the region of the norm makes another value, too"
// CHECK-LABEL: func.func @sum_used_elsewhere(
// CHECK-NOT: "norm_linear"
module attributes {ingot.target = "cuda"} {
  func.func @sum_used_elsewhere(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> (tensor<?x32xf32>, tensor<?x64xf32>) attributes {ingot.bucket = "tokens_4", ingot.max_tokens = 4 : i64} {
    %g = ingot.param "layers.0.norm.weight" : tensor<64xf32>
    %w = ingot.param "layers.0.proj.weight" : tensor<32x64xbf16>
    %s, %a = ingot.fused "add_rms_norm_round" at "layers.0.norm" (%x, %x, %g) : (tensor<?x64xf32>, tensor<?x64xf32>, tensor<64xf32>) -> (tensor<?x64xf32>, tensor<?x64xbf16>) {
    ^bb0(%x0: tensor<?x64xf32>, %x1: tensor<?x64xf32>, %g0: tensor<64xf32>):
      %s0 = ingot.add %x0, %x1 : tensor<?x64xf32>
      %n0 = ingot.rms_norm %s0, %g0 {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32>
      %r0 = ingot.round %n0 : tensor<?x64xf32> -> tensor<?x64xbf16>
      ingot.yield %s0, %r0 : tensor<?x64xf32>, tensor<?x64xbf16>
    }
    %y = ingot.fused "linear" at "layers.0.proj" (%a, %w) {variant = "tokens_4"} : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32> {
    ^bb0(%a0: tensor<?x64xbf16>, %w0: tensor<32x64xbf16>):
      %y0 = ingot.linear %a0, %w0 : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
      ingot.yield %y0 : tensor<?x32xf32>
    }
    return %y, %s : tensor<?x32xf32>, tensor<?x64xf32>
  }
}

// -----

// CHECK: missed = 1 : i64, name = "fuse-norm-prologue", reason = "the rounded rows are used elsewhere"
// CHECK-LABEL: func.func @rows_used_elsewhere(
// CHECK-NOT: "norm_linear"
module attributes {ingot.target = "cuda"} {
  func.func @rows_used_elsewhere(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> (tensor<?x32xf32>, tensor<?x64xbf16>) attributes {ingot.bucket = "tokens_4", ingot.max_tokens = 4 : i64} {
    %g = ingot.param "layers.0.norm.weight" : tensor<64xf32>
    %w = ingot.param "layers.0.proj.weight" : tensor<32x64xbf16>
    %a = ingot.fused "rms_norm_round" at "layers.0.norm" (%x, %g) : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xbf16> {
    ^bb0(%x0: tensor<?x64xf32>, %g0: tensor<64xf32>):
      %n0 = ingot.rms_norm %x0, %g0 {eps = 1.0e-5 : f32} : tensor<64xf32> -> tensor<?x64xf32>
      %r0 = ingot.round %n0 : tensor<?x64xf32> -> tensor<?x64xbf16>
      ingot.yield %r0 : tensor<?x64xbf16>
    }
    %y = ingot.fused "linear" at "layers.0.proj" (%a, %w) {variant = "tokens_4"} : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32> {
    ^bb0(%a0: tensor<?x64xbf16>, %w0: tensor<32x64xbf16>):
      %y0 = ingot.linear %a0, %w0 : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
      ingot.yield %y0 : tensor<?x32xf32>
    }
    return %y, %a : tensor<?x32xf32>, tensor<?x64xbf16>
  }
}
