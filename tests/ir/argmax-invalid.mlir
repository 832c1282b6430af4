// RUN: ingot-opt %s --split-input-file --verify-diagnostics

func.func @two_columns(%a: tensor<?x100xf32>) {
  // expected-error @+1 {{result has 2 columns, expected 1}}
  %0 = ingot.argmax %a : tensor<?x100xf32> -> tensor<?x2xi32>
  return
}

// -----

func.func @partial_count(%a: tensor<?x100xf32>) {
  // expected-error @+1 {{result has 3 columns, expected 4}}
  %0 = ingot.argmax_partial %a : tensor<?x100xf32> -> tensor<?x3xi64>
  return
}

// -----

func.func @fold_rows(%a: tensor<?x4xi64>) {
  // expected-error @+1 {{rows differ}}
  %0 = ingot.argmax_fold %a : tensor<?x4xi64> -> tensor<?x1xi32, #ingot.rows<returned>>
  return
}

// -----

func.func @index_type(%a: tensor<?x100xf32>) {
  // expected-error @+1 {{must be index rows}}
  %0 = ingot.argmax %a : tensor<?x100xf32> -> tensor<?x1xi64>
  return
}
