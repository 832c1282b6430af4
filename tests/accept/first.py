#!/usr/bin/env python3
"""The proofs of the first milestone, one function per group of rows.

usage: first.py BIN_DIR [--quick] [ROW...]     --quick: smaller counts, no sanitizer builds
       first.py --list
Exit code 0: all good; 1: a proof failed; 2: only speed is missing.
"""
import json
import pathlib
import re
import sys

from table import ROOT, call, find, main_of
import harness
import shared_models

LLVM_PLACES = ["/usr/lib/llvm-22", "/usr/include/llvm-22", "/usr/include/llvm-c-22",
               "/usr/lib/x86_64-linux-gnu/libLLVM*", "/usr/lib/x86_64-linux-gnu/libMLIR*",
               "/usr/lib/x86_64-linux-gnu/liblld*", "/usr/bin/*-22"]


# The others have one thread and take minutes under this sanitizer.
THREAD_TESTS = ["ingot-device-test", "ingot-engine-test", "ingot-session-test"]


class Acceptance:
    """Where the binaries are, how much to try, and artifacts that several rows use."""

    def __init__(self, bin_dir, quick):
        self.bin = pathlib.Path(bin_dir).resolve()
        self.quick = quick
        self.test = harness.Harness(self.bin)
        self.artifacts = {}

    def program(self, name):
        return self.bin / name

    def example(self, *flags):
        """The example model compiled with `flags`, once."""
        if flags not in self.artifacts:
            name = f"example{len(self.artifacts)}.ingot"
            self.artifacts[flags] = self.test.compile(harness.MODEL, name, *flags)
        return self.artifacts[flags]


def goldens(acceptance, table):
    """Logits and greedy tokens against Hugging Face transformers."""
    out = call(acceptance.program("LogitsTest"), "*transformers*", "-s")
    worst = max(map(float, re.findall(r": largest error over standard deviation (\S+)", out)))
    table.add("logits against transformers, reference evaluator", "1e-4", f"{worst:.1e}",
              worst <= 1e-4 and "All tests passed" in out)
    out = call(sys.executable, ROOT / "tests/e2e/goldens.py", acceptance.bin, may_fail=True)
    worst = max(map(float, re.findall(r"worst error (\S+)", out)))
    table.add("logits against transformers, compiled bf16", "3e-2", f"{worst:.1e}", worst <= 3e-2)
    tokens = [tuple(map(int, pair)) for pair in re.findall(r"greedy (\d+) of (\d+) tokens", out)]
    equal, total = map(sum, zip(*tokens))
    table.add("greedy tokens of the goldens, compiled bf16", "equal where the margin allows",
              f"{equal} of {total} equal", "0 failed" in out)


