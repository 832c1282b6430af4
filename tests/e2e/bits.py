#!/usr/bin/env python3
"""The same bits whatever moves work: fusions, instruction sets, threads, chunks, neighbours.

usage: bits.py BIN_DIR [every]     every: all formats, and the example model
"""
import json
import random
import sys

import harness

VARIANTS = [("bf16",), ("int8",), ("int4",), ("int4", "--group", "128"), ("int8", "--group", "0"),
            ("int4", "--activation-scale", "f32")]


def documents(vocab, seed):
    """Token lists of mixed lengths; the longest spans several attention segments' tiles."""
    rng = random.Random(seed)
    return [[rng.randrange(vocab) for _ in range(n)] for n in (2, 3, 17, 64, 65, 100, 33, 8)]


def logprobs(test, artifact, documents_file, *flags):
    result = test.json("ingot", "eval", artifact, "-f", documents_file, "--json-list", "--no-begin",
                       "--json", "--logprobs", *flags)
    return [document["logprobs"] for document in result["documents"]]


def main():
    test = harness.Harness(sys.argv[1])
    # The goldens have odd widths; the example model is wide enough for every fusion.
    cases = [(harness.GOLDENS / "llama3-scaled", VARIANTS[:1]), (harness.GOLDENS / "qwen3", VARIANTS[2:3])]
    if "every" in sys.argv:
        cases = [(harness.GOLDENS / "llama3-scaled", VARIANTS[:4]),
                 (harness.GOLDENS / "qwen3", VARIANTS), (harness.MODEL, [("int4",)])]
    for folder, variants in cases:
        model = folder.name
        config = json.loads((folder / "config.json").read_text())
        vocab = config["vocab_size"]
        file = harness.token_file(test.dir / f"{model}.json", documents(vocab, 3))
        for quant in variants:
            flags = ["--quant", *quant]
            fused = test.compile(folder, "fused.ingot", *flags)
            plain = test.compile(folder, "plain.ingot", *flags, "--no-fusion")
            want = logprobs(test, fused, file, "--threads", 1)
            name = f"{model} {' '.join(quant)}"
            test.check(logprobs(test, plain, file) == want, f"{name}: fusions change bits")
            for level in test.levels():
                test.check(logprobs(test, fused, file, "--cpu", level) == want,
                           f"{name}: {level} changes bits")
            for threads in (2, 3):
                test.check(logprobs(test, fused, file, "--threads", threads) == want,
                           f"{name}: {threads} threads change bits")
            for chunk in (1, 2, 5, 7, 16, 17):
                got = logprobs(test, fused, file, "--max-tokens-per-step", chunk)
                test.check(got == want, f"{name}: steps of {chunk} tokens change bits")
            test.check(logprobs(test, fused, file, "--max-seqs", 1) == want,
                       f"{name}: neighbours change bits")
    test.finish()


if __name__ == "__main__":
    main()
