// Programs that compute the same have one signature: plain, fused, merged, rows selected earlier, greedy.
// RUN: split-file %s %t
// RUN: ingot-opt %t/plain.mlir --ingot-fix-numerics > %t.plain
// RUN: ingot-opt %t/fused.mlir --ingot-fix-numerics > %t.fused
// RUN: ingot-opt %t/merged.mlir --ingot-fix-numerics > %t.merged
// RUN: ingot-opt %t/selected.mlir --ingot-fix-numerics > %t.selected
// RUN: ingot-opt %t/greedy.mlir --ingot-fix-numerics > %t.greedy
// RUN: cat %t.plain %t.fused %t.merged %t.selected %t.greedy | FileCheck %s --check-prefix=SAME
// SAME: func.func @plain{{.*}}ingot.signature = "[[SIGNATURE:0x[0-9a-f]+]]"
// SAME: func.func @fused{{.*}}ingot.signature = "[[SIGNATURE]]"
// SAME: func.func @merged{{.*}}ingot.signature = "[[SIGNATURE]]"
// SAME: func.func @selected{{.*}}ingot.signature = "[[SIGNATURE]]"
// SAME: func.func @greedy{{.*}}ingot.signature = "[[SIGNATURE]]"

// Another weight, a rounding point more, operands swapped: other programs.
// RUN: sed 's/"wv" :/"wx" :/' %t/plain.mlir | ingot-opt --ingot-fix-numerics > %t.renamed
// RUN: ingot-opt %t/rounded.mlir --ingot-fix-numerics > %t.rounded
// RUN: sed 's/add %k, %v/add %v, %k/' %t/plain.mlir | ingot-opt --ingot-fix-numerics > %t.swapped
// RUN: cat %t.plain %t.renamed | FileCheck %s --check-prefix=OTHER
// RUN: cat %t.plain %t.rounded | FileCheck %s --check-prefix=OTHER
// RUN: cat %t.plain %t.swapped | FileCheck %s --check-prefix=OTHER
// OTHER: func.func @plain{{.*}}ingot.signature = "[[SIGNATURE:0x[0-9a-f]+]]"
// OTHER-NOT: ingot.signature = "[[SIGNATURE]]"

// What was signed passes; a change behind the line is an error that quotes it.
// RUN: ingot-opt %t.plain --ingot-verify-numerics --ingot-outline --ingot-verify-numerics | FileCheck %s --check-prefix=PASSES
// PASSES: func.func @plain
// RUN: sed 's/"wv" :/"wx" :/' %t.plain > %t.changed
// RUN: not ingot-opt %t.changed --ingot-verify-numerics 2>&1 | FileCheck %s --check-prefix=CHANGED
// CHANGED: error: {{.*}}computes other numbers than ingot-fix-numerics signed: signature 0x{{[0-9a-f]+}} became 0x
// CHANGED: note: line 4 was `%3 = linear %1, "wv":bf16[32x64] order=#ingot.order<chain, 2> -> 32xf32`, is `%3 = linear %1, "wx":bf16[32x64] order
// RUN: not ingot-opt %t/plain.mlir --ingot-verify-numerics 2>&1 | FileCheck %s --check-prefix=UNSIGNED
// UNSIGNED: error: {{.*}}has no numerics signature; run ingot-fix-numerics first

//--- plain.mlir
func.func @plain(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> tensor<?x32xf32, #ingot.rows<returned>> {
  %wk = ingot.param "wk" : tensor<32x64xbf16>
  %wv = ingot.param "wv" : tensor<32x64xbf16>
  %a = ingot.round %x : tensor<?x64xf32> -> tensor<?x64xbf16>
  %k = ingot.linear %a, %wk : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %v = ingot.linear %a, %wv : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %s = ingot.add %k, %v : tensor<?x32xf32>
  %r = ingot.select_rows %s, %batch : tensor<?x32xf32> -> tensor<?x32xf32, #ingot.rows<returned>>
  return %r : tensor<?x32xf32, #ingot.rows<returned>>
}

