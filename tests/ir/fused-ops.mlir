// RUN: ingot-opt %s | ingot-opt | FileCheck %s
// RUN: ingot-opt %s --cse --canonicalize | FileCheck %s --check-prefix=EFFECTS

// CHECK-LABEL: func.func @fused
func.func @fused(%a: tensor<?x48xf32>, %w: tensor<48x48xf32>, %x: tensor<?x48xf32>) -> tensor<?x48xf32> {
  // CHECK: ingot.fused "linear_add" at "layers.0.o_proj"(%{{.*}}, %{{.*}}, %{{.*}}) {variant = "wide"} :
  // CHECK-NEXT: ^bb0(
  // CHECK-NEXT: ingot.linear
  // CHECK-NEXT: ingot.add
  // CHECK-NEXT: ingot.yield %{{.*}} : tensor<?x48xf32>
  %s = ingot.fused "linear_add" at "layers.0.o_proj" (%a, %w, %x) {variant = "wide"}
      : (tensor<?x48xf32>, tensor<48x48xf32>, tensor<?x48xf32>) -> tensor<?x48xf32> {
  ^bb0(%a0: tensor<?x48xf32>, %w0: tensor<48x48xf32>, %x0: tensor<?x48xf32>):
    %y = ingot.linear %a0, %w0 : tensor<?x48xf32>, tensor<48x48xf32> -> tensor<?x48xf32>
    %z = ingot.add %x0, %y : tensor<?x48xf32>
    ingot.yield %z : tensor<?x48xf32>
  }
  return %s : tensor<?x48xf32>
}

// A fused op has the effects of its body: pure ones that nobody uses go, cache writes stay.
// EFFECTS-LABEL: func.func @effects
!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 8, value = 8, block = 16>
func.func @effects(%kv: !kv, %k: tensor<?x16xf32>, %batch: !ingot.batch) {
  // EFFECTS-NOT: unused
  %0 = ingot.fused "unused" at "here" (%k) : (tensor<?x16xf32>) -> tensor<?x16xf32> {
  ^bb0(%k0: tensor<?x16xf32>):
    %s = ingot.silu %k0 : tensor<?x16xf32>
    ingot.yield %s : tensor<?x16xf32>
  }
  // EFFECTS: ingot.fused "write"
  // EFFECTS: ingot.kv_append
  %1 = ingot.fused "write" at "here" (%kv, %k, %batch) : (!kv, tensor<?x16xf32>, !ingot.batch) -> !kv {
  ^bb0(%kv0: !kv, %k0: tensor<?x16xf32>, %b0: !ingot.batch):
    %n = ingot.kv_append %kv0, %k0, %k0, %b0 {layer = 0 : i64} : !kv, tensor<?x16xf32>, tensor<?x16xf32>
    ingot.yield %n : !kv
  }
  return
}
