// RUN: ingot-opt %s --evaluate | FileCheck %s

!kv = !ingot.kv<group = 0, layers = 1, heads = 1, key = 2, value = 2, block = 16>
!kv2 = !ingot.kv<group = 1, layers = 2, heads = 2, key = 2, value = 1, block = 16>

// One visible position: its value as bf16 stored it (1.00390625 is a tie and goes to 1).
// CHECK: @one result 0 as expected
func.func @one(%batch: !ingot.batch {ingot.tokens = "0"}, %kv: !kv,
               %q: tensor<?x2xf32> {ingot.value = dense<[[3.0, 4.0]]> : tensor<1x2xf32>},
               %k: tensor<?x2xf32> {ingot.value = dense<[[1.0, -1.0]]> : tensor<1x2xf32>},
               %v: tensor<?x2xf32> {ingot.value = dense<[[1.00390625, -6.0]]> : tensor<1x2xf32>})
    -> (tensor<?x2xf32> {ingot.expected = dense<[[1.0, -6.0]]> : tensor<1x2xf32>}) {
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv, tensor<?x2xf32>, tensor<?x2xf32>
  %o = ingot.paged_attention %q, %kv1, %batch {layer = 0 : i64, heads = 1 : i64, scale = 1.0 : f32}
      : tensor<?x2xf32>, !kv -> tensor<?x2xf32>
  return %o : tensor<?x2xf32>
}

// Causal and exact: equal scores average; row 0 sees only itself. Row 2 sees scores 0, 0, ln 2 * 2^k with weights
// 1/4, 1/4, 1/2 (ln 2 as q times the scale; k = 1 is exact in bf16).
// CHECK: @causal result 0 as expected
func.func @causal(%batch: !ingot.batch {ingot.tokens = "0,0,0"}, %kv: !kv,
                  %q: tensor<?x2xf32> {ingot.value = dense<[[5.0, 0.0], [5.0, 0.0], [0.346573590, 0.0]]> : tensor<3x2xf32>},
                  %k: tensor<?x2xf32> {ingot.value = dense<[[0.0, 1.0], [0.0, 2.0], [1.0, 3.0]]> : tensor<3x2xf32>},
                  %v: tensor<?x2xf32> {ingot.value = dense<[[1.0, 0.0], [3.0, 8.0], [-2.0, 2.0]]> : tensor<3x2xf32>})
    -> (tensor<?x2xf32> {ingot.expected = dense<[[1.0, 0.0], [2.0, 4.0], [0.0, 3.0]]> : tensor<3x2xf32>})
    attributes {ingot.tolerance = 2.0e-7 : f32} {
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv, tensor<?x2xf32>, tensor<?x2xf32>
  %o = ingot.paged_attention %q, %kv1, %batch {layer = 0 : i64, heads = 1 : i64, scale = 2.0 : f32}
      : tensor<?x2xf32>, !kv -> tensor<?x2xf32>
  return %o : tensor<?x2xf32>
}

// Four query heads over two KV heads: heads 0 and 1 read the first. Layers do not see each other, nor do sequences.
// CHECK: @heads result 0 as expected
// CHECK: @heads result 1 as expected
func.func @heads(%batch: !ingot.batch {ingot.tokens = "0;0"}, %kv: !kv2,
                 %q: tensor<?x8xf32> {ingot.value = dense<1.0> : tensor<2x8xf32>},
                 %k: tensor<?x4xf32> {ingot.value = dense<1.0> : tensor<2x4xf32>},
                 %v: tensor<?x2xf32> {ingot.value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>},
                 %u: tensor<?x2xf32> {ingot.value = dense<[[5.0, 6.0], [7.0, 8.0]]> : tensor<2x2xf32>})
    -> (tensor<?x4xf32> {ingot.expected = dense<[[1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0]]> : tensor<2x4xf32>},
        tensor<?x4xf32> {ingot.expected = dense<[[5.0, 5.0, 6.0, 6.0], [7.0, 7.0, 8.0, 8.0]]> : tensor<2x4xf32>}) {
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv2, tensor<?x4xf32>, tensor<?x2xf32>
  %kv3 = ingot.kv_append %kv1, %k, %u, %batch {layer = 1 : i64} : !kv2, tensor<?x4xf32>, tensor<?x2xf32>
  %o = ingot.paged_attention %q, %kv3, %batch {layer = 0 : i64, heads = 4 : i64, scale = 1.0 : f32}
      : tensor<?x8xf32>, !kv2 -> tensor<?x4xf32>
  %p = ingot.paged_attention %q, %kv3, %batch {layer = 1 : i64, heads = 4 : i64, scale = 1.0 : f32}
      : tensor<?x8xf32>, !kv2 -> tensor<?x4xf32>
  return %o, %p : tensor<?x4xf32>, tensor<?x4xf32>
}

