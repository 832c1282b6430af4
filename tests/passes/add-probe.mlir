// RUN: ingot-opt %s --split-input-file --ingot-add-probe --verify-diagnostics | FileCheck %s
// Once is enough.
// RUN: ingot-opt %s --split-input-file --ingot-add-probe --ingot-add-probe 2>/dev/null | FileCheck %s --check-prefix=ONCE
// ONCE-COUNT-1: @forward_probe
// ONCE-NOT: probe_probe

!kv = !ingot.kv<group = 0, layers = 3, heads = 1, key = 32, value = 32, block = 16>
!row = tensor<?x32xf32>
!half = tensor<?x32xbf16>
!square = tensor<32x32xbf16>

// Three layers: the probe keeps the first, the head, the angles that no weight had a part in, and the
// cache as the first layer leaves it.
// CHECK-LABEL: func.func @forward(
// CHECK-COUNT-3: ingot.paged_attention
// CHECK-LABEL: func.func @forward_probe(
// CHECK-SAME: attributes {ingot.probe, ingot.signature = "0x{{[0-9a-f]+}}", test.kept}
// CHECK-NOT: "w1"
// CHECK-NOT: "w2"
// CHECK: %[[X0:.*]] = ingot.embed
// CHECK: %[[ANGLES:.*]] = ingot.rope_angles
// CHECK: %[[KV:.*]] = ingot.kv_append %arg1,
// CHECK-SAME: layer = 0
// CHECK: %[[A0:.*]] = ingot.paged_attention
// CHECK-NOT: ingot.paged_attention
// CHECK: %[[X1:.*]] = ingot.add %[[X0]], %{{.*}} : tensor<?x32xf32>
// CHECK-NEXT: %[[TURNED:.*]] = ingot.rope %[[X1]], %[[ANGLES]]
// CHECK: %[[R:.*]] = ingot.select_rows
// CHECK-NEXT: return %[[R]], %[[KV]]
func.func @forward(%batch: !ingot.batch, %kv: !kv)
    -> (tensor<?x64xf32, #ingot.rows<returned>>, !kv) attributes {test.kept} {
  %table = ingot.param "table" : tensor<64x32xbf16>
  %x0 = ingot.embed %batch, %table : tensor<64x32xbf16> -> !row
  %angles = ingot.rope_angles %batch {inv_freq = array<f32: 1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125>} : !row

  %w0 = ingot.param "w0" : !square
  %h0 = ingot.round %x0 : !row -> !half
  %q0 = ingot.linear %h0, %w0 : !half, !square -> !row
  %p0 = ingot.rope %q0, %angles {head_dim = 32 : i64} : !row -> !row
  %kv0 = ingot.kv_append %kv, %p0, %q0, %batch {layer = 0 : i64} : !kv, !row, !row
  %r0 = ingot.round %p0 : !row -> !half
  %a0 = ingot.paged_attention %r0, %kv0, %batch {heads = 1 : i64, layer = 0 : i64, scale = 0.25 : f32} : !half, !kv -> !row
  %x1 = ingot.add %x0, %a0 : !row

  %w1 = ingot.param "w1" : !square
  %h1 = ingot.round %x1 : !row -> !half
  %q1 = ingot.linear %h1, %w1 : !half, !square -> !row
  %p1 = ingot.rope %q1, %angles {head_dim = 32 : i64} : !row -> !row
  %kv1 = ingot.kv_append %kv0, %p1, %q1, %batch {layer = 1 : i64} : !kv, !row, !row
  %r1 = ingot.round %p1 : !row -> !half
  %a1 = ingot.paged_attention %r1, %kv1, %batch {heads = 1 : i64, layer = 1 : i64, scale = 0.25 : f32} : !half, !kv -> !row
  %x2 = ingot.add %x1, %a1 : !row

  %w2 = ingot.param "w2" : !square
  %h2 = ingot.round %x2 : !row -> !half
  %q2 = ingot.linear %h2, %w2 : !half, !square -> !row
  %p2 = ingot.rope %q2, %angles {head_dim = 32 : i64} : !row -> !row
  %kv2 = ingot.kv_append %kv1, %p2, %q2, %batch {layer = 2 : i64} : !kv, !row, !row
  %r2 = ingot.round %p2 : !row -> !half
  %a2 = ingot.paged_attention %r2, %kv2, %batch {heads = 1 : i64, layer = 2 : i64, scale = 0.25 : f32} : !half, !kv -> !row
  %x3 = ingot.add %x2, %a2 : !row

  %turned = ingot.rope %x3, %angles {head_dim = 32 : i64} : !row -> !row
  %last = ingot.round %turned : !row -> !half
  %logits = ingot.linear %last, %table : !half, tensor<64x32xbf16> -> tensor<?x64xf32>
  %r = ingot.select_rows %logits, %batch : tensor<?x64xf32> -> tensor<?x64xf32, #ingot.rows<returned>>
  return %r, %kv2 : tensor<?x64xf32, #ingot.rows<returned>>, !kv
}

