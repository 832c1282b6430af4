// What the evaluator refuses, and that its checks can fail.
// RUN: not ingot-opt %s --evaluate --entry=wrong 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: error[expectation]: @wrong result 0 row 0 column 1 is 4, expected 5 (tolerance 0)
func.func @wrong(%a: tensor<?x2xf32> {ingot.value = dense<[[1.0, 2.0]]> : tensor<1x2xf32>})
    -> (tensor<?x2xf32> {ingot.expected = dense<[[2.0, 5.0]]> : tensor<1x2xf32>}) {
  %0 = ingot.add %a, %a : tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// RUN: not ingot-opt %s --evaluate --entry=shape 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error[expectation]: @shape result 0 has shape [1, 2], which is not that of its expectation
func.func @shape(%a: tensor<?x2xf32> {ingot.value = dense<[[1.0, 2.0]]> : tensor<1x2xf32>})
    -> (tensor<?x2xf32> {ingot.expected = dense<[[2.0], [5.0]]> : tensor<2x1xf32>}) {
  %0 = ingot.add %a, %a : tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// RUN: not ingot-opt %s --evaluate --entry=none 2>&1 | FileCheck %s --check-prefix=ENTRY
// ENTRY: error[entry-missing]

// RUN: not ingot-opt %s --evaluate --entry=wrong --tokens="1,x" 2>&1 | FileCheck %s --check-prefix=TOKENS
// TOKENS: error[token-list]: "x" is not a token id

// A position that was never written cannot be seen.
// RUN: not ingot-opt %s --evaluate --entry=unwritten 2>&1 | FileCheck %s --check-prefix=UNWRITTEN
// UNWRITTEN: error[visible-range]: @unwritten: ingot.paged_attention: row 0 sees positions 0 to 1 of a cache with 0
!kv = !ingot.kv<group = 0, layers = 1, heads = 1, key = 2, value = 2, block = 16>
func.func @unwritten(%batch: !ingot.batch {ingot.tokens = "0"}, %kv: !kv, %q: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %o = ingot.paged_attention %q, %kv, %batch {layer = 0 : i64, heads = 1 : i64, scale = 1.0 : f32}
      : tensor<?x2xf32>, !kv -> tensor<?x2xf32>
  return %o : tensor<?x2xf32>
}

// RUN: not ingot-opt %s --entry=wrong --compare-pipeline="no-such-pass" 2>&1 | FileCheck %s --check-prefix=PIPELINE
// PIPELINE: 'no-such-pass' does not refer to a registered pass