// A window of two: row 2 sees positions 1 and 2 alone. A sink as high as the scores of row 0 halves it.
// CHECK: @window result 0 as expected
func.func @window(%batch: !ingot.batch {ingot.tokens = "0,0,0"}, %kv: !kv,
                  %q: tensor<?x2xf32> {ingot.value = dense<0.0> : tensor<3x2xf32>},
                  %k: tensor<?x2xf32> {ingot.value = dense<1.0> : tensor<3x2xf32>},
                  %v: tensor<?x2xf32> {ingot.value = dense<[[1.0, 0.0], [3.0, 8.0], [-2.0, 2.0]]> : tensor<3x2xf32>})
    -> (tensor<?x2xf32> {ingot.expected = dense<[[1.0, 0.0], [2.0, 4.0], [0.5, 5.0]]> : tensor<3x2xf32>}) {
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv, tensor<?x2xf32>, tensor<?x2xf32>
  %o = ingot.paged_attention %q, %kv1, %batch {layer = 0 : i64, heads = 1 : i64, scale = 1.0 : f32, window = 2 : i64}
      : tensor<?x2xf32>, !kv -> tensor<?x2xf32>
  return %o : tensor<?x2xf32>
}
// CHECK: @sink result 0 as expected
func.func @sink(%batch: !ingot.batch {ingot.tokens = "0"}, %kv: !kv,
                %q: tensor<?x2xf32> {ingot.value = dense<0.0> : tensor<1x2xf32>},
                %k: tensor<?x2xf32> {ingot.value = dense<1.0> : tensor<1x2xf32>},
                %v: tensor<?x2xf32> {ingot.value = dense<[[1.0, -6.0]]> : tensor<1x2xf32>},
                %s: tensor<1xf32> {ingot.value = dense<[0.0]> : tensor<1xf32>})
    -> (tensor<?x2xf32> {ingot.expected = dense<[[0.5, -3.0]]> : tensor<1x2xf32>}) {
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv, tensor<?x2xf32>, tensor<?x2xf32>
  %o = ingot.paged_attention %q, %kv1, %batch sinks(%s : tensor<1xf32>) {layer = 0 : i64, heads = 1 : i64, scale = 1.0 : f32}
      : tensor<?x2xf32>, !kv -> tensor<?x2xf32>
  return %o : tensor<?x2xf32>
}
// Integers: the largest of a row is 127 scales; 1 of 3 becomes 42 of 127.
!kv8 = !ingot.kv<group = 0, layers = 1, heads = 1, key = 2, value = 2, block = 16, format = int8>
// CHECK: @int8 result 0 as expected
func.func @int8(%batch: !ingot.batch {ingot.tokens = "0"}, %kv: !kv8,
                %q: tensor<?x2xf32> {ingot.value = dense<1.0> : tensor<1x2xf32>},
                %k: tensor<?x2xf32> {ingot.value = dense<1.0> : tensor<1x2xf32>},
                %v: tensor<?x2xf32> {ingot.value = dense<[[3.0, 1.0]]> : tensor<1x2xf32>})
    -> (tensor<?x2xf32> {ingot.expected = dense<[[3.0, 0.99212598]]> : tensor<1x2xf32>})
    attributes {ingot.tolerance = 2.0e-7 : f32} {
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 0 : i64} : !kv8, tensor<?x2xf32>, tensor<?x2xf32>
  %o = ingot.paged_attention %q, %kv1, %batch {layer = 0 : i64, heads = 1 : i64, scale = 1.0 : f32}
      : tensor<?x2xf32>, !kv8 -> tensor<?x2xf32>
  return %o : tensor<?x2xf32>
}

// Segments: 600 and 300 positions give the same bits whether they come at once or in pieces of any size.
// RUN: ingot-opt %s --evaluate --entry=long --tokens="0*600;0*300" > %t.all
// RUN: ingot-opt %s --evaluate --entry=long --tokens="0*600;0*300" --chunk=17 > %t.17
// RUN: ingot-opt %s --evaluate --entry=long --tokens="0*600;0*300" --chunk=256 > %t.256
// RUN: ingot-opt %s --evaluate --entry=long --tokens="0*600;0*300" --chunk=1 > %t.1
// RUN: diff %t.all %t.17 && diff %t.all %t.256 && diff %t.all %t.1
func.func @long(%batch: !ingot.batch {ingot.tokens = "0"}, %kv: !kv2, %q: tensor<?x8xf32>, %k: tensor<?x4xf32>,
                %v: tensor<?x2xf32>) -> tensor<?x4xf32> {
  %r = ingot.round %q : tensor<?x8xf32> -> tensor<?x8xbf16>
  %kv1 = ingot.kv_append %kv, %k, %v, %batch {layer = 1 : i64} : !kv2, tensor<?x4xf32>, tensor<?x2xf32>
  %o = ingot.paged_attention %r, %kv1, %batch {layer = 1 : i64, heads = 4 : i64, scale = 3.0 : f32}
      : tensor<?x8xbf16>, !kv2 -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}
