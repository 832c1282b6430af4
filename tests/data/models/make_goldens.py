#!/usr/bin/env python3
"""Makes the tiny checkpoints beside this file and what Hugging Face transformers computes with them.

Needs torch, transformers and safetensors; building and testing Ingot needs none of them.
usage: make_goldens.py [DIRECTORY]        (default: the directory of this script)

Per checkpoint: config.json, model.safetensors (bfloat16, random), expected.safetensors (token_ids [T],
float32 logits [T, vocab] after each of them) and expected.json (greedy continuation of the prompt with
the distance between the best and the second best logit at each step). rope.json holds inverse
frequencies, as float32 bits, for several settings.
"""
import copy
import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

PROMPT_TOKENS = 24
NEW_TOKENS = 24

# Sizes that are no multiples of 32, grouped heads, heads * head_dim unlike hidden.
LLAMA3 = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "vocab_size": 96, "hidden_size": 64, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "hidden_act": "silu", "rms_norm_eps": 1e-05, "max_position_embeddings": 1024,
    "rope_theta": 10000.0,
    "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                     "high_freq_factor": 4.0, "original_max_position_embeddings": 128},
    "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False,
    "bos_token_id": 1, "eos_token_id": [2, 3], "torch_dtype": "bfloat16",
}
# The newer form of the rope keys, a shared table, biases everywhere.
LLAMA_BIAS = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "vocab_size": 80, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 1,
    "num_attention_heads": 4, "num_key_value_heads": 4,
    "hidden_act": "silu", "rms_norm_eps": 1e-06, "max_position_embeddings": 128,
    "rope_parameters": {"rope_type": "linear", "rope_theta": 5000.0, "factor": 4.0},
    "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True,
    "bos_token_id": 1, "eos_token_id": 2, "dtype": "bfloat16",
}
QWEN3 = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3",
    "vocab_size": 160, "hidden_size": 64, "intermediate_size": 40, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 24,
    "hidden_act": "silu", "rms_norm_eps": 1e-06, "max_position_embeddings": 256,
    "rope_theta": 1000000, "rope_scaling": None,
    "attention_bias": False, "use_sliding_window": False, "sliding_window": None,
    "tie_word_embeddings": True,
    "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16",
}
# A window shorter than the prompt, in every layer.
MISTRAL = {
    "architectures": ["MistralForCausalLM"], "model_type": "mistral",
    "vocab_size": 72, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2,
    "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 10,
    "hidden_act": "silu", "rms_norm_eps": 1e-05, "max_position_embeddings": 256,
    "rope_theta": 10000.0, "sliding_window": 7, "tie_word_embeddings": False,
    "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16",
}
# A window in one of the layers.
QWEN3_WINDOW = dict(QWEN3, num_hidden_layers=2, use_sliding_window=True, sliding_window=5,
                    layer_types=["sliding_attention", "full_attention"])
CHECKPOINTS = {"llama3-scaled": LLAMA3, "llama-bias": LLAMA_BIAS, "qwen3": QWEN3,
               "mistral": MISTRAL, "qwen3-window": QWEN3_WINDOW}

ROPE_CASES = [
    {"head_dim": 64, "rope_theta": 500000.0,
     "rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                      "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}},
    {"head_dim": 128, "rope_theta": 500000.0,
     "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                      "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}},
    {"head_dim": 128, "rope_theta": 1000000.0, "rope_scaling": None},
    {"head_dim": 128, "rope_theta": 10000.0, "rope_scaling": None},
    {"head_dim": 8, "rope_theta": 10000.0, "rope_scaling": None},
    {"head_dim": 80, "rope_theta": 5000000.0, "rope_scaling": {"type": "linear", "factor": 3.0}},
]


def random_weights(model, generator):
    """Values of the size that keeps activations near one, rounded to bfloat16."""
    weights = {}
    for name, value in sorted(model.state_dict().items()):
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith(("q_norm.weight", "k_norm.weight")):  # scores of moderate size
            value = 0.7 * (1 + 0.2 * noise)
        elif name.endswith("norm.weight"):
            value = 1 + 0.2 * noise
        elif name.endswith(".bias"):
            value = 0.3 * noise
        elif "embed_tokens" in name:  # a shared table must not make every token repeat itself
            value = noise * (0.1 if model.config.tie_word_embeddings else 1)
        else:
            value = noise * 0.8 / value.shape[1] ** 0.5
        weights[name] = value.to(torch.bfloat16).contiguous()
    if model.config.tie_word_embeddings:
        weights.pop("lm_head.weight")
    return weights


def greedy(model, prompt):
    ids, margins = list(prompt), []
    for _ in range(NEW_TOKENS):
        best = model(torch.tensor([ids])).logits[0, -1].topk(2)
        ids.append(int(best.indices[0]))
        margins.append(round(float(best.values[0] - best.values[1]), 5))
    return ids[len(prompt):], margins


def make_checkpoint(directory, config, seed):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    generator = torch.Generator().manual_seed(seed)
    settings = AutoConfig.from_pretrained(directory)
    blank = AutoModelForCausalLM.from_config(settings, dtype=torch.float32)
    save_file(random_weights(blank, generator), directory / "model.safetensors",
              metadata={"format": "pt"})

    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32,
                                                 attn_implementation="eager").eval()
    stored = load_file(directory / "model.safetensors")
    for name, value in model.state_dict().items():
        tied = name == "lm_head.weight" and settings.tie_word_embeddings
        assert tied or torch.equal(value, stored[name].float()), name
    ids = torch.randint(4, settings.vocab_size, (PROMPT_TOKENS,), generator=generator)
    logits = model(ids[None]).logits[0]
    save_file({"token_ids": ids.to(torch.int32), "logits": logits.contiguous()},
              directory / "expected.safetensors")
    tokens, margins = greedy(model, ids.tolist())
    expected = {
        "made_with": f"transformers {transformers.__version__}, float32, eager attention",
        "logits_standard_deviation": round(float(logits.std()), 6),
        "prompt_ids": ids.tolist(), "greedy_ids": tokens, "margins": margins,
    }
    (directory / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    print(directory.name, sum(v.numel() for v in stored.values()), "parameters, smallest margin",
          min(margins))


def make_rope(path):
    cases = []
    for case in ROPE_CASES:
        config = dict(LLAMA3, **copy.deepcopy(case), hidden_size=case["head_dim"] * 4, num_attention_heads=4,
                      max_position_embeddings=131072)
        rotary = AutoModelForCausalLM.from_config(
            AutoConfig.for_model(**config)).model.rotary_emb
        bits = rotary.inv_freq.to(torch.float32).view(torch.int32).tolist()
        cases.append(dict(case, inv_freq_bits=bits))
    path.write_text(json.dumps(cases, indent=None, separators=(", ", ": ")).replace("}, {", "},\n {")
                    + "\n")


@torch.no_grad()
def main():
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    torch.set_num_threads(1)
    for seed, (name, config) in enumerate(CHECKPOINTS.items(), start=1):
        make_checkpoint(target / name, config, seed)
    make_rope(target / "rope.json")


if __name__ == "__main__":
    main()
