// RUN: ingot-opt %s --split-input-file --verify-diagnostics

func.func @round_to_f32(%a: tensor<?x48xf32>) {
  // expected-error @+1 {{rounds to bf16 or f16}}
  %0 = ingot.round %a : tensor<?x48xf32> -> tensor<?x48xf32>
  return
}

// -----

func.func @round_width(%a: tensor<?x48xf32>) {
  // expected-error @+1 {{result has 32 columns, expected 48}}
  %0 = ingot.round %a : tensor<?x48xf32> -> tensor<?x32xbf16>
  return
}

// -----

func.func @quantize_to_bf16(%a: tensor<?x48xf32>) {
  // expected-error @+1 {{quantizes to !ingot.qact}}
  %0 = ingot.quantize %a : tensor<?x48xf32> -> tensor<?x48xbf16>
  return
}

// -----

func.func @quantize_rows(%a: tensor<?x48xf32>) {
  // expected-error @+1 {{rows differ}}
  %0 = ingot.quantize %a : tensor<?x48xf32> -> tensor<?x48x!ingot.qact<pow2>, #ingot.rows<returned>>
  return
}
