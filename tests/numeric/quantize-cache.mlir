// What the pass makes of a program is what the same program says with the format in its types.
// RUN: ingot-opt %s --evaluate --entry=plain > %t.bf16
// RUN: ingot-opt %s --evaluate --entry=written > %t.written
// RUN: ingot-opt %s --ingot-quantize-cache="format=int8" --evaluate --entry=plain > %t.int8
// RUN: sed 's/@written/@plain/' %t.written | diff - %t.int8
// RUN: not diff -q %t.bf16 %t.int8

!kv = !ingot.kv<group = 0, layers = 1, heads = 1, key = 4, value = 4, block = 16>
!kv8 = !ingot.kv<group = 0, layers = 1, heads = 1, key = 4, value = 4, block = 16, format = int8>
func.func @plain(%batch: !ingot.batch {ingot.tokens = "0,0,0"}, %kv: !kv,
                 %x: tensor<?x4xf32> {ingot.value = dense<[[0.3, 1.7, -2.1, 0.01], [1.1, 0.2, 0.3, 0.7], [-0.4, 0.9, 0.6, 1.3]]> : tensor<3x4xf32>})
    -> tensor<?x4xf32> {
  %kv1 = ingot.kv_append %kv, %x, %x, %batch {layer = 0 : i64} : !kv, tensor<?x4xf32>, tensor<?x4xf32>
  %o = ingot.paged_attention %x, %kv1, %batch {layer = 0 : i64, heads = 1 : i64, scale = 1.0 : f32}
      : tensor<?x4xf32>, !kv -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}
func.func @written(%batch: !ingot.batch {ingot.tokens = "0,0,0"}, %kv: !kv8,
                   %x: tensor<?x4xf32> {ingot.value = dense<[[0.3, 1.7, -2.1, 0.01], [1.1, 0.2, 0.3, 0.7], [-0.4, 0.9, 0.6, 1.3]]> : tensor<3x4xf32>})
    -> tensor<?x4xf32> {
  %kv1 = ingot.kv_append %kv, %x, %x, %batch {layer = 0 : i64} : !kv8, tensor<?x4xf32>, tensor<?x4xf32>
  %o = ingot.paged_attention %x, %kv1, %batch {layer = 0 : i64, heads = 1 : i64, scale = 1.0 : f32}
      : tensor<?x4xf32>, !kv8 -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}
