// A whole decoder with seeded weights: any cut into steps gives the same bits, and these bits do not change
// unnoticed from one version of Ingot to the next.
// RUN: ingot-opt %S/inputs/tiny-llama.mlir --evaluate > %t.all
// RUN: ingot-opt %S/inputs/tiny-llama.mlir --evaluate --chunk=1 > %t.1
// RUN: ingot-opt %S/inputs/tiny-llama.mlir --evaluate --chunk=2 > %t.2
// RUN: ingot-opt %S/inputs/tiny-llama.mlir --evaluate --chunk=5 > %t.5
// RUN: diff %t.all %t.1 && diff %t.all %t.2 && diff %t.all %t.5
// RUN: FileCheck %s < %t.all
// CHECK: @forward result 0: f32 [11, 40], hash 80ba688529cbf7b4

// Another seed is another program; the same tokens in another order are another result.
// RUN: ingot-opt %S/inputs/tiny-llama.mlir --evaluate --seed=2 | FileCheck %s --check-prefix=OTHER
// RUN: ingot-opt %S/inputs/tiny-llama.mlir --evaluate --tokens="3,2,1;4,5,6,7" | FileCheck %s --check-prefix=OTHER
// OTHER-NOT: 80ba688529cbf7b4

// Only the last row of each sequence and step.
// RUN: ingot-opt %S/inputs/tiny-llama.mlir --evaluate --last-only | FileCheck %s --check-prefix=LAST
// LAST: @forward result 0: f32 [2, 40]

// Upstream passes change nothing.
// RUN: ingot-opt %S/inputs/tiny-llama.mlir --compare-pipeline="canonicalize,cse" | FileCheck %s --check-prefix=SAME
// SAME: @forward result 0: bit-equal