//--- fused.mlir
func.func @fused(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> tensor<?x32xf32, #ingot.rows<returned>> {
  %wv = ingot.param "wv" : tensor<32x64xbf16>
  %wk = ingot.param "wk" : tensor<32x64xbf16>
  %a = ingot.fused "round" at "x" (%x) : (tensor<?x64xf32>) -> tensor<?x64xbf16> {
  ^bb0(%x0: tensor<?x64xf32>):
    %a0 = ingot.round %x0 : tensor<?x64xf32> -> tensor<?x64xbf16>
    ingot.yield %a0 : tensor<?x64xbf16>
  }
  %v = ingot.linear %a, %wv : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %s = ingot.fused "linear_add" at "y" (%wk, %v, %a) {variant = "wide"}
      : (tensor<32x64xbf16>, tensor<?x32xf32>, tensor<?x64xbf16>) -> tensor<?x32xf32> {
  ^bb0(%w0: tensor<32x64xbf16>, %v0: tensor<?x32xf32>, %a0: tensor<?x64xbf16>):
    %k0 = ingot.linear %a0, %w0 : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
    %s0 = ingot.add %k0, %v0 : tensor<?x32xf32>
    ingot.yield %s0 : tensor<?x32xf32>
  }
  %r = ingot.select_rows %s, %batch : tensor<?x32xf32> -> tensor<?x32xf32, #ingot.rows<returned>>
  return %r : tensor<?x32xf32, #ingot.rows<returned>>
}

//--- merged.mlir
func.func @merged(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> tensor<?x32xf32, #ingot.rows<returned>> {
  %w = ingot.param "both" {interleave = 16 : i64, sources = [#ingot.source<"wk", 32>, #ingot.source<"wv", 32>]} : tensor<64x64xbf16>
  %a = ingot.round %x : tensor<?x64xf32> -> tensor<?x64xbf16>
  %y = ingot.linear %a, %w : tensor<?x64xbf16>, tensor<64x64xbf16> -> tensor<?x64xf32>
  %k, %v = ingot.split %y {interleave = 16 : i64} : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  %s = ingot.add %k, %v : tensor<?x32xf32>
  %r = ingot.select_rows %s, %batch : tensor<?x32xf32> -> tensor<?x32xf32, #ingot.rows<returned>>
  return %r : tensor<?x32xf32, #ingot.rows<returned>>
}

//--- selected.mlir
func.func @selected(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> tensor<?x32xf32, #ingot.rows<returned>> {
  %wk = ingot.param "wk" : tensor<32x64xbf16>
  %wv = ingot.param "wv" : tensor<32x64xbf16>
  %r = ingot.select_rows %x, %batch : tensor<?x64xf32> -> tensor<?x64xf32, #ingot.rows<returned>>
  %a = ingot.round %r : tensor<?x64xf32, #ingot.rows<returned>> -> tensor<?x64xbf16, #ingot.rows<returned>>
  %k = ingot.linear %a, %wk : tensor<?x64xbf16, #ingot.rows<returned>>, tensor<32x64xbf16> -> tensor<?x32xf32, #ingot.rows<returned>>
  %v = ingot.linear %a, %wv : tensor<?x64xbf16, #ingot.rows<returned>>, tensor<32x64xbf16> -> tensor<?x32xf32, #ingot.rows<returned>>
  %s = ingot.add %k, %v : tensor<?x32xf32, #ingot.rows<returned>>
  return %s : tensor<?x32xf32, #ingot.rows<returned>>
}

//--- greedy.mlir
func.func @greedy(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> tensor<?x1xi32, #ingot.rows<returned>> {
  %wk = ingot.param "wk" : tensor<32x64xbf16>
  %wv = ingot.param "wv" : tensor<32x64xbf16>
  %a = ingot.round %x : tensor<?x64xf32> -> tensor<?x64xbf16>
  %k = ingot.linear %a, %wk : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %v = ingot.linear %a, %wv : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %s = ingot.add %k, %v : tensor<?x32xf32>
  %r = ingot.select_rows %s, %batch : tensor<?x32xf32> -> tensor<?x32xf32, #ingot.rows<returned>>
  %p = ingot.argmax_partial %r : tensor<?x32xf32, #ingot.rows<returned>> -> tensor<?x1xi64, #ingot.rows<returned>>
  %i = ingot.argmax_fold %p : tensor<?x1xi64, #ingot.rows<returned>> -> tensor<?x1xi32, #ingot.rows<returned>>
  return %i : tensor<?x1xi32, #ingot.rows<returned>>
}

//--- rounded.mlir
func.func @rounded(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> tensor<?x32xbf16, #ingot.rows<returned>> {
  %wk = ingot.param "wk" : tensor<32x64xbf16>
  %wv = ingot.param "wv" : tensor<32x64xbf16>
  %a = ingot.round %x : tensor<?x64xf32> -> tensor<?x64xbf16>
  %k = ingot.linear %a, %wk : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %v = ingot.linear %a, %wv : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %s = ingot.add %k, %v : tensor<?x32xf32>
  %r = ingot.select_rows %s, %batch : tensor<?x32xf32> -> tensor<?x32xf32, #ingot.rows<returned>>
  %t = ingot.round %r : tensor<?x32xf32, #ingot.rows<returned>> -> tensor<?x32xbf16, #ingot.rows<returned>>
  return %t : tensor<?x32xbf16, #ingot.rows<returned>>
}
