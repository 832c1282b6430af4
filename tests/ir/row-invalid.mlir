// RUN: ingot-opt %s --split-input-file --verify-diagnostics

func.func @bias_width(%a: tensor<?x64xf32>, %bias: tensor<32xf32>) {
  // expected-error @+1 {{bias must be a vector of 64}}
  %0 = ingot.add_bias %a, %bias : tensor<32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @add_of_bf16(%a: tensor<?x64xbf16>) {
  // expected-error @+1 {{must be float32 rows}}
  %0 = ingot.add %a, %a : tensor<?x64xbf16>
  return
}

// -----

func.func @gamma_width(%a: tensor<?x64xf32>, %gamma: tensor<32xf32>) {
  // expected-error @+1 {{gamma must be a vector of 64}}
  %0 = ingot.rms_norm %a, %gamma {eps = 1.0e-5 : f32} : tensor<32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @head_gamma_width(%a: tensor<?x64xf32>, %gamma: tensor<64xf32>) {
  // expected-error @+1 {{gamma must be a vector of 16}}
  %0 = ingot.rms_norm %a, %gamma {eps = 1.0e-5 : f32, head_dim = 16 : i64} : tensor<64xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @no_eps(%a: tensor<?x64xf32>, %gamma: tensor<64xf32>) {
  // expected-error @+1 {{eps must be from 1.000000e-30 to 1.000000e+00}}
  %0 = ingot.rms_norm %a, %gamma {eps = 0.0 : f32} : tensor<64xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @endless_eps(%a: tensor<?x64xf32>, %gamma: tensor<64xf32>) {
  // expected-error @+1 {{eps must be from 1.000000e-30 to 1.000000e+00}}
  %0 = ingot.rms_norm %a, %gamma {eps = 0x7F800000 : f32} : tensor<64xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @frequency_of_nothing(%batch: !ingot.batch) {
  // expected-error @+1 {{frequencies must be finite}}
  %0 = ingot.rope_angles %batch {inv_freq = array<f32: 1.0, 0x7FC00000>} : tensor<?x4xf32>
  return
}

// -----

func.func @norm_order(%a: tensor<?x64xf32>, %gamma: tensor<64xf32>) {
  // expected-error @+1 {{order must be of kind lanes, is chain}}
  %0 = ingot.rms_norm %a, %gamma {eps = 1.0e-5 : f32, order = #ingot.order<chain, 32>}
      : tensor<64xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @norm_lanes(%a: tensor<?x64xf32>, %gamma: tensor<64xf32>) {
  // expected-error @+1 {{order must have step 64 and span 0}}
  %0 = ingot.rms_norm %a, %gamma {eps = 1.0e-5 : f32, order = #ingot.order<lanes, 32>}
      : tensor<64xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @broken_heads(%a: tensor<?x64xf32>, %angles: tensor<?x12xf32>) {
  // expected-error @+1 {{64 columns are not whole heads of 12}}
  %0 = ingot.rope %a, %angles {head_dim = 12 : i64} : tensor<?x12xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @odd_heads(%a: tensor<?x63xf32>, %angles: tensor<?x7xf32>) {
  // expected-error @+1 {{head_dim must be even and positive, is 7}}
  %0 = ingot.rope %a, %angles {head_dim = 7 : i64} : tensor<?x7xf32> -> tensor<?x63xf32>
  return
}

// -----

func.func @angles_width(%a: tensor<?x64xf32>, %angles: tensor<?x32xf32>) {
  // expected-error @+1 {{angles has 32 columns, expected 16}}
  %0 = ingot.rope %a, %angles {head_dim = 16 : i64} : tensor<?x32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @angles_rows(%a: tensor<?x64xf32>, %angles: tensor<?x16xf32, #ingot.rows<returned>>) {
  // expected-error @+1 {{rows differ}}
  %0 = ingot.rope %a, %angles {head_dim = 16 : i64} : tensor<?x16xf32, #ingot.rows<returned>> -> tensor<?x64xf32>
  return
}

// -----

func.func @split_sum(%a: tensor<?x64xf32>) {
  // expected-error @+1 {{results have 48 columns, the input 64}}
  %0:2 = ingot.split %a : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x16xf32>
  return
}

// -----

func.func @split_rows(%a: tensor<?x64xf32>) {
  // expected-error @+1 {{rows differ}}
  %0:2 = ingot.split %a : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32, #ingot.rows<returned>>
  return
}

// -----

func.func @split_interleave_unequal(%a: tensor<?x64xf32>) {
  // expected-error @+1 {{interleave needs two results of equal width, a multiple of 16}}
  %0:2 = ingot.split %a {interleave = 16 : i64} : tensor<?x64xf32> -> tensor<?x16xf32>, tensor<?x48xf32>
  return
}

// -----

func.func @split_interleave_runs(%a: tensor<?x48xf32>) {
  // expected-error @+1 {{interleave needs two results of equal width, a multiple of 16}}
  %0:2 = ingot.split %a {interleave = 16 : i64} : tensor<?x48xf32> -> tensor<?x24xf32>, tensor<?x24xf32>
  return
}

// -----

func.func @select_space(%a: tensor<?x64xf32>, %batch: !ingot.batch) {
  // expected-error @+1 {{selects returned rows from token rows}}
  %0 = ingot.select_rows %a, %batch : tensor<?x64xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @select_width(%a: tensor<?x64xf32>, %batch: !ingot.batch) {
  // expected-error @+1 {{result has 32 columns, expected 64}}
  %0 = ingot.select_rows %a, %batch : tensor<?x64xf32> -> tensor<?x32xf32, #ingot.rows<returned>>
  return
}

// -----

func.func @beta_width(%a: tensor<?x64xf32>, %gamma: tensor<64xf32>, %beta: tensor<32xf32>) {
  // expected-error @+1 {{beta must be a vector of 64}}
  %0 = ingot.layer_norm %a, %gamma, %beta {eps = 1.0e-5 : f32} : tensor<64xf32>, tensor<32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @wide_rows(%a: tensor<?x4294967360xf32>) {
  // expected-error @+1 {{must be float32 rows, 1 to 2^28 columns}}
  %0 = ingot.silu %a : tensor<?x4294967360xf32>
  return
}

// -----

func.func @open_columns(%a: tensor<?x?xf32>) {
  // expected-error @+1 {{must be float32 rows, 1 to 2^28 columns}}
  %0 = ingot.silu %a : tensor<?x?xf32>
  return
}

// -----

func.func @no_columns(%a: tensor<?x0xf32>) {
  // expected-error @+1 {{must be float32 rows, 1 to 2^28 columns}}
  %0 = ingot.silu %a : tensor<?x0xf32>
  return
}

// -----

func.func @tiny_eps(%a: tensor<?x64xf32>, %gamma: tensor<64xf32>) {
  // expected-error @+1 {{eps must be from 1.000000e-30 to 1.000000e+00, is 1.401298e-45}}
  %0 = ingot.rms_norm %a, %gamma {eps = 1.0e-45 : f32} : tensor<64xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @endless_angles(%batch: !ingot.batch) {
  // expected-error @+1 {{attention_factor must be finite}}
  %0 = ingot.rope_angles %batch {attention_factor = 0x7F800000 : f32, inv_freq = array<f32: 1.0, 1.0>} : tensor<?x4xf32>
  return
}
