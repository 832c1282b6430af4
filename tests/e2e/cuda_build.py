#!/usr/bin/env python3
"""Cubins of the example model for every architecture: built without a GPU, equal from build to build, within
the budget of registers, spills, shared memory and bytes.

usage: cuda_build.py BIN_DIR [update]     update: write the budget file anew
"""
import json
import pathlib
import re
import sys

import harness

BUDGET = pathlib.Path(__file__).resolve().parents[1] / "cuda/budget.json"
ARCHITECTURES = ["sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_120"]
# Code may grow by this share before the budget is written anew.
GROWTH = 1.1
# Steps of up to 128 tokens: sm_90a has kernels of its own for more than 64.
FLAGS = ("--max-tokens", 128, "--token-buckets", 16, "--json")


def kind(name):
    """The kernel without the hash of its region: what it does, and for how many tokens."""
    return re.sub(r"_[0-9a-f]{16}$", "", name)


def measured(report):
    """{architecture: {kernel: [registers, spilled bytes, shared bytes, code bytes]}}, the most per kind."""
    table = {}
    for kernel in report["gpu_kernels"]:
        if kernel["level"].startswith("compute_"):
            continue
        row = [kernel["registers"], kernel["spill_bytes"],
               kernel["static_shared_bytes"] + kernel["dynamic_shared_bytes"], kernel["code_bytes"]]
        place = table.setdefault(kernel["level"], {})
        known = place.get(kind(kernel["kernel"]), [0, 0, 0, 0])
        place[kind(kernel["kernel"])] = [max(pair) for pair in zip(known, row)]
    return table


def check_budget(test, table):
    budget = json.loads(BUDGET.read_text())
    for architecture, kernels in table.items():
        for name, (registers, spills, shared, code) in kernels.items():
            allowed = budget.get(architecture, {}).get(name)
            where = f"{architecture} {name}"
            test.check(allowed is not None, f"{where}: no budget; run cuda_build.py BIN update and look at it")
            if allowed is None:
                continue
            test.check(spills == 0, f"{where}: {spills} bytes spilled")
            test.check(registers <= allowed[0], f"{where}: {registers} registers, budget {allowed[0]}")
            test.check(shared <= allowed[2], f"{where}: {shared} bytes of shared memory, budget {allowed[2]}")
            test.check(code <= GROWTH * allowed[3], f"{where}: {code} bytes, budget {allowed[3]}")


def build(test, name, targets, *flags):
    path = test.dir / name
    done = test.tool("ingotc", harness.MODEL, "-o", path, "--target", targets, *FLAGS, *flags, timeout=1500)
    if "nvrtc-missing" in done.stderr:
        print("skipped: " + done.stderr.strip())
        sys.exit(0)
    if done.returncode != 0:
        raise SystemExit(f"ingotc --target {targets}: exit {done.returncode}\n{done.stderr}")
    return path, json.loads(done.stdout)


def main():
    test = harness.Harness(sys.argv[1])
    path, report = build(test, "all.ingot", "cpu:x86-64-v3,cuda:" + ",".join(ARCHITECTURES))
    table = measured(report)
    for kernel in report["gpu_kernels"]:
        test.check(kernel["losses"] == 0, f"{kernel['level']} {kernel['kernel']}: the assembler names losses of speed")
    test.check(sorted(table) == sorted(ARCHITECTURES), f"code for {sorted(table)}")
    if "update" in sys.argv:
        rows = [f' "{architecture}": {{\n' + ",\n".join(
            f'  "{name}": {row}' for name, row in sorted(kernels.items())) + "\n }"
            for architecture, kernels in sorted(table.items())]
        BUDGET.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    check_budget(test, table)

    cpu, cuda = report["targets"]
    fired = {fusion["name"]: fusion["fired"] for fusion in cuda["fusions"]}
    test.check((cpu["target"], cuda["target"]) == ("cpu", "cuda") and fired.get("fuse-qkv-rope", 0) > 0 and
               0 < cuda["launches"] < cpu["launches"] and "fuse-qkv-rope" not in str(cpu["fusions"]),
               f"the report per target: {cpu} {cuda}")
    manifest = test.json("ingot", "inspect", path, "--json")
    own = [kernel["name"] for program in [manifest, *manifest["programs"]] for kernel in program["kernels"]
           if any(shape["level"] == "sm_90a" and shape["persistent"] for shape in kernel.get("levels", []))]
    test.check(any("linear" in name for name in own), f"kernels of sm_90a: {own}")
    levels = [image["level"] for image in manifest["images"] if image["target"] == "cuda"]
    test.check(levels == ARCHITECTURES + ["compute_80"], f"images {levels}")
    test.check(test.tool("ingot", "verify", path).returncode == 0, "the artifact verifies")
    # The cache and the number of threads leave no trace.
    once, _ = build(test, "once.ingot", "cuda:sm_90a", "--no-kernel-cache", "--threads", 1)
    again, _ = build(test, "again.ingot", "cuda:sm_90a")
    test.check(once.read_bytes() == again.read_bytes(), "cached and fresh kernels differ")
    test.finish()


if __name__ == "__main__":
    main()
