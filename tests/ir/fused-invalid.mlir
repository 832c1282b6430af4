// RUN: ingot-opt %s --split-input-file --verify-diagnostics

func.func @arguments(%a: tensor<?x48xf32>) {
  // expected-error @+1 {{body arguments differ from the inputs}}
  %s = ingot.fused "silu" at "here" (%a) : (tensor<?x48xf32>) -> tensor<?x32xf32> {
  ^bb0(%a0: tensor<?x32xf32>):
    %y = ingot.silu %a0 : tensor<?x32xf32>
    ingot.yield %y : tensor<?x32xf32>
  }
  return
}

// -----

func.func @results(%a: tensor<?x48xf32>) {
  // expected-error @+1 {{yielded types differ from the results}}
  %s = ingot.fused "silu" at "here" (%a) : (tensor<?x48xf32>) -> tensor<?x32xf32> {
  ^bb0(%a0: tensor<?x48xf32>):
    %y = ingot.silu %a0 : tensor<?x48xf32>
    ingot.yield %y : tensor<?x48xf32>
  }
  return
}

// -----

func.func @isolated(%a: tensor<?x48xf32>, %b: tensor<?x48xf32>) {
  // expected-note @+1 {{required by region isolation constraints}}
  %s = ingot.fused "add" at "here" (%a) : (tensor<?x48xf32>) -> tensor<?x48xf32> {
  ^bb0(%a0: tensor<?x48xf32>):
    // expected-error @+1 {{using value defined outside the region}}
    %y = ingot.add %a0, %b : tensor<?x48xf32>
    ingot.yield %y : tensor<?x48xf32>
  }
  return
}

// -----

func.func @parameter_inside(%a: tensor<?x48xf32>) {
  // expected-error @+1 {{holds ingot.param, which no kernel can contain}}
  %s = ingot.fused "bias" at "here" (%a) : (tensor<?x48xf32>) -> tensor<?x48xf32> {
  ^bb0(%a0: tensor<?x48xf32>):
    %w = ingot.param "bias" : tensor<48xf32>
    %y = ingot.add_bias %a0, %w : tensor<48xf32> -> tensor<?x48xf32>
    ingot.yield %y : tensor<?x48xf32>
  }
  return
}

// -----

func.func @empty() {
  // expected-error @+1 {{needs ops}}
  ingot.fused "nothing" at "here" () : () -> () {
  ^bb0:
    ingot.yield
  }
  return
}

// -----

func.func @yield_outside(%a: tensor<?x48xf32>) {
  // expected-error @+1 {{expects parent op 'ingot.fused'}}
  ingot.yield %a : tensor<?x48xf32>
}
