// RUN: ingot-opt %s --split-input-file --verify-diagnostics

func.func @two_columns(%a: tensor<?x100xf32, #ingot.rows<returned>>, %batch: !ingot.batch) {
  // expected-error @+1 {{result has 2 columns, expected 1}}
  %0 = ingot.sample %a, %batch : tensor<?x100xf32, #ingot.rows<returned>> -> tensor<?x2xi32, #ingot.rows<returned>>
  return
}

// -----

func.func @row_per_token(%a: tensor<?x100xf32>, %batch: !ingot.batch) {
  // expected-error @+1 {{input must have one row per returned token}}
  %0 = ingot.sample %a, %batch : tensor<?x100xf32> -> tensor<?x1xi32>
  return
}

// -----

func.func @other_rows(%a: tensor<?x100xf32, #ingot.rows<returned>>, %batch: !ingot.batch) {
  // expected-error @+1 {{rows differ}}
  %0 = ingot.sample %a, %batch : tensor<?x100xf32, #ingot.rows<returned>> -> tensor<?x1xi32>
  return
}
