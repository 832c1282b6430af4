#!/usr/bin/env python3
"""Compiled bf16 models against the float32 logits of the model library they come from."""
import json
import math
import struct
import subprocess
import sys

import harness

LIMIT = 3e-2  # largest error of a log-probability over the standard deviation of the logits


def read_logits(path):
    """The first tensor of a float32 safetensors file as a list of rows."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    entry = next(v for k, v in header.items() if k != "__metadata__")
    begin, end = entry["data_offsets"]
    columns = entry["shape"][-1]
    values = struct.unpack(f"<{(end - begin) // 4}f", data[8 + length + begin:8 + length + end])
    return [values[i:i + columns] for i in range(0, len(values), columns)]


def log_probability(logits, token):
    top = max(logits)
    return logits[token] - top - math.log(sum(math.exp(x - top) for x in logits))


def check_model(test, model):
    folder = harness.GOLDENS / model
    expected = json.loads((folder / "expected.json").read_text())
    prompt = expected["prompt_ids"]
    logits = read_logits(folder / "expected.safetensors")
    artifact = test.compile(folder, f"{model}.ingot", "--quant", "bf16")
    file = harness.token_file(test.dir / f"{model}.json", [prompt])
    got = test.json("ingot", "eval", artifact, "-f", file, "--json-list", "--no-begin", "--json",
                    "--logprobs")["documents"][0]["logprobs"]
    scored = prompt[len(prompt) - len(got):]
    first = len(prompt) - len(got) - 1
    errors = [abs(log_probability(logits[first + i], token) - value)
              for i, (token, value) in enumerate(zip(scored, got))]
    worst = max(errors) / expected["logits_standard_deviation"]
    print(f"{model}: bf16 worst error {worst:.2e} of the standard deviation, limit {LIMIT:.0e}")
    test.check(worst <= LIMIT, f"{model}: error {worst}")
    test.check(len(got) >= len(prompt) - 1, f"{model}: {len(got)} of {len(prompt)} scored")
    check_greedy(test, model, artifact, expected, worst * expected["logits_standard_deviation"])


def check_greedy(test, model, artifact, expected, error):
    """Greedy tokens, by the argmax kernel and by logits, up to a margin that `error` can cross."""
    wanted = expected["greedy_ids"]
    requests = [{"prompt": expected["prompt_ids"], "max_tokens": len(wanted), "logprobs": top}
                for top in (-1, 1)]
    done = subprocess.run([test.bin / "ingot-replay", artifact], input=json.dumps(requests),
                          text=True, capture_output=True, timeout=300)
    by_argmax, by_logits = (answer["tokens"] for answer in json.loads(done.stdout))
    test.check(by_argmax == by_logits, f"{model}: argmax and logits choose different tokens")
    equal = next((i for i, pair in enumerate(zip(by_argmax, wanted)) if pair[0] != pair[1]),
                 len(wanted))
    print(f"{model}: greedy {equal} of {len(wanted)} tokens equal")
    test.check(equal == len(wanted) or expected["margins"][equal] <= 2 * error,
               f"{model}: token {equal} differs, its margin {expected['margins'][equal % len(wanted)]}")


def main():
    test = harness.Harness(sys.argv[1])
    for model in ("llama-bias", "llama3-scaled", "qwen3"):
        check_model(test, model)
    test.finish()


if __name__ == "__main__":
    main()
