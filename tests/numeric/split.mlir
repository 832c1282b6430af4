// RUN: ingot-opt %s --evaluate | FileCheck %s

// CHECK: @parts result 0 as expected
// CHECK: @parts result 1 as expected
// CHECK: @parts result 2 as expected
func.func @parts(%x: tensor<?x6xf32> {ingot.value = dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [7.0, 8.0, 9.0, 10.0, 11.0, 12.0]]> : tensor<2x6xf32>})
    -> (tensor<?x3xf32> {ingot.expected = dense<[[1.0, 2.0, 3.0], [7.0, 8.0, 9.0]]> : tensor<2x3xf32>},
        tensor<?x1xf32> {ingot.expected = dense<[[4.0], [10.0]]> : tensor<2x1xf32>},
        tensor<?x2xf32> {ingot.expected = dense<[[5.0, 6.0], [11.0, 12.0]]> : tensor<2x2xf32>}) {
  %0:3 = ingot.split %x : tensor<?x6xf32> -> tensor<?x3xf32>, tensor<?x1xf32>, tensor<?x2xf32>
  return %0#0, %0#1, %0#2 : tensor<?x3xf32>, tensor<?x1xf32>, tensor<?x2xf32>
}

// Runs of two columns alternate.
// CHECK: @runs result 0 as expected
// CHECK: @runs result 1 as expected
func.func @runs(%x: tensor<?x8xf32> {ingot.value = dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]]> : tensor<1x8xf32>})
    -> (tensor<?x4xf32> {ingot.expected = dense<[[1.0, 2.0, 5.0, 6.0]]> : tensor<1x4xf32>},
        tensor<?x4xf32> {ingot.expected = dense<[[3.0, 4.0, 7.0, 8.0]]> : tensor<1x4xf32>}) {
  %0:2 = ingot.split %x {interleave = 2 : i64} : tensor<?x8xf32> -> tensor<?x4xf32>, tensor<?x4xf32>
  return %0#0, %0#1 : tensor<?x4xf32>, tensor<?x4xf32>
}

// Merging with interleave and splitting again gives what the two projections give.
// RUN: ingot-opt %s --evaluate --entry=merged --entry=apart --values > %t
// RUN: FileCheck %s --check-prefix=MERGE < %t
// MERGE: @merged result 0: f32 [2, 4], hash [[GATE:[0-9a-f]+]]
// MERGE: @merged result 1: f32 [2, 4], hash [[UP:[0-9a-f]+]]
// MERGE: @apart result 0: f32 [2, 4], hash [[GATE]]
// MERGE: @apart result 1: f32 [2, 4], hash [[UP]]
func.func @merged(%x: tensor<?x3xf32> {ingot.value = dense<[[1.0, -2.0, 0.5], [0.1, 0.2, 0.3]]> : tensor<2x3xf32>})
    -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %w = ingot.param "gate_up" {interleave = 2 : i64, sources = [#ingot.source<"gate", 4>, #ingot.source<"up", 4>]}
      : tensor<8x3xf32>
  %y = ingot.linear %x, %w : tensor<?x3xf32>, tensor<8x3xf32> -> tensor<?x8xf32>
  %0:2 = ingot.split %y {interleave = 2 : i64} : tensor<?x8xf32> -> tensor<?x4xf32>, tensor<?x4xf32>
  return %0#0, %0#1 : tensor<?x4xf32>, tensor<?x4xf32>
}
func.func @apart(%x: tensor<?x3xf32> {ingot.value = dense<[[1.0, -2.0, 0.5], [0.1, 0.2, 0.3]]> : tensor<2x3xf32>})
    -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %g = ingot.param "gate" : tensor<4x3xf32>
  %u = ingot.param "up" : tensor<4x3xf32>
  %0 = ingot.linear %x, %g : tensor<?x3xf32>, tensor<4x3xf32> -> tensor<?x4xf32>
  %1 = ingot.linear %x, %u : tensor<?x3xf32>, tensor<4x3xf32> -> tensor<?x4xf32>
  return %0, %1 : tensor<?x4xf32>, tensor<?x4xf32>
}
