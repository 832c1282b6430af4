#!/usr/bin/env python3
"""Bad input: a clear error with an id and an exit code, nothing half written, no crash."""
import contextlib
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys

import harness

SMALL = ("--max-tokens", "16")  # one bucket: half the code to generate


def safetensors(tensors, header_length=None):
    """A safetensors file from {name: (dtype, shape, bytes)}; a wrong header length on request."""
    header, data = {}, b""
    for name, (dtype, shape, payload) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(payload)]}
        data += payload
    text = json.dumps(header).encode()
    return struct.pack("<Q", header_length or len(text)) + text + data


def read_tensors(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    body = data[8 + length:]
    return {name: (t["dtype"], t["shape"], body[t["data_offsets"][0]:t["data_offsets"][1]])
            for name, t in header.items() if name != "__metadata__"}


class Cases:
    """Each method damages a copy of a good checkpoint; expectations stand beside it."""

    def __init__(self, test):
        self.test = test

    def expect(self, what, code, words, *flags, config=None, tensors=None, raw=None):
        model = self.test.dir / "bad"
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(harness.GOLDENS / "llama3-scaled", model)
        if config:
            values = json.loads((model / "config.json").read_text())
            values.update(config)
            (model / "config.json").write_text(json.dumps(values))
        weights = model / "model.safetensors"
        if tensors:
            changed = read_tensors(weights)
            tensors(changed)
            weights.write_bytes(safetensors(changed))
        if raw is not None:
            weights.write_bytes(raw)
        out = self.test.dir / "bad.ingot"
        target = [] if "--target" in flags else ["--target", "cpu:x86-64-v3"]
        done = self.test.tool("ingotc", model, "-o", out, *target, *flags)
        self.test.check(done.returncode == code and "error[" in done.stderr,
                        f"{what}: exit {done.returncode}, expected {code}: {done.stderr.strip()}")
        for word in words:
            self.test.check(word in done.stderr, f"{what}: no '{word}' in: {done.stderr.strip()}")
        self.test.check(not out.exists(), f"{what}: left a file behind")
        return done.stderr

    def checkpoints(self):
        norm = "model.norm.weight"

        def drop(t):
            del t[norm]

        def reshape(t):
            t[norm] = (t[norm][0], [len(t[norm][2]) // 4, 2], t[norm][2])

        def poison(t):
            dtype, shape, payload = t[norm]
            t[norm] = (dtype, shape, b"\xc0\x7f" + payload[2:])

        def poison_more(t):
            dtype, shape, payload = t[norm]
            t[norm] = (dtype, shape, b"\xc0\x7f" * 3 + payload[6:])

        def add(t):
            t["model.layers.0.self_attn.surprise.weight"] = t[norm]

        def retype(t):
            t[norm] = ("I16", t[norm][1], t[norm][2])

        self.expect("missing tensor", 65, [norm], tensors=drop)
        self.expect("wrong shape", 65, [norm], tensors=reshape)
        self.expect("extra tensor", 65, ["surprise"], tensors=add)
        self.expect("NaN", 65, [norm, "1 NaN"], tensors=poison)
        self.expect("NaNs", 65, [norm, "3 NaN"], tensors=poison_more)
        self.expect("wrong type", 65, [norm], tensors=retype)
        for length in (2**64 - 1, 2**64 - 8, 2**63, 1 << 40):
            self.expect(f"header of {length} bytes", 65, ["model.safetensors"],
                        raw=struct.pack("<Q", length) + b"{}")
        self.expect("empty weights", 65, ["model.safetensors"], raw=b"")

    def offsets(self):
        """Places of tensors in the file that overlap, lie outside or contradict themselves."""
        good = (harness.GOLDENS / "llama3-scaled/model.safetensors").read_bytes()
        length = struct.unpack("<Q", good[:8])[0]
        norm = "model.norm.weight"
        end = len(good) - 8 - length
        for what, place in (("overlapping", [0, 128]), ("behind the end", [end, end + 128]),
                            ("backwards", [128, 0]), ("near 2^64", [2**64 - 128, 2**64]),
                            ("wrong size", [end - 64, end]), ("negative", [-128, 0])):
            header = json.loads(good[8:8 + length])
            header[norm]["data_offsets"] = place
            text = json.dumps(header).encode()
            self.expect(f"offsets {what}", 65, ["model.safetensors"],
                        raw=struct.pack("<Q", len(text)) + text + good[8 + length:])

    def configs(self):
        self.expect("unknown architecture", 78, ["NopeForCausalLM", "LlamaForCausalLM"],
                    config={"architectures": ["NopeForCausalLM"]})
        self.expect("zero heads", 65, ["num_attention_heads"], config={"num_attention_heads": 0})
        self.expect("zero KV heads", 65, ["num_key_value_heads"], config={"num_key_value_heads": 0})
        for key in ("hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size", "head_dim",
                    "max_position_embeddings"):
            self.expect(f"zero {key}", 65, [key], config={key: 0})
        self.expect("rope factor of zero", 65, ["factor"],
                    config={"rope_scaling": {"rope_type": "linear", "factor": 0}})
        self.expect("rope scaling", 78, ["yarn"],
                    config={"rope_scaling": {"rope_type": "yarn", "factor": 2.0}})
        self.expect("vocabulary", 65, ["embed_tokens"], config={"vocab_size": 999})
        self.expect("wide heads on GPUs", 78, ["attention-cuda", "layers.0.self_attn", "320 columns", "2 to 256"],
                    "--target", "cuda-host", "--random-weights", "1", "--dry-run", *SMALL, config={"head_dim": 320})

    def options(self):
        self.expect("unknown flag", 64, ["--quant"], "--quont", "int4")
        self.expect("unknown fusion", 64, ["fuse-swiglu"], "--disable-fusion", "fuse-swglu")
        self.expect("unknown fusion, nothing near", 64, ["known: merge-qkv"], "--expect-fusion", "nope=1")
        self.expect("block size", 64, ["--block-size", "multiple of 16"], "--block-size", "17")
        self.expect("scheme", 64, ["--head-quant", "int4:7"], "--head-quant", "int4:7")
        self.expect("context", 64, ["--max-context"], "--max-context", "100000000")
        for context in ("4294967360", "-1"):
            self.expect("context", 64, ["--max-context", "268435456"], "--max-context", context)
        self.expect("threads", 64, ["--threads"], "--threads", "1000000000")
        for seed in ("-1", "18446744073709551616", ""):
            self.expect(f"seed '{seed}'", 64, ["--random-weights"], "--random-weights", seed)
        self.expect("unknown level", 64, ["x86-64-v3"], "--target", "cpu:x86-64-v9")
        self.expect("unknown target", 64, ["npu", "cuda:ARCH"], "--target", "npu")
        for name in ("cuda:sm_70", "cuda:host", "cuda:host_90a"):
            said = self.expect("unknown architecture", 64, [name.split(":")[1]], "--target", name)
            known = said.split("known:")[-1]
            self.test.check("cuda" in said and "host_" not in known and ", host," not in known,
                            f"{name}: knows {known}")
        self.expect("unknown architecture", 64, ["sm_70", "sm_80", "sm_120"], "--target", "cuda:sm_70")
        for target, words in (("cpu,cpu", ["cpu twice"]), ("cuda:sm_80,sm_80", ["sm_80 twice"]),
                              ("cpu,cpu:x86-64-v3", ["x86-64-v3", "in cpu and in"]),
                              ("cuda,cuda:sm_89", ["sm_89", "in cuda and in"]), ("cuda-host,cuda-host", ["twice"])):
            self.expect(f"--target {target}", 64, ["--target", *words], "--target", target)
        self.expect("empty target", 64, ["unknown target ''"], "--target", "cpu,")
        self.expect("an architecture of nothing", 64, ["sm_80"], "--target", "sm_80")
        self.expect("buckets", 64, ["--token-buckets", "4 follows 16"], "--target", "cuda-host",
                    "--token-buckets", "16,4")
        self.expect("fp8 on CPUs", 78, ["format-target", "fp8", "--target cuda"], "--target", "cpu", "--quant", "fp8")
        self.expect("fp8 cache of CPUs", 78, ["format-target", "--kv-format fp8", "or use bf16"], "--target",
                    "cpu,cuda-host", "--kv-format", "fp8")
        self.expect("fp8 rows on old GPUs", 78, ["format-architecture", "sm_80,sm_86 lack", "cuda:sm_89"], "--target",
                    "cuda:sm_80,sm_86,sm_89", "--quant", "fp8", "--activations", "fp8")
        self.expect("rows without weights of their numbers", 78, ["activations-format", "--quant int8"], "--target",
                    "cuda-host", "--activations", "int8")
        self.expect("groups of fp8", 64, ["--group 32", "fp8", "128"], "--target", "cuda-host", "--quant", "fp8",
                    "--group", "32")
        self.expect("profile of CPUs", 78, ["format-target", "--profile fast"], "--target", "cpu", "--profile", "fast")
        with environment(INGOT_NVRTC="/nowhere/libnvrtc.so"):
            self.expect("no NVRTC", 69, ["nvrtc-missing", "install", "/nowhere/libnvrtc.so"],
                        "--target", "cpu,cuda:sm_80")
        with environment(INGOT_CXX="/nowhere/c++"):
            self.expect("no compiler for the host", 69, ["host-compiler-missing"], "--target", "cuda-host")


@contextlib.contextmanager
def environment(**values):
    """The tools started inside see these variables."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def limit_files(size):
    """As a full disk: writes behind `size` fail. The signal that comes with it is ignored."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def outputs(test):
    good = harness.GOLDENS / "llama3-scaled"
    for path, code in ((test.dir, 73), (test.dir / "no" / "such" / "x.ingot", 73)):
        done = test.tool("ingotc", good, "-o", path, "--target", "cpu:x86-64-v3")
        test.check(done.returncode == code, f"output {path}: exit {done.returncode}")
    for name in ("config.json", "model.safetensors"):  # a slip must not cost the model
        model = test.dir / "precious"
        shutil.copytree(good, model, dirs_exist_ok=True)
        done = test.tool("ingotc", model, "-o", model / name, "--target", "cpu:x86-64-v3")
        test.check(done.returncode == 73 and "output-not-artifact" in done.stderr,
                   f"output {name}: exit {done.returncode}: {done.stderr.strip()}")
        test.check((model / name).read_bytes() == (good / name).read_bytes(), f"{name} was lost")
    full = test.dir / "full.ingot"
    whole = test.dir / "whole.ingot"
    test.tool("ingotc", good, "-o", whole, "--target", "cpu:x86-64-v3", *SMALL)
    size = whole.stat().st_size
    # The linker's own files do not fit, the last byte of the artifact does not fit.
    for limit, code, words in ((4096, 71, "TMPDIR"), (size - 1, 74, str(full))):
        done = subprocess.run([test.bin / "ingotc", good, "-o", full, "--target", "cpu:x86-64-v3",
                               *SMALL], capture_output=True, text=True, restore_signals=False,
                              preexec_fn=lambda: limit_files(limit))
        test.check(done.returncode == code and "error[" in done.stderr and words in done.stderr,
                   f"disk full at {limit} bytes: exit {done.returncode}: {done.stderr.strip()}")
        left = [path.name for path in test.dir.iterdir() if "full" in path.name]
        test.check(not left, f"disk full at {limit} bytes: left {left}")
    if os.path.exists("/dev/full"):
        done = test.tool("ingotc", good, "-o", "/dev/full", "--target", "cpu:x86-64-v3")
        test.check(done.returncode in (73, 74), f"/dev/full: exit {done.returncode}")


def prompts(test):
    artifact = test.compile(harness.MODEL, "model.ingot", "--quant", "int8", *SMALL)
    cases = [("empty prompt", ["-p", "", "--no-special"], 64), ("long prompt", ["-p", "fox " * 5000], 64),
             ("invalid UTF-8", ["-f", test.dir / "latin1.txt"], 65),
             ("missing file", ["-f", test.dir / "absent.txt"], 66),
             ("endless file", ["-f", "/dev/zero"], 65),
             ("seed", ["-p", "a", "--seed", "18446744073709551616"], 64),
             ("negative seed", ["-p", "a", "--seed", "-1"], 64),
             ("temperature", ["-p", "a", "--temp", "-1"], 64), ("no prompt", [], 64)]
    (test.dir / "latin1.txt").write_bytes(b"caf\xe9 au lait")
    for what, flags, code in cases:
        done = test.tool("ingot", "run", artifact, "-n", "4", *flags)
        test.check(done.returncode == code and "error[" in done.stderr,
                   f"{what}: exit {done.returncode}: {done.stderr.strip()}")
    together = test.json("ingot", "bench", artifact, "--json", "--runs", "1", "--probe-mib", "1", "--threads", "1",
                         "--only", "batch", "--sequences", "5", "--context", "40")["cases"][0]
    test.check((together["sequences"], together["mean_sequences"], together["context"]) == (5, 5, 40),
               f"five sequences at 40: {together}")
    for flags, words in ((["--context", "1048576"], "--context 1048576"), (["--sequences", "4096"], "--max-seqs"),
                         (["--sequences", "8", "--kv-blocks", "9"], "--kv-memory")):
        done = test.tool("ingot", "bench", artifact, "--runs", "1", "--probe-mib", "1", *flags)
        test.check(done.returncode == 64 and "error[bench-size]" in done.stderr and words in done.stderr,
                   f"bench {flags}: exit {done.returncode}: {done.stderr.strip()}")
    done = test.tool("ingot", "rum", artifact)
    test.check(done.returncode == 64 and "run" in done.stderr, "unknown subcommand")
    done = test.tool("ingot", "run", test.dir / "absent.ingot", "-p", "a")
    test.check(done.returncode == 66, f"missing artifact: exit {done.returncode}")


def usage(test):
    """Help with an example everywhere; flags that mean nothing alone are refused."""
    commands = ("run", "bench", "eval", "inspect", "verify", "tokenize", "materialize")
    for tool, *command in [["ingotc"], ["ingot"], *(["ingot", name] for name in commands)]:
        done = test.tool(tool, *command, "--help")
        test.check(done.returncode == 0 and "\nExample:\n  ingot" in done.stdout,
                   f"{tool} {command} --help: exit {done.returncode}, no example")
    for flags in (["run", "x.ingot", "--logprobs", "2"], ["eval", "x.ingot", "--logprobs"],
                  ["verify", "x.ingot", "--cpu", "x86-64-v3"]):
        done = test.tool("ingot", *flags)
        test.check(done.returncode == 64 and "requires --" in done.stderr,
                   f"{flags}: exit {done.returncode}: {done.stderr.strip()}")
    # A flag given twice: the last one counts, and then there is no such file.
    done = test.tool("ingot", "run", "x.ingot", "-p", "a", "-n", "2", "-n", "4")
    test.check(done.returncode == 66, f"a flag given twice: exit {done.returncode}: {done.stderr.strip()}")
    done = test.tool("ingotc", test.dir / "none", "--dry-run", "--quant", "int8", "--quant", "int4")
    test.check(done.returncode == 66, f"a flag given twice: exit {done.returncode}: {done.stderr.strip()}")
    done = test.tool("ingot", "run", "x.ingot", "-p", "a", "-n", "0")
    test.check(done.returncode == 64, f"no new tokens: exit {done.returncode}")


def reports(test):
    """A report that nobody takes is an error, though the artifact is complete."""
    if not os.path.exists("/dev/full"):
        return
    with open("/dev/full", "w") as full:
        done = subprocess.run([test.bin / "ingotc", harness.GOLDENS / "llama3-scaled", "-o",
                               test.dir / "report.ingot", "--target", "cpu:x86-64-v3", "--json",
                               *SMALL], stdout=full, stderr=subprocess.PIPE, text=True)
    test.check(done.returncode == 74 and "error[" in done.stderr,
               f"report to a full disk: exit {done.returncode}: {done.stderr.strip()}")
    test.check((test.dir / "report.ingot").exists(), "report to a full disk: no artifact")


def main():
    test = harness.Harness(sys.argv[1])
    usage(test)
    cases = Cases(test)
    cases.checkpoints()
    cases.offsets()
    cases.configs()
    cases.options()
    outputs(test)
    reports(test)
    prompts(test)
    test.finish()


if __name__ == "__main__":
    main()
