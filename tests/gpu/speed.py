"""Speed on a GPU: artifacts of real shapes, the bars of target cuda, PyTorch at the same shapes in the same run."""
import json
import pathlib
import shutil
import sys
import tempfile
import time

from tools import ROOT, call, demand

CONFIGS = ROOT / "tests/bench/configs"
# name: (config, options of ingotc). Weights are random: files are small, speed does not depend on them.
SHAPES = {"1b-bf16": ("llama-3.2-1b", ("--quant", "bf16")),
          "8b-bf16": ("llama-3.1-8b", ("--quant", "bf16")),
          "8b-bf16-fast": ("llama-3.1-8b", ("--quant", "bf16", "--profile", "fast")),
          "8b-int4": ("llama-3.1-8b", ("--quant", "int4", "--group", "128"))}
CHAIN = "chain-4096-fast"
CHAIN_WIDTH, CHAIN_LAYERS = 4096, 16
SPEC_BYTES_PER_SECOND = {"H200": 4.8e12, "H100": 3.35e12, "A100": 2.04e12}


def chain_program():
    """Square linears one after the other: a step of 4096 tokens is CHAIN_LAYERS matmuls of 4096 cubed."""
    width, row = CHAIN_WIDTH, f"tensor<?x{CHAIN_WIDTH}xf32>"
    returned = f"tensor<?x{width}xf32, #ingot.rows<returned>>"
    lines = ["!kv = !ingot.kv<group = 0, layers = 1, heads = 1, key = 16, value = 16, block = 16>",
             'module attributes {ingot.model = {architecture = "Chain", max_context = 8192 : i64, name = "chain"}} {',
             "func.func @forward(%batch: !ingot.batch, %kv: !kv) -> (tensor<?x32xf32, #ingot.rows<returned>>, !kv) {",
             f'  %table = ingot.param "embed" : tensor<32x{width}xf32>',
             f"  %x0 = ingot.embed %batch, %table : tensor<32x{width}xf32> -> {row}"]
    for i in range(CHAIN_LAYERS):
        lines += [f'  %w{i} = ingot.param "linear.{i}.weight" : tensor<{width}x{width}xf32>',
                  f"  %x{i + 1} = ingot.linear %x{i}, %w{i} : {row}, tensor<{width}x{width}xf32> -> {row}"]
    lines += [f"  %r = ingot.select_rows %x{CHAIN_LAYERS}, %batch : {row} -> {returned}",
              f'  %head = ingot.param "head" : tensor<32x{width}xf32>',
              f"  %y = ingot.linear %r, %head : {returned}, tensor<32x{width}xf32> -> "
              "tensor<?x32xf32, #ingot.rows<returned>>",
              "  return %y, %kv : tensor<?x32xf32, #ingot.rows<returned>>, !kv", "}", "}"]
    return "\n".join(lines) + "\n"


def pack(ingotc, folder):
    common = ("--target", "cuda:sm_90a", "--random-weights", 1, "--no-known-answers")
    for name, (config, options) in SHAPES.items():
        demand(ingotc, CONFIGS / config, "-o", folder / f"{name}.ingot", *common, *options, "--max-context", 16384,
               "--max-tokens", 2048, "--max-seqs", 64)
    program = folder / "chain.mlir"
    program.write_text(chain_program())
    demand(ingotc, program, "-o", folder / f"{CHAIN}.ingot", *common, "--profile", "fast", "--max-tokens", 4096,
           "--max-context", 4097, "--token-buckets", 16)


