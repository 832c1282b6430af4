#!/usr/bin/env python3
"""Builds: byte-identical in any directory and thread count, checked on every byte, reported."""
import json
import os
import shutil
import subprocess
import sys

import harness

SMALL = ("--max-tokens", "16")  # one bucket: half the code to generate


def builds_are_equal(test):
    model = test.dir / "elsewhere" / "model"
    shutil.copytree(harness.GOLDENS / "qwen3", model)
    first = test.compile(harness.GOLDENS / "qwen3", "first.ingot", "--quant", "int4", *SMALL)
    second = test.compile(model, "second.ingot", "--quant", "int4", *SMALL,
                          "--threads", "1")
    test.check(first.read_bytes() == second.read_bytes(), "two builds differ")
    return first


def damage_is_found(test, artifact):
    data = bytearray(artifact.read_bytes())
    broken = test.dir / "broken.ingot"
    step = max(1, len(data) // 60)
    for offset in list(range(0, len(data), step)) + [0, 8, 63, len(data) - 1]:
        data[offset] ^= 0x20
        broken.write_bytes(data)
        done = test.tool("ingot", "verify", broken)
        test.check(done.returncode == 65 and "error[" in done.stderr,
                   f"byte {offset} changed: exit {done.returncode}")
        data[offset] ^= 0x20
    for length in (0, 1, 63, 64, 4096, len(data) // 2, len(data) - 1):
        broken.write_bytes(data[:length])
        done = test.tool("ingot", "verify", broken)
        test.check(done.returncode == 65, f"cut to {length} bytes: exit {done.returncode}")


def report_says_what_happened(test):
    out = test.dir / "report.ingot"
    common = ["--quant", "int8", "--target", "cpu:x86-64-v3", *SMALL]
    layers = json.loads((harness.MODEL / "config.json").read_text())["num_hidden_layers"]
    report = test.json("ingotc", harness.MODEL, "-o", out, *common, "--json", "--expect-fusion",
                       f"fuse-swiglu={layers}", "--expect-fusion", f"fuse-residual-add={2 * layers}")
    test.check(report["launches"] < report["launches_unfused"], "fusion saved no launch")
    first, *others = report["targets"]
    test.check(first["target"] == "cpu" and not others and
               all(first[key] == report[key] for key in ("launches", "launches_unfused", "fusions")),
               "the report of the only target is not that of the whole")
    test.check(report["file_bytes"] == out.stat().st_size, "file size misreported")
    done = test.tool("ingotc", harness.GOLDENS / "qwen3", "-o", test.dir / "no.ingot", *common,
                     "--expect-fusion", "fuse-swiglu=3")
    test.check(done.returncode == 65 and "fusion-count" in done.stderr, "wrong count accepted")
    dry = test.json("ingotc", harness.MODEL, "--dry-run", "--json", *common)
    test.check(dry["memory"] == report["memory"], "dry run promises other memory than the file")


def inspect_explains_every_byte(test, artifact):
    seen = test.json("ingot", "inspect", artifact, "--json")
    total = sum(piece["bytes"] for piece in seen["ranges"])
    test.check(total == artifact.stat().st_size, f"ranges sum to {total}")


def runtime_is_lean(test):
    """Stripped size and shared libraries of the runtime, where binutils are at hand."""
    stripped = test.dir / "ingot-stripped"
    if not shutil.which("strip") or not shutil.which("ldd"):
        print("skipped: strip or ldd absent")
        return
    subprocess.run(["strip", "-o", stripped, test.bin / "ingot"], check=True)
    size = os.path.getsize(stripped)
    test.check(size <= 3 << 20, f"ingot has {size} bytes stripped, at most 3 MiB are promised")
    needed = subprocess.run(["ldd", stripped], capture_output=True, text=True, check=True).stdout
    allowed = ("linux-vdso", "libc.so", "libm.so", "libstdc++.so", "libgcc_s.so", "ld-linux")
    strange = [line.split()[0] for line in needed.splitlines()
               if not any(name in line for name in allowed)]
    test.check(not strange, f"ingot needs {strange}")
    print(f"ingot stripped: {size / 1e6:.2f} MB")


def main():
    test = harness.Harness(sys.argv[1])
    artifact = builds_are_equal(test)
    damage_is_found(test, artifact)
    report_says_what_happened(test)
    inspect_explains_every_byte(test, artifact)
    runtime_is_lean(test)
    test.finish()


if __name__ == "__main__":
    main()
