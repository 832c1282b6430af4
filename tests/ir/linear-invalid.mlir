// RUN: ingot-opt %s --split-input-file --verify-diagnostics

func.func @input_width(%a: tensor<?x32xf32>, %w: tensor<40x48xf32>) {
  // expected-error @+1 {{input has 32 columns, expected 48}}
  %0 = ingot.linear %a, %w : tensor<?x32xf32>, tensor<40x48xf32> -> tensor<?x40xf32>
  return
}

// -----

func.func @result_width(%a: tensor<?x48xf32>, %w: tensor<40x48xf32>) {
  // expected-error @+1 {{result has 48 columns, expected 40}}
  %0 = ingot.linear %a, %w : tensor<?x48xf32>, tensor<40x48xf32> -> tensor<?x48xf32>
  return
}

// -----

func.func @vector_weight(%a: tensor<?x48xf32>, %w: tensor<48xf32>) {
  // expected-error @+1 {{needs a weight of rank 2}}
  %0 = ingot.linear %a, %w : tensor<?x48xf32>, tensor<48xf32> -> tensor<?x1xf32>
  return
}

// -----

func.func @int8_rows_float_weight(%a: tensor<?x48x!ingot.qact<pow2>>, %w: tensor<40x48xf32>) {
  // expected-error @+1 {{int8 rows need an integer weight}}
  %0 = ingot.linear %a, %w : tensor<?x48x!ingot.qact<pow2>>, tensor<40x48xf32> -> tensor<?x40xf32>
  return
}

// -----

func.func @row_space(%a: tensor<?x48xf32>, %w: tensor<40x48xf32>) {
  // expected-error @+1 {{rows differ}}
  %0 = ingot.linear %a, %w : tensor<?x48xf32>, tensor<40x48xf32> -> tensor<?x40xf32, #ingot.rows<returned>>
  return
}

// -----

func.func @order(%a: tensor<?x48xf32>, %w: tensor<40x48xf32>) {
  // expected-error @+1 {{order must be of kind chain, is lanes}}
  %0 = ingot.linear %a, %w {order = #ingot.order<lanes, 64>} : tensor<?x48xf32>, tensor<40x48xf32> -> tensor<?x40xf32>
  return
}

// -----

func.func @int8_rows_int4_weight(%a: tensor<?x64x!ingot.qact<row>>, %w: tensor<40x64x!ingot.qweight<4, 32>>) {
  // expected-error @+1 {{int8 rows with one scale need an int8 weight}}
  %0 = ingot.linear %a, %w : tensor<?x64x!ingot.qact<row>>, tensor<40x64x!ingot.qweight<4, 32>> -> tensor<?x40xf32>
  return
}

// -----

func.func @e4m3_rows_int8_weight(%a: tensor<?x64x!ingot.qact<row_e4m3>>, %w: tensor<40x64x!ingot.qweight<8, 0>>) {
  // expected-error @+1 {{e4m3 rows need an e4m3 weight}}
  %0 = ingot.linear %a, %w : tensor<?x64x!ingot.qact<row_e4m3>>, tensor<40x64x!ingot.qweight<8, 0>> -> tensor<?x40xf32>
  return
}
