// RUN: ingot-opt %s --split-input-file --verify-diagnostics

func.func @width(%batch: !ingot.batch, %table: tensor<100x48xf32>) {
  // expected-error @+1 {{result has 40 columns, expected 48}}
  %x = ingot.embed %batch, %table : tensor<100x48xf32> -> tensor<?x40xf32>
  return
}

// -----

func.func @vector_table(%batch: !ingot.batch, %table: tensor<100xf32>) {
  // expected-error @+1 {{needs a table of rank 2}}
  %x = ingot.embed %batch, %table : tensor<100xf32> -> tensor<?x100xf32>
  return
}

// -----

func.func @row_space(%batch: !ingot.batch, %table: tensor<100x48xf32>) {
  // expected-error @+1 {{result must have one row per token}}
  %x = ingot.embed %batch, %table : tensor<100x48xf32> -> tensor<?x48xf32, #ingot.rows<returned>>
  return
}

// -----

func.func @angles_width(%batch: !ingot.batch) {
  // expected-error @+1 {{result has 6 columns, expected 4}}
  %a = ingot.rope_angles %batch {inv_freq = array<f32: 1.0, 0.1>} : tensor<?x6xf32>
  return
}

// -----

func.func @no_frequencies(%batch: !ingot.batch) {
  // expected-error @+1 {{needs frequencies}}
  %a = ingot.rope_angles %batch {inv_freq = array<f32>} : tensor<?x4xf32>
  return
}
