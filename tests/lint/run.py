#!/usr/bin/env python3
"""Checks that the tree keeps its own rules: layering, pairing, sizes, words.

Each check yields "path:line: message"; any finding fails the run.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Who may include whom (repository folders). One table; DESIGN's one-way rule.
SHARED = {"runtime/base", "runtime/artifact", "runtime/text"}
MAY_SEE = {
    "ir": {"ir", "runtime/base"},
    "passes": {"passes", "ir"} | SHARED,
    "models": {"models", "ir"} | SHARED,
    "codegen": {"codegen", "ir"} | SHARED,
    "compiler": {"compiler", "codegen", "models", "passes", "ir"} | SHARED,
    "runtime/base": {"runtime/base"},
    "runtime/artifact": {"runtime/artifact", "runtime/base"},
    "runtime/text": {"runtime/text", "runtime/base"},
    "runtime/device": {"runtime/device", "runtime/artifact", "runtime/base"},
    "runtime/kv": {"runtime/kv", "runtime/device", "runtime/artifact", "runtime/base"},
    "runtime/sched": {"runtime/sched", "runtime/kv", "runtime/artifact", "runtime/base"},
    "runtime/engine": {"runtime/engine", "runtime/sched", "runtime/kv", "runtime/device",
                       "runtime/text", "runtime/artifact", "runtime/base", "runtime/include"},
    "runtime/include": {"runtime/include"},
    "runtime/tools": {"runtime"},
}
FORBIDDEN_IN_RUNTIME = re.compile(r'#include *[<"](mlir|llvm|lld|cuda|nvrtc)')
INCLUDE = re.compile(r'#include "([^"]+)"')
SIZE_LIMIT = {".h": 400, ".cpp": 600, ".cuh": 600, ".py": 600}
TOP_LEVEL = {"compiler", "ir", "passes", "codegen", "runtime", "models", "tests", "examples"}
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def tracked():
    out = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [p for p in out.stdout.decode().split("\0") if p and (ROOT / p).exists()]


def area_of(path):
    """The longest key of MAY_SEE that `path` lies under, or None."""
    return max((a for a in MAY_SEE if path.startswith(a + "/")), key=len, default=None)


def layering(files):
    for path in files:
        area = area_of(path)
        if not path.endswith((".h", ".cpp")) or area is None:
            continue
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            if path.startswith("runtime/") and FORBIDDEN_IN_RUNTIME.search(line):
                yield f"{path}:{number}: runtime must not include {line.strip()}"
            match = INCLUDE.search(line)
            if not match or "/" not in match[1] or match[1].endswith((".inc", "_generated.h")):
                continue
            target = match[1]
            if target.split("/")[0] in TOP_LEVEL and not any(
                    target.startswith(seen + "/") for seen in MAY_SEE[area]):
                yield f"{path}:{number}: {area} must not see {target}"


def pairing(files):
    names = set(files)
    for path in files:
        name = pathlib.PurePath(path)
        if path.startswith(("passes/fusion/", "passes/quant/")) and name.suffix == ".cpp":
            kebab = re.sub(r"(?<!^)(?=[A-Z])", "-", name.stem).lower()
            if f"tests/numeric/{kebab}.mlir" not in names:
                yield f"{path}:1: needs tests/numeric/{kebab}.mlir"
        if path.startswith("codegen/cpu/kernels/Emit") and name.suffix == ".cpp":
            test = f"tests/codegen/{name.stem[len('Emit'):].lower()}_test.cpp"
            if test not in names:
                yield f"{path}:1: needs {test}"
        if path == "passes/Passes.td":
            for flag in re.findall(r'Pass<"ingot-([a-z-]+)">', (ROOT / path).read_text()):
                if f"tests/passes/{flag}.mlir" not in names:
                    yield f"{path}:1: needs tests/passes/{flag}.mlir"
        if path.startswith("codegen/cuda/kernels/") and name.suffix == ".cuh":
            words = re.sub(r"(?<!^)(?=[A-Z])", "_", name.stem).lower().split("_")
            tests = [f"tests/cuda/{'_'.join(words[:n])}_test.cpp" for n in range(len(words), 0, -1)]
            if not names.intersection(tests):
                yield f"{path}:1: needs one of {', '.join(tests)}"


def sizes(files):
    for path in files:
        full = ROOT / path
        limit = SIZE_LIMIT.get(full.suffix)
        if limit and (lines := len(full.read_text().splitlines())) > limit:
            yield f"{path}:{limit}: {lines} lines, limit {limit}"
        if full.stat().st_size > 10 << 20:
            yield f"{path}:1: larger than 10 MB"


def words(files):
    for path in files:
        if not path.endswith((".h", ".cpp", ".cuh", ".td", ".py", ".fbs", ".txt", ".cmake")):
            continue
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            if UNFINISHED.search(line):
                yield f"{path}:{number}: unfinished mark"


def folders(files):
    for path in files:
        top = path.split("/")[0]
        if "/" in path and top not in TOP_LEVEL and not top.startswith("."):
            yield f"{path}:1: top-level folder {top} is not one of {sorted(TOP_LEVEL)}"


def main():
    files = tracked()
    findings = [f for check in (layering, pairing, sizes, words, folders) for f in check(files)]
    print("\n".join(findings) if findings else f"lint: {len(files)} files, nothing found")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
