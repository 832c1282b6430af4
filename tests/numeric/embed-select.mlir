// RUN: ingot-opt %s --evaluate | FileCheck %s
// RUN: not ingot-opt %s --evaluate --entry=embed --tokens="0,3" 2>&1 | FileCheck %s --check-prefix=RANGE

// Token ids choose rows of the table; every level of storage gives the same exact values here.
// CHECK: @embed result 0 as expected
// RANGE: error[token-range]: @embed: ingot.embed: token 3 at row 1, the embedding table has 3 rows
func.func @embed(%batch: !ingot.batch {ingot.tokens = "2,0;1"},
                 %table: tensor<3x2xf32> {ingot.value = dense<[[0.5, 1.0], [2.0, 3.0], [-4.0, 8.0]]> : tensor<3x2xf32>})
    -> (tensor<?x2xf32> {ingot.expected = dense<[[-4.0, 8.0], [0.5, 1.0], [2.0, 3.0]]> : tensor<3x2xf32>}) {
  %0 = ingot.embed %batch, %table : tensor<3x2xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// int8 per channel: scale 1 for row 0, 0.5 for row 1; 0.6 rounds to 0.5 there.
// CHECK: @embed_int8 result 0 as expected
func.func @embed_int8(%batch: !ingot.batch {ingot.tokens = "0,1"},
                      %table: tensor<2x3x!ingot.qweight<8, 0>>
                          {ingot.value = dense<[[127.0, 2.0, -3.0], [63.5, 0.6, -1.0]]> : tensor<2x3xf32>})
    -> (tensor<?x3xf32> {ingot.expected = dense<[[127.0, 2.0, -3.0], [63.5, 0.5, -1.0]]> : tensor<2x3xf32>}) {
  %0 = ingot.embed %batch, %table : tensor<2x3x!ingot.qweight<8, 0>> -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

// bf16 storage: 1 + 2^-8 is a tie and goes to even (1); 1 + 3 * 2^-8 to 1.015625.
// CHECK: @embed_bf16 result 0 as expected
func.func @embed_bf16(%batch: !ingot.batch {ingot.tokens = "0"},
                      %table: tensor<1x2xbf16> {ingot.value = dense<[[1.00390625, 1.01171875]]> : tensor<1x2xf32>})
    -> (tensor<?x2xf32> {ingot.expected = dense<[[1.0, 1.015625]]> : tensor<1x2xf32>}) {
  %0 = ingot.embed %batch, %table : tensor<1x2xbf16> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// RUN: ingot-opt %s --evaluate --entry=select --last-only --values | FileCheck %s --check-prefix=LAST
// LAST: @select result 0: f32 [2, 1]
// LAST-NEXT: 0: 2
// LAST-NEXT: 1: 3
func.func @select(%x: tensor<?x1xf32> {ingot.value = dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>},
                  %batch: !ingot.batch {ingot.tokens = "0,0;0"}) -> tensor<?x1xf32, #ingot.rows<returned>> {
  %0 = ingot.select_rows %x, %batch : tensor<?x1xf32> -> tensor<?x1xf32, #ingot.rows<returned>>
  return %0 : tensor<?x1xf32, #ingot.rows<returned>>
}