class Speed:
    def __init__(self, folder, table, name_of_gpu):
        self.folder, self.table, self.results = folder, table, {}
        self.spec = next((rate for name, rate in SPEC_BYTES_PER_SECOND.items() if name in name_of_gpu), None)
        self.peer = self.peers()

    def peers(self):
        out, err, code = call(sys.executable, pathlib.Path(__file__).parent / "torch_peer.py",
                              *(CONFIGS / config / "config.json" for config in ("llama-3.2-1b", "llama-3.1-8b")))
        if code != 0:
            self.table.add("ceilings and peers", "PyTorch is not here: " + (err.strip() or "?").splitlines()[-1][:120], "SKIP")
            return {"models": {}}
        peer = json.loads(out)
        self.table.add("copy bandwidth, 2 GiB, read and written", f"{peer['copy_bytes_per_second'] / 1e12:.2f} TB/s", "OK")
        self.table.add("bf16 matrix rate, 4096 cubed, cuBLAS",
                       f"{peer['matmul_4096_operations_per_second'] / 1e12:.0f} TFLOP/s", "OK")
        return peer

    def bench(self, name, case, *flags):
        """The medians of one case of `ingot bench`; nothing where it failed."""
        out, err, code = call(self.folder / "ingot", "bench", self.folder / f"{name}.ingot", "--device", "cuda", "--json",
                              "--only", case, *flags)
        if code != 0:
            self.table.add(f"{name}: {case}", err.strip()[-300:], "RED")
            return None
        result = json.loads(out)
        measured = {**result["cases"][0], "operations_per_token": result["operations_per_token"],
                    "kv_bytes_per_token": result["kv_bytes_per_token"]}
        self.results[" ".join(map(str, (name, case, *flags)))] = measured
        return measured

    def bar(self, what, value, text, bar, least=True):
        """A row with its bar; `value` and `bar` in the same unit."""
        good = value is not None and (value >= bar if least else value <= bar)
        self.table.add(what, text, "OK" if good else "RED")

    def share(self, what, value, whole, bar, unit):
        if not whole:
            return self.table.add(what, f"{unit}: the whole is not known", "SKIP")
        self.bar(what, value / whole, f"{100 * value / whole:.1f} % of {unit}; bar {100 * bar:.0f} %", bar)

    def against_peer(self, what, seconds, config, key):
        other = self.peer["models"].get(config, {}).get(key)
        if other:
            self.table.add(f"{what}, PyTorch over Ingot", f"{other / seconds:.2f} ({other * 1e6:.0f} us, {seconds * 1e6:.0f} us)",
                           "OK" if other >= seconds else "RED")

    def decode(self):
        copy = self.peer.get("copy_bytes_per_second")
        if one := self.bench("1b-bf16", "decode"):
            step = one["step_seconds"]
            self.bar("1B bf16, one decode step", step * 1e6, f"{step * 1e6:.0f} us; bar 800 us", 800, least=False)
            self.against_peer("1B bf16 decode step", step, "llama-3.2-1b", "decode_step_seconds")
        for name, bar in (("8b-bf16", 0.75), ("8b-int4", 0.65)):
            if one := self.bench(name, "decode"):
                self.share(f"{name} decodes alone", one["moved_bytes_per_second"], self.spec, bar, "the specified bandwidth")
                if copy:
                    self.table.add(f"{name} decodes alone, of the copy bandwidth",
                                   f"{100 * one['moved_bytes_per_second'] / copy:.1f} %", "OK")
                if name == "8b-bf16":
                    self.against_peer("8B bf16 decode step", one["step_seconds"], "llama-3.1-8b", "decode_step_seconds")

    def prompt(self):
        rate = self.peer.get("matmul_4096_operations_per_second")
        if one := self.bench("8b-bf16", "prompt", "--prompt-tokens", 2048):
            operations = one["tokens_per_second"] * one["operations_per_token"]
            self.share("8B bf16 reads 2,048 tokens", operations, rate, 0.5, "the measured matrix rate")
            self.against_peer("8B bf16, 2,048 tokens", 2048 / one["tokens_per_second"], "llama-3.1-8b", "prompt_2048_seconds")
        if one := self.bench(CHAIN, "prompt", "--prompt-tokens", CHAIN_WIDTH):
            operations = one["tokens_per_second"] * 2 * CHAIN_LAYERS * CHAIN_WIDTH**2
            self.share("bf16 matmul 4096 cubed, rounding of its rows included", operations, rate, 0.8, "cuBLAS")

    def batches(self):
        """64 sequences; attention is what a longer context adds to a step."""
        many = ("--sequences", 64, "--max-seqs", 64, "--runs", 1)
        steps = {}
        for context in (16, 512, 1024, 8192):
            if one := self.bench("8b-bf16", "batch", *many, "--context", context):
                steps[context] = one
        if 1024 in steps:
            self.share("8B bf16, 64 sequences at 1,024", steps[1024]["moved_bytes_per_second"], self.spec, 0.55, "the roofline")
            self.against_peer("8B bf16, 64 sequences at 1,024, step", steps[1024]["step_seconds"], "llama-3.1-8b",
                              "batch_64_context_1024_step_seconds")
        for context, bar in ((8192, 0.85), (512, 0.6)):
            if context in steps and 16 in steps:
                bytes_ = 64 * (context - 16) * steps[16]["kv_bytes_per_token"]
                seconds = max(1e-9, steps[context]["step_seconds"] - steps[16]["step_seconds"])
                self.share(f"paged decode attention, 64 sequences at {context}", bytes_ / seconds,
                           self.peer.get("copy_bytes_per_second"), bar, "the copy bandwidth")

    def invariance(self):
        """What the profile invariant costs: the same model in both, side by side."""
        for case, flags in (("decode", ()), ("prompt", ("--prompt-tokens", 2048)),
                            ("batch", ("--sequences", 64, "--max-seqs", 64, "--runs", 3))):
            both = [self.bench(name, case, *flags) for name in ("8b-bf16", "8b-bf16-fast")]
            if all(both):
                ratio = both[1]["tokens_per_second"] / both[0]["tokens_per_second"]
                self.table.add(f"8B bf16 {case}: fast over invariant", f"{ratio:.3f} times the tokens per second", "OK")

    def start(self):
        """Process start to first token from a file that holds its weights, page cache warm."""
        with tempfile.TemporaryDirectory() as place:
            whole, tokens = pathlib.Path(place) / "8b.ingot", pathlib.Path(place) / "tokens.json"
            if shutil.disk_usage(place).free < 20 << 30:
                return self.table.add("process start to first token", "less than 20 GiB of disk", "SKIP")
            out, err, code = call(self.folder / "ingot", "materialize", self.folder / "8b-bf16.ingot", "-o", whole)
            if code != 0:
                return self.table.add("process start to first token", err.strip()[-300:], "RED")
            tokens.write_text("[[1, 2, 3]]")
            times = []
            for _ in range(3):
                begin = time.monotonic()
                demand(self.folder / "ingot", "eval", whole, "-f", tokens, "--json-list", "--no-begin", "--device", "cuda",
                       "--max-seqs", 1, "--verify", "off")
                times.append(time.monotonic() - begin)
            first = sorted(times)[1]
            self.bar("8B bf16: process start to first logits, end of process included", first, f"{first:.2f} s; bar 2 s", 2.0,
                     least=False)

    def all(self):
        for part in (self.decode, self.prompt, self.batches, self.invariance, self.start):
            part()
        return {"peer": self.peer, "benches": self.results}
