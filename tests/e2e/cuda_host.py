#!/usr/bin/env python3
"""CUDA kernels without a GPU: whole models through the CUDA device, on a driver that executes on the host.

usage: cuda_host.py BIN_DIR MOCK_DRIVER [every]     every: all formats, longer documents

Compared with the reference (tolerance 0), with themselves (chunks, neighbours, the order in which threads
run, preemption) and with the CPU target at the same recipe (forced tokens; counted limits).
"""
import json
import os
import pathlib
import shutil
import sys

import bits
import harness

# How far CPU and CUDA may differ at the same recipe: absolute, of log-probabilities along forced tokens. The
# CPU sums in float32, the matrix unit cuts what lies below its window.
MOST, ROOT_MEAN_SQUARE = 0.5, 0.05

# Requests, seed and divisor of lengths (mixed_requests.cpp) that preempt and cancel in few steps.
CROWD = (7, 38, 4)


class CudaHost(harness.Harness):
    """Tools with the driver that executes kernels on the host; its settings go by environment."""

    def __init__(self, bin_dir, driver):
        super().__init__(bin_dir)
        os.environ["INGOT_CUDA_DRIVER"] = str(pathlib.Path(driver).resolve())

    def settings(self, **values):
        os.environ["INGOT_MOCK"] = " ".join(f"{key}={value}" for key, value in values.items())

    def compile_cuda(self, model, name, *flags, target="cpu:x86-64-v3,cuda-host", most=64, bucket=16):
        path = self.dir / name
        done = self.tool("ingotc", model, "-o", path, "--target", target, "--max-tokens", most,
                         "--token-buckets", bucket, *flags, timeout=900)
        if done.returncode != 0:
            raise SystemExit(f"ingotc {model} {flags}: exit {done.returncode}\n{done.stderr}")
        return path


def known_answers(test, artifact, name):
    """The reference and the kernels agree to the last bit on the matrix unit that the answers are for."""
    test.settings(arch=90)
    result = test.json("ingot", "verify", artifact, "--run", "--device", "cuda", "--json")
    answers = [part for part in result["parts"] if part["name"].startswith("answer")]
    test.check(len(answers) >= 3, f"{name}: {len(answers)} known answers")
    for part in answers:
        test.check("largest error 0," in part["detail"], f"{name}: {part['name']}: {part['detail']}")


def same_bits(test, artifact, file, name):
    """Nothing that moves work moves a bit."""
    test.settings(arch=90, order=0)
    want = bits.logprobs(test, artifact, file, "--device", "cuda")
    for chunk in (5, 33):
        got = bits.logprobs(test, artifact, file, "--device", "cuda", "--max-tokens-per-step", chunk)
        test.check(got == want, f"{name}: steps of {chunk} tokens change bits")
    got = bits.logprobs(test, artifact, file, "--device", "cuda", "--max-seqs", 1)
    test.check(got == want, f"{name}: neighbours change bits")
    for order in (1, 2):
        test.settings(arch=90, order=order, seed=11)
        got = bits.logprobs(test, artifact, file, "--device", "cuda")
        test.check(got == want, f"{name}: the order of threads changes bits (order {order})")
    test.settings(arch=80)
    older = bits.logprobs(test, artifact, file, "--device", "cuda")
    test.check(older != want or "bf16" not in name, f"{name}: sm_80 and sm_90 give the same bits; the test is blind")
    return want


def hopper(test, model, usual, *flags):
    """The kernels of sm_90a, with tensor maps by the driver and persistent grids: the bits of the usual ones."""
    artifact = test.compile_cuda(model, "hopper.ingot", *flags, target="cuda-host:sm_90a", most=128, bucket=128)
    manifest = test.json("ingot", "inspect", artifact, "--json")
    shapes = [level for kernel in manifest["kernels"] for level in kernel.get("levels", [])]
    test.check(shapes and all(shape["persistent"] and len(shape["maps"]) >= 2 for shape in shapes),
               f"{len(shapes)} kernels of sm_90a")
    document = bits.documents(manifest["plan"]["vocab"], 3)[5] # more tokens than the usual kernels take
    file = harness.token_file(test.dir / "hopper.json", [document])
    test.settings(arch=90)
    want = bits.logprobs(test, usual, file, "--device", "cuda")
    for order in (0, 2):
        test.settings(arch=90, capability="0.90", order=order, multiprocessors=3)
        got = bits.logprobs(test, artifact, file, "--device", "cuda")
        test.check(got == want, f"kernels of sm_90a give other bits (order {order})")


def near_cpu(test, artifact, file, cuda, name):
    cpu = bits.logprobs(test, artifact, file, "--device", "cpu")
    differences = [abs(a - b) for x, y in zip(cpu, cuda) for a, b in zip(x, y)
                   if a is not None and b is not None]
    most = max(differences)
    square = (sum(d * d for d in differences) / len(differences)) ** 0.5
    print(f"{name}: CPU against CUDA over {len(differences)} forced tokens: at most {most:.4f}, "
          f"root mean square {square:.5f}")
    test.check(most <= MOST and square <= ROOT_MEAN_SQUARE,
               f"{name}: CPU and CUDA differ by {most:.3f}, root mean square {square:.4f}")


