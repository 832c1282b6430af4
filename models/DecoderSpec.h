// What one llama-like decoder is, as data. An architecture file fills it from config.json;
// DecoderBuilder turns it into a program and is the only reader of the switches.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ingot {

enum class RopeScaling {
  None,
  Linear, ///< all frequencies divided by `factor`
  Llama3, ///< long waves divided by `factor`, short ones kept, a ramp between them
};

/// Rotary position embedding: which frequencies the halves of a head turn with.
struct RopeSpec {
  double theta = 10000;
  RopeScaling scaling = RopeScaling::None;
  double factor = 1;
  double lowFrequencyFactor = 1;  ///< Llama3: waves longer than originalContext / this are divided
  double highFrequencyFactor = 4; ///< Llama3: waves shorter than originalContext / this are kept
  double originalContext = 8192;  ///< Llama3: positions the model was trained on first
};

/// Names of the checkpoint tensors. Per layer: `layerPrefix` + index + "." + name. A linear layer's
/// name is followed by ".weight" and, where the spec has biases, ".bias"; a norm's by ".weight".
struct DecoderNames {
  std::string embedding = "model.embed_tokens.weight";
  std::string layerPrefix = "model.layers.";
  std::string attentionNorm = "input_layernorm";
  std::string query = "self_attn.q_proj";
  std::string key = "self_attn.k_proj";
  std::string value = "self_attn.v_proj";
  std::string queryNorm = "self_attn.q_norm";
  std::string keyNorm = "self_attn.k_norm";
  std::string output = "self_attn.o_proj";
  std::string feedForwardNorm = "post_attention_layernorm";
  std::string gate = "mlp.gate_proj";
  std::string up = "mlp.up_proj";
  std::string down = "mlp.down_proj";
  std::string finalNorm = "model.norm";
  std::string head = "lm_head.weight";
};

struct DecoderSpec {
  std::string architecture; ///< "LlamaForCausalLM"
  std::string modelType;    ///< "llama"
  int64_t vocab = 0;
  int64_t hidden = 0; ///< columns between layers
  int64_t layers = 0;
  int64_t heads = 0; ///< query heads, a multiple of kvHeads
  int64_t kvHeads = 0;
  int64_t headDim = 0; ///< columns per head, even; heads * headDim need not be `hidden`
  int64_t feedForward = 0;
  int64_t maxContext = 0; ///< positions
  double normEps = 0;
  RopeSpec rope;
  /// Positions that the tokens of each layer see, their own included; 0: all. Empty: all, in every
  /// layer.
  std::vector<int64_t> windows;
  bool queryKeyNorm = false;  ///< RMS norm of each query and key head before the rotation
  bool attentionBias = false; ///< on query, key, value and output
  bool mlpBias = false;       ///< on gate, up and down
  bool tiedHead = false;      ///< the embedding table is also the head
  DecoderNames names;
};

} // namespace ingot