// -----

!kv = !ingot.kv<group = 0, layers = 1, heads = 1, key = 32, value = 32, block = 16>
!row = tensor<?x32xf32>
!half = tensor<?x32xbf16>

// One layer: the whole entry.
// CHECK-LABEL: func.func @one_probe(
// CHECK: ingot.paged_attention
func.func @one(%batch: !ingot.batch, %kv: !kv) -> (tensor<?x32xf32, #ingot.rows<returned>>, !kv) {
  %table = ingot.param "table" : tensor<64x32xbf16>
  %x0 = ingot.embed %batch, %table : tensor<64x32xbf16> -> !row
  %kv0 = ingot.kv_append %kv, %x0, %x0, %batch {layer = 0 : i64} : !kv, !row, !row
  %r0 = ingot.round %x0 : !row -> !half
  %a0 = ingot.paged_attention %r0, %kv0, %batch {heads = 1 : i64, layer = 0 : i64, scale = 0.25 : f32} : !half, !kv -> !row
  %r = ingot.select_rows %a0, %batch : !row -> tensor<?x32xf32, #ingot.rows<returned>>
  return %r, %kv0 : tensor<?x32xf32, #ingot.rows<returned>>, !kv
}

// -----

!kv = !ingot.kv<group = 0, layers = 2, heads = 1, key = 32, value = 32, block = 16>
!row = tensor<?x32xf32>
!half = tensor<?x32xbf16>

// The embedding is used again behind the last layer: two values lead from layer to layer.
// CHECK-LABEL: func.func @skip(
// CHECK-NOT: @skip_probe
// expected-remark@below {{has no probe: no value alone leads from one layer to the next}}
func.func @skip(%batch: !ingot.batch, %kv: !kv) -> (tensor<?x32xf32, #ingot.rows<returned>>, !kv) {
  %table = ingot.param "table" : tensor<64x32xbf16>
  %x0 = ingot.embed %batch, %table : tensor<64x32xbf16> -> !row
  %kv0 = ingot.kv_append %kv, %x0, %x0, %batch {layer = 0 : i64} : !kv, !row, !row
  %r0 = ingot.round %x0 : !row -> !half
  %a0 = ingot.paged_attention %r0, %kv0, %batch {heads = 1 : i64, layer = 0 : i64, scale = 0.25 : f32} : !half, !kv -> !row
  %kv1 = ingot.kv_append %kv0, %a0, %a0, %batch {layer = 1 : i64} : !kv, !row, !row
  %r1 = ingot.round %a0 : !row -> !half
  %a1 = ingot.paged_attention %r1, %kv1, %batch {heads = 1 : i64, layer = 1 : i64, scale = 0.25 : f32} : !half, !kv -> !row
  %sum = ingot.add %x0, %a1 : !row
  %r = ingot.select_rows %sum, %batch : !row -> tensor<?x32xf32, #ingot.rows<returned>>
  return %r, %kv1 : tensor<?x32xf32, #ingot.rows<returned>>, !kv
}

// -----

// CHECK-LABEL: func.func @plain(
// CHECK-NOT: @plain_probe
// expected-remark@below {{has no probe: it has no attention}}
func.func @plain(%batch: !ingot.batch, %x: tensor<?x64xf32>) -> tensor<?x64xf32, #ingot.rows<returned>> {
  %r = ingot.select_rows %x, %batch : tensor<?x64xf32> -> tensor<?x64xf32, #ingot.rows<returned>>
  return %r : tensor<?x64xf32, #ingot.rows<returned>>
}
