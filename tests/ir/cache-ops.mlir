// RUN: ingot-opt %s | ingot-opt | FileCheck %s
// RUN: ingot-opt %s --cse --canonicalize | FileCheck %s --check-prefix=EFFECTS

!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>

// CHECK-LABEL: func.func @cache
func.func @cache(%kv: !kv, %q: tensor<?x32xbf16>, %k: tensor<?x16xf32>, %v: tensor<?x32xf32>,
                 %batch: !ingot.batch) -> tensor<?x64xf32> {
  // CHECK: ingot.kv_append %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {layer = 1 : i64} : <group = 0, layers = 2, heads = 2, key = 8, value = 16, block = 16>, tensor<?x16xf32>, tensor<?x32xf32>
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 1 : i64} : !kv, tensor<?x16xf32>, tensor<?x32xf32>
  // CHECK: ingot.paged_attention %{{.*}}, %{{.*}}, %{{.*}} {heads = 4 : i64, layer = 1 : i64, order = #ingot.order<attention, 64, 256>, scale = 3.535530e-01 : f32}
  %o = ingot.paged_attention %q, %kv1, %batch {heads = 4 : i64, layer = 1 : i64, scale = 0.353553 : f32,
                                               order = #ingot.order<attention, 64, 256>}
      : tensor<?x32xbf16>, !kv -> tensor<?x64xf32>
  return %o : tensor<?x64xf32>
}

// The cache is memory: two equal reads around a write stay two reads, and a write nobody reads stays.
// EFFECTS-LABEL: func.func @effects
func.func @effects(%kv: !kv, %q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %v: tensor<?x32xf32>,
                   %batch: !ingot.batch) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // EFFECTS: ingot.paged_attention
  %a = ingot.paged_attention %q, %kv, %batch {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32}
      : tensor<?x32xf32>, !kv -> tensor<?x64xf32>
  // EFFECTS: ingot.kv_append
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x32xf32>
  // EFFECTS: ingot.paged_attention
  %b = ingot.paged_attention %q, %kv, %batch {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32}
      : tensor<?x32xf32>, !kv -> tensor<?x64xf32>
  return %a, %b : tensor<?x64xf32>, tensor<?x64xf32>
}

!kv8 = !ingot.kv<group = 0, layers = 1, heads = 2, key = 8, value = 8, block = 16, format = int8>

// CHECK-LABEL: func.func @variants
// CHECK-SAME: block = 16, format = int8>
func.func @variants(%kv: !kv8, %q: tensor<?x32xbf16>, %batch: !ingot.batch, %sinks: tensor<4xf32>) -> tensor<?x32xf32> {
  // CHECK: ingot.paged_attention %{{.*}}, %{{.*}}, %{{.*}} sinks(%{{.*}} : tensor<4xf32>) {{{.*}}softcap = 5.000000e+01 : f32, window = 100 : i64}
  %o = ingot.paged_attention %q, %kv, %batch sinks(%sinks : tensor<4xf32>)
      {heads = 4 : i64, layer = 0 : i64, scale = 1.0 : f32, window = 100 : i64, softcap = 50.0 : f32}
      : tensor<?x32xbf16>, !kv8 -> tensor<?x32xf32>
  return %o : tensor<?x32xf32>
}