def sampled(test, artifact, name):
    """Tokens chosen on the device, with the next step launched before they are read, are those that the host
    chooses from logits: log-probabilities bring those to the host."""
    test.settings(arch=90, order=2, seed=3)
    flags = ("-p", "The old man", "-p", "abc", "-n", 6, "--seed", 7, "--ignore-eos", "--temp", 1.3, "--top-k", 60,
             "--top-p", 0.95, "--min-p", 0.01, "--json")
    runs = [test.json("ingot", "run", artifact, "--device", "cuda", *flags, *more)["results"]
            for more in ((), ("--logprobs", 0))]
    device, host = [[result["token_ids"] for result in results] for results in runs]
    test.check(device == host and len(device) == 2 and all(len(ids) == 6 for ids in device),
               f"{name}: the device chose {device}, the host {host}")


def main():
    test = CudaHost(sys.argv[1], sys.argv[2])
    every = "every" in sys.argv
    cases = [(harness.MODEL, ("bf16",)), (harness.GOLDENS / "qwen3", ("int4",))]
    if every:
        cases += [(harness.GOLDENS / "llama-bias", ("int8", "--group", "0")), (harness.MODEL, ("int4", "--group", "64")),
                  (harness.GOLDENS / "llama3-scaled", ("bf16",))]
    for index, (folder, quant) in enumerate(cases):
        name = f"{folder.name} {' '.join(quant)}"
        artifact = test.compile_cuda(folder, f"{index}.ingot", "--quant", *quant)
        known_answers(test, artifact, name)
        vocab = test.json("ingot", "inspect", artifact, "--json")["plan"]["vocab"]
        documents = bits.documents(vocab, 3)
        if not every:
            documents = [documents[i] for i in (0, 2, 6)]
        file = harness.token_file(test.dir / f"{index}.json", documents)
        cuda = same_bits(test, artifact, file, name)
        if quant[0] == "bf16":
            near_cpu(test, artifact, file, cuda, name)
        if index == 0: # has a tokenizer
            sampled(test, artifact, name)
        if index == 1: # the smaller model: many steps
            hopper(test, folder, artifact, "--quant", *quant)
            crowd(test, artifact, *((60, 38, 4) if every else CROWD))
    formats(test, every)
    if every:
        profiles(test)
    test.finish()


def formats(test, every):
    """Rows of 8 bits, weights of other numbers and caches of each format, under windows of some layers: the answers
    of the reference, and the same bits in steps of any size."""
    cases = [("int8", "--activations", "int8", "--profile", "fast", "--kv-format", "int8")]
    if every:
        cases += [("fp8", "--activations", "fp8"), ("fp8", "--group", "128"), ("fp16",),
                  ("int8", "--activations", "int8", "--group", "64", "--head-quant", "bf16"),
                  ("bf16", "--kv-format", "fp8"), ("bf16", "--kv-format", "fp16")]
    for index, quant in enumerate(cases):
        path = test.dir / f"format{index}.ingot"
        done = test.tool("ingotc", harness.GOLDENS / "qwen3-window", "-o", path, "--target", "cuda-host", "--max-tokens", 64,
                         "--token-buckets", 16, "--quant", *quant, timeout=900)
        test.check(done.returncode == 0, f"ingotc {quant}: {done.stderr}")
        known_answers(test, path, f"qwen3-window {' '.join(quant)}")
        if "fast" in quant: # there the size of a step does change bits
            continue
        file = harness.token_file(test.dir / "window.json", [[1 + i * 7 % 150 for i in range(40)]])
        whole, steps = [bits.logprobs(test, path, file, "--device", "cuda", *flags)
                        for flags in ((), ("--max-tokens-per-step", 3))]
        test.check(whole == steps, f"{quant}: steps of 3 tokens change bits beyond a window")


def profiles(test):
    """Invariant: the number of tokens of a step moves no bit. Fast: it does, where K is long enough for slices."""
    model = test.dir / "long"
    model.mkdir()
    config = json.loads((harness.GOLDENS / "qwen3" / "config.json").read_text())
    config.update(hidden_size=512, intermediate_size=512, num_hidden_layers=1)
    (model / "config.json").write_text(json.dumps(config))
    file = harness.token_file(test.dir / "long.json", [[1 + i * 7 % (config["vocab_size"] - 1) for i in range(40)]])
    got = {}
    for profile in ("invariant", "fast"):
        path = test.dir / f"{profile}.ingot"
        done = test.tool("ingotc", model, "-o", path, "--target", "cuda-host", "--max-tokens", 64, "--token-buckets", 16,
                         "--random-weights", 3, "--profile", profile, timeout=900)
        test.check(done.returncode == 0, f"--profile {profile}: {done.stderr}")
        test.settings(arch=90)
        got[profile] = [bits.logprobs(test, path, file, "--device", "cuda", *flags)
                        for flags in ((), ("--max-tokens-per-step", 5), ("--max-tokens-per-step", 40))]
        shown = test.json("ingot", "inspect", path, "--json")["profile"]
        test.check(shown == profile, f"inspect shows profile {shown}, not {profile}")
    whole, steps, again = got["invariant"]
    test.check(whole == steps == again, "profile invariant: the size of steps changes bits")
    whole, steps, again = got["fast"]
    test.check(whole == again, "profile fast: bits differ inside a bucket")
    test.check(whole != steps, "profile fast: both buckets give the same bits; the test is blind")


def crowd(test, artifact, requests, seed, divisor):
    """Arrivals, cancellations and preemptions in a small pool: each request as if it were alone."""
    test.settings(arch=90, order=2, seed=5)
    done = test.tool("ingot-mixed-requests", artifact, requests, seed, divisor, timeout=900)
    print(done.stdout.strip())
    test.check(done.returncode == 0, f"mixed requests: {done.stdout} {done.stderr}")


if __name__ == "__main__":
    if not shutil.which(os.environ.get("INGOT_CXX", "c++")):
        print("skipped: no C++ compiler to build host kernels with")
        sys.exit(0)
    main()
