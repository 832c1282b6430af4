// A decoder of the llama kind with heads of 32 columns and biases on its projections, in float32: what the
// passes of target cuda need to put rotary positions into an epilogue.
!kv = !ingot.kv<group = 0, layers = 2, heads = 1, key = 32, value = 32, block = 16>

func.func @forward(%batch: !ingot.batch, %kv0: !kv)
    -> (tensor<?x40xf32, #ingot.rows<returned>>, !kv) {
  %table = ingot.param "model.embed_tokens.weight" : tensor<40x48xf32>
  %x0 = ingot.embed %batch, %table : tensor<40x48xf32> -> tensor<?x48xf32>
  %angles = ingot.rope_angles %batch {inv_freq = array<f32: 1.0, 0.562341325, 0.316227766, 0.177827941, 0.1, 0.0562341325, 0.0316227766, 0.0177827941, 0.01, 0.00562341325, 0.00316227766, 0.00177827941, 0.001, 0.000562341325, 0.000316227766, 0.000177827941>} : tensor<?x32xf32>

  %g1_0 = ingot.param "model.layers.0.input_layernorm.weight" : tensor<48xf32>
  %wq0 = ingot.param "model.layers.0.self_attn.q_proj.weight" : tensor<64x48xf32>
  %wk0 = ingot.param "model.layers.0.self_attn.k_proj.weight" : tensor<32x48xf32>
  %wv0 = ingot.param "model.layers.0.self_attn.v_proj.weight" : tensor<32x48xf32>
  %bq0 = ingot.param "model.layers.0.self_attn.q_proj.bias" : tensor<64xf32>
  %bk0 = ingot.param "model.layers.0.self_attn.k_proj.bias" : tensor<32xf32>
  %bv0 = ingot.param "model.layers.0.self_attn.v_proj.bias" : tensor<32xf32>
  %wo0 = ingot.param "model.layers.0.self_attn.o_proj.weight" : tensor<48x64xf32>
  %h0 = ingot.rms_norm %x0, %g1_0 {eps = 1.0e-5 : f32} : tensor<48xf32> -> tensor<?x48xf32>
  %q0 = ingot.linear %h0, %wq0 : tensor<?x48xf32>, tensor<64x48xf32> -> tensor<?x64xf32>
  %k0 = ingot.linear %h0, %wk0 : tensor<?x48xf32>, tensor<32x48xf32> -> tensor<?x32xf32>
  %v0 = ingot.linear %h0, %wv0 : tensor<?x48xf32>, tensor<32x48xf32> -> tensor<?x32xf32>
  %qb0 = ingot.add_bias %q0, %bq0 : tensor<64xf32> -> tensor<?x64xf32>
  %kb0 = ingot.add_bias %k0, %bk0 : tensor<32xf32> -> tensor<?x32xf32>
  %vb0 = ingot.add_bias %v0, %bv0 : tensor<32xf32> -> tensor<?x32xf32>
  %qr0 = ingot.rope %qb0, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x64xf32>
  %kr0 = ingot.rope %kb0, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x32xf32>
  %kv1 = ingot.kv_append %kv0, %kr0, %vb0, %batch {layer = 0 : i64} : !kv, tensor<?x32xf32>, tensor<?x32xf32>
  %a0 = ingot.paged_attention %qr0, %kv1, %batch {layer = 0 : i64, heads = 2 : i64, scale = 0.176776695 : f32}
      : tensor<?x64xf32>, !kv -> tensor<?x64xf32>
  %o0 = ingot.linear %a0, %wo0 : tensor<?x64xf32>, tensor<48x64xf32> -> tensor<?x48xf32>
  %y0 = ingot.add %x0, %o0 : tensor<?x48xf32>

  %g2_0 = ingot.param "model.layers.0.post_attention_layernorm.weight" : tensor<48xf32>
  %wg0 = ingot.param "model.layers.0.mlp.gate_proj.weight" : tensor<64x48xf32>
  %wu0 = ingot.param "model.layers.0.mlp.up_proj.weight" : tensor<64x48xf32>
  %wd0 = ingot.param "model.layers.0.mlp.down_proj.weight" : tensor<48x64xf32>
  %m0 = ingot.rms_norm %y0, %g2_0 {eps = 1.0e-5 : f32} : tensor<48xf32> -> tensor<?x48xf32>
  %gate0 = ingot.linear %m0, %wg0 : tensor<?x48xf32>, tensor<64x48xf32> -> tensor<?x64xf32>
  %up0 = ingot.linear %m0, %wu0 : tensor<?x48xf32>, tensor<64x48xf32> -> tensor<?x64xf32>
  %act0 = ingot.silu %gate0 : tensor<?x64xf32>
  %f0 = ingot.mul %act0, %up0 : tensor<?x64xf32>
  %down0 = ingot.linear %f0, %wd0 : tensor<?x64xf32>, tensor<48x64xf32> -> tensor<?x48xf32>
  %x1 = ingot.add %y0, %down0 : tensor<?x48xf32>

  %g1_1 = ingot.param "model.layers.1.input_layernorm.weight" : tensor<48xf32>
  %wq1 = ingot.param "model.layers.1.self_attn.q_proj.weight" : tensor<64x48xf32>
  %wk1 = ingot.param "model.layers.1.self_attn.k_proj.weight" : tensor<32x48xf32>
  %wv1 = ingot.param "model.layers.1.self_attn.v_proj.weight" : tensor<32x48xf32>
  %bq1 = ingot.param "model.layers.1.self_attn.q_proj.bias" : tensor<64xf32>
  %bk1 = ingot.param "model.layers.1.self_attn.k_proj.bias" : tensor<32xf32>
  %bv1 = ingot.param "model.layers.1.self_attn.v_proj.bias" : tensor<32xf32>
  %wo1 = ingot.param "model.layers.1.self_attn.o_proj.weight" : tensor<48x64xf32>
  %h1 = ingot.rms_norm %x1, %g1_1 {eps = 1.0e-5 : f32} : tensor<48xf32> -> tensor<?x48xf32>
  %q1 = ingot.linear %h1, %wq1 : tensor<?x48xf32>, tensor<64x48xf32> -> tensor<?x64xf32>
  %k1 = ingot.linear %h1, %wk1 : tensor<?x48xf32>, tensor<32x48xf32> -> tensor<?x32xf32>
  %v1 = ingot.linear %h1, %wv1 : tensor<?x48xf32>, tensor<32x48xf32> -> tensor<?x32xf32>
  %qb1 = ingot.add_bias %q1, %bq1 : tensor<64xf32> -> tensor<?x64xf32>
  %kb1 = ingot.add_bias %k1, %bk1 : tensor<32xf32> -> tensor<?x32xf32>
  %vb1 = ingot.add_bias %v1, %bv1 : tensor<32xf32> -> tensor<?x32xf32>
  %qr1 = ingot.rope %qb1, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x64xf32>
  %kr1 = ingot.rope %kb1, %angles {head_dim = 32 : i64} : tensor<?x32xf32> -> tensor<?x32xf32>
  %kv2 = ingot.kv_append %kv1, %kr1, %vb1, %batch {layer = 1 : i64} : !kv, tensor<?x32xf32>, tensor<?x32xf32>
  %a1 = ingot.paged_attention %qr1, %kv2, %batch {layer = 1 : i64, heads = 2 : i64, scale = 0.176776695 : f32}
      : tensor<?x64xf32>, !kv -> tensor<?x64xf32>
  %o1 = ingot.linear %a1, %wo1 : tensor<?x64xf32>, tensor<48x64xf32> -> tensor<?x48xf32>
  %y1 = ingot.add %x1, %o1 : tensor<?x48xf32>

  %g2_1 = ingot.param "model.layers.1.post_attention_layernorm.weight" : tensor<48xf32>
  %wg1 = ingot.param "model.layers.1.mlp.gate_proj.weight" : tensor<64x48xf32>
  %wu1 = ingot.param "model.layers.1.mlp.up_proj.weight" : tensor<64x48xf32>
  %wd1 = ingot.param "model.layers.1.mlp.down_proj.weight" : tensor<48x64xf32>
  %m1 = ingot.rms_norm %y1, %g2_1 {eps = 1.0e-5 : f32} : tensor<48xf32> -> tensor<?x48xf32>
  %gate1 = ingot.linear %m1, %wg1 : tensor<?x48xf32>, tensor<64x48xf32> -> tensor<?x64xf32>
  %up1 = ingot.linear %m1, %wu1 : tensor<?x48xf32>, tensor<64x48xf32> -> tensor<?x64xf32>
  %act1 = ingot.silu %gate1 : tensor<?x64xf32>
  %f1 = ingot.mul %act1, %up1 : tensor<?x64xf32>
  %down1 = ingot.linear %f1, %wd1 : tensor<?x64xf32>, tensor<48x64xf32> -> tensor<?x48xf32>
  %x2 = ingot.add %y1, %down1 : tensor<?x48xf32>

  %gf = ingot.param "model.norm.weight" : tensor<48xf32>
  %head = ingot.param "lm_head.weight" : tensor<40x48xf32>
  %last = ingot.select_rows %x2, %batch : tensor<?x48xf32> -> tensor<?x48xf32, #ingot.rows<returned>>
  %n = ingot.rms_norm %last, %gf {eps = 1.0e-5 : f32} : tensor<48xf32> -> tensor<?x48xf32, #ingot.rows<returned>>
  %logits = ingot.linear %n, %head : tensor<?x48xf32, #ingot.rows<returned>>, tensor<40x48xf32> -> tensor<?x40xf32, #ingot.rows<returned>>
  return %logits, %kv2 : tensor<?x40xf32, #ingot.rows<returned>>, !kv
}
