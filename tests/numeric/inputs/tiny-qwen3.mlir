// A decoder of the Qwen3 kind with two layers: norms of queries and keys, head tied to the embedding, a feed-forward
// width that gate and up can share panels in. Hidden 48, 4 query heads and 2 KV heads of 12, feed-forward 64, vocabulary 40.
!kv = !ingot.kv<group = 0, layers = 2, heads = 2, key = 12, value = 12, block = 16>

func.func @forward(%batch: !ingot.batch, %kv0: !kv)
    -> (tensor<?x40xf32, #ingot.rows<returned>>, !kv) {
  %table = ingot.param "model.embed_tokens.weight" : tensor<40x48xf32>
  %x0 = ingot.embed %batch, %table : tensor<40x48xf32> -> tensor<?x48xf32>
  %angles = ingot.rope_angles %batch {inv_freq = array<f32: 1.0, 0.215443469, 0.0464158883, 0.01, 0.00215443469, 0.000464158883>} : tensor<?x12xf32>

  %g_h0 = ingot.param "model.layers.0.input_layernorm.weight" : tensor<48xf32>
  %h0 = ingot.rms_norm %x0, %g_h0 {eps = 1.0e-6 : f32} : tensor<48xf32> -> tensor<?x48xf32>
  %w_q0 = ingot.param "model.layers.0.self_attn.q_proj.weight" : tensor<48x48xf32>
  %q0 = ingot.linear %h0, %w_q0 : tensor<?x48xf32>, tensor<48x48xf32> -> tensor<?x48xf32>
  %w_k0 = ingot.param "model.layers.0.self_attn.k_proj.weight" : tensor<24x48xf32>
  %k0 = ingot.linear %h0, %w_k0 : tensor<?x48xf32>, tensor<24x48xf32> -> tensor<?x24xf32>
  %w_v0 = ingot.param "model.layers.0.self_attn.v_proj.weight" : tensor<24x48xf32>
  %v0 = ingot.linear %h0, %w_v0 : tensor<?x48xf32>, tensor<24x48xf32> -> tensor<?x24xf32>
  %g_qn0 = ingot.param "model.layers.0.self_attn.q_norm.weight" : tensor<12xf32>
  %qn0 = ingot.rms_norm %q0, %g_qn0 {eps = 1.0e-6 : f32, head_dim = 12 : i64} : tensor<12xf32> -> tensor<?x48xf32>
  %g_kn0 = ingot.param "model.layers.0.self_attn.k_norm.weight" : tensor<12xf32>
  %kn0 = ingot.rms_norm %k0, %g_kn0 {eps = 1.0e-6 : f32, head_dim = 12 : i64} : tensor<12xf32> -> tensor<?x24xf32>
  %qr0 = ingot.rope %qn0, %angles {head_dim = 12 : i64} : tensor<?x12xf32> -> tensor<?x48xf32>
  %kr0 = ingot.rope %kn0, %angles {head_dim = 12 : i64} : tensor<?x12xf32> -> tensor<?x24xf32>
  %kv1 = ingot.kv_append %kv0, %kr0, %v0, %batch {layer = 0 : i64} : !kv, tensor<?x24xf32>, tensor<?x24xf32>
  %a0 = ingot.paged_attention %qr0, %kv1, %batch {layer = 0 : i64, heads = 4 : i64, scale = 0.288675129 : f32}
      : tensor<?x48xf32>, !kv -> tensor<?x48xf32>
  %w_o0 = ingot.param "model.layers.0.self_attn.o_proj.weight" : tensor<48x48xf32>
  %o0 = ingot.linear %a0, %w_o0 : tensor<?x48xf32>, tensor<48x48xf32> -> tensor<?x48xf32>
  %y0 = ingot.add %x0, %o0 : tensor<?x48xf32>

  %g_m0 = ingot.param "model.layers.0.post_attention_layernorm.weight" : tensor<48xf32>
  %m0 = ingot.rms_norm %y0, %g_m0 {eps = 1.0e-6 : f32} : tensor<48xf32> -> tensor<?x48xf32>
  %w_gate0 = ingot.param "model.layers.0.mlp.gate_proj.weight" : tensor<64x48xf32>
  %gate0 = ingot.linear %m0, %w_gate0 : tensor<?x48xf32>, tensor<64x48xf32> -> tensor<?x64xf32>
  %w_up0 = ingot.param "model.layers.0.mlp.up_proj.weight" : tensor<64x48xf32>
  %up0 = ingot.linear %m0, %w_up0 : tensor<?x48xf32>, tensor<64x48xf32> -> tensor<?x64xf32>
  %act0 = ingot.silu %gate0 : tensor<?x64xf32>
  %f0 = ingot.mul %act0, %up0 : tensor<?x64xf32>
  %w_down0 = ingot.param "model.layers.0.mlp.down_proj.weight" : tensor<48x64xf32>
  %down0 = ingot.linear %f0, %w_down0 : tensor<?x64xf32>, tensor<48x64xf32> -> tensor<?x48xf32>
  %x1 = ingot.add %y0, %down0 : tensor<?x48xf32>

  %g_h1 = ingot.param "model.layers.1.input_layernorm.weight" : tensor<48xf32>
  %h1 = ingot.rms_norm %x1, %g_h1 {eps = 1.0e-6 : f32} : tensor<48xf32> -> tensor<?x48xf32>
  %w_q1 = ingot.param "model.layers.1.self_attn.q_proj.weight" : tensor<48x48xf32>
  %q1 = ingot.linear %h1, %w_q1 : tensor<?x48xf32>, tensor<48x48xf32> -> tensor<?x48xf32>
  %w_k1 = ingot.param "model.layers.1.self_attn.k_proj.weight" : tensor<24x48xf32>
  %k1 = ingot.linear %h1, %w_k1 : tensor<?x48xf32>, tensor<24x48xf32> -> tensor<?x24xf32>
  %w_v1 = ingot.param "model.layers.1.self_attn.v_proj.weight" : tensor<24x48xf32>
  %v1 = ingot.linear %h1, %w_v1 : tensor<?x48xf32>, tensor<24x48xf32> -> tensor<?x24xf32>
  %g_qn1 = ingot.param "model.layers.1.self_attn.q_norm.weight" : tensor<12xf32>
  %qn1 = ingot.rms_norm %q1, %g_qn1 {eps = 1.0e-6 : f32, head_dim = 12 : i64} : tensor<12xf32> -> tensor<?x48xf32>
  %g_kn1 = ingot.param "model.layers.1.self_attn.k_norm.weight" : tensor<12xf32>
  %kn1 = ingot.rms_norm %k1, %g_kn1 {eps = 1.0e-6 : f32, head_dim = 12 : i64} : tensor<12xf32> -> tensor<?x24xf32>
  %qr1 = ingot.rope %qn1, %angles {head_dim = 12 : i64} : tensor<?x12xf32> -> tensor<?x48xf32>
  %kr1 = ingot.rope %kn1, %angles {head_dim = 12 : i64} : tensor<?x12xf32> -> tensor<?x24xf32>
  %kv2 = ingot.kv_append %kv1, %kr1, %v1, %batch {layer = 1 : i64} : !kv, tensor<?x24xf32>, tensor<?x24xf32>
  %a1 = ingot.paged_attention %qr1, %kv2, %batch {layer = 1 : i64, heads = 4 : i64, scale = 0.288675129 : f32}
      : tensor<?x48xf32>, !kv -> tensor<?x48xf32>
  %w_o1 = ingot.param "model.layers.1.self_attn.o_proj.weight" : tensor<48x48xf32>
  %o1 = ingot.linear %a1, %w_o1 : tensor<?x48xf32>, tensor<48x48xf32> -> tensor<?x48xf32>
  %y1 = ingot.add %x1, %o1 : tensor<?x48xf32>

  %g_m1 = ingot.param "model.layers.1.post_attention_layernorm.weight" : tensor<48xf32>
  %m1 = ingot.rms_norm %y1, %g_m1 {eps = 1.0e-6 : f32} : tensor<48xf32> -> tensor<?x48xf32>
  %w_gate1 = ingot.param "model.layers.1.mlp.gate_proj.weight" : tensor<64x48xf32>
  %gate1 = ingot.linear %m1, %w_gate1 : tensor<?x48xf32>, tensor<64x48xf32> -> tensor<?x64xf32>
  %w_up1 = ingot.param "model.layers.1.mlp.up_proj.weight" : tensor<64x48xf32>
  %up1 = ingot.linear %m1, %w_up1 : tensor<?x48xf32>, tensor<64x48xf32> -> tensor<?x64xf32>
  %act1 = ingot.silu %gate1 : tensor<?x64xf32>
  %f1 = ingot.mul %act1, %up1 : tensor<?x64xf32>
  %w_down1 = ingot.param "model.layers.1.mlp.down_proj.weight" : tensor<48x64xf32>
  %down1 = ingot.linear %f1, %w_down1 : tensor<?x64xf32>, tensor<48x64xf32> -> tensor<?x48xf32>
  %x2 = ingot.add %y1, %down1 : tensor<?x48xf32>

  %g_final = ingot.param "model.norm.weight" : tensor<48xf32>
  %final = ingot.rms_norm %x2, %g_final {eps = 1.0e-6 : f32} : tensor<48xf32> -> tensor<?x48xf32>
  %head = ingot.param "model.embed_tokens.weight" : tensor<40x48xf32>
  %all = ingot.linear %final, %head : tensor<?x48xf32>, tensor<40x48xf32> -> tensor<?x40xf32>
  %logits = ingot.select_rows %all, %batch : tensor<?x40xf32> -> tensor<?x40xf32, #ingot.rows<returned>>
  return %logits, %kv2 : tensor<?x40xf32, #ingot.rows<returned>>, !kv
}
