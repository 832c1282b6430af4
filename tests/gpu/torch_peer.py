#!/usr/bin/env python3
"""What PyTorch reaches on this GPU: the ceilings (copy, cuBLAS) and a decoder of the llama kind at the same shapes.

usage: torch_peer.py CONFIG.json... [--device cuda|cpu]     prints one JSON object

The decoder is PyTorch at its best as far as one file can be: bfloat16, merged projections, a static cache,
scaled_dot_product_attention, torch.compile with CUDA graphs. Weights are random; speed does not depend on them.
"""
import argparse
import json
import math
import pathlib
import time

import torch
import torch.nn.functional as F


def seconds(function, device, runs=5, repeat=1):
    """Median of `runs`, each the mean of `repeat` calls, after three to warm up."""
    for _ in range(3):
        function()
    times = []
    for _ in range(runs):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(repeat):
            function()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append((time.perf_counter() - start) / repeat)
    return sorted(times)[len(times) // 2]


class Decoder(torch.nn.Module):
    """x -> logits of the last position; keys and values go into a static cache [batch, heads, length, dim]."""

    def __init__(self, config, batch, length, device):
        super().__init__()
        self.heads, self.kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
        self.width = config["hidden_size"]
        self.dim = config.get("head_dim") or self.width // self.heads
        self.eps = config["rms_norm_eps"]
        kind = {"device": device, "dtype": torch.bfloat16}

        def weight(*shape):
            return torch.nn.Parameter(torch.randn(*shape, **kind) / math.sqrt(shape[-1]), requires_grad=False)

        inner = config["intermediate_size"]
        self.embedding = weight(config["vocab_size"], self.width)
        self.head = self.embedding if config.get("tie_word_embeddings") else weight(config["vocab_size"], self.width)
        self.layers = torch.nn.ModuleList()
        for _ in range(config["num_hidden_layers"]):
            layer = torch.nn.Module()
            layer.qkv = weight((self.heads + 2 * self.kv_heads) * self.dim, self.width)
            layer.o = weight(self.width, self.heads * self.dim)
            layer.gate_up, layer.down = weight(2 * inner, self.width), weight(self.width, inner)
            layer.norms = torch.nn.Parameter(torch.ones(2, self.width, **kind), requires_grad=False)
            layer.register_buffer("keys", torch.zeros(batch, self.kv_heads, length, self.dim, **kind))
            layer.register_buffer("values", torch.zeros(batch, self.kv_heads, length, self.dim, **kind))
            self.layers.append(layer)
        angles = torch.outer(torch.arange(length, device=device, dtype=torch.float32),
                             config["rope_theta"] ** (-torch.arange(0, self.dim, 2, device=device) / self.dim))
        self.register_buffer("cos", torch.cat([angles.cos()] * 2, -1).to(torch.bfloat16))
        self.register_buffer("sin", torch.cat([angles.sin()] * 2, -1).to(torch.bfloat16))

    def norm(self, x, gain):
        wide = x.float()
        return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)).to(x.dtype) * gain

    def rotate(self, x, positions):
        left, right = x.chunk(2, -1)
        return x * self.cos[positions] + torch.cat((-right, left), -1) * self.sin[positions]

    def forward(self, ids, positions, mask):
        """ids [batch, tokens]; positions [tokens]; mask [tokens, length] or None for causal from 0."""
        x = self.embedding[ids]
        batch, tokens = ids.shape
        for layer in self.layers:
            qkv = F.linear(self.norm(x, layer.norms[0]), layer.qkv).view(batch, tokens, -1, self.dim).transpose(1, 2)
            q, k, v = qkv.split((self.heads, self.kv_heads, self.kv_heads), 1)
            q, k = self.rotate(q, positions), self.rotate(k, positions)
            layer.keys.index_copy_(2, positions, k)
            layer.values.index_copy_(2, positions, v)
            if mask is None:
                y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            else:
                y = F.scaled_dot_product_attention(q, layer.keys, layer.values, attn_mask=mask, enable_gqa=True)
            x = x + F.linear(y.transpose(1, 2).reshape(batch, tokens, -1), layer.o)
            gate, up = F.linear(self.norm(x, layer.norms[1]), layer.gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, layer.down)
        return F.linear(x[:, -1], self.head)


@torch.no_grad()
def decode_seconds(config, batch, context, device):
    """One step of `batch` sequences that hold `context` tokens each; the cache is exactly as long."""
    model = Decoder(config, batch, context + 1, device)
    step = torch.compile(model, mode="reduce-overhead", fullgraph=True) if device == "cuda" else model
    ids = torch.ones(batch, 1, dtype=torch.long, device=device)
    positions = torch.tensor([context], device=device)
    mask = torch.ones(1, context + 1, dtype=torch.bool, device=device)
    return seconds(lambda: step(ids, positions, mask), device, repeat=20 if device == "cuda" else 1)


@torch.no_grad()
def prompt_seconds(config, tokens, device):
    model = Decoder(config, 1, tokens, device)
    step = torch.compile(model, fullgraph=True) if device == "cuda" else model
    ids = torch.ones(1, tokens, dtype=torch.long, device=device)
    positions = torch.arange(tokens, device=device)
    return seconds(lambda: step(ids, positions, None), device)


@torch.no_grad()
def ceilings(device):
    """Bytes per second of a large copy (read and written), operations per second of cuBLAS at 4096 cubed."""
    size = 2 << 30 if device == "cuda" else 64 << 20
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    width = 4096 if device == "cuda" else 256
    square = torch.randn(width, width, dtype=torch.bfloat16, device=device)
    return {"copy_bytes_per_second": 2 * size / seconds(lambda: target.copy_(source), device, repeat=10),
            "matmul_4096_operations_per_second": 2 * width**3 / seconds(lambda: square @ square, device, repeat=50)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*")
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    device = arguments.device
    result = {"torch": torch.__version__, **ceilings(device), "models": {}}
    many, context, prompt = (64, 1024, 2048) if device == "cuda" else (2, 16, 32)
    for path in arguments.configs:
        config = json.loads(pathlib.Path(path).read_text())
        cases = {"decode_step_seconds": lambda: decode_seconds(config, 1, 32, device),
                 "prompt_2048_seconds": lambda: prompt_seconds(config, prompt, device),
                 "batch_64_context_1024_step_seconds": lambda: decode_seconds(config, many, context, device)}
        measured = result["models"][pathlib.Path(path).parent.name] = {}
        for name, case in cases.items():
            try:
                measured[name] = case()
            except Exception as error:  # a version without an option, or too little memory: told, not fatal
                measured[name + "_failed"] = str(error).strip().splitlines()[0][:200]
            if device == "cuda":
                torch._dynamo.reset()
                torch.cuda.empty_cache()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
