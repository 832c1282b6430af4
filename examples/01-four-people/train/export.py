"""Writes a checkpoint as a Hugging Face model directory with bf16 weights.

    python export.py --checkpoint run-main/checkpoint.pt --tokenizer tokenizer.json --out ../model
"""

import argparse
import json
import os
import shutil

import torch
from safetensors.torch import save_file

# System messages are left out: the model was trained without them.
CHAT_TEMPLATE = ("{{ bos_token }}{% for message in messages %}{% if message['role'] != 'system' %}"
                 "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endif %}{% endfor %}"
                 "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}")


def config_of(c):
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama",
        "hidden_size": c["hidden_size"], "intermediate_size": c["intermediate_size"], "num_hidden_layers": c["num_hidden_layers"],
        "num_attention_heads": c["num_attention_heads"], "num_key_value_heads": c["num_key_value_heads"], "head_dim": c["head_dim"],
        "hidden_act": "silu", "rms_norm_eps": c["rms_norm_eps"], "rope_theta": c["rope_theta"], "rope_scaling": None,
        "max_position_embeddings": c["max_position_embeddings"], "vocab_size": c["vocab_size"], "tie_word_embeddings": True,
        "attention_bias": False, "attention_dropout": 0.0, "mlp_bias": False, "initializer_range": 0.02, "use_cache": True,
        "bos_token_id": 0, "eos_token_id": [0, 3], "pad_token_id": 0, "torch_dtype": "bfloat16",
    }


GENERATION = {"bos_token_id": 0, "eos_token_id": [0, 3], "pad_token_id": 0, "do_sample": True, "temperature": 0.8, "top_p": 0.95}

TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
    "additional_special_tokens": ["<|user|>", "<|assistant|>", "<|end|>"], "add_bos_token": False, "add_eos_token": False,
    "clean_up_tokenization_spaces": False, "model_max_length": 1024, "chat_template": CHAT_TEMPLATE,
}


def write_json(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        json.dump(value, f, indent=2)
        f.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    state = torch.load(args.checkpoint)
    os.makedirs(args.out, exist_ok=True)
    weights = {"model." + name: p.to(torch.bfloat16).contiguous() for name, p in state["model"].items()}
    save_file(weights, os.path.join(args.out, "model.safetensors"), metadata={"format": "pt"})
    write_json(args.out, "config.json", config_of(state["config"]))
    write_json(args.out, "generation_config.json", GENERATION)
    write_json(args.out, "tokenizer_config.json", TOKENIZER_CONFIG)
    shutil.copyfile(args.tokenizer, os.path.join(args.out, "tokenizer.json"))


if __name__ == "__main__":
    main()
