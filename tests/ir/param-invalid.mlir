// RUN: ingot-opt %s --split-input-file --verify-diagnostics

func.func @dynamic_shape() {
  // expected-error @+1 {{needs a static shape with elements}}
  %0 = ingot.param "w" : tensor<?x32xf32>
  return
}

// -----

func.func @no_elements() {
  // expected-error @+1 {{needs a static shape with elements}}
  %0 = ingot.param "w" : tensor<0x32xf32>
  return
}

// -----

func.func @no_name() {
  // expected-error @+1 {{needs a name}}
  %0 = ingot.param "" : tensor<32xf32>
  return
}

// -----

func.func @wide_floats() {
  // expected-error @+1 {{must be a parameter}}
  %0 = ingot.param "w" : tensor<32xf64>
  return
}

// -----

func.func @three_dimensions() {
  // expected-error @+1 {{must be a parameter}}
  %0 = ingot.param "w" : tensor<2x32x32xf32>
  return
}

// -----

func.func @quantized_vector() {
  // expected-error @+1 {{only matrices are quantized}}
  %0 = ingot.param "w" : tensor<32x!ingot.qweight<8, 32>>
  return
}

// -----

func.func @clip_of_floats() {
  // expected-error @+1 {{clip_search is for quantized parameters}}
  %0 = ingot.param "w" {clip_search} : tensor<32x32xf32>
  return
}

// -----

func.func @rows_do_not_add_up() {
  // expected-error @+1 {{sources have 12 rows, the parameter 16}}
  %0 = ingot.param "w" {sources = [#ingot.source<"a", 8>, #ingot.source<"b", 4>]} : tensor<16x32xf32>
  return
}

// -----

func.func @empty_source() {
  // expected-error @+1 {{source b has 0 rows}}
  %0 = ingot.param "w" {sources = [#ingot.source<"a", 16>, #ingot.source<"b", 0>]} : tensor<16x32xf32>
  return
}

// -----

func.func @interleave_of_three() {
  // expected-error @+1 {{interleave needs exactly two sources}}
  %0 = ingot.param "w" {interleave = 16 : i64, sources = [#ingot.source<"a", 16>, #ingot.source<"b", 16>,
                        #ingot.source<"c", 16>]} : tensor<48x32xf32>
  return
}

// -----

func.func @interleave_of_a_name() {
  // expected-error @+1 {{interleave needs exactly two sources}}
  %0 = ingot.param "w" {interleave = 16 : i64} : tensor<32x32xf32>
  return
}

// -----

func.func @interleave_of_unequal_halves() {
  // expected-error @+1 {{interleaved sources need 48 / 2 rows each, a multiple of 16}}
  %0 = ingot.param "w" {interleave = 16 : i64, sources = [#ingot.source<"a", 16>, #ingot.source<"b", 32>]}
      : tensor<48x32xf32>
  return
}

// -----

func.func @interleave_of_broken_runs() {
  // expected-error @+1 {{interleaved sources need 48 / 2 rows each, a multiple of 16}}
  %0 = ingot.param "w" {interleave = 16 : i64, sources = [#ingot.source<"a", 24>, #ingot.source<"b", 24>]}
      : tensor<48x32xf32>
  return
}

// -----

func.func @interleave_of_nothing() {
  // expected-error @+1 {{interleave must be positive, is 0}}
  %0 = ingot.param "w" {interleave = 0 : i64, sources = [#ingot.source<"a", 16>, #ingot.source<"b", 16>]}
      : tensor<32x32xf32>
  return
}

// -----

func.func @rotary_pairs_of_broken_heads() {
  // expected-error @+1 {{rotary_pairs is for matrices of whole heads of a multiple of 32 rows, without interleave; is 64}}
  %0 = ingot.param "w" {rotary_pairs = 64 : i64} : tensor<96x32xf32>
  return
}

// -----

func.func @rotary_pairs_of_narrow_heads() {
  // expected-error @+1 {{rotary_pairs is for matrices of whole heads of a multiple of 32 rows, without interleave; is 16}}
  %0 = ingot.param "w" {rotary_pairs = 16 : i64} : tensor<96x32xf32>
  return
}

// -----

func.func @wide_dimension() {
  // expected-error @+1 {{has a dimension of 4294967328, at most 268435456}}
  %0 = ingot.param "w" : tensor<4294967328x32xf32>
  return
}

// -----

func.func @many_elements() {
  // expected-error @+1 {{has 70368744177664 elements, at most 1099511627776}}
  %0 = ingot.param "w" : tensor<268435456x262144xf32>
  return
}

// -----

func.func @rows_that_wrap() {
  // expected-error @+1 {{source a has 9223372036854775807 rows, the parameter 16}}
  %0 = ingot.param "w" {sources = [#ingot.source<"a", 9223372036854775807>, #ingot.source<"b", 9223372036854775807>,
                        #ingot.source<"c", 18>]} : tensor<16x32xf32>
  return
}
