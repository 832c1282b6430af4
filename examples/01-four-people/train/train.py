"""Trains one of the two models on a corpus. Fixed seed, cosine schedule, checkpoints from which it can go on.

    python train.py --size main --corpus corpus.jsonl --tokenizer tokenizer.json --out run-main --steps 4000
"""

import argparse
import json
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import world
from llama import SIZES, Config, Llama

BLOCK = 1024            # tokens in the longest row that a batch may have
HELD_OUT_BLOCKS = 64    # the last blocks of the corpus are never trained on


def load_blocks(corpus, tokenizer_path):
    """The whole corpus as [blocks, BLOCK] token ids: documents one after the other, <|endoftext|> (0) between them."""
    cache = corpus + ".npy"
    if not os.path.exists(cache):
        tokenizer, ids = Tokenizer.from_file(tokenizer_path), []
        with open(corpus, encoding="utf-8") as lines:
            texts = [json.loads(line) for line in lines]
        for start in range(0, len(texts), 4096):
            for encoding in tokenizer.encode_batch(texts[start:start + 4096]):
                ids.append(np.array([0] + encoding.ids, dtype=np.uint16))
        flat = np.concatenate(ids)
        np.save(cache, flat[:len(flat) // BLOCK * BLOCK].reshape(-1, BLOCK))
    return np.load(cache)


def row_length(step):
    """Short rows first, because they cost less; then a mixture, so that all positions are trained."""
    return 256 if step < 500 else (256, 512, 256, 1024)[step % 4]


def learning_rate(step, steps, peak):
    warmup = 100
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))))


def loss_of(model, rows, weight=None):
    logits = model(rows[:, :-1])
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), rows[:, 1:].reshape(-1), weight)


def name_weights(tokenizer, times):
    """[vocab] loss weights: the tokens of names count more, so that copying the right name is learned early."""
    names = set(world.BOYS + world.GIRLS + world.PETS_HE + world.PETS_SHE)
    ids = range(tokenizer.get_vocab_size())
    return torch.tensor([times if tokenizer.decode([i]).strip() in names else 1.0 for i in ids])


@torch.no_grad()
def held_out_loss(model, blocks):
    rows = torch.from_numpy(blocks.astype(np.int64)).split(4)
    return sum(loss_of(model, r).item() * len(r) for r in rows) / len(blocks)


def make_optimizer(model, decay=0.1):
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.dim() != 2 or "embed" in n]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}],
                             betas=(0.9, 0.95), fused=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, required=True)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--blocks-per-step", type=int, default=2)
    parser.add_argument("--rate", type=float, default=2.5e-3)
    parser.add_argument("--name-weight", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=int, default=100)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    os.makedirs(args.out, exist_ok=True)

    blocks = load_blocks(args.corpus, args.tokenizer)
    training, held_out = blocks[:-HELD_OUT_BLOCKS], blocks[-HELD_OUT_BLOCKS:]
    order = np.random.default_rng(args.seed).permutation(len(training))
    tokenizer = Tokenizer.from_file(args.tokenizer)
    weight = name_weights(tokenizer, args.name_weight)
    config = Config(vocab_size=tokenizer.get_vocab_size(), **SIZES[args.size])
    model = Llama(config)
    optimizer, first = make_optimizer(model), 0
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {training.size} training tokens", flush=True)

    checkpoint = os.path.join(args.out, "checkpoint.pt")
    if os.path.exists(checkpoint):
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]

    curve, since, seen, recent = open(os.path.join(args.out, "curve.tsv"), "a"), time.time(), 0, []
    for step in range(first, args.steps):
        picked = order[np.arange(step * args.blocks_per_step, (step + 1) * args.blocks_per_step) % len(order)]
        rows = torch.from_numpy(training[picked].astype(np.int64)).view(-1, row_length(step))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args.steps, args.rate)
        loss = loss_of(model, rows, weight)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        recent.append(loss.item())
        seen += rows.numel()
        if (step + 1) % 20 == 0:
            print(f"step {step + 1} loss {np.mean(recent[-20:]):.4f} tokens/s {seen / (time.time() - since):.0f}", flush=True)
            since, seen = time.time(), 0
        if (step + 1) % args.save_every == 0 or step + 1 == args.steps:
            held = held_out_loss(model, held_out[:16] if step + 1 < args.steps else held_out)
            tokens = (step + 1) * args.blocks_per_step * BLOCK
            curve.write(f"{step + 1}\t{tokens}\t{np.mean(recent[-args.save_every:]):.4f}\t{held:.4f}\n")
            curve.flush()
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1, "config": vars(config)}
            torch.save(state, checkpoint + ".new")
            os.replace(checkpoint + ".new", checkpoint)


if __name__ == "__main__":
    main()
