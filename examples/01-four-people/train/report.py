"""Prints the measured part of TRAINING.md: held-out perplexity of the exported bf16 weights, the loss curve, the samples.

    python report.py ../model --corpus corpus.jsonl --curve run-main/curve.tsv
"""

import argparse
import math
import os

import torch

from sample import load_model, print_samples, print_talks
from train import BLOCK, HELD_OUT_BLOCKS, held_out_loss, load_blocks


def print_curve(path, rows=20):
    points = [line.split() for line in open(path, encoding="utf-8")]
    stride = max(1, len(points) // rows)
    print("| step | tokens | training loss | held-out loss |\n| ---: | ---: | ---: | ---: |")
    for i, (step, tokens, training, held) in enumerate(points):
        if i % stride == 0 or i + 1 == len(points):
            print(f"| {step} | {int(tokens):,} | {training} | {held} |")


@torch.no_grad()
def acceptance(draft, target, blocks):
    """The mean over positions of sum(min(p, q)): how often the target keeps a token that the draft has sampled."""
    kept = 0.0
    for row in torch.from_numpy(blocks.astype("int64")).split(1):
        kept += torch.minimum(torch.softmax(draft(row), -1), torch.softmax(target(row), -1)).sum(-1).mean().item()
    return kept / len(blocks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--curve", required=True)
    parser.add_argument("--target", help="the model that this one drafts for")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = load_model(args.folder)
    blocks = load_blocks(args.corpus, os.path.join(args.folder, "tokenizer.json"))[-HELD_OUT_BLOCKS:]
    loss = held_out_loss(model, blocks)
    print(f"## Held-out perplexity\n\n{math.exp(loss):.3f} (loss {loss:.4f} per token) on {blocks.size:,} tokens that were not trained on, "
          f"in rows of {BLOCK}, measured on the bf16 weights.\n\n## Loss curve\n")
    print_curve(args.curve)
    if args.target:
        kept = acceptance(model, load_model(args.target)[0], blocks[:16])
        print(f"\n## Agreement with the main model\n\nThe main model keeps {kept:.1%} of the tokens that the draft model samples at "
              "temperature 1 (mean of the sum of min(p, q) over held-out positions).")
    print("\n## Twenty samples\n\nTemperature 0.8, top-p 0.95, seed 1, not selected.\n")
    print_samples(model, tokenizer)
    print("## Conversations\n")
    print_talks(model, tokenizer)


if __name__ == "__main__":
    main()
