// RUN: ingot-opt %s --ingot-quantize-cache="format=fp8" | FileCheck %s
// RUN: not ingot-opt %s --ingot-quantize-cache="format=int4" 2>&1 | FileCheck %s --check-prefix=FORMAT
// FORMAT: format: 'int4' is not known; write bf16, fp16, fp8 or int8

!kv = !ingot.kv<group = 0, layers = 1, heads = 1, key = 8, value = 8, block = 16>

// Every value of the cache changes, in regions, too.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %{{.*}}: !ingot.kv<group = 0, layers = 1, heads = 1, key = 8, value = 8, block = 16, format = fp8>
// CHECK-SAME: -> (tensor<?x8xf32>, !ingot.kv<{{.*}}, format = fp8>)
func.func @forward(%batch: !ingot.batch, %kv: !kv, %k: tensor<?x8xf32>, %q: tensor<?x8xbf16>) -> (tensor<?x8xf32>, !kv) {
  // CHECK: ingot.kv_append {{.*}}format = fp8>
  %kv1 = ingot.kv_append %kv, %k, %k, %batch {layer = 0 : i64} : !kv, tensor<?x8xf32>, tensor<?x8xf32>
  // CHECK: ^bb0({{.*}}format = fp8>
  %o = ingot.fused "attend" at "layers.0" (%q, %kv1, %batch) : (tensor<?x8xbf16>, !kv, !ingot.batch) -> tensor<?x8xf32> {
  ^bb0(%q0: tensor<?x8xbf16>, %kv0: !kv, %b0: !ingot.batch):
    %y = ingot.paged_attention %q0, %kv0, %b0 {heads = 1 : i64, layer = 0 : i64, scale = 1.0 : f32}
        : tensor<?x8xbf16>, !kv -> tensor<?x8xf32>
    ingot.yield %y : tensor<?x8xf32>
  }
  return %o, %kv1 : tensor<?x8xf32>, !kv
}
