// RUN: ingot-opt %s --split-input-file --verify-diagnostics

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @append_layer(%kv: !kv, %k: tensor<?x16xf32>, %v: tensor<?x32xf32>, %batch: !ingot.batch) {
  // expected-error @+1 {{layer 2 of a cache with 2}}
  %0 = ingot.kv_append %kv, %k, %v, %batch {layer = 2 : i64} : !kv, tensor<?x16xf32>, tensor<?x32xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @append_negative_layer(%kv: !kv, %k: tensor<?x16xf32>, %v: tensor<?x32xf32>, %batch: !ingot.batch) {
  // expected-error @+1 {{layer -1 of a cache with 2}}
  %0 = ingot.kv_append %kv, %k, %v, %batch {layer = -1 : i64} : !kv, tensor<?x16xf32>, tensor<?x32xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @append_key(%kv: !kv, %k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %batch: !ingot.batch) {
  // expected-error @+1 {{key has 32 columns, expected 16}}
  %0 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv, tensor<?x32xf32>, tensor<?x32xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @append_value(%kv: !kv, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>, %batch: !ingot.batch) {
  // expected-error @+1 {{value has 16 columns, expected 32}}
  %0 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @append_rows(%kv: !kv, %k: tensor<?x16xf32, #ingot.rows<returned>>,
                       %v: tensor<?x32xf32, #ingot.rows<returned>>, %batch: !ingot.batch) {
  // expected-error @+1 {{key must have one row per token}}
  %0 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64}
      : !kv, tensor<?x16xf32, #ingot.rows<returned>>, tensor<?x32xf32, #ingot.rows<returned>>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_heads(%q: tensor<?x24xf32>, %kv: !kv, %batch: !ingot.batch) {
  // expected-error @+1 {{3 query heads over 2 KV heads}}
  %0 = ingot.paged_attention %q, %kv, %batch {heads = 3 : i64, layer = 0 : i64, scale = 1.0 : f32}
      : tensor<?x24xf32>, !kv -> tensor<?x48xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_query(%q: tensor<?x16xf32>, %kv: !kv, %batch: !ingot.batch) {
  // expected-error @+1 {{query has 16 columns, expected 32}}
  %0 = ingot.paged_attention %q, %kv, %batch {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32}
      : tensor<?x16xf32>, !kv -> tensor<?x64xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_result(%q: tensor<?x32xf32>, %kv: !kv, %batch: !ingot.batch) {
  // expected-error @+1 {{result has 32 columns, expected 64}}
  %0 = ingot.paged_attention %q, %kv, %batch {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32}
      : tensor<?x32xf32>, !kv -> tensor<?x32xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_int8(%q: tensor<?x32x!ingot.qact<pow2>>, %kv: !kv, %batch: !ingot.batch) {
  // expected-error @+1 {{needs float32 or bfloat16 queries}}
  %0 = ingot.paged_attention %q, %kv, %batch {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32}
      : tensor<?x32x!ingot.qact<pow2>>, !kv -> tensor<?x64xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_order(%q: tensor<?x32xf32>, %kv: !kv, %batch: !ingot.batch) {
  // expected-error @+1 {{order must have step 64 and span 256}}
  %0 = ingot.paged_attention %q, %kv, %batch {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32,
                                              order = #ingot.order<attention, 64, 512>}
      : tensor<?x32xf32>, !kv -> tensor<?x64xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_window(%q: tensor<?x32xf32>, %kv: !kv, %batch: !ingot.batch) {
  // expected-error @+1 {{window must be from 1 to 268435456, is 0}}
  %0 = ingot.paged_attention %q, %kv, %batch {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32, window = 0 : i64}
      : tensor<?x32xf32>, !kv -> tensor<?x64xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_scale(%q: tensor<?x32xf32>, %kv: !kv, %batch: !ingot.batch) {
  // expected-error @+1 {{scale must be finite}}
  %0 = ingot.paged_attention %q, %kv, %batch {heads = 4 : i64, layer = 0 : i64, scale = 0x7FC00000 : f32}
      : tensor<?x32xf32>, !kv -> tensor<?x64xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_softcap(%q: tensor<?x32xf32>, %kv: !kv, %batch: !ingot.batch) {
  // expected-error @+1 {{softcap must be from 1.000000e-06 to 1.000000e+06, is -1.000000e+00}}
  %0 = ingot.paged_attention %q, %kv, %batch {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32, softcap = -1.0 : f32}
      : tensor<?x32xf32>, !kv -> tensor<?x64xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_sinks(%q: tensor<?x32xf32>, %kv: !kv, %batch: !ingot.batch, %s: tensor<3xf32>) {
  // expected-error @+1 {{sinks must be a vector of 4}}
  %0 = ingot.paged_attention %q, %kv, %batch sinks(%s : tensor<3xf32>) {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32}
      : tensor<?x32xf32>, !kv -> tensor<?x64xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_wide_window(%q: tensor<?x32xf32>, %kv: !kv, %batch: !ingot.batch) {
  // expected-error @+1 {{window must be from 1 to 268435456, is 4294967360}}
  %0 = ingot.paged_attention %q, %kv, %batch {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32, window = 4294967360 : i64}
      : tensor<?x32xf32>, !kv -> tensor<?x64xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_tiny_softcap(%q: tensor<?x32xf32>, %kv: !kv, %batch: !ingot.batch) {
  // expected-error @+1 {{softcap must be from 1.000000e-06 to 1.000000e+06, is 1.401298e-45}}
  %0 = ingot.paged_attention %q, %kv, %batch {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32, softcap = 1.0e-45 : f32}
      : tensor<?x32xf32>, !kv -> tensor<?x64xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_softcap_nan(%q: tensor<?x32xf32>, %kv: !kv, %batch: !ingot.batch) {
  // expected-error @+1 {{softcap must be from 1.000000e-06 to 1.000000e+06, is nan}}
  %0 = ingot.paged_attention %q, %kv, %batch {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32, softcap = 0x7FC00000 : f32}
      : tensor<?x32xf32>, !kv -> tensor<?x64xf32>
  return
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>
func.func @attention_wide_heads(%q: tensor<?x32xf32>, %kv: !kv, %batch: !ingot.batch) {
  // expected-error @+1 {{4294967300 query heads over 2 KV heads; a multiple up to 4096 is needed}}
  %0 = ingot.paged_attention %q, %kv, %batch {heads = 4294967300 : i64, layer = 0 : i64, scale = 1.0 : f32}
      : tensor<?x32xf32>, !kv -> tensor<?x64xf32>
  return
}