def shared(acceptance, table):
    """Trained models beside the checkout: greedy text and perplexity."""
    for name in shared_models.MODELS:
        if not shared_models.present(name):
            table.skip(name, "shared data absent")
            continue
        model = shared_models.SharedModel(acceptance.test, name)
        equal, total, near, wrong = model.greedy()
        table.add(f"{name}: greedy text, bf16", "expected.json where the margin allows",
                  f"{equal} of {total} tokens equal, {near} within the margin, {wrong} wrong",
                  wrong == 0 and near <= total // 25)
        for quant, limit in (("bf16", 0.5), ("int8", 0.5)):
            perplexity, expected, percent = model.compiled(quant)
            table.add(f"{name}: perplexity {quant}", f"{expected:.4f} within {limit} %",
                      f"{perplexity:.4f} ({percent:+.2f} %)", abs(percent) <= limit)
        perplexity, expected, percent = model.int4()
        table.add(f"{name}: perplexity int4:32, float activations",
                  f"round to nearest, {expected:.4f}, within 0.1 %",
                  f"{perplexity:.4f} ({percent:+.3f} %)", abs(percent) <= 0.1)
        for what, perplexity in model.additions(acceptance.quick):
            print(f"       {name}, {what}: {perplexity:.4f}", flush=True)
            table.rows.append((f"{name}: {what}", "reported", f"{perplexity:.4f}", "OK"))


def mixed(acceptance, table):
    """Many requests in a small pool against each alone."""
    count = 60 if acceptance.quick else 200
    for quant in ("int4", "bf16"):
        out = call(acceptance.program("ingot-mixed-requests"), acceptance.example("--quant", quant),
                   count, may_fail=True)
        line = out.strip().splitlines()[-1]
        good = int(find(r"(\d+) preemptions", line)) > 0 and int(find(r"(\d+) cancelled", line)) > 0
        table.add(f"{count} mixed requests, {quant}", "0 differ, all blocks free", line,
                  good and " 0 differ" in line and line.endswith("all") and "not all" not in line)


def invariance(acceptance, table):
    """Every way to compute gives the same bits; a planted order bug is noticed."""
    every = [] if acceptance.quick else ["every"]
    for quant in (("int4",), ("int8", "--activation-scale", "f32"), ("bf16",)):
        out = call(acceptance.program("ingot-invariance"), acceptance.example("--quant", *quant),
                   *every, may_fail=True)
        ways, differ = find(r"(\d+ ways)", out), find(r"requests, (\d+) differ", out)
        table.add(f"bits of {' '.join(quant)}", "0 ways differ, planted bug noticed",
                  f"{ways}, {differ} differ, planted bug {find(r'planted order bug: (.*?),', out)}",
                  differ == "0" and "bug: noticed" in out)
    out = call(sys.executable, ROOT / "tests/e2e/bits.py", acceptance.bin, *every, may_fail=True)
    line = out.strip().splitlines()[-1]
    table.add("bits with every fusion off, v3 against v4", "0 failed", line, " 0 failed" in line)
    out = call(acceptance.program("ingot-engine-test"), "*", may_fail=True)
    table.add("engine against a model of its own, planted table bug", "passes",
              out.strip().splitlines()[-1], "All tests passed" in out)


def builds(acceptance, table):
    """Equal builds, damaged artifacts, bad input."""
    for name, what in (("build", "equal builds, damage found, report and inspect"),
                       ("errors", "bad input")):
        out = call(sys.executable, ROOT / f"tests/e2e/{name}.py", acceptance.bin, may_fail=True)
        line = out.strip().splitlines()[-1]
        table.add(what, "0 failed", line, " 0 failed" in line)
    out = call(acceptance.program("ingot-artifact-test"),
               "every changed byte*,every truncation*", may_fail=True)
    table.add("every byte changed, every truncation of a small artifact",
              "refused, place named", out.strip().splitlines()[-1], "All tests passed" in out)


def fuzz(acceptance, table):
    """Mutants of manifests under sanitizers."""
    program, count = acceptance.program("manifest_mutants"), 5000
    if not acceptance.quick:
        program, count = build("asan", "manifest_mutants") / "manifest_mutants", 100000
    out = call(program, count, may_fail=True)
    reached = find(r"(\d+)  mutants reached", out)
    good = "ERROR: " not in out and "runtime error" not in out and int(reached) == count
    table.add(f"mutants of manifests{'' if acceptance.quick else ' under ASan/UBSan'}",
              f"{count} reach the checks, 0 findings", f"{reached} reached, "
              f"{len(out.strip().splitlines()) - 1} different outcomes", good)


def speed(acceptance, table):
    """The shape of Llama-3.2-1B with random weights, int4 group 32, two threads."""
    artifact = acceptance.test.dir / "1b.ingot"
    report = acceptance.test.json("ingotc", ROOT / "tests/bench/configs/llama-3.2-1b", "-o", artifact,
                                  "--random-weights", 1, "--quant", "int4", "--group", 32, "--json",
                                  "--max-context", 4096)
    layers = report["layers"]
    table.add("launches per layer, unfused to fused", "fewer",
              f"{report['launches_unfused'] / layers:.1f} to {report['launches'] / layers:.1f}",
              report["launches"] < report["launches_unfused"])
    result = json.loads(call(acceptance.program("ingot"), "bench", artifact, "--threads", 2, "--json",
                             "--runs", 3 if acceptance.quick else 5).split("\n", 0)[0])
    case = {entry["name"]: entry for entry in result["cases"]}
    decode, prompt = case["decode"], case["prompt"]
    table.add("one sequence decodes", "60 % of the read wall",
              f"{decode['read_percent']:.1f} % of {decode['read_bytes_per_second'] / 1e9:.1f} GB/s, "
              f"{decode['tokens_per_second']:.2f} tokens/s",
              decode["read_percent"] >= 60, speed=True)
    table.add("prompt of 512 tokens", "40 % of the int8 peak",
              f"{prompt['int_percent']:.1f} % of {prompt['int_operations_per_second'] / 1e9:.0f} "
              f"GOPS, {prompt['tokens_per_second']:.1f} tokens/s",
              prompt["int_percent"] >= 40, speed=True)
    table.add("16 sequences over one", "4 times", f"{result['batch_over_one']:.2f} times",
              result["batch_over_one"] >= 4, speed=True)


def size(acceptance, table):
    """The shipped runtime: size, libraries, and a build without LLVM."""
    stripped = acceptance.test.dir / "ingot"
    call("strip", "-o", stripped, acceptance.program("ingot"))
    bytes_ = stripped.stat().st_size
    table.add("ingot, stripped", "3.00 MB", f"{bytes_ / 1e6:.2f} MB", bytes_ <= 3_000_000)
    needed = re.findall(r"NEEDED.*\[(.*)\]", call("readelf", "-d", stripped))
    allowed = ("libc.so", "libm.so", "libstdc++.so", "libgcc_s.so", "ld-linux")
    table.add("libraries of ingot", "libc, libm, libstdc++, libgcc_s", " ".join(needed),
              all(name.startswith(allowed) for name in needed))
    if acceptance.quick:
        return table.skip("runtime-only with LLVM hidden", "--quick")
    folder = ROOT / ".build/without-llvm"
    hide = f"""set -e
        for place in {' '.join(LLVM_PLACES)}; do
          if [ -d $place ]; then mount -t tmpfs none $place
          elif [ -e $place ]; then mount --bind /dev/null $place; fi
        done
        if [ -e /usr/lib/llvm-22/lib ] || llvm-config-22 --version 2>/dev/null; then
          echo LLVM is still there; exit 1
        fi
        cmake --fresh --preset runtime-only -B {folder}
        cmake --build {folder}
        ctest --test-dir {folder} --output-on-failure"""
    unshare = ["unshare", "-m"] + (["-r"] if call("id", "-u").strip() != "0" else [])
    if "ok" not in call(*unshare, "sh", "-c", "mount -t tmpfs none /mnt && echo ok", may_fail=True):
        return table.skip("runtime-only with LLVM hidden", "no mount namespaces here")
    out = call(*unshare, "bash", "-c", hide, may_fail=True)
    line = find(r"(\d+% tests passed.*)", out)
    table.add("runtime-only with LLVM hidden: builds, tests pass", "100 %", line,
              line.startswith("100%"))


def build(preset, *targets):
    """Configures and builds a preset; returns its folder of programs."""
    if not (ROOT / f".build/{preset}/build.ninja").exists():
        call("cmake", "--preset", preset)
    call("cmake", "--build", ROOT / f".build/{preset}", "--", *targets)
    return ROOT / f".build/{preset}/bin"


def suites(acceptance, table):
    """Lints, formatting, disassembly, every test, sanitizers."""
    out = call(sys.executable, ROOT / "tests/lint/run.py", may_fail=True)
    table.add("layering, pairing and size lints", "nothing found", out.strip().splitlines()[-1],
              "nothing found" in out)
    files = call("git", "ls-files", "*.cpp", "*.h").split()
    bad = call("clang-format-22", "--dry-run", *files, may_fail=True).count("warning:")
    table.add("formatting", "0 places", f"{bad} places in {len(files)} files", bad == 0)
    out = call(acceptance.program("CodegenTests"), "inner loops*,no estimate*", may_fail=True)
    table.add("disassembly of the hot loops", "instructions there, no spills",
              out.strip().splitlines()[-1], "All tests passed" in out)
    if not acceptance.quick:
        run_suite(table, acceptance.bin.parent, "every test of this build")
        build("asan")
        run_suite(table, ROOT / ".build/asan", "tests under ASan and UBSan")
        build("tsan", *THREAD_TESTS, "ingot-mixed-requests")
        run_suite(table, ROOT / ".build/tsan", "tests with threads under TSan",
                  f"^({'|'.join(THREAD_TESTS)})$")
        out = call(ROOT / ".build/tsan/bin/ingot-mixed-requests", acceptance.example("--quant", "int4"),
                   30, may_fail=True)
        table.add("30 mixed requests under TSan", "0 differ, 0 findings", out.strip().splitlines()[-1],
                  " 0 differ" in out and "WARNING: ThreadSanitizer" not in out)
    table.add("tests that use shared data", "counted", count_tests(), True)


def run_suite(table, folder, what, names="."):
    out = call("ctest", "--test-dir", folder, "--output-on-failure", "-j", 2, "-R", names,
               may_fail=True)
    line = find(r"(\d+% tests passed.*)", out)
    table.add(what, "100 %", line, line.startswith("100%"))


def count_tests():
    """Test cases of the sources, and those of them that look for shared data."""
    cases = using = 0
    for path in (ROOT / "tests").rglob("*.cpp"):
        for case in path.read_text().split("\nTEST_CASE(")[1:]:
            cases += 1
            using += "sharedData(" in case
    lit = sum(1 for _ in (ROOT / "tests").rglob("*.mlir"))
    return (f"{using} of {cases} Catch2 cases, 0 of {lit} .mlir tests, "
            f"and the {len(shared_models.MODELS)} models of the group 'shared' here")


ROWS = {function.__name__: function for function in
        (goldens, shared, mixed, invariance, builds, fuzz, size, suites, speed)}


if __name__ == "__main__":
    sys.exit(main_of(__doc__, ROWS, Acceptance, sys.argv[1:]))
